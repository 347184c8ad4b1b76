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
//! - [`beside`]: the same load on a store in memory and on a durable one, in turn
//! - [`scenes`]: a cold start, a restart, an outage, a throttled login service (`--scenes`)
//! - [`usage`]: CPU and memory as `/proc` has them
//! - [`report`]: the figures, and the conditions without which they mean nothing
//!
//! Figures of two runs differ by what else the machine does; compare inside one run, and CPU rather than time.

mod arguments;
mod beside;
mod postgres;
mod process;
mod report;
mod run;
mod scenes;
mod stage;
mod usage;
mod vendor;

use std::fmt::Display;
use std::process::ExitCode;

use clap::Parser;
use serde::Serialize;

use crate::arguments::Arguments;
use crate::beside::Comparison;
use crate::scenes::Scenes;

/// Why there are no figures, in words.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let clean = runtime.map_err(Failure::from).and_then(|runtime| runtime.block_on(measure(&arguments)));
    match clean {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fleet: {error}");
            ExitCode::from(2)
        }
    }
}

/// Measures and prints; whether every message was answered once.
async fn measure(arguments: &Arguments) -> Result<bool, Failure> {
    if arguments.beside_memory {
        let comparison = Comparison::of(arguments).await?;
        print(arguments, &comparison);
        return Ok(comparison.is_clean());
    }
    if arguments.scenes {
        let scenes = Scenes::of(arguments).await?;
        print(arguments, &scenes);
        return Ok(scenes.ledger_clean);
    }
    let report = run::run(arguments).await?;
    print(arguments, &report);
    Ok(report.ledger_clean)
}

fn print<T: Display + Serialize>(arguments: &Arguments, found: &T) {
    if arguments.json {
        println!("{:#}", serde_json::json!(found));
    } else {
        println!("{found}");
    }
}
