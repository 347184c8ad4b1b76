//! `muster operations`: verbs on many bots, how far they have come, and their end by hand.

use std::time::Duration;

use clap::{Args, Subcommand};
use muster_core::operation::State;
use serde::Serialize;
use tokio::runtime::Handle;

use super::Failure;
use super::chosen::failed;
use super::store::StoreArguments;
use super::table::{counted, json, lines, table, time};
use super::who::Deciding;
use crate::steering::operations;
use crate::store::{Operation, OperationItem, Store, StoreError};

/// How often a watched operation is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// Items that are shown one by one at most.
const SHOWN: u32 = 100;

/// What `muster operations` takes.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List operations, the latest first
    List(List),
    /// Show one operation, and what came of its bots
    Show(Show),
    /// End one: nothing more is begun, and what is on its way is waited for
    Cancel(Cancel),
}

#[derive(Args)]
struct List {
    /// Only those of this account alone
    #[arg(long, value_name = "NUMBER", default_value = "")]
    account: String,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Args)]
struct Show {
    /// Its id, as `muster operations list` shows it
    id: String,
    /// Show how far it comes until it is over
    #[arg(long)]
    watch: bool,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Args)]
struct Cancel {
    /// Its id, as `muster operations list` shows it
    id: String,
    /// Why; kept in the audit
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    #[command(flatten)]
    deciding: Deciding,
}

/// An operation as it is shown.
#[derive(Serialize)]
struct Shown {
    id: String,
    verb: String,
    filter: String,
    who: String,
    reason: String,
    state: &'static str,
    total: u64,
    done: u64,
    failed: u64,
    skipped: u64,
    rate: u64,
    stop_after: u64,
    created_at: String,
    ended_at: Option<String>,
    outcome: Option<String>,
}

#[derive(Serialize)]
struct ShownItem {
    account: String,
    bot: String,
    state: String,
    outcome: Option<String>,
}

#[derive(Serialize)]
struct Detailed {
    #[serde(flatten)]
    operation: Shown,
    items: Vec<ShownItem>,
}

pub(super) async fn operations(arguments: Arguments, io: Handle) -> Result<(), Failure> {
    match arguments.command {
        Command::List(arguments) => list(arguments, io).await,
        Command::Show(arguments) => show(arguments, io).await,
        Command::Cancel(arguments) => cancel(arguments, io).await,
    }
}

async fn list(arguments: List, io: Handle) -> Result<(), Failure> {
    let store = arguments.store.open(io).await?;
    let page = store.operations((&arguments.account, ""), None, arguments.limit).await;
    store.close().await;
    let shown: Vec<_> = page.map_err(|error| failed(&error))?.into_iter().map(shown).collect();
    if arguments.json {
        println!("{}", json(&shown));
        return Ok(());
    }
    let row = |one: &Shown| {
        let progress = format!("{} of {}", one.done + one.failed + one.skipped, one.total);
        let (id, verb, who) = (one.id.clone(), one.verb.clone(), one.who.clone());
        [one.created_at.clone(), id, verb, one.state.to_owned(), progress, one.failed.to_string(), who]
    };
    let rows: Vec<_> = shown.iter().map(row).collect();
    print!("{}", table(["AT", "ID", "VERB", "STATE", "OVER", "FAILED", "WHO"], &rows));
    Ok(())
}

async fn show(arguments: Show, io: Handle) -> Result<(), Failure> {
    let Show { id, watch, json: as_json, store } = arguments;
    let store = store.open(io).await?;
    let shown = async {
        one(&store, &id).await?;
        if watch {
            follow(&store, &id, !as_json).await?;
        }
        tell(&store, &id, as_json).await
    };
    let shown = shown.await;
    store.close().await;
    shown.map(drop)
}

