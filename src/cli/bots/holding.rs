//! `muster bots suspend` and `muster bots release`: the store is told; a running fleet hears it there.

use clap::Args;
use muster_core::wish::{Verb, Verdict};
use serde::Serialize;
use tokio::runtime::Handle;

use super::super::Failure;
use super::super::chosen::{Chosen, failed};
use super::super::table::json;
use super::super::who::Deciding;
use crate::steering::bots::{self, Order};
use crate::store::{BotWishOutcome, Store};

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
    let answers = acted(store, chosen, Order { verb: Verb::Release, by, reason, from: "cli" }).await?;
    // Of a whole account or fleet only what changed is worth a line.
    Ok(answers.into_iter().filter(|answer| answer.changed || !chosen.bots.is_empty()).collect())
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
    acted(store, chosen, Order { verb: Verb::Suspend, by, reason, from: "cli" }).await
}

async fn acted(store: &Store, chosen: &Chosen, order: Order<'_>) -> Result<Vec<Answer>, Failure> {
    let rows = chosen.rows(store).await?;
    let acted = bots::act(store, order, &rows).await.map_err(|error| failed(&error))?;
    Ok(acted.bots.into_iter().filter_map(answer).collect())
}

/// The store has an answer at once.
fn answer(BotWishOutcome { bot: (account, bot), verdict }: BotWishOutcome) -> Option<Answer> {
    let verdict = verdict?;
    let (account, bot) = (account.to_string(), bot.to_string());
    Some(Answer {
        account,
        bot,
        changed: matches!(verdict, Verdict::Done(_)),
        words: verdict.words().to_owned(),
    })
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
