//! A pool with intake `all`: who watches the account, and who takes which conversation.
//!
//! One member watches, so that the platform's fan-out is not multiplied by the pool. Each open
//! conversation is placed with one member, which claims and joins it.

use std::collections::{BTreeMap, BTreeSet};

use liveperson_proto::ConversationId;
use liveperson_proto::conversation::Conversation as Shown;

use crate::BotId;

/// Refused joins after which a conversation is left alone: who does not let a bot in is not asked for ever.
const REFUSALS: u32 = 3;

/// How a member parts with a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// The pool has done with it: it is not given to anybody again.
    Done,
    /// Somebody else of the pool should take it.
    Free,
    /// The platform did not let the bot join.
    NotLetIn,
}

/// What a member reports to its pool.
#[derive(Clone, Debug, PartialEq)]
pub enum PoolNews {
    /// It is online and may be given conversations.
    Ready {
        /// Counts the times it came online.
        spell: u64,
        /// The last placement it has heard of.
        placement: u64,
        /// What it holds.
        held: Vec<ConversationId>,
    },
    /// It is not online, and keeps what it holds.
    Unready,
    /// It is held off: what it holds goes to others.
    Out,
    /// The platform does not let it watch.
    Blind,
    /// It may be asked to watch again.
    Sighted,
    /// What it saw as the watcher.
    Seen {
        /// Everything that is open, not only what changed.
        whole: bool,
        /// Open conversations.
        open: Vec<Shown>,
        /// Conversations that are not open any more.
        closed: Vec<ConversationId>,
    },
    /// It no longer holds a conversation.
    Released {
        /// The conversation.
        conversation: ConversationId,
        /// How.
        parting: Parting,
    },
}

/// What a pool wants of a member.
#[derive(Clone, Debug, PartialEq)]
pub enum PoolEffect {
    /// Watch the account, unless it is not online any more.
    Watch {
        /// Who.
        bot: BotId,
        /// As in [`PoolNews::Ready`].
        spell: u64,
    },
    /// Take these conversations.
    Place {
        /// Who.
        bot: BotId,
        /// Counts the placements of this member.
        placement: u64,
        /// The conversations, as they were seen last.
        conversations: Vec<Shown>,
    },
}

#[derive(Debug, Default)]
struct Member {
    /// What it holds is known; nothing is placed while that is not said of everybody.
    known: bool,
    ready: bool,
    blind: bool,
    capacity: usize,
    load: usize,
    spell: u64,
    placement: u64,
}

#[derive(Debug)]
enum Holder {
    Nobody,
    Member {
        bot: BotId,
        /// Placed with it and not yet seen among what it holds.
        placement: u64,
    },
    /// The pool is done with it.
    Done,
}

#[derive(Debug)]
struct Open {
    /// As seen last; none while only its holder knows it.
    shown: Option<Shown>,
    holder: Holder,
    refusals: u32,
}

/// A pool with intake `all`.
#[derive(Debug, Default)]
pub struct Pool {
    members: BTreeMap<BotId, Member>,
    watcher: Option<BotId>,
    /// The watcher has told what is open: nothing is placed by an older picture of who takes part.
    seen: bool,
    open: BTreeMap<ConversationId, Open>,
    /// Conversations that nobody holds and somebody should.
    waiting: BTreeSet<ConversationId>,
}

impl Pool {
    /// Makes a bot known that may hold so many conversations.
    pub fn enrol(&mut self, bot: BotId, capacity: usize) {
        self.members.insert(bot, Member { capacity, ..Member::default() });
    }

    /// A member may hold so many conversations from now on; what it holds above that it keeps.
    pub fn resize(&mut self, bot: &BotId, capacity: usize) {
        if let Some(member) = self.members.get_mut(bot) {
            member.capacity = capacity;
        }
    }

    /// A bot that holds nothing any more is a member no longer: nobody waits for what it would say.
    pub fn dismiss(&mut self, bot: &BotId) {
        self.resigns(bot);
        self.members.remove(bot);
    }

    /// A member's life begins, with what the store says it holds.
    pub fn begins(&mut self, bot: &BotId, held: Vec<ConversationId>) -> Vec<PoolEffect> {
        let Some(member) = self.members.get_mut(bot) else { return Vec::new() };
        // A new life asks anew whether it may watch.
        (member.known, member.blind) = (true, false);
        self.now_holds(bot, 0, held);
        self.decide()
    }