async fn cancel(Cancel { id, reason, deciding }: Cancel, io: Handle) -> Result<(), Failure> {
    let as_json = deciding.json;
    let words = deciding
        .carry_out(io, async |store, by| {
            let operation = one(store, &id).await?;
            let cancelled = operations::cancel(store, &operation, (by, "cli"), &reason).await;
            if !cancelled.map_err(|error| failed(&error))? {
                return Err(Failure::new(format!("it is {} already", operation.state.word())));
            }
            let holder = store.holder().await.map_err(|error| failed(&error))?;
            Ok(match holder {
                Some(_) => "is cancelled: nothing more is begun, and what is on its way is waited for",
                None => "is cancelled: nobody runs the fleet, and nothing more is begun",
            })
        })
        .await?;
    if as_json {
        println!("{}", json(&serde_json::json!({ "id": id, "words": words })));
    } else {
        println!("{id} {words}");
    }
    Ok(())
}

async fn one(store: &Store, id: &str) -> Result<Operation, Failure> {
    let found = store.operation(id).await.map_err(|error| failed(&error))?;
    found.ok_or_else(|| {
        Failure::new(format!("there is no operation {id}: `muster operations list` shows all"))
    })
}

/// Waits until an operation is over, and says how far it comes.
pub(super) async fn follow(store: &Store, id: &str, aloud: bool) -> Result<(), Failure> {
    let mut said = None;
    loop {
        let operation = one(store, id).await?;
        let over = operation.done + operation.failed + operation.skipped;
        if aloud && said != Some(over) {
            println!("{over} of {} over, {} failed", operation.total, operation.failed);
            said = Some(over);
        }
        if operation.state.is_over() {
            return Ok(());
        }
        actix::clock::sleep(LOOK).await;
    }
}

/// Shows an operation; of a large one only the bots that it failed for.
pub(super) async fn tell(store: &Store, id: &str, as_json: bool) -> Result<Operation, Failure> {
    let operation = one(store, id).await?;
    let state = if operation.total <= u64::from(SHOWN) { "" } else { "failed" };
    let items = store.operation_items(id, state, 0, SHOWN).await.map_err(|error| failed(&error))?;
    let items: Vec<_> = items.into_iter().map(item).collect();
    if as_json {
        println!("{}", json(&Detailed { operation: shown(operation.clone()), items }));
        return Ok(operation);
    }
    print_one(&shown(operation.clone()));
    for ShownItem { account, bot, state, outcome } in &items {
        println!("{account}/{bot}: {}", outcome.as_ref().unwrap_or(state));
    }
    Ok(operation)
}

fn print_one(one: &Shown) {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let over = format!("{} done, {} failed, {} skipped", one.done, one.failed, one.skipped);
    print!(
        "{}",
        lines(&[
            ("id", one.id.clone()),
            ("verb", one.verb.clone()),
            ("filter", one.filter.clone()),
            ("who", format!("{}: {}", one.who, one.reason)),
            ("state", one.state.to_owned()),
            ("bots", format!("{}: {over}", one.total)),
            ("rate", format!("{} a second, until {}", one.rate, counted(one.stop_after as usize, "failure"))),
            ("created", one.created_at.clone()),
            ("ended", or_dash(&one.ended_at)),
            ("outcome", or_dash(&one.outcome)),
        ])
    );
}

fn shown(operation: Operation) -> Shown {
    let Operation { id, order, created_at, state, total, done, failed, skipped, ended_at, outcome } =
        operation;
    Shown {
        id,
        verb: order.verb.to_string(),
        filter: order.filter,
        who: order.who,
        reason: order.reason,
        state: state.word(),
        total,
        done,
        failed,
        skipped,
        rate: order.rate,
        stop_after: order.stop_after,
        created_at: time(Some(created_at)),
        ended_at: ended_at.map(|at| time(Some(at))),
        outcome,
    }
}

fn item(OperationItem { bot: (account, bot), state, outcome, .. }: OperationItem) -> ShownItem {
    ShownItem { account: account.to_string(), bot: bot.to_string(), state, outcome }
}

/// What a command that began an operation ends with.
pub(super) fn verdict(operation: &Operation) -> Result<(), Failure> {
    let Operation { state, failed, total, .. } = operation;
    match (state, failed) {
        (State::Done, 0) => Ok(()),
        _ => Err(Failure::new(format!("it is {}, and failed for {failed} of {total} bots", state.word()))),
    }
}

/// A rule that was broken is told as it is.
pub(super) fn refused(error: &StoreError) -> Failure {
    match error {
        StoreError::Rule(words) => Failure::new(words.clone()),
        other => failed(other),
    }
}
