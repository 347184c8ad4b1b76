//! Whether bots of an account lose their sockets together, so that they should not come back together.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Moment;

/// Drops that are this close belong together.
const TOGETHER: Duration = Duration::from_secs(1);

/// Fewer than this are no crowd, however small the account.
const FEW: usize = 3;

/// Drops are remembered for so long, so that who looks back after [`LOOK_BACK`] still finds those around its own.
const KEPT: Duration = Duration::from_secs(5);

/// When all that belong together with a drop have been told of, if the machine is not far behind.
pub const LOOK_BACK: Duration = Duration::from_millis(1100);

/// The latest drops of an account.
#[derive(Debug, Default)]
pub struct Crowd {
    drops: VecDeque<Moment>,
}

impl Crowd {
    /// A bot of an account of so many lost its socket; whether it is one of more than a tenth that did just now.
    ///
    /// Remembers at most a drop a bot.
    pub fn dropped(&mut self, bots: usize, now: Moment) -> bool {
        while self.drops.front().is_some_and(|at| now.since(*at) > KEPT || self.drops.len() >= bots.max(FEW))
        {
            self.drops.pop_front();
        }
        self.drops.push_back(now);
        self.is_crowd(bots, |at| now.since(at) <= TOGETHER)
    }

    /// Whether a drop at this moment was one of more than a tenth of so many bots, before it or after it.
    pub fn among(&self, bots: usize, drop: Moment) -> bool {
        self.is_crowd(bots, |at| drop.since(at) <= TOGETHER && at.since(drop) <= TOGETHER)
    }

    fn is_crowd(&self, bots: usize, belongs: impl Fn(Moment) -> bool) -> bool {
        let together = self.drops.iter().filter(|at| belongs(**at)).count();
        together >= FEW && together * 10 > bots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_a_tenth_within_a_second_are_a_crowd() {
        for (bots, drops, gap_ms, crowd) in [
            (100, 10, 1, false),
            (100, 11, 1, true),
            (100, 30, 200, false),
            (5, 2, 1, false),
            (5, 3, 1, true),
        ] {
            let mut seen = Crowd::default();
            let last = (0..drops).map(|n| seen.dropped(bots, Moment(n * gap_ms))).last();
            assert_eq!(last, Some(crowd), "{drops} of {bots}, {gap_ms} ms apart");
        }
    }

    #[test]
    fn the_first_of_a_crowd_finds_the_others_when_it_looks_back() {
        for (gap_ms, first, last) in [(1, true, true), (300, true, true), (700, false, false)] {
            let mut seen = Crowd::default();
            for n in 1..=4 {
                seen.dropped(20, Moment(n * gap_ms));
            }
            let found = (seen.among(20, Moment(gap_ms)), seen.among(20, Moment(4 * gap_ms)));
            assert_eq!(found, (first, last), "{gap_ms} ms apart");
        }
    }

    #[test]
    fn it_remembers_at_most_a_drop_a_bot() {
        let mut seen = Crowd::default();
        for _ in 0..10_000 {
            seen.dropped(20, Moment(7));
        }
        assert!(seen.drops.len() <= 20, "{}", seen.drops.len());
    }
}