    /// Who watches.
    pub fn watcher(&self) -> Option<&BotId> {
        self.watcher.as_ref()
    }

    /// The member that holds a conversation, or is on its way to.
    pub fn holder(&self, conversation: &ConversationId) -> Option<&BotId> {
        match &self.open.get(conversation)?.holder {
            Holder::Member { bot, .. } => Some(bot),
            Holder::Nobody | Holder::Done => None,
        }
    }

    /// A member's life ended: what was on its way to it never arrived, what it holds it will say.
    pub fn lost(&mut self, bot: &BotId) -> Vec<PoolEffect> {
        for open in self.open.values_mut() {
            match &mut open.holder {
                Holder::Member { bot: holder, placement } if holder == bot => *placement = 0,
                Holder::Member { .. } | Holder::Nobody | Holder::Done => {}
            }
        }
        if let Some(member) = self.members.get_mut(bot) {
            member.placement = 0;
        }
        self.take(bot, PoolNews::Unready)
    }

    /// Takes a member's report.
    pub fn take(&mut self, bot: &BotId, news: PoolNews) -> Vec<PoolEffect> {
        if !self.members.contains_key(bot) {
            return Vec::new();
        }
        match news {
            PoolNews::Ready { spell, placement, held } => {
                if let Some(member) = self.members.get_mut(bot) {
                    (member.ready, member.spell) = (true, spell);
                }
                self.now_holds(bot, placement, held);
            }
            PoolNews::Unready => self.unready(bot),
            PoolNews::Blind => self.watches(bot, false),
            PoolNews::Sighted => self.watches(bot, true),
            PoolNews::Out => {
                if let Some(member) = self.members.get_mut(bot) {
                    member.known = true;
                }
                self.unready(bot);
                self.vacate(bot);
            }
            PoolNews::Seen { whole, open, closed } => {
                if self.watcher.as_ref() == Some(bot) {
                    self.seen = true;
                    self.sees(whole, open, &closed);
                }
            }
            PoolNews::Released { conversation, parting } => self.released(bot, &conversation, parting),
        }
        self.decide()
    }

    fn decide(&mut self) -> Vec<PoolEffect> {
        let mut effects = Vec::new();
        self.elect(&mut effects);
        if self.seen && self.members.values().all(|member| member.known) {
            self.place(&mut effects);
        }
        effects
    }

    /// What was on its way to it up to `heard` and is not held did not come to anything.
    fn now_holds(&mut self, bot: &BotId, heard: u64, held: Vec<ConversationId>) {
        let held: BTreeSet<_> = held.into_iter().collect();
        let missing = |open: &Open, id: &ConversationId| {
            matches!(&open.holder, Holder::Member { bot: b, placement } if b == bot && *placement <= heard)
                && !held.contains(id)
        };
        let gone: Vec<_> =
            self.open.iter().filter(|(id, o)| missing(o, id)).map(|(id, _)| id.clone()).collect();
        for id in gone {
            self.free(&id);
        }
        for id in held {
            let open = self.open.entry(id.clone()).or_insert(Open {
                shown: None,
                holder: Holder::Nobody,
                refusals: 0,
            });
            if matches!(open.holder, Holder::Nobody) {
                open.holder = Holder::Member { bot: bot.clone(), placement: 0 };
                self.waiting.remove(&id);
                self.burden(bot, 1);
            }
        }
    }

    fn watches(&mut self, bot: &BotId, may: bool) {
        if let Some(member) = self.members.get_mut(bot) {
            member.blind = !may;
        }
        if !may {
            self.resigns(bot);
        }
    }

    fn unready(&mut self, bot: &BotId) {
        if let Some(member) = self.members.get_mut(bot) {
            member.ready = false;
        }
        self.resigns(bot);
    }

    fn resigns(&mut self, bot: &BotId) {
        if self.watcher.take_if(|watcher| watcher == bot).is_some() {
            self.seen = false;
        }
    }

