//! The fleet's memory over the run: one process is compared with itself.

use std::time::Duration;

use serde::Serialize;

/// How much more the end may take than the time after a third of the run.
pub(super) const MOST: f64 = 1.1;
/// A shorter run says what it found and judges nothing: a process's memory takes minutes to find its level.
pub(super) const JUDGED_FROM: Duration = Duration::from_mins(10);
/// The share of the run whose samples make one figure.
const WINDOW: f64 = 0.1;

/// Resident memory at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) at: Duration,
    /// Which of the fleet's processes it was.
    pub(super) spell: usize,
    pub(super) bytes: u64,
}

/// The fleet's memory after a third of the run and at its end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Memory {
    /// The median of the tenth that follows the first third.
    pub(super) after_a_third_bytes: u64,
    /// The median of the last tenth.
    pub(super) at_the_end_bytes: u64,
    pub(super) ratio: f64,
    /// Whether the run was long enough for the ratio to count.
    pub(super) is_judged: bool,
}

impl Memory {
    /// `None` when the fleet was not one process all the while, or nothing was sampled.
    pub(super) fn of(samples: &[Sample], lasted: Duration) -> Option<Self> {
        let last = samples.last()?.spell;
        let median = |from: f64| {
            let window = lasted.mul_f64(from)..=lasted.mul_f64(from + WINDOW);
            let within: Vec<_> = samples.iter().filter(|one| window.contains(&one.at)).collect();
            let mut bytes: Vec<_> = within.iter().map(|one| one.bytes).collect();
            bytes.sort_unstable();
            let same = within.iter().all(|one| one.spell == last);
            bytes.get(bytes.len() / 2).copied().filter(|bytes| same && *bytes > 0)
        };
        let (after_a_third_bytes, at_the_end_bytes) = (median(1.0 / 3.0)?, median(1.0 - WINDOW)?);
        let ratio = at_the_end_bytes as f64 / after_a_third_bytes as f64;
        Some(Self { after_a_third_bytes, at_the_end_bytes, ratio, is_judged: lasted >= JUDGED_FROM })
    }

    pub(super) fn is_too_much(&self) -> bool {
        self.is_judged && self.ratio > MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(minutes: u64, restart_at: u64, bytes: impl Fn(u64) -> u64) -> (Vec<Sample>, Duration) {
        let each = (0..minutes * 6).map(|n| n * 10);
        let sample = |second| Sample {
            at: Duration::from_secs(second),
            spell: if second < restart_at { 1 } else { 2 },
            bytes: bytes(second),
        };
        (each.map(sample).collect(), Duration::from_mins(minutes))
    }

    #[test]
    fn growth_after_the_first_third_is_too_much_and_growth_before_is_not() {
        for (restart, grows_until, too_much) in [(60, 300, false), (60, 1800, true)] {
            let (samples, lasted) = samples(30, restart, |second| 100 + second.min(grows_until));
            let memory = Memory::of(&samples, lasted).unwrap();
            assert_eq!(memory.is_too_much(), too_much, "{memory:?}");
        }
    }

    #[test]
    fn two_processes_are_not_compared_and_a_short_run_is_not_judged() {
        let (spoilt, lasted) = samples(30, 700, |_| 100);
        assert_eq!(Memory::of(&spoilt, lasted), None);
        let (short, lasted) = samples(5, 30, |second| 100 + second);
        let memory = Memory::of(&short, lasted).unwrap();
        assert!(memory.ratio > MOST && !memory.is_too_much(), "{memory:?}");
        assert_eq!(Memory::of(&[], lasted), None);
    }
}
