//! What the benchmark can be told.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use serde::Serialize;

/// Runs a fleet against lpsim and prints what it costs.
///
/// The exit code is 0 when every message was answered once, 1 when one was not, 2 when there are no figures.
#[derive(Clone, Debug, Parser)]
#[command(name = "fleet")]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(crate) struct Arguments {
    /// How many bots the fleet has
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) bots: usize,
    /// How many accounts they are spread over; lpsim looks at every socket of an account for each message
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) accounts: usize,
    /// How many conversations each bot handles at once, all of them open during the whole run
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) conversations: usize,
    /// How long a consumer thinks after each answer, in milliseconds; 0 saturates the fleet
    #[arg(long, value_name = "MS", default_value_t = 0)]
    think: u64,
    /// How many replies a second all consumers together ask for; each thinks as long as that takes
    #[arg(long, value_name = "N", conflicts_with = "think", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rate: Option<u64>,
    /// Where the fleet remembers
    #[arg(long, value_enum, default_value_t = Store::Sqlite)]
    pub(crate) store: Store,
    /// Measure a store in memory and this one in turn, twice, and print what the promise costs
    #[arg(long)]
    pub(crate) beside_memory: bool,
    /// Whose fleet it is: muster's, or one process on the vendor's SDK to stand beside it, which has no store
    #[arg(long, value_enum, default_value_t = Client::Muster)]
    pub(crate) client: Client,
    /// The folder with the vendor's SDK in `node_modules`; by default where `scripts/test` installed it
    #[arg(long, value_name = "FOLDER")]
    pub(crate) vendor_sdk: Option<PathBuf>,
    /// Whether logins are held to the default budget of an account, five a second
    #[arg(long, value_enum, default_value_t = LoginBudget::Lifted)]
    pub(crate) login_budget: LoginBudget,
    /// How long replies are measured, after a warm-up of three seconds
    #[arg(long = "for", value_name = "TIME", default_value = "20s", value_parser = duration)]
    pub(crate) lasts: Duration,
    /// Measure a cold start, a restart, an outage and a throttled login service instead of replies
    #[arg(long, conflicts_with_all = ["beside_memory", "vendor_sdk"])]
    pub(crate) scenes: bool,
    /// With --scenes: how long nothing of the platform answers
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration)]
    pub(crate) outage: Duration,
    /// With --scenes: how long the login service answers 429
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = duration)]
    pub(crate) throttled: Duration,
    /// The folder of the binaries `muster` and `lpsim`, such as another version's; by default those built with this
    #[arg(long, value_name = "FOLDER")]
    pub(crate) binaries: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Cargo says this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    /// How many consumers there are, each with one conversation.
    pub(crate) fn consumers(&self) -> usize {
        self.bots * self.conversations
    }

    /// How long each consumer thinks, in milliseconds: what it waits for an answer makes the rate a little lower.
    pub(crate) fn think(&self) -> u64 {
        self.rate.map_or(self.think, |rate| self.consumers() as u64 * 1000 / rate)
    }

    /// The same with another store.
    pub(crate) fn on(&self, store: Store) -> Self {
        Self { store, ..self.clone() }
    }

    /// How many bots each account has: the first ones one more, where they do not come out even.
    pub(crate) fn bots_of_each(&self) -> Vec<usize> {
        let accounts = self.accounts.clamp(1, self.bots.max(1));
        (0..accounts).map(|n| self.bots / accounts + usize::from(n < self.bots % accounts)).collect()
    }
}

/// Whose fleet is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Client {
    Muster,
    VendorSdk,
}

/// Where the fleet remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Store {
    /// SQLite in a folder that lives in memory: the same statements, and a flush that costs nothing
    Memory,
    Sqlite,
    Postgres,
}

/// How many logins a second an account allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LoginBudget {
    Default,
    Lifted,
}

fn duration(text: &str) -> Result<Duration, String> {
    muster::settings::duration(text).ok_or_else(|| "write a time such as 20s or 5m".to_owned())
}
