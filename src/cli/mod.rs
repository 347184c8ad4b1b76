//! The command line: one file a command.
//!
//! - `run`: a fleet from a fleet file, or from what its store holds
//! - `apply`: a fleet file becomes what the store declares, and a running fleet takes it up
//! - `export`: what is declared, as a fleet file
//! - `check`: what is wrong with a fleet file, and with its logins
//! - `demo`: a fleet on a platform of its own, with a ledger that judges it
//! - `soak`: the same for long, under thousands of faults, the fleet a process of its own
//! - `migrate`: brings a store's tables up to date
//! - `operations`: verbs on many bots
//! - `pause`: people hold bots still; `audit`: what people did by hand; `events`: what happened
//! - `tokens`, `users`: who may ask the API, and for what (`granting`)
//! - `bots`, `conversations`: what the store knows, whether a fleet runs or not
//! - `dead_letters`: what the platform refused for good; `backup`: a copy of the store
//! - `ownership`, `banner`, `signals`: what `run` and `demo` share
//! - `crowd`, `scratch`: what `demo` and `soak` share
//! - `store`, `live`, `chosen`, `filter`, `table`, `who`, `out`: what commands on the store share

#[macro_use]
mod out;

mod apply;
mod audit;
mod backup;
mod banner;
mod bots;
mod check;
mod chosen;
mod conversations;
mod crowd;
mod dead_letters;
mod demo;
mod events;
mod export;
mod filter;
mod granting;
mod live;
mod migrate;
mod operations;
mod ownership;
mod pause;
mod progress;
mod run;
mod scratch;
mod signals;
mod soak;
mod store;
mod table;
mod tokens;
mod users;
mod who;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::runtime::{Builder, Handle, Runtime};
use tracing::error;

use crate::app::{THINKERS, cores};
use crate::logic::LOST;
use crate::telemetry::{self, Chain, LogTo};

/// Runs fleets of LivePerson messaging bots: supervised, durable, visible.
#[derive(Parser)]
#[command(
    name = "muster",
    version,
    after_help = "Try `muster demo` first: it needs nothing but this program."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the fleet of a fleet file, or without one what its store holds, until SIGTERM
    Run(run::Arguments),
    /// Declare what a fleet file says; a fleet that runs takes it up, and only what changed moves
    Apply(apply::Arguments),
    /// Say what `apply` would change, and change nothing
    Plan(apply::Planning),
    /// Print what the store declares as a fleet file, which holds references to secrets and no secret
    Export(export::Arguments),
    /// Say everything that is wrong with a fleet file; with --online also with its logins
    Check(check::Arguments),
    /// Show the declared bots, hold some off, release them
    Bots(bots::Arguments),
    /// Hold bots still: connected and AWAY, they take and begin nothing until they resume
    Pause(pause::Pause),
    /// Let bots go on that are paused; what is owed is answered first
    Resume(pause::Resume),
    /// Show verbs on many bots, how far they have come, or end one
    Operations(operations::Arguments),
    /// Show what people did by hand: pauses, tokens read, what was applied
    Audit(audit::Arguments),
    /// Show what happened in the fleet and what people did, or follow it
    Events(events::Arguments),
    /// Make, show and end the tokens that programs show to the API
    Tokens(tokens::Arguments),
    /// Make, show, change and remove the people who log in with a password
    Users(users::Arguments),
    /// Show the conversations that bots handle or handled
    Conversations(conversations::Arguments),
    /// Show what the platform refused for good, send it after all, or drop it
    DeadLetters(dead_letters::Arguments),
    /// Copy a SQLite store into a file, also while a fleet runs on it
    Backup(backup::Arguments),
    /// Watch a fleet answer simulated consumers under faults, and see the ledger judge it
    Demo(demo::Arguments),
    /// Run a fleet for long under thousands of faults, and see the ledger judge it
    Soak(soak::Arguments),
    /// Bring a store's tables up to date (SQLite does that by itself at `run`)
    Migrate(migrate::Arguments),
}

/// What went wrong, in words, and the exit code.
struct Failure {
    words: String,
    code: u8,
}

impl Failure {
    fn new(words: impl Into<String>) -> Self {
        Self { words: words.into(), code: 1 }
    }

    fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::new(Chain(error).to_string())
    }

    fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }
}

