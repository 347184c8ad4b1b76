//! A pool with intake `all` under random schedules: each open conversation ends up with one member.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use liveperson_proto::ConversationId;
use liveperson_proto::conversation::Conversation as Shown;
use muster_core::BotId;
use muster_core::pool::{Parting, Pool, PoolEffect, PoolNews};
use proptest::prelude::*;

/// Members as values: what each holds, and what is on its way to it.
struct World {
    pool: Pool,
    chance: fastrand::Rng,
    open: BTreeSet<ConversationId>,
    members: BTreeMap<BotId, Member>,
    /// The store's claims.
    claims: BTreeMap<ConversationId, BotId>,
    opened: usize,
    breach: Option<String>,
}

#[derive(Default)]
struct Member {
    online: bool,
    out: bool,
    watches: bool,
    spell: u64,
    placement: u64,
    held: BTreeSet<ConversationId>,
    inbox: VecDeque<PoolEffect>,
}

fn shown(id: &ConversationId) -> Shown {
    Shown {
        id: id.clone(),
        skill: None,
        main_open: true,
        stage_open: true,
        participants: Vec::new(),
        main_dialog: id.main_dialog(),
    }
}

impl World {
    fn new(seed: u64, bots: usize) -> Self {
        let mut pool = Pool::default();
        let names = (0..bots).map(|n| BotId::from(format!("b{n}")));
        let members: BTreeMap<_, _> = names.map(|name| (name, Member::default())).collect();
        for bot in members.keys() {
            pool.enrol(bot.clone(), 100);
            pool.begins(bot, Vec::new());
        }
        let chance = fastrand::Rng::with_seed(seed);
        let (open, claims) = (BTreeSet::new(), BTreeMap::new());
        Self { pool, chance, open, members, claims, opened: 0, breach: None }
    }

    fn step(&mut self) {
        let bot =
            self.members.keys().nth(self.chance.usize(0..self.members.len())).expect("a member").clone();
        match self.chance.u32(0..100) {
            0..15 => self.open_one(),
            15..20 => self.close_one(),
            20..70 => self.hear(&bot),
            70..80 => self.connect(&bot),
            80..88 => self.disconnect(&bot),
            88..94 => self.restart(&bot),
            94..96 => self.hold_off(&bot),
            _ => self.hand_back(&bot),
        }
    }

    fn open_one(&mut self) {
        self.opened += 1;
        let id = ConversationId::from(format!("C{}", self.opened));
        self.open.insert(id.clone());
        self.watcher_sees(&[shown(&id)], &[]);
    }

    fn close_one(&mut self) {
        let Some(id) = self.open.pop_first() else { return };
        self.watcher_sees(&[], std::slice::from_ref(&id));
        let holders: Vec<_> = self
            .members
            .iter()
            .filter(|(_, m)| m.online && m.held.contains(&id))
            .map(|(b, _)| b.clone())
            .collect();
        for bot in holders {
            self.release(&bot, &id, Parting::Done);
        }
    }

    fn watcher_sees(&mut self, open: &[Shown], closed: &[ConversationId]) {
        let watchers: Vec<_> =
            self.members.iter().filter(|(_, m)| m.watches).map(|(bot, _)| bot.clone()).collect();
        if watchers.len() > 1 {
            self.breach = Some(format!("{watchers:?} watch at one time"));
        }
        for bot in watchers {
            let (open, closed) = (open.to_vec(), closed.to_vec());
            self.tell(&bot, PoolNews::Seen { whole: false, open, closed });
        }
    }

    fn connect(&mut self, bot: &BotId) {
        let open = self.open.clone();
        let member = self.members.get_mut(bot).expect("a member");
        if std::mem::replace(&mut member.online, true) || member.out {
            member.online = !member.out;
            return;
        }
        let closed: Vec<_> = member.held.difference(&open).cloned().collect();
        member.spell += 1;
        let (spell, placement) = (member.spell, member.placement);
        let held = member.held.iter().cloned().collect();
        self.tell(bot, PoolNews::Ready { spell, placement, held });
        for id in &closed {
            self.release(bot, id, Parting::Free);
        }
    }

    fn disconnect(&mut self, bot: &BotId) {
        let member = self.members.get_mut(bot).expect("a member");
        member.watches = false;
        if std::mem::take(&mut member.online) {
            self.tell(bot, PoolNews::Unready);
        }
    }

    /// A panic: what was on its way is lost, what is claimed comes back from the store.
    fn restart(&mut self, bot: &BotId) {
        if self.members[bot].out {
            return;
        }
        let claims = self.claims.iter().filter(|(_, holder)| *holder == bot).map(|(id, _)| id.clone());
        let fresh = Member { held: claims.collect(), ..Member::default() };
        self.members.insert(bot.clone(), fresh);
        let held = self.members[bot].held.iter().cloned().collect();
        let effects = self.pool.lost(bot);
        self.carry_out(effects);
        let effects = self.pool.begins(bot, held);
        self.carry_out(effects);
    }

    fn hold_off(&mut self, bot: &BotId) {
        if self.members.values().filter(|member| !member.out).count() > 1 {
            let member = self.members.get_mut(bot).expect("a member");
            (member.out, member.online, member.watches) = (true, false, false);
            member.inbox.clear();
            self.tell(bot, PoolNews::Out);
        }
    }

    fn hand_back(&mut self, bot: &BotId) {
        if let Some(id) = self.members[bot].held.first().cloned().filter(|_| self.members[bot].online) {
            self.release(bot, &id, Parting::Free);
        }
    }

