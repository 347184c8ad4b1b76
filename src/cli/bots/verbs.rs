//! Verbs that whoever runs a bot has to carry out: the store is told, a running fleet hears it there, and
//! says what came of it.

use std::time::{Duration, Instant};

use clap::Args;
use muster_core::wish::{Verb, Verdict};
use serde::Serialize;
use tokio::runtime::Handle;

use super::super::Failure;
use super::super::chosen::{Chosen, failed};
use super::super::table::json;
use super::super::who::Deciding;
use crate::steering::bots::{Order, act, outcomes};
use crate::store::{DeclaredRow, Store, StoreError, WishOutcome};

/// How often the outcomes are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// A running fleet answers sooner, in words that say what keeps the bot.
const PATIENCE: Duration = Duration::from_mins(3);

/// Which bots, and why.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// Why; kept in the audit
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    #[command(flatten)]
    deciding: Deciding,
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
    deciding: Deciding,
}

/// For what the platform is to take them, which bots, and why.
#[derive(Args)]
pub(super) struct AgentState {
    /// ONLINE, OCCUPIED, AWAY or BACK_SOON
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
    let Refresh { chosen, reason, deciding } = arguments;
    carry_out(Verb::Refresh, Arguments { chosen, reason, deciding }, io).await
}

pub(super) async fn agent_state(
    AgentState { state, arguments }: AgentState,
    io: Handle,
) -> Result<(), Failure> {
    let verb = Verb::of_words("agent-state", &state.to_uppercase());
    carry_out(verb.map_err(|words| Failure::new(words).with_code(2))?, arguments, io).await
}

pub(super) async fn carry_out(verb: Verb, arguments: Arguments, io: Handle) -> Result<(), Failure> {
    let Arguments { chosen, reason, deciding } = arguments;
    let as_json = deciding.json;
    let answers = deciding
        .carry_out(io, async |store, by| acted(store, &chosen, Order { verb, by, reason: &reason }).await)
        .await?;
    let answers: Vec<_> = answers.into_iter().map(answer).collect();
    if as_json {
        println!("{}", json(&answers));
    } else {
        answers.iter().for_each(|Answer { account, bot, words, .. }| println!("{account}/{bot}: {words}"));
    }
    match answers.iter().filter(|answer| answer.verdict == "failed").count() {
        0 => Ok(()),
        left => Err(Failure::new(format!("{verb}: not done for {left} of {} bots", answers.len()))),
    }
}

fn answer(WishOutcome { bot: (account, bot), verdict }: WishOutcome) -> Answer {
    let nobody = || Verdict::Failed("nobody answered: look at the log of the running fleet".to_owned());
    let verdict = verdict.unwrap_or_else(nobody);
    let (account, bot) = (account.to_string(), bot.to_string());
    Answer { account, bot, verdict: verdict.word(), words: verdict.words().to_owned() }
}

async fn acted(store: &Store, chosen: &Chosen, order: Order<'_>) -> Result<Vec<WishOutcome>, Failure> {
    let rows = meant(chosen.rows(store).await?, chosen, order.verb);
    let holder = store.holder().await.map_err(|error| failed(&error))?;
    let runs = matches!(order.verb, Verb::Start | Verb::Stop);
    if holder.is_none() && !runs {
        let words =
            format!("nobody runs the fleet: {} has nothing to act on until `muster run` does", order.verb);
        return Err(Failure::new(words));
    }
    ask(store, &rows, order, holder.is_some()).await.map_err(|error| failed(&error))
}

/// Of a whole account or fleet those that are parked are not meant, but to be started.
fn meant(rows: Vec<DeclaredRow>, chosen: &Chosen, verb: Verb) -> Vec<DeclaredRow> {
    let whole = chosen.bots.is_empty() && verb != Verb::Start;
    rows.into_iter().filter(|row| !(whole && row.is_parked())).collect()
}

async fn ask(
    store: &Store,
    rows: &[DeclaredRow],
    order: Order<'_>,
    runs: bool,
) -> Result<Vec<WishOutcome>, StoreError> {
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
