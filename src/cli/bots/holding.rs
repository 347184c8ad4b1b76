//! `muster bots suspend` and `muster bots release`: the store is told; a running fleet hears it there.

use clap::Args;
use muster_core::quarantine::{Kind, Quarantine};
use serde::Serialize;
use tokio::runtime::Handle;

use super::super::Failure;
use super::super::chosen::{Chosen, failed};
use super::super::table::json;
use super::super::who::Deciding;
use crate::store::{BotKey, DeclaredRow, Store};

/// Which bots, and why.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// Why; kept with the bot
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    #[command(flatten)]
    deciding: Deciding,
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
pub(super) async fn release(
    Arguments { chosen, reason, deciding }: Arguments,
    io: Handle,
) -> Result<(), Failure> {
    let json = deciding.json;
    let answers =
        deciding.carry_out(io, async |store, by| released(store, &chosen, &reason, by).await).await?;
    tell(&answers, json);
    Ok(())
}

async fn released(store: &Store, chosen: &Chosen, reason: &str, by: &str) -> Result<Vec<Answer>, Failure> {
    let rows = chosen.rows(store).await?;
    let keys: Vec<BotKey> = rows.iter().map(key).collect();
    let gone = store.let_go(&keys, by, reason).await.map_err(|error| failed(&error))?;
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
    Ok(answers.filter(|answer| answer.changed || !chosen.bots.is_empty()).collect())
}

/// Holds bots off.
pub(super) async fn suspend(
    Arguments { chosen, reason, deciding }: Arguments,
    io: Handle,
) -> Result<(), Failure> {
    let json = deciding.json;
    let answers =
        deciding.carry_out(io, async |store, by| suspended(store, &chosen, &reason, by).await).await?;
    tell(&answers, json);
    Ok(())
}

async fn suspended(store: &Store, chosen: &Chosen, reason: &str, by: &str) -> Result<Vec<Answer>, Failure> {
    let rows = chosen.rows(store).await?;
    let because = format!("suspended by {by}: {reason}; when that is over");
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

fn tell(answers: &[Answer], as_json: bool) {
    if as_json {
        return println!("{}", json(&answers));
    }
    if answers.is_empty() {
        println!("nothing to do: no such bot is held off");
    }
    for Answer { account, bot, words, .. } in answers {
        println!("{account}/{bot} {words}");
    }
}
