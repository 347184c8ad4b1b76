//! Orders by a seed.

use std::time::Duration;

use super::Order;

/// A mix of faults over time.
#[derive(Clone, Copy, Debug)]
pub struct Schedule;

impl Schedule {
    /// The orders of a run, each with its time from the start: the same seed gives the same ones.
    pub fn of<A: AsRef<str>, L: AsRef<str>>(
        seed: u64,
        lasts: Duration,
        every: Duration,
        logins: &[(A, L)],
    ) -> Vec<(Duration, Order)> {
        let _ = (seed, lasts, every, logins);
        Vec::new()
    }
}
