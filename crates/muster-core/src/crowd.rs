//! Whether bots of an account lose their sockets together, so that they should not come back together.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Moment;

/// Drops that are this close belong together.
const TOGETHER: Duration = Duration::from_secs(1);

/// Fewer than this are no crowd, however small the account.
const FEW: usize = 3;

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
        while self
            .drops
            .front()
            .is_some_and(|at| now.since(*at) > TOGETHER || self.drops.len() >= bots.max(FEW))
        {
            self.drops.pop_front();
        }
        self.drops.push_back(now);
        self.drops.len() >= FEW && self.drops.len() * 10 > bots
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
    fn it_remembers_at_most_a_drop_a_bot() {
        let mut seen = Crowd::default();
        (0..10_000).for_each(|_| drop(seen.dropped(20, Moment(7))));
        assert!(seen.drops.len() <= 20, "{}", seen.drops.len());
    }
}
