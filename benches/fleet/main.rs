//! What a fleet costs, measured from outside: `lpsim`, the fleet and the store are processes of their own.
//!
//! ```text
//! cargo build --release --workspace --bins
//! cargo bench --bench fleet -- --bots 1000 --conversations 5 --think 0 --store sqlite --for 20s --json
//! ```
//!
//! - [`arguments`]: what it can be told
//! - [`stage`]: lpsim, a fleet file and a store; [`postgres`] is one of the stores
//! - [`vendor`]: a fleet on the vendor's SDK (`--client vendor-sdk`), to stand beside ours on the same platform
//! - [`run`]: the phases, from the start of the fleet to the ledger's judgement
//! - [`usage`]: CPU and memory as `/proc` has them
//! - [`report`]: the figures, and the conditions without which they mean nothing
//!
//! Figures of two runs differ by what else the machine does; compare inside one run, and CPU rather than time.

mod arguments;
mod postgres;
mod process;
mod report;
mod run;
mod stage;
mod usage;
mod vendor;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;

/// Why there are no figures, in words.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let report = runtime.map_err(Failure::from).and_then(|runtime| runtime.block_on(run::run(&arguments)));
    match report {
        Ok(report) => {
            if arguments.json {
                println!("{:#}", serde_json::json!(report));
            } else {
                println!("{report}");
            }
            if report.ledger_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("fleet: {error}");
            ExitCode::from(2)
        }
    }
}
