//! `muster apply`: a fleet file becomes what the store declares, and the fleet that runs takes it up.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use tokio::runtime::Handle;

use super::store::open_to_look;
use super::table::json;
use super::who::user;
use super::{Failure, run};
use crate::app::{Plan, apply, plan, step_words};
use crate::store::{Act, Revision, Store, StoreError};
use crate::telemetry::Chain;

const EXIT_CODES: &str = "[server], [store] and [timing] belong to the process that runs the fleet: change them in its own \
     file, and restart it.\n\nExit codes:\n  \
     0  declared; if a fleet runs, it has taken it up\n  \
     1  the file has faults, or cannot be run: nothing is changed\n  \
     2  wrong arguments";

/// How often the running fleet is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// What `muster apply` takes.
#[derive(Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Arguments {
    /// The fleet file, which also names the store
    fleet: PathBuf,
    /// Forget what the store declares and the file does not: such bots hand their conversations back,
    /// log out and are gone
    #[arg(long)]
    prune: bool,
    /// Only say what would move
    #[arg(long)]
    dry_run: bool,
    /// How long to wait for the running fleet
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    wait: Duration,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
}

/// What `muster plan` takes.
#[derive(Args)]
pub(super) struct Planning {
    /// The fleet file, which also names the store
    fleet: PathBuf,
    /// As if what the file does not declare were forgotten
    #[arg(long)]
    prune: bool,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
}

impl From<Planning> for Arguments {
    fn from(Planning { fleet, prune, json }: Planning) -> Self {
        Self { fleet, prune, dry_run: true, wait: Duration::ZERO, json }
    }
}

/// A bot that moves.
#[derive(Serialize)]
struct Moves<'a> {
    account: &'a str,
    bot: &'a str,
    step: &'static str,
    what: &'a [&'static str],
}

#[derive(Serialize)]
struct Answer<'a> {
    applied: bool,
    taken: Option<bool>,
    outcome: Option<&'a str>,
    changes: Vec<Moves<'a>>,
    said: &'a [String],
}

pub(super) async fn run(arguments: Arguments, io: Handle) -> Result<(), Failure> {
    let settings = run::load(&arguments.fleet)?;
    let store = open_to_look(&settings, io).await.map_err(|error| failed(&error))?;
    let done = carry_out(&store, &settings, &arguments).await;
    store.close().await;
    done
}

async fn carry_out(
    store: &Store,
    settings: &crate::settings::FleetSettings,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let plan = plan(store, settings, arguments.prune).await.map_err(|error| Failure::of(&error))?;
    if arguments.dry_run {
        tell(&plan, arguments, false, None);
        return Ok(());
    }
    let act = Act::new(("", ""), &user(), "apply", &plan.words);
    store.audit(&act).await.map_err(|error| failed(&error))?;
    let number = apply(store, &plan).await.map_err(|error| failed(&error))?;
    let heard = heard(store, number, arguments.wait).await.map_err(|error| failed(&error))?;
    tell(&plan, arguments, true, heard.as_ref());
    match heard {
        Some(Revision { refused: true, outcome, .. }) => {
            Err(Failure::new(format!("the running fleet goes on as it was: {}", outcome.unwrap_or_default())))
        }
        Some(Revision { heard, .. }) if heard < number => {
            let words =
                "the running fleet has not taken it up yet: look at its log, or wait longer with --wait";
            Err(Failure::new(words))
        }
        _ => Ok(()),
    }
}

/// What the running fleet made of it; `None` where nobody runs it.
async fn heard(store: &Store, number: i64, within: Duration) -> Result<Option<Revision>, StoreError> {
    if store.holder().await?.is_none() {
        return Ok(None);
    }
    let began = Instant::now();
    loop {
        let revision = store.declared_revision().await?;
        if revision.heard >= number || began.elapsed() >= within {
            return Ok(Some(revision));
        }
        actix::clock::sleep(LOOK).await;
    }
}

fn tell(plan: &Plan, arguments: &Arguments, applied: bool, heard: Option<&Revision>) {
    let outcome = heard.and_then(|revision| revision.outcome.as_deref());
    if arguments.json {
        let moves = plan.changes.iter().map(|change| Moves {
            account: change.account.as_str(),
            bot: change.bot.as_str(),
            step: step_words(change),
            what: &change.what,
        });
        let taken = heard.map(|revision| !revision.refused);
        println!("{}", json(&Answer { applied, taken, outcome, changes: moves.collect(), said: &plan.said }));
        return;
    }
    plan.said.iter().for_each(|words| println!("{words}"));
    match (applied, heard) {
        (false, _) => println!("would be declared: {}", plan.words),
        (true, None) => println!("declared, for the next start: {}; nobody runs the fleet now", plan.words),
        (true, Some(_)) => println!("declared: {}", outcome.unwrap_or(&plan.words)),
    }
}

fn time(text: &str) -> Result<Duration, &'static str> {
    crate::settings::duration(text).ok_or("write a number and a unit, such as 30s or 5m")
}

fn failed(error: &StoreError) -> Failure {
    Failure::new(format!(
        "the store cannot be used: {}: start a fleet with `muster run fleet.toml`",
        Chain(error)
    ))
}
