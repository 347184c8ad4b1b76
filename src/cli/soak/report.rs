//! What a soak found.

use std::collections::BTreeMap;
use std::fmt;

use liveperson_sim::Ledger;
use serde::Serialize;

use super::memory::{MOST, Memory};
use super::schedule::Heavy;

/// The figures of one run, and the verdict.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) store: String,
    pub(super) muster: &'static str,
    pub(super) lasted_seconds: f64,
    pub(super) bots: usize,
    pub(super) accounts: usize,
    pub(super) consumers: usize,
    /// How often each fault was injected, by name.
    pub(super) faults: BTreeMap<String, u64>,
    /// How often a client really met each fault of the platform, by name.
    pub(super) effects: BTreeMap<String, u64>,
    /// How many processes the fleet was, one after the other.
    pub(super) fleet_processes: usize,
    pub(super) ledger: Ledger,
    /// Answers a second until the faults were over.
    pub(super) answers_per_second: f64,
    /// From a consumer's message to its first answer, as the platform saw it.
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    pub(super) memory: Option<Memory>,
    /// Everything that makes the verdict what it is; empty when it is clean.
    pub(super) wrong: Vec<String>,
}

impl Report {
    /// Adds what the figures say to what was found wrong on the way.
    pub(super) fn judged(mut self) -> Self {
        let ledger = &self.ledger;
        for (count, words) in [
            (ledger.never, "never answered"),
            (ledger.more_than_once, "answered more than once"),
            (ledger.out_of_order, "answered out of order"),
            (ledger.waiting, "still waiting"),
        ] {
            if count > 0 {
                self.wrong.push(format!("{count} messages {words}"));
            }
        }
        if ledger.sent == 0 {
            self.wrong.push("no consumer wrote anything: that proves nothing".to_owned());
        }
        if let Some(memory) = self.memory.filter(Memory::is_too_much) {
            self.wrong.push(format!("memory grew by {:.2}, more than {MOST}", memory.ratio));
        }
        self
    }

    pub(super) fn is_clean(&self) -> bool {
        self.wrong.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |wait: Option<f64>| wait.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0} ms"));
        writeln!(
            f,
            "soak of {:.0} s, seed {}, muster {}, store {}",
            self.lasted_seconds, self.seed, self.muster, self.store
        )?;
        writeln!(
            f,
            "{} bots of {} accounts, {} consumers, {} fleet processes",
            self.bots, self.accounts, self.consumers, self.fleet_processes
        )?;
        self.tell_faults(f)?;
        self.tell_ledger(f)?;
        writeln!(f, "answers         {:.1} a second", self.answers_per_second)?;
        writeln!(f, "waits           p50 {}, p99 {}", ms(self.p50_ms), ms(self.p99_ms))?;
        self.tell_memory(f)?;
        for wrong in &self.wrong {
            writeln!(f, "WRONG: {wrong}")?;
        }
        write!(f, "verdict: {}", if self.is_clean() { "clean" } else { "NOT CLEAN" })
    }
}

impl Report {
    fn tell_faults(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<34}{:>8}{:>8}", "faults", "ordered", "met")?;
        for (name, count) in &self.faults {
            // What happens to processes is met each time.
            let is_heavy = Heavy::NAMES.contains(&name.as_str());
            let met = if is_heavy { *count } else { self.effects.get(name).copied().unwrap_or(0) };
            writeln!(f, "  {name:<32}{count:>8}{met:>8}")?;
        }
        writeln!(f, "  {:<32}{:>8}", "all", self.faults.values().sum::<u64>())
    }

    fn tell_ledger(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ledger = &self.ledger;
        for (name, count) in [
            ("messages sent", ledger.sent),
            ("answered once", ledger.once),
            ("never answered", ledger.never),
            ("answered more than once", ledger.more_than_once),
            ("answered late (told, not judged)", ledger.late),
            ("answered out of order", ledger.out_of_order),
            ("still waiting", ledger.waiting),
            ("answer refused for good by order", ledger.refused),
            ("cut off by order", ledger.cut_off),
        ] {
            writeln!(f, "{name:<34}{count:>8}")?;
        }
        for fault in &ledger.details {
            writeln!(f, "  {} in {}: {}", fault.token, fault.conversation, fault.what)?;
        }
        Ok(())
    }

    fn tell_memory(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(memory) = &self.memory else {
            return writeln!(
                f,
                "memory          not told: the fleet was not one process from a third of the run on"
            );
        };
        let judged = if memory.is_judged { "" } else { "; told, not judged in so short a run" };
        writeln!(
            f,
            "memory          {:.1} MiB after a third of the run, {:.1} MiB at the end: {:.3} times (at most {MOST}{judged})",
            memory.after_a_third_bytes as f64 / 1_048_576.0,
            memory.at_the_end_bytes as f64 / 1_048_576.0,
            memory.ratio,
        )
    }
}
