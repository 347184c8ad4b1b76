//! What the promise costs: a store in memory and a durable one, in turn, in one run.

use std::fmt;

use serde::Serialize;

use crate::Failure;
use crate::arguments::{Arguments, Store};
use crate::report::Report;
use crate::run;

/// How often each of the two is measured.
const TIMES: usize = 2;

/// The same load on both stores, in the order in which it was measured: memory, store, memory, store.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) memory: Vec<Report>,
    pub(crate) store: Vec<Report>,
    /// The mean over both, of the store less that of memory.
    pub(crate) costs_p50_ms: f64,
    pub(crate) costs_p99_ms: f64,
}

impl Comparison {
    pub(crate) async fn of(arguments: &Arguments) -> Result<Self, Failure> {
        if arguments.store == Store::Memory {
            return Err("a store in memory beside itself: choose --store sqlite or postgres".into());
        }
        let (mut memory, mut store) = (Vec::new(), Vec::new());
        for _ in 0..TIMES {
            memory.push(run::run(&arguments.on(Store::Memory)).await?);
            store.push(run::run(arguments).await?);
        }
        let cost = |of: fn(&Report) -> Option<f64>| mean(&store, of) - mean(&memory, of);
        let (costs_p50_ms, costs_p99_ms) = (cost(|it| it.p50_ms), cost(|it| it.p99_ms));
        Ok(Self { memory, store, costs_p50_ms, costs_p99_ms })
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.memory.iter().chain(&self.store).all(|report| report.ledger_clean)
    }
}

fn mean(reports: &[Report], of: fn(&Report) -> Option<f64>) -> f64 {
    reports.iter().map(|report| of(report).unwrap_or(f64::NAN)).sum::<f64>() / reports.len() as f64
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for report in self.memory.iter().zip(&self.store).flat_map(|(memory, store)| [memory, store]) {
            writeln!(f, "{report}\n")?;
        }
        for (what, reports) in [("in memory", &self.memory), ("durable", &self.store)] {
            for report in reports {
                writeln!(f, "{what:<13} {}", report.in_short())?;
            }
        }
        write!(
            f,
            "the promise costs {:.2} ms at the median, {:.2} ms at p99 (means of {TIMES})",
            self.costs_p50_ms, self.costs_p99_ms
        )
    }
}
