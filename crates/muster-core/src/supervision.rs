//! When a failed part starts again, and when it is held off: a plain value and a pure decision.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Moment;

/// How often a part may fail before it is held off, and how long it waits in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Restarts allowed within [`Policy::window`].
    pub restarts: usize,
    /// The window that restarts are counted in.
    pub window: Duration,
    /// The wait before the first restart.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            restarts: 5,
            window: Duration::from_mins(1),
            first: Duration::from_millis(100),
            longest: Duration::from_secs(10),
        }
    }
}

/// Why a part ended without being told to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It panicked; the place, never the payload.
    Panicked {
        /// What it was doing, such as `logic` or `bot`.
        part: String,
    },
    /// Its parent went away.
    Orphaned,
}

impl Exit {
    /// The cause in words for an operator.
    pub fn words(&self) -> String {
        match self {
            Self::Panicked { part } => format!("{part} panicked"),
            Self::Orphaned => "its supervisor restarted".to_owned(),
        }
    }
}

/// What to do about an exit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Start a fresh one.
    Restart {
        /// After this wait.
        after: Duration,
    },
    /// Hold it off until somebody releases it.
    Quarantine {
        /// The grouped causes.
        because: String,
    },
}

/// The exits of one part that still count.
#[derive(Clone, Debug, Default)]
pub struct History {
    exits: VecDeque<(Moment, String)>,
}

impl Policy {
    /// Decides about an exit and remembers it.
    pub fn decide(&self, history: &mut History, exit: &Exit, now: Moment) -> Decision {
        while history.exits.front().is_some_and(|(at, _)| now.since(*at) > self.window) {
            history.exits.pop_front();
        }
        // An orphan did nothing wrong: it comes back without counting.
        if *exit == Exit::Orphaned {
            return Decision::Restart { after: self.first };
        }
        history.exits.push_back((now, exit.words()));
        let count = history.exits.len();
        if count > self.restarts {
            let because = history.causes(self.window);
            history.exits.clear();
            return Decision::Quarantine { because };
        }
        let doublings = u32::try_from(count - 1).unwrap_or(u32::MAX).min(20);
        Decision::Restart { after: self.first.saturating_mul(1 << doublings).min(self.longest) }
    }
}

impl History {
    fn causes(&self, window: Duration) -> String {
        let mut groups: Vec<(&str, usize)> = Vec::new();
        for (_, words) in &self.exits {
            match groups.iter_mut().find(|(known, _)| known == words) {
                Some((_, count)) => *count += 1,
                None => groups.push((words, 1)),
            }
        }
        let list: Vec<_> = groups.iter().map(|(words, count)| format!("{words} ({count} times)")).collect();
        format!("crash loop: {} within {} s", list.join(", "), window.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn panicked() -> Exit {
        Exit::Panicked { part: "logic".into() }
    }

    #[test]
    fn restarts_wait_longer_and_longer_then_stop() {
        let policy = Policy::default();
        let mut history = History::default();
        let waits: Vec<_> = (0..5)
            .map(|n| match policy.decide(&mut history, &panicked(), Moment(n * 1000)) {
                Decision::Restart { after } => after.as_millis(),
                Decision::Quarantine { because } => panic!("{because}"),
            })
            .collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600]);
        let Decision::Quarantine { because } = policy.decide(&mut history, &panicked(), Moment(6000)) else {
            panic!()
        };
        assert_eq!(because, "crash loop: logic panicked (6 times) within 60 s");
    }

    #[test]
    fn an_orphan_never_counts() {
        let mut history = History::default();
        for n in 0..100 {
            let decision = Policy::default().decide(&mut history, &Exit::Orphaned, Moment(n));
            assert!(matches!(decision, Decision::Restart { .. }));
        }
    }

    proptest! {
        /// Against the plain reading of the rule: more than 5 exits within 60 s, since the last verdict.
        #[test]
        fn quarantine_comes_exactly_past_the_limit(gaps in proptest::collection::vec(0u64..40_000, 1..200)) {
            let policy = Policy::default();
            let (mut history, mut model, mut now) = (History::default(), Vec::<u64>::new(), 0);
            for gap in gaps {
                now += gap;
                model.push(now);
                model.retain(|at| now - at <= 60_000);
                let expected = model.len() > 5;
                let decision = policy.decide(&mut history, &panicked(), Moment(now));
                prop_assert_eq!(matches!(decision, Decision::Quarantine { .. }), expected);
                if expected { model.clear(); }
            }
        }
    }
}
