//! Which bots may have killed the processes that started them, and how to find out while the others work.
//!
//! A process that dies leaves behind which bots were starting. Bots that this happens to three times in a row
//! are suspects: they start after the others, in groups half as large as before, until one that dies alone is
//! known for certain.

use std::collections::BTreeMap;

/// What is left of a bot's last starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Processes in a row that died while it started.
    pub deaths: u32,
    /// In the last of them no other bot was starting.
    pub alone: bool,
}

/// In which order bots start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan<B> {
    /// Not at all: each killed a process while it started alone.
    pub guilty: Vec<B>,
    /// At once.
    pub at_once: Vec<B>,
    /// One group after the other, each once the one before has survived.
    pub groups: Vec<Vec<B>>,
}

/// Plans the start of bots, each with its past if it has one. A bot is a suspect once so many processes in a row
/// died while it started.
pub fn plan<B>(bots: impl IntoIterator<Item = (B, Option<Past>)>, suspect_after: u32) -> Plan<B> {
    let mut plan = Plan { guilty: Vec::new(), at_once: Vec::new(), groups: Vec::new() };
    let mut suspects: BTreeMap<u32, Vec<B>> = BTreeMap::new();
    for (bot, past) in bots {
        match past {
            Some(Past { deaths, alone: true }) if deaths > suspect_after => plan.guilty.push(bot),
            Some(Past { deaths, .. }) if deaths >= suspect_after => {
                suspects.entry(deaths).or_default().push(bot);
            }
            Some(_) | None => plan.at_once.push(bot),
        }
    }
    // The less suspicious first: more of the fleet works while the others are tried.
    for mut group in suspects.into_values() {
        let half = group.len().div_ceil(2);
        let rest = group.split_off(half);
        plan.groups.extend([group, rest].into_iter().filter(|group| !group.is_empty()));
    }
    plan
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    const DEATHS: u32 = 3;

    /// A fleet over its processes: who is held off, and what the dead left behind.
    struct Fleet {
        bots: u32,
        kills: BTreeSet<u32>,
        held: BTreeSet<u32>,
        pasts: BTreeMap<u32, Past>,
    }

    impl Fleet {
        /// Starts a process; whether it lives.
        fn start(&mut self) -> bool {
            let running = (0..self.bots).filter(|bot| !self.held.contains(bot));
            let plan = plan(running.map(|bot| (bot, self.pasts.get(&bot).cloned())), DEATHS);
            for bot in plan.guilty {
                self.pasts.remove(&bot);
                self.held.insert(bot);
            }
            for group in [plan.at_once].into_iter().chain(plan.groups) {
                if group.iter().any(|bot| self.kills.contains(bot)) {
                    let alone = group.len() == 1;
                    for bot in group {
                        let deaths = self.pasts.get(&bot).map_or(0, |past| past.deaths) + 1;
                        self.pasts.insert(bot, Past { deaths, alone });
                    }
                    return false;
                }
                for bot in &group {
                    self.pasts.remove(bot);
                }
            }
            true
        }
    }

    proptest! {
        /// Only the guilty are held off, and few processes die for it.
        #[test]
        fn the_fleet_lives_without_those_that_kill_it(
            bots in 1u32..200,
            kills in proptest::collection::btree_set(0u32..200, 0..4),
        ) {
            let kills: BTreeSet<_> = kills.into_iter().filter(|bot| *bot < bots).collect();
            let count = kills.len();
            let mut fleet = Fleet { bots, kills, held: BTreeSet::new(), pasts: BTreeMap::new() };
            let mut died = 0;
            while !fleet.start() {
                died += 1;
                prop_assert!(died <= 4 + count * 24, "{died} processes died for {count} of {bots} bots");
            }
            prop_assert_eq!(&fleet.held, &fleet.kills);
            prop_assert!(fleet.pasts.is_empty());
        }
    }

    #[test]
    fn one_death_is_nobodys_fault() {
        let past = |deaths, alone| Some(Past { deaths, alone });
        let found = plan(
            [
                ("a", None),
                ("b", past(2, true)),
                ("c", past(3, true)),
                ("d", past(4, true)),
                ("e", past(4, false)),
                ("f", past(4, false)),
                ("g", past(4, false)),
            ],
            DEATHS,
        );
        let groups = vec![vec!["c"], vec!["e", "f"], vec!["g"]];
        assert_eq!(found, Plan { guilty: vec!["d"], at_once: vec!["a", "b"], groups });
    }
}
