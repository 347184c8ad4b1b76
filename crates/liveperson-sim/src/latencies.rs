//! How long consumers waited for the first answer to a message, in a histogram of fixed size.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Each doubling of the wait is told in so many steps: a quantile is at most 1/32 too long.
const STEPS: u64 = 32;
/// Waits of an hour and more are counted together.
const LONGEST: u64 = 3_600_000_000;

/// Waits for a first answer, by length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latencies {
    /// Waits up to so many microseconds and longer than the step before, and how many there were.
    pub steps: Vec<(u64, u64)>,
}

impl Latencies {
    /// How many waits there were.
    pub fn count(&self) -> u64 {
        self.steps.iter().map(|(_, count)| count).sum()
    }

    /// The wait that this share of all waits did not exceed; `None` when there was none.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let wanted = (self.count() as f64 * share.clamp(0.0, 1.0)).ceil().max(1.0) as u64;
        let mut seen = 0;
        let step = self.steps.iter().find(|(_, count)| {
            seen += count;
            seen >= wanted
        });
        step.map(|(micros, _)| Duration::from_micros(*micros))
    }

    /// The waits that ended after `earlier` was looked at.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = |micros| earlier.steps.iter().find(|(step, _)| *step == micros).map_or(0, |(_, n)| *n);
        let steps = self.steps.iter().map(|(micros, count)| (*micros, count.saturating_sub(before(*micros))));
        Self { steps: steps.filter(|(_, count)| *count > 0).collect() }
    }
}

/// What the ledger writes down: about a thousand numbers, however many messages there are.
#[derive(Default)]
pub(crate) struct LatencyBook(Vec<u64>);

impl LatencyBook {
    pub(crate) fn waited(&mut self, wait: Duration) {
        let place = step_of(wait.as_micros().min(u128::from(LONGEST)) as u64);
        if self.0.len() <= place {
            self.0.resize(place + 1, 0);
        }
        self.0[place] += 1;
    }

    pub(crate) fn count(&self) -> Latencies {
        let counted = self.0.iter().enumerate().filter(|(_, count)| **count > 0);
        Latencies { steps: counted.map(|(place, count)| (longest_in(place), *count)).collect() }
    }
}

/// Which step a wait belongs to: one a microsecond at first, then [`STEPS`] to each doubling.
fn step_of(micros: u64) -> usize {
    let doublings = (micros / STEPS).checked_ilog2().map_or(0, |log| u64::from(log) + 1);
    let within = micros >> doublings.saturating_sub(1);
    if doublings == 0 { micros as usize } else { (doublings * STEPS + within - STEPS) as usize }
}

fn longest_in(place: usize) -> u64 {
    let (doublings, within) = (place as u64 / STEPS, place as u64 % STEPS);
    if doublings == 0 { within } else { ((STEPS + within + 1) << (doublings - 1)) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_holds_the_wait_and_is_at_most_a_thirtysecond_too_long() {
        for micros in (0..5_000).chain([31, 32, 63, 64, 65, 127, 128, 70_000, 1_234_567, LONGEST]) {
            let told = longest_in(step_of(micros));
            assert!(told >= micros && told - micros <= micros / STEPS, "{micros} is told as {told}");
        }
        assert!(step_of(LONGEST) < 1024);
    }

    #[test]
    fn quantiles_are_of_the_waits_since_an_earlier_look() {
        let mut book = LatencyBook::default();
        book.waited(Duration::from_hours(2));
        let before = book.count();
        (1..=100).for_each(|ms| book.waited(Duration::from_millis(ms)));
        let waits = book.count().since(&before);
        assert_eq!(waits.count(), 100);
        for (share, ms) in [(0.0, 1), (0.5, 50), (0.99, 99), (1.0, 100)] {
            let told = waits.quantile(share).unwrap().as_secs_f64() * 1000.0;
            let exact = f64::from(ms);
            assert!(told >= exact && told <= exact * 1.04, "{share}: {told} ms for {ms} ms");
        }
        assert_eq!(Latencies::default().quantile(0.5), None);
    }
}
