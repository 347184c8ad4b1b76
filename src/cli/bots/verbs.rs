//! Verbs that whoever runs a bot has to carry out: the store is told, a running fleet hears it there, and
//! says what came of it.

use std::time::{Duration, Instant};

use clap::Args;
use muster_core::operation::RATE_LIMIT;
use muster_core::wish::{Verb, Verdict};
use serde::Serialize;
use tokio::runtime::Handle;

use super::super::Failure;
use super::super::chosen::{Chosen, failed};
use super::super::operations::{follow, refused, tell, verdict};
use super::super::table::{counted, json};
use super::super::who::Deciding;
use crate::steering::bots::{Order, act, outcomes};
use crate::steering::operations::{Course, begin, is_meant};
use crate::store::{BotWishOutcome, DeclaredRow, Store, StoreError};

/// How often the outcomes are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// A running fleet answers sooner, in words that say what keeps the bot.
const PATIENCE: Duration = Duration::from_mins(3);

/// Bots that a dry run names at most.
const NAMED: usize = 100;

/// Which bots, and why.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// Why; kept in the audit
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    #[command(flatten)]
    many: Many,
    #[command(flatten)]
    deciding: Deciding,
}

/// How a verb goes over many bots: with --all, --account or --filter it is an operation, which goes on
/// without this command.
#[derive(Args)]
struct Many {
    /// Only say which bots are meant
    #[arg(long)]
    dry_run: bool,
    /// Do not wait until the operation is over
    #[arg(long)]
    detach: bool,
    /// Bots a second [default: 10]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=RATE_LIMIT))]
    rate: Option<u64>,
    /// Begin no more after so many failures [default: 5 % of the bots, and at least 5]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    stop_after: Option<u64>,
}

/// The same, where nobody has to say why.
#[derive(Args)]
pub(super) struct Refresh {
    #[command(flatten)]
    chosen: Chosen,
    /// Why; kept in the audit
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    many: Many,
    #[command(flatten)]
    deciding: Deciding,
}

/// For what the platform is to take them, which bots, and why.
#[derive(Args)]
pub(super) struct AgentState {
    /// ONLINE, OCCUPIED, AWAY or `BACK_SOON`
    #[arg(value_name = "STATE")]
    state: String,
    #[command(flatten)]
    arguments: Arguments,
}

#[derive(Serialize)]
struct Answer {
    account: String,
    bot: String,
    verdict: &'static str,
    words: String,
}

pub(super) async fn refresh(arguments: Refresh, io: Handle) -> Result<(), Failure> {
    let Refresh { chosen, reason, many, deciding } = arguments;
    carry_out(Verb::Refresh, Arguments { chosen, reason, many, deciding }, io).await
}

pub(super) async fn agent_state(
    AgentState { state, arguments }: AgentState,
    io: Handle,
) -> Result<(), Failure> {
    let verb = Verb::of_words("agent-state", &state.to_uppercase());
    carry_out(verb.map_err(|words| Failure::new(words).with_code(2))?, arguments, io).await
}

pub(super) async fn carry_out(verb: Verb, arguments: Arguments, io: Handle) -> Result<(), Failure> {
    let Arguments { chosen, reason, many, deciding } = arguments;
    let as_json = deciding.json;
    let whole = chosen.bots.is_empty();
    let act = async |store: &Store, by: &str| {
        let order = Order { verb, by, reason: &reason, from: "cli" };
        let rows = chosen.rows(store).await?;
        let rows: Vec<_> = rows.into_iter().filter(|row| !whole || is_meant(verb, row)).collect();
        if many.dry_run {
            dry_run(&rows, as_json);
            return Ok(());
        }
        let runs = store.holder().await.map_err(|error| failed(&error))?.is_some();
        if !runs && !matches!(verb, Verb::Start | Verb::Stop) {
            let words =
                format!("nobody runs the fleet: {verb} has nothing to act on until `muster run` does");
            return Err(Failure::new(words));
        }
        if whole {
            on_many(store, order, (&chosen.words(), &many), &rows, (runs, as_json)).await
        } else {
            on_named(store, order, &rows, (runs, as_json)).await
        }
    };
    deciding.carry_out(io, act).await
}

fn dry_run(rows: &[DeclaredRow], as_json: bool) {
    let name = |row: &DeclaredRow| format!("{}/{}", row.bot.account, row.bot.bot);
    let names: Vec<_> = rows.iter().take(NAMED).map(name).collect();
    if as_json {
        println!("{}", json(&serde_json::json!({ "count": rows.len(), "first": names })));
        return;
    }
    println!("{}, and nothing was done", counted(rows.len(), "bot"));
    for name in names {
        println!("{name}");
    }
}

async fn on_many(
    store: &Store,
    order: Order<'_>,
    (filter, many): (&str, &Many),
    rows: &[DeclaredRow],
    (runs, as_json): (bool, bool),
) -> Result<(), Failure> {
    let filter = if filter.is_empty() { "all" } else { filter };
    let course = Course { rate: many.rate, stop_after: many.stop_after };
    let id = begin(store, order, filter, course, rows).await.map_err(|error| refused(&error))?;
    if many.detach || !runs {
        let whenever = if runs { "goes on by itself" } else { "begins once `muster run` does" };
        let words = format!("operation {id}: {}; it {whenever}", counted(rows.len(), "bot"));
        println!("{}", if as_json { json(&serde_json::json!({ "operation": id })) } else { words });
        return Ok(());
    }
    if !as_json {
        println!("operation {id}: {}; it goes on without this command too", counted(rows.len(), "bot"));
    }
    follow(store, &id, !as_json).await?;
    verdict(&tell(store, &id, as_json).await?)
}

async fn on_named(
    store: &Store,
    order: Order<'_>,
    rows: &[DeclaredRow],
    (runs, as_json): (bool, bool),
) -> Result<(), Failure> {
    let told = ask(store, rows, order, runs).await.map_err(|error| failed(&error))?;
    let answers: Vec<_> = told.into_iter().map(answer).collect();
    if as_json {
        println!("{}", json(&answers));
    } else {
        for Answer { account, bot, words, .. } in &answers {
            println!("{account}/{bot}: {words}");
        }
    }
    match answers.iter().filter(|answer| answer.verdict == "failed").count() {
        0 => Ok(()),
        left => Err(Failure::new(format!("{}: not done for {left} of {} bots", order.verb, answers.len()))),
    }
}

fn answer(BotWishOutcome { bot: (account, bot), verdict }: BotWishOutcome) -> Answer {
    let nobody = || Verdict::Failed("nobody answered: look at the log of the running fleet".to_owned());
    let verdict = verdict.unwrap_or_else(nobody);
    let (account, bot) = (account.to_string(), bot.to_string());
    Answer { account, bot, verdict: verdict.word(), words: verdict.words().to_owned() }
}

async fn ask(
    store: &Store,
    rows: &[DeclaredRow],
    order: Order<'_>,
    runs: bool,
) -> Result<Vec<BotWishOutcome>, StoreError> {
    let asked = act(store, order, rows).await?;
    let began = Instant::now();
    loop {
        let mut told = outcomes(store, &asked).await?;
        if !runs {
            // Whether a bot should run is kept for whoever runs the fleet next.
            let kept =
                || Verdict::Done("kept for the next `muster run`: nobody runs the fleet now".to_owned());
            told.iter_mut().filter(|one| one.verdict.is_none()).for_each(|one| one.verdict = Some(kept()));
        }
        if told.iter().all(|one| one.verdict.is_some()) || began.elapsed() >= PATIENCE {
            return Ok(told);
        }
        actix::clock::sleep(LOOK).await;
    }
}