    fn release(&mut self, bot: &BotId, id: &ConversationId, parting: Parting) {
        self.members.get_mut(bot).expect("a member").held.remove(id);
        if self.claims.get(id) == Some(bot) {
            self.claims.remove(id);
        }
        self.tell(bot, PoolNews::Released { conversation: id.clone(), parting });
    }

    fn hear(&mut self, bot: &BotId) {
        let Some(effect) = self.members.get_mut(bot).and_then(|member| member.inbox.pop_front()) else {
            return;
        };
        match effect {
            PoolEffect::Watch { spell, .. } => {
                let member = self.members.get_mut(bot).expect("a member");
                if member.online && member.spell == spell {
                    member.watches = true;
                    let open = self.open.iter().map(shown).collect();
                    self.tell(bot, PoolNews::Seen { whole: true, open, closed: Vec::new() });
                }
            }
            PoolEffect::Place { placement, conversations, .. } => {
                self.members.get_mut(bot).expect("a member").placement = placement;
                for shown in conversations {
                    self.take_up(bot, &shown.id);
                }
            }
        }
    }

    fn take_up(&mut self, bot: &BotId, id: &ConversationId) {
        if let Some(former) = self.claims.insert(id.clone(), bot.clone()).filter(|former| former != bot) {
            let lost =
                self.members.get_mut(&former).is_some_and(|member| member.held.remove(id) && !member.out);
            if lost {
                self.breach = Some(format!("{id} was taken from {former}, which is not held off"));
            }
        }
        if self.open.contains(id) {
            self.members.get_mut(bot).expect("a member").held.insert(id.clone());
        } else {
            self.release(bot, id, Parting::Done);
        }
    }

    fn tell(&mut self, bot: &BotId, news: PoolNews) {
        let effects = self.pool.take(bot, news);
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<PoolEffect>) {
        for effect in effects {
            let (PoolEffect::Watch { bot, .. } | PoolEffect::Place { bot, .. }) = &effect;
            self.members.get_mut(bot).expect("a member").inbox.push_back(effect);
        }
    }

    /// Everybody who may be online is, and everything on its way arrives.
    fn quiesce(&mut self) {
        for bot in self.members.keys().cloned().collect::<Vec<_>>() {
            self.connect(&bot);
        }
        while let Some(bot) =
            self.members.iter().find(|(_, m)| !m.inbox.is_empty()).map(|(bot, _)| bot.clone())
        {
            self.hear(&bot);
        }
    }

    fn verdict(&self) -> Result<(), String> {
        if let Some(breach) = &self.breach {
            return Err(breach.clone());
        }
        for id in &self.open {
            let able = self.members.iter().filter(|(_, member)| !member.out);
            let holders: Vec<_> = able.filter(|(_, m)| m.held.contains(id)).map(|(bot, _)| bot).collect();
            if holders.len() != 1 {
                return Err(format!("{id} is held by {holders:?}"));
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_open_conversation_ends_up_with_one_member(seed: u64, bots in 1usize..5, steps in 10usize..120) {
        let mut world = World::new(seed, bots);
        for _ in 0..steps {
            world.step();
        }
        world.quiesce();
        prop_assert!(world.verdict().is_ok(), "seed {seed}, {bots} bots, {steps} steps: {}", world.verdict().unwrap_err());
    }
}

#[test]
fn conversations_go_to_the_least_loaded_and_to_nobody_beyond_its_capacity() {
    let mut pool = Pool::default();
    for (bot, capacity) in [("a", 2), ("b", 5)] {
        pool.enrol(bot.into(), capacity);
    }
    for bot in ["a", "b"] {
        pool.begins(&bot.into(), Vec::new());
        pool.take(&bot.into(), PoolNews::Ready { spell: 1, placement: 0, held: Vec::new() });
    }
    let watcher = pool.watcher().expect("somebody watches").clone();
    let open = (0..9).map(|n| shown(&ConversationId::from(format!("C{n}")))).collect();
    let effects = pool.take(&watcher, PoolNews::Seen { whole: true, open, closed: Vec::new() });
    let placed: BTreeMap<_, _> = effects
        .into_iter()
        .filter_map(|effect| match effect {
            PoolEffect::Place { bot, conversations, .. } => Some((bot.to_string(), conversations.len())),
            PoolEffect::Watch { .. } => None,
        })
        .collect();
    assert_eq!(placed, [("a".to_owned(), 2), ("b".to_owned(), 5)].into());
}

/// After a start nothing is placed before everybody has said what it holds.
#[test]
fn nothing_is_taken_from_a_member_that_is_slow_to_come_back() {
    let mut pool = Pool::default();
    for bot in ["a", "b"] {
        pool.enrol(bot.into(), 5);
    }
    pool.begins(&"a".into(), Vec::new());
    pool.take(&"a".into(), PoolNews::Ready { spell: 1, placement: 0, held: Vec::new() });
    let open = ["C1", "C2"].map(|id| shown(&id.into())).to_vec();
    let seen = PoolNews::Seen { whole: true, open, closed: Vec::new() };
    assert_eq!(pool.take(&"a".into(), seen), [], "b may hold them");
    let effects = pool.begins(&"b".into(), vec!["C1".into()]);
    let [PoolEffect::Place { bot, conversations, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((bot.as_str(), conversations[0].id.as_str(), conversations.len()), ("a", "C2", 1));
    assert_eq!(pool.holder(&"C1".into()).map(BotId::as_str), Some("b"), "though it is not online");
}
