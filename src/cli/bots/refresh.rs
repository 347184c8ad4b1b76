//! `muster bots refresh`: the store is told; a running fleet hears it there, and says what came of it.

use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use tokio::runtime::Handle;

use super::super::Failure;
use super::super::chosen::{Chosen, failed};
use super::super::store::StoreArguments;
use super::super::table::json;
use super::super::who::user;
use crate::store::{Act, RefreshOutcome, Store, StoreError};

/// How often the outcomes are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long a running fleet may take: it asks its store every two seconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// What the fleet says of a token that is fresh.
const DONE: &str = "refreshed";

/// Which bots.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// Why; kept in the audit
    #[arg(long, default_value = "")]
    reason: String,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Serialize)]
struct Answer {
    account: String,
    bot: String,
    refreshed: bool,
    words: String,
}

pub(super) async fn refresh(arguments: Arguments, io: Handle) -> Result<(), Failure> {
    let store = arguments.store.open(io).await?;
    let outcomes = refreshed(&store, &arguments).await;
    store.close().await;
    let answer = |RefreshOutcome { request, words }| {
        let words =
            words.unwrap_or_else(|| "nobody answered: look at the log of the running fleet".to_owned());
        let (account, bot) = (request.account.to_string(), request.bot.to_string());
        Answer { account, bot, refreshed: words == DONE, words }
    };
    let answers: Vec<_> = outcomes?.into_iter().map(answer).collect();
    if arguments.json {
        println!("{}", json(&answers));
    } else {
        for Answer { account, bot, words, .. } in &answers {
            println!("{account}/{bot}: {words}");
        }
    }
    match answers.iter().filter(|answer| !answer.refreshed).count() {
        0 => Ok(()),
        left => Err(Failure::new(format!("{left} of {} bots have no fresh token", answers.len()))),
    }
}

async fn refreshed(store: &Store, arguments: &Arguments) -> Result<Vec<RefreshOutcome>, Failure> {
    let rows = arguments.chosen.rows(store).await?;
    let holder = store.holder().await.map_err(|error| failed(&error))?;
    if holder.is_none() {
        let words = "nobody runs the fleet: its bots refresh their tokens once `muster run` does";
        return Err(Failure::new(words));
    }
    // Of a whole account or fleet those that are parked are not meant.
    let whole = arguments.chosen.bots.is_empty();
    let rows = rows.into_iter().filter(|row| !(whole && row.is_parked()));
    let bots: Vec<_> = rows.map(|row| (row.bot.account.to_string(), row.bot.bot.to_string())).collect();
    ask(store, &bots, &arguments.reason).await.map_err(|error| failed(&error))
}

async fn ask(
    store: &Store,
    bots: &[(String, String)],
    reason: &str,
) -> Result<Vec<RefreshOutcome>, StoreError> {
    let by = user();
    for (account, bot) in bots {
        store.audit(&Act::new((account, bot), &by, "refresh the token", reason)).await?;
    }
    store.ask_for_refresh(bots, &by).await?;
    let began = Instant::now();
    loop {
        let outcomes = store.refresh_outcomes(bots).await?;
        let all = outcomes.iter().all(|outcome| outcome.words.is_some());
        if all || began.elapsed() >= PATIENCE {
            return Ok(outcomes);
        }
        actix::clock::sleep(LOOK).await;
    }
}