/// Runs the command that the process was started with.
///
/// Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 the fleet is held by another process,
/// 4 another process took the fleet over.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Standard output belongs to the answer; the demo's faults are on purpose.
    let logging = match arguments.command {
        Command::Demo(_)
        | Command::Soak(_)
        | Command::Apply(_)
        | Command::Plan(_)
        | Command::Export(_)
        | Command::Audit(_)
        | Command::Check(_)
        | Command::Pause(_)
        | Command::Resume(_)
        | Command::Bots(_)
        | Command::Operations(_)
        | Command::Events(_)
        | Command::Conversations(_)
        | Command::Tokens(_)
        | Command::Users(_)
        | Command::DeadLetters(_)
        | Command::Backup(_) => telemetry::init_at(LogTo::Stderr, "off"),
        Command::Run(_) | Command::Migrate(_) => telemetry::init(LogTo::Stdout),
    };
    logging.unwrap_or_else(|_| eprintln!("muster: logging was started before"));
    let done = io_runtime().and_then(|io| {
        let handle = io.handle().clone();
        let done = actix::System::new().block_on(dispatch(arguments.command, handle));
        io.shutdown_timeout(std::time::Duration::from_secs(2));
        done
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { words, code }) => {
            error!(code, "{words}");
            eprintln!("muster: {words}");
            ExitCode::from(code)
        }
    }
}

async fn dispatch(command: Command, io: Handle) -> Result<(), Failure> {
    match command {
        Command::Run(arguments) => run::run(arguments, io).await,
        Command::Apply(arguments) => apply::run(arguments, io).await,
        Command::Plan(arguments) => apply::run(arguments.into(), io).await,
        Command::Export(arguments) => export::export(arguments, io).await,
        Command::Check(arguments) => check::check(arguments, io).await,
        Command::Bots(arguments) => bots::bots(arguments, io).await,
        Command::Pause(arguments) => pause::pause(arguments, io).await,
        Command::Resume(arguments) => pause::resume(arguments, io).await,
        Command::Operations(arguments) => operations::operations(arguments, io).await,
        Command::Audit(arguments) => audit::audit(arguments, io).await,
        Command::Events(arguments) => events::events(arguments, io).await,
        Command::Tokens(arguments) => tokens::tokens(arguments, io).await,
        Command::Users(arguments) => users::users(arguments, io).await,
        Command::Conversations(arguments) => conversations::conversations(arguments, io).await,
        Command::DeadLetters(arguments) => dead_letters::dead_letters(arguments, io).await,
        Command::Backup(arguments) => backup::backup(arguments, io).await,
        Command::Demo(arguments) => demo::demo(arguments, io).await,
        Command::Soak(arguments) => soak::soak(arguments, io).await,
        Command::Migrate(arguments) => migrate::migrate(arguments, io).await,
    }
}

/// The runtime that SQL and HTTP connections live on.
fn io_runtime() -> Result<Runtime, Failure> {
    Builder::new_multi_thread()
        .worker_threads(2)
        // Runs of logic at one time, runs that never return, and what else blocks.
        .max_blocking_threads(THINKERS * cores() + LOST + 64)
        .thread_name("muster-io")
        .enable_all()
        .build()
        .map_err(|error| Failure::of(&error))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// Names of the commands that stand in the table of verbs, such as `bots restart`.
    fn told() -> Vec<Vec<String>> {
        let table = include_str!("../../docs/reference/verbs.md");
        let words = table.split('`').filter_map(|code| code.strip_prefix("muster "));
        let commands = words.map(|words| words.split(' ').filter(|word| !word.starts_with('-')));
        commands.map(|words| words.map(str::to_owned).collect()).collect()
    }

    #[test]
    fn every_command_in_the_table_of_verbs_is_there() {
        let muster = Arguments::command();
        for words in told() {
            let found = words.iter().try_fold(&muster, |command, word| command.find_subcommand(word));
            assert!(found.is_some(), "muster {}", words.join(" "));
        }
    }

    #[test]
    fn the_table_of_verbs_has_every_verb() {
        let beside = ["run", "check", "backup", "demo", "soak", "migrate", "help"];
        let told: Vec<String> = told().iter().map(|words| words.join(" ")).collect();
        for command in Arguments::command().get_subcommands().filter(|one| !beside.contains(&one.get_name()))
        {
            let verbs: Vec<_> = command
                .get_subcommands()
                .map(|verb| format!("{} {}", command.get_name(), verb.get_name()))
                .collect();
            let verbs = if verbs.is_empty() { vec![command.get_name().to_owned()] } else { verbs };
            for verb in verbs {
                assert!(told.contains(&verb), "muster {verb}");
            }
        }
    }
}
