//! When a failed part starts again, and when it is held off: a plain value and a pure decision.

use std::collections::VecDeque;
use std::time::Duration;

use crate::quarantine::Kind;
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
    /// It made no progress while work waited.
    Hung {
        /// What hung, such as `socket` or `bot`.
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
            Self::Hung { part } => format!("{part} hung"),
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
        /// What most of the exits were: panics, or hangs.
        kind: Kind,
        /// The grouped causes.
        because: String,
    },
}

/// The exits of one part that still count.
#[derive(Clone, Debug, Default)]
pub struct History {
    exits: VecDeque<(Moment, Exit)>,
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
        history.exits.push_back((now, exit.clone()));
        let count = history.exits.len();
        if count > self.restarts {
            let kind = history.kind();
            let because = history.causes(kind, self.window);
            history.exits.clear();
            return Decision::Quarantine { kind, because };
        }
        let doublings = u32::try_from(count - 1).unwrap_or(u32::MAX).min(20);
        Decision::Restart { after: self.first.saturating_mul(1 << doublings).min(self.longest) }
    }
}

impl History {
    fn kind(&self) -> Kind {
        let hangs = self.exits.iter().filter(|(_, exit)| matches!(exit, Exit::Hung { .. })).count();
        if hangs * 2 > self.exits.len() { Kind::Stuck } else { Kind::CrashLoop }
    }

    fn causes(&self, kind: Kind, window: Duration) -> String {
        let mut groups: Vec<(String, usize)> = Vec::new();
        for (_, exit) in &self.exits {
            let words = exit.words();
            match groups.iter_mut().find(|(known, _)| *known == words) {
                Some((_, count)) => *count += 1,
                None => groups.push((words, 1)),
            }
        }
        let list: Vec<_> = groups.iter().map(|(words, count)| format!("{words} ({count} times)")).collect();
        let name = if kind == Kind::Stuck { "stuck" } else { "crash loop" };
        format!("{name}: {} within {} s", list.join(", "), window.as_secs())
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
                Decision::Quarantine { because, .. } => panic!("{because}"),
            })
            .collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600]);
        let Decision::Quarantine { kind, because } = policy.decide(&mut history, &panicked(), Moment(6000))
        else {
            panic!()
        };
        assert_eq!(because, "crash loop: logic panicked (6 times) within 60 s");
        assert_eq!(kind, Kind::CrashLoop);
    }

    #[test]
    fn a_part_that_mostly_hangs_is_stuck() {
        let mut history = History::default();
        let decide =
            |history: &mut History, exit: &Exit, n| Policy::default().decide(history, exit, Moment(n));
        decide(&mut history, &panicked(), 0);
        let hung = Exit::Hung { part: "bot".into() };
        for n in 1..5 {
            assert!(matches!(decide(&mut history, &hung, n), Decision::Restart { .. }));
        }
        let Decision::Quarantine { kind, because } = decide(&mut history, &hung, 5) else { panic!() };
        assert_eq!(because, "stuck: logic panicked (1 times), bot hung (5 times) within 60 s");
        assert_eq!(kind, Kind::Stuck);
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
