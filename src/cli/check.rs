//! `muster check`: what is wrong with a fleet file, all at once; and with `--online`, with its logins.

mod online;
mod words;

use std::path::PathBuf;
use std::str::FromStr as _;

use clap::Args;
use serde::Serialize;
use tokio::runtime::Handle;

use super::Failure;
use super::table::counted;
use crate::app;
use crate::clock::Clock;
use crate::logic::Logics;
use crate::logic::webhook::{Means, Names};
use crate::settings::{FleetSettings, Remark};
use crate::store::StoreUrl;
use crate::telemetry::Chain;

const EXIT_CODES: &str = "Exit codes:\n  \
    0  no fault; warnings do not count, nor do bots that were skipped\n  \
    1  the file has faults, or with --online a bot could not log in\n  \
    2  wrong arguments";

/// What `muster check` takes.
#[derive(Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Arguments {
    /// The fleet file
    fleet: PathBuf,
    /// Also ask for each account's domains, and log each bot in and out, within the login budget.
    /// Bots that a live fleet runs are skipped. A session kept for the next start ends by this
    #[arg(long)]
    online: bool,
    /// Log in also the bots that a live fleet runs: each such login takes the running bot's session,
    /// and the fleet has to log that bot in again
    #[arg(long, requires = "online")]
    take_over: bool,
    /// Answer as JSON: the faults and warnings as one array; with --online one object a line
    #[arg(long)]
    json: bool,
}

/// One fault or warning as JSON.
#[derive(Serialize)]
struct Said<'a> {
    file: &'a str,
    line: Option<usize>,
    column: Option<usize>,
    key: &'a str,
    severity: &'static str,
    wrong: &'a str,
    cure: &'a str,
}

impl<'a> Said<'a> {
    fn new(remark: &'a Remark, severity: &'static str) -> Self {
        Self {
            file: &remark.file,
            line: remark.place.map(|place| place.line),
            column: remark.place.map(|place| place.column),
            key: &remark.key,
            severity,
            wrong: &remark.wrong,
            cure: &remark.cure,
        }
    }

    fn line(&self) -> String {
        let place = match (self.line, self.column) {
            (Some(line), Some(column)) => format!("{line}:{column}:"),
            _ => String::new(),
        };
        let key = if self.key.is_empty() { String::new() } else { format!(" {}:", self.key) };
        format!("{}:{place} {}:{key} {}; {}", self.file, self.severity, self.wrong, self.cure)
    }
}

pub(super) async fn check(arguments: Arguments, io: Handle) -> Result<(), Failure> {
    let checked = FleetSettings::load(&arguments.fleet);
    let (faults, warnings) = match &checked {
        Ok((fleet, warnings)) => (unusable(fleet, &arguments), &warnings[..]),
        Err(faults) => (faults.all().to_vec(), faults.warnings()),
    };
    let mut said: Vec<_> = faults.iter().map(|fault| Said::new(fault, "fault")).collect();
    said.extend(warnings.iter().map(|warning| Said::new(warning, "warning")));
    said.sort_by_key(|said| (said.line, said.column));
    show(&said, &arguments);
    let name = arguments.fleet.display();
    let counts = counts(faults.len(), warnings.len());
    match &checked {
        Err(_) => Err(Failure::new(format!("{counts} in {name}"))),
        Ok(_) if !faults.is_empty() => Err(Failure::new(format!("{counts} in {name}"))),
        Ok((fleet, _)) => {
            if !arguments.json {
                println!("{name}: {}: {counts}", made_of(fleet));
            }
            if arguments.online { online::check(fleet, &arguments, io).await } else { Ok(()) }
        }
    }
}

/// What a start would stumble over although every key is right: an address, a key, a certificate.
fn unusable(fleet: &FleetSettings, arguments: &Arguments) -> Vec<Remark> {
    let fault = |key: &str, error: &dyn std::error::Error, cure: &str| Remark {
        file: arguments.fleet.display().to_string().into(),
        place: None,
        key: key.to_owned(),
        wrong: Chain(error).to_string(),
        cure: cure.to_owned(),
    };
    let mut faults = Vec::new();
    if let Err(error) = StoreUrl::from_str(fleet.store.url.expose()) {
        faults.push(fault("store.url", &error, "correct the address"));
    }
    if let Err(error) = app::client(fleet) {
        faults.push(fault("platform", &error, "correct what is said under [platform]"));
    }
    let means =
        Means { clock: Clock::start(), names: Names::default(), patience: fleet.timing.logic_timeout };
    if let Err(error) = Logics::default().declare(&fleet.logics, &means) {
        faults.push(fault("logics", &error, "correct what is said under [logics]"));
    }
    faults
}

/// An array, or with `--online` and no fault a line each, for lines of bots will follow.
fn show(said: &[Said<'_>], arguments: &Arguments) {
    let lines_follow = arguments.online && said.iter().all(|said| said.severity != "fault");
    if !arguments.json {
        said.iter().map(Said::line).for_each(|line| println!("{line}"));
    } else if lines_follow {
        said.iter().map(super::table::json).for_each(|line| println!("{line}"));
    } else {
        println!("{}", super::table::json(&said));
    }
}

fn counts(faults: usize, warnings: usize) -> String {
    let faults = if faults == 0 { "no fault".to_owned() } else { counted(faults, "fault") };
    if warnings == 0 { faults } else { format!("{faults}, {}", counted(warnings, "warning")) }
}

/// What the fleet is made of, such as `2 accounts, 14 bots, 3 pools`.
fn made_of(fleet: &FleetSettings) -> String {
    let bots =
        || fleet.accounts.iter().flat_map(|account| account.bots.iter().map(move |bot| (&account.id, bot)));
    let of_bots = bots().map(|(account, bot)| (account, &bot.pool));
    let declared = fleet
        .accounts
        .iter()
        .flat_map(|account| account.pools.iter().map(move |pool| (&account.id, &pool.name)));
    let pools: std::collections::BTreeSet<_> = of_bots.chain(declared).collect();
    [counted(fleet.accounts.len(), "account"), counted(bots().count(), "bot"), counted(pools.len(), "pool")]
        .join(", ")
}