    /// What the member holds goes to others.
    fn vacate(&mut self, bot: &BotId) {
        let held = |open: &Open| matches!(&open.holder, Holder::Member { bot: b, .. } if b == bot);
        let ids: Vec<_> = self.open.iter().filter(|(_, o)| held(o)).map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.free(&id);
        }
    }

    fn sees(&mut self, whole: bool, open: Vec<Shown>, closed: &[ConversationId]) {
        if whole {
            let shown: BTreeSet<_> = open.iter().map(|shown| shown.id.clone()).collect();
            // What a member holds it lets go of itself.
            let gone = |id: &ConversationId, open: &Open| {
                !shown.contains(id) && !matches!(open.holder, Holder::Member { .. })
            };
            let ids: Vec<_> =
                self.open.iter().filter(|(id, o)| gone(id, o)).map(|(id, _)| id.clone()).collect();
            for id in ids {
                self.forget(&id);
            }
        }
        for shown in open {
            let id = shown.id.clone();
            let open = self.open.entry(id.clone()).or_insert(Open {
                shown: None,
                holder: Holder::Nobody,
                refusals: 0,
            });
            open.shown = Some(shown);
            if matches!(open.holder, Holder::Nobody) && open.refusals < REFUSALS {
                self.waiting.insert(id);
            }
        }
        for id in closed {
            match self.open.get_mut(id) {
                Some(Open { holder: Holder::Member { .. }, shown, .. }) => *shown = None,
                Some(_) => self.forget(id),
                None => {}
            }
        }
    }

    fn released(&mut self, bot: &BotId, id: &ConversationId, parting: Parting) {
        let Some(open) = self.open.get_mut(id) else { return };
        if !matches!(&open.holder, Holder::Member { bot: holder, .. } if holder == bot) {
            return;
        }
        open.refusals += u32::from(parting == Parting::NotLetIn);
        if parting == Parting::Done && open.shown.is_some() {
            // It is remembered until the watcher sees its end.
            open.holder = Holder::Done;
            self.burden(bot, -1);
        } else if open.shown.is_some() {
            self.free(id);
        } else {
            self.forget(id);
        }
    }

    /// Nobody holds it any more, and somebody should.
    fn free(&mut self, id: &ConversationId) {
        let Some(open) = self.open.get_mut(id) else { return };
        let holder = std::mem::replace(&mut open.holder, Holder::Nobody);
        if open.shown.is_none() {
            self.open.remove(id);
        } else if open.refusals < REFUSALS {
            self.waiting.insert(id.clone());
        }
        if let Holder::Member { bot, .. } = holder {
            self.burden(&bot, -1);
        }
    }

    fn forget(&mut self, id: &ConversationId) {
        self.waiting.remove(id);
        if let Some(Open { holder: Holder::Member { bot, .. }, .. }) = self.open.remove(id) {
            self.burden(&bot, -1);
        }
    }

    fn burden(&mut self, bot: &BotId, by: isize) {
        if let Some(member) = self.members.get_mut(bot) {
            member.load = member.load.saturating_add_signed(by);
        }
    }

    fn elect(&mut self, effects: &mut Vec<PoolEffect>) {
        if self.watcher.is_some() {
            return;
        }
        // The least loaded: whoever watches hears of every change in the account.
        let ready = self.members.iter().filter(|(_, member)| member.ready && !member.blind);
        if let Some((bot, member)) = ready.min_by_key(|(_, member)| member.load) {
            self.watcher = Some(bot.clone());
            effects.push(PoolEffect::Watch { bot: bot.clone(), spell: member.spell });
        }
    }

    /// Gives what waits to the least loaded members, the oldest id first.
    fn place(&mut self, effects: &mut Vec<PoolEffect>) {
        let mut placed: BTreeMap<BotId, Vec<Shown>> = BTreeMap::new();
        while let Some(id) = self.waiting.first().cloned() {
            let Some(bot) = self.least_loaded() else { break };
            self.waiting.remove(&id);
            let Some(open) = self.open.get_mut(&id) else { continue };
            let (Holder::Nobody, Some(shown)) = (&open.holder, &open.shown) else { continue };
            let Some(member) = self.members.get_mut(&bot) else { continue };
            placed.entry(bot.clone()).or_default().push(shown.clone());
            open.holder = Holder::Member { bot, placement: member.placement + 1 };
            member.load += 1;
        }
        for (bot, conversations) in placed {
            let Some(member) = self.members.get_mut(&bot) else { continue };
            member.placement += 1;
            effects.push(PoolEffect::Place { placement: member.placement, bot, conversations });
        }
    }

    fn least_loaded(&self) -> Option<BotId> {
        let able = self.members.iter().filter(|(_, member)| member.ready && member.load < member.capacity);
        able.min_by_key(|(_, member)| member.load).map(|(bot, _)| bot.clone())
    }
}
