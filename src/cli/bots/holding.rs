//! `muster bots suspend` and `muster bots release`: the store is told; a running fleet hears it there.

use clap::Args;
use muster_core::quarantine::{Kind, Quarantine};
use serde::Serialize;
use tokio::runtime::Handle;

use super::super::Failure;
use super::super::store::StoreArguments;
use super::super::table::json;
use super::super::who::user;
use crate::store::{BotFilter, BotKey, DeclaredRow, PAGE_LIMIT, Store, StoreError};
use crate::telemetry::Chain;

/// Which bots, and why.
#[derive(Args)]
pub(super) struct Arguments {
    /// Which, by name, or ACCOUNT/NAME where several accounts have one of that name
    #[arg(value_name = "BOT", required_unless_present_any = ["all", "account"], conflicts_with_all = ["all", "account"])]
    bots: Vec<String>,
    /// Every bot
    #[arg(long, conflicts_with = "account")]
    all: bool,
    /// Every bot of this account
    #[arg(long, value_name = "NUMBER")]
    account: Option<String>,
    /// Why; kept with the bot
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    /// Who decides it [default: the user of this shell]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

/// What came of it for one bot.
#[derive(Serialize)]
struct Answer {
    account: String,
    bot: String,
    changed: bool,
    words: String,
}

/// Lets bots go that are held off.
pub(super) async fn release(arguments: Arguments, io: Handle) -> Result<(), Failure> {
    let by = arguments.by.clone().unwrap_or_else(user);
    let store = arguments.store.open(io).await?;
    let answers = released(&store, &arguments, &by).await;
    store.close().await;
    tell(&answers?, &arguments);
    Ok(())
}

async fn released(store: &Store, arguments: &Arguments, by: &str) -> Result<Vec<Answer>, Failure> {
    let rows = chosen(store, arguments).await?;
    let keys: Vec<BotKey> = rows.iter().map(key).collect();
    let gone = store.let_go(&keys, by, &arguments.reason).await.map_err(|error| failed(&error))?;
    let of = |row: &DeclaredRow| {
        let kind = row.quarantine.as_ref().map(|held| held.quarantine.kind);
        match (gone.contains(&key(row)), kind) {
            (true, kind) => {
                let kind = kind.map_or(String::new(), |kind| format!(" ({kind})"));
                (true, format!("is released{kind}: a running fleet starts it within a few seconds"))
            }
            (false, _) => (false, "was not held off".to_owned()),
        }
    };
    // Of a whole account or fleet only what changed is worth a line.
    let answers = rows.iter().map(|row| answer(row, of(row)));
    Ok(answers.filter(|answer| answer.changed || !arguments.bots.is_empty()).collect())
}

/// Holds bots off.
pub(super) async fn suspend(arguments: Arguments, io: Handle) -> Result<(), Failure> {
    let by = arguments.by.clone().unwrap_or_else(user);
    let store = arguments.store.open(io).await?;
    let answers = suspended(&store, &arguments, &by).await;
    store.close().await;
    tell(&answers?, &arguments);
    Ok(())
}

async fn suspended(store: &Store, arguments: &Arguments, by: &str) -> Result<Vec<Answer>, Failure> {
    let rows = chosen(store, arguments).await?;
    let because = format!("suspended by {by}: {}; when that is over", arguments.reason);
    let row = |row: &DeclaredRow| {
        let (account, bot) = key(row);
        let quarantine = Quarantine::of(&account, &bot, Kind::Suspended, &because);
        ((account, bot), quarantine)
    };
    let quarantines: Vec<_> = rows.iter().map(row).collect();
    let held = store.hold_off(&quarantines, Some(by)).await.map_err(|error| failed(&error))?;
    let of = |row: &DeclaredRow| match (held.contains(&key(row)), &row.quarantine) {
        (true, _) => (true, "is suspended: a running fleet takes it offline within a few seconds".to_owned()),
        (false, Some(before)) => (false, format!("is held off already ({})", before.quarantine.kind)),
        (false, None) => (false, "is held off already".to_owned()),
    };
    Ok(rows.iter().map(|row| answer(row, of(row))).collect())
}

fn key(row: &DeclaredRow) -> BotKey {
    (row.bot.account.clone(), row.bot.bot.clone())
}

fn answer(row: &DeclaredRow, (changed, words): (bool, String)) -> Answer {
    Answer { account: row.bot.account.to_string(), bot: row.bot.bot.to_string(), changed, words }
}

fn tell(answers: &[Answer], arguments: &Arguments) {
    if arguments.json {
        println!("{}", json(&answers));
        return;
    }
    if answers.is_empty() {
        println!("nothing to do: no such bot is held off");
    }
    for Answer { account, bot, words, .. } in answers {
        println!("{account}/{bot} {words}");
    }
}

/// The bots that are meant; each name must be one bot's.
async fn chosen(store: &Store, arguments: &Arguments) -> Result<Vec<DeclaredRow>, Failure> {
    if arguments.bots.is_empty() {
        return every(store, arguments.account.clone()).await;
    }
    let mut chosen = Vec::new();
    for name in &arguments.bots {
        chosen.push(super::one(store, name).await?.row);
    }
    Ok(chosen)
}

async fn every(store: &Store, account: Option<String>) -> Result<Vec<DeclaredRow>, Failure> {
    let filter = BotFilter { account, ..BotFilter::default() };
    let (mut rows, mut after) = (Vec::new(), (String::new(), String::new()));
    loop {
        let page = store.list_bots(&filter, &after, PAGE_LIMIT).await.map_err(|error| failed(&error))?;
        let Some(last) = page.last() else { break };
        after = (last.row.bot.account.to_string(), last.row.bot.bot.to_string());
        rows.extend(page.into_iter().map(|bot| bot.row));
    }
    if rows.is_empty() {
        return Err(Failure::new("no such bot is declared: `muster bots list` shows all"));
    }
    Ok(rows)
}

fn failed(error: &StoreError) -> Failure {
    Failure::new(format!("the bots cannot be reached: {}", Chain(error)))
}
