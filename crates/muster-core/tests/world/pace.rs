//! What is slow in a run, so that everything else overtakes it: answers meet states that a world in
//! which all goes at one speed hardly shows them.

use std::collections::BTreeSet;

use liveperson_proto::request::{FieldChange, Request};
use muster_core::bot::Event;

use super::aim::Aim;
use super::platform::News;
use super::swarm::Fault;

/// Something that may be slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slow {
    /// Domains, logins, refreshes and new sockets.
    Errands,
    Claims,
    Commits,
    Logic,
    Pages,
    Finds,
    Joins,
    HandBacks,
    Publishes,
    /// Transfers and closes.
    Changes,
    Messages,
    Placements,
    /// The store, with all that it is handed.
    Store,
}

const ALL: [Slow; 13] = [
    Slow::Errands,
    Slow::Claims,
    Slow::Commits,
    Slow::Logic,
    Slow::Pages,
    Slow::Finds,
    Slow::Joins,
    Slow::HandBacks,
    Slow::Publishes,
    Slow::Changes,
    Slow::Messages,
    Slow::Placements,
    Slow::Store,
];

/// What goes well together: what is slow, and what comes often.
const THEMES: [(&[Slow], &[Fault]); 6] = [
    (
        &[Slow::HandBacks, Slow::Finds, Slow::Pages],
        &[Fault::Drain, Fault::Drain, Fault::Closing, Fault::Humans, Fault::Refuse],
    ),
    (
        &[Slow::Publishes, Slow::Changes, Slow::Finds, Slow::Commits],
        &[Fault::Closing, Fault::LogicActs, Fault::Refuse, Fault::LoseAnswer, Fault::Humans],
    ),
    (
        &[Slow::Commits, Slow::Publishes, Slow::Joins, Slow::Finds, Slow::Pages, Slow::Messages],
        &[Fault::Requeue, Fault::StoreAway, Fault::Humans, Fault::Refuse],
    ),
    (
        &[Slow::Commits, Slow::Logic, Slow::Publishes, Slow::Joins],
        &[Fault::DropSocket, Fault::Requeue, Fault::LogicFails, Fault::LoseAnswer],
    ),
    (
        &[Slow::Errands, Slow::Placements, Slow::Store, Slow::Logic],
        &[Fault::Connecting, Fault::Drain, Fault::DropSocket, Fault::Fence, Fault::Quarantine],
    ),
    (
        &[Slow::Claims, Slow::Commits, Slow::Pages, Slow::Messages, Slow::Joins],
        &[Fault::StoreFences, Fault::Closing, Fault::Requeue, Fault::DropSocket],
    ),
];

/// Faults that a run may be full of.
const OFTEN: [Fault; 14] = [
    Fault::DropSocket,
    Fault::CrashAll,
    Fault::Fence,
    Fault::StoreAway,
    Fault::StoreFences,
    Fault::Requeue,
    Fault::Humans,
    Fault::Closing,
    Fault::Drain,
    Fault::Quarantine,
    Fault::Connecting,
    Fault::LogicActs,
    Fault::Refuse,
    Fault::LoseAnswer,
];

/// The pace of one run.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    slow: BTreeSet<Slow>,
    /// What is slow goes on once in so many chances.
    patience: u32,
    /// Faults that come more often than others.
    pub(crate) often: Vec<Fault>,
}

impl Pace {
    /// The same seed, the same pace.
    pub(crate) fn of(seed: u64, aim: Option<&Aim>) -> Self {
        let mut pace = Self::of_chance(seed);
        if let Some(aim) = aim {
            let event_is_slow = (seed / 2).is_multiple_of(4);
            // The other runs keep a pace of their own besides.
            if seed % 4 < 2 || event_is_slow {
                (pace.slow, pace.often) = (BTreeSet::new(), Vec::new());
            }
            pace.patience = [4, 12, 40][seed as usize / 8 % 3];
            pace.slow.extend(aim.slow().iter().copied());
            pace.often.extend(aim.often());
            pace.slow.extend(aim.slow_event().filter(|_| event_is_slow));
        }
        pace
    }

    pub(super) fn with(slow: BTreeSet<Slow>, patience: u32, often: Vec<Fault>) -> Self {
        Self { slow, patience, often }
    }

    fn of_chance(seed: u64) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed ^ 0x0070_6163_6500);
        let patience = [6, 30, 120][chance.usize(0..3)];
        if chance.u32(0..3) > 0 {
            let (slow, often) = THEMES[chance.usize(0..THEMES.len())];
            let slow = slow.iter().copied().filter(|_| chance.u32(0..4) > 0).collect();
            return Self { slow, patience, often: often.to_vec() };
        }
        let many = chance.usize(1..=4);
        let slow = (0..many).map(|_| ALL[chance.usize(0..ALL.len())]).collect();
        let often = (0..chance.usize(1..=4)).map(|_| OFTEN[chance.usize(0..OFTEN.len())]).collect();
        Self { slow, patience, often }
    }

    pub(crate) fn is_slow(&self, what: Slow) -> bool {
        self.slow.contains(&what)
    }

    pub(crate) fn goes_on(&self, chance: &mut fastrand::Rng) -> bool {
        chance.u32(0..self.patience) == 0
    }

    pub(crate) fn holds_up(&self, event: &Event) -> bool {
        self.is_slow(match event {
            Event::ClaimAnswered { .. } => Slow::Claims,
            Event::Committed { .. } => Slow::Commits,
            Event::Watch { .. } | Event::Placed { .. } => Slow::Placements,
            _ => Slow::Errands,
        })
    }

    /// Whether a socket's news is slow; `asked` is the request that it answers.
    pub(crate) fn holds_back(&self, news: &News, asked: Option<&Request>) -> bool {
        let what = match (news, asked) {
            (News::Message(_), _) => Slow::Messages,
            (News::Answer(..), Some(request)) => match request {
                Request::ReadHistory { .. } => Slow::Pages,
                Request::FindConversation { .. } => Slow::Finds,
                Request::Publish { .. } => Slow::Publishes,
                Request::UpdateConversation { changes, .. } => match changes[..] {
                    [FieldChange::Add { .. }] => Slow::Joins,
                    [FieldChange::Remove { .. }] => Slow::HandBacks,
                    _ => Slow::Changes,
                },
                _ => return false,
            },
            _ => return false,
        };
        self.is_slow(what)
    }
}
