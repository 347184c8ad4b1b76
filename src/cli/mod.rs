//! The command line: one file a command.
//!
//! - `run`: a fleet from a fleet file, or from what its store holds
//! - `check`: what is wrong with a fleet file, and with its logins
//! - `demo`: a fleet on a platform of its own, with a ledger that judges it
//! - `migrate`: brings a store's tables up to date
//! - `bots`, `conversations`: what the store knows, whether a fleet runs or not
//! - `ownership`, `banner`, `signals`: what `run` and `demo` share
//! - `store`, `live`, `filter`, `table`: what commands that only look share

mod banner;
mod bots;
mod check;
mod conversations;
mod demo;
mod filter;
mod live;
mod migrate;
mod ownership;
mod progress;
mod run;
mod signals;
mod store;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::runtime::{Builder, Handle, Runtime};
use tracing::error;

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
    /// Say everything that is wrong with a fleet file; with --online also with its logins
    Check(check::Arguments),
    /// Show the declared bots
    Bots(bots::Arguments),
    /// Show the conversations that bots handle or handled
    Conversations(conversations::Arguments),
    /// Watch a fleet answer simulated consumers under faults, and see the ledger judge it
    Demo(demo::Arguments),
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
        Command::Demo(_) | Command::Check(_) | Command::Bots(_) | Command::Conversations(_) => {
            telemetry::init_at(LogTo::Stderr, "off")
        }
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
        Command::Check(arguments) => check::check(arguments, io).await,
        Command::Bots(arguments) => bots::bots(arguments, io).await,
        Command::Conversations(arguments) => conversations::conversations(arguments, io).await,
        Command::Demo(arguments) => demo::demo(arguments, io).await,
        Command::Migrate(arguments) => migrate::migrate(arguments, io).await,
    }
}

/// The runtime that SQL and HTTP connections live on.
fn io_runtime() -> Result<Runtime, Failure> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("muster-io")
        .enable_all()
        .build()
        .map_err(|error| Failure::of(&error))
}
