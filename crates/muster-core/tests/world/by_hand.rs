//! People take conversations over, say something through the bots, transfer and close, and give them back.

use std::collections::BTreeSet;

use liveperson_proto::ConversationId;
use muster_core::bot::Event;
use muster_core::tag::Tagger;
use muster_core::turn::{Deed, Turn, TurnEvent};

use super::platform::dialog::is_by_hand;
use super::store::{Record, Told, Wish};
use super::{ACCOUNT, POOL, World};

/// What people do to single conversations, and who has heard of it.
#[derive(Default)]
pub(crate) struct ByHand {
    /// As the store has it; over everything.
    taken: BTreeSet<ConversationId>,
    /// As each bot was told last.
    told: Vec<BTreeSet<ConversationId>>,
    wishes: u64,
}

impl World {
    pub(super) fn people_talk(&mut self, people: &mut fastrand::Rng) {
        let conversations = self.store.talked_of();
        if conversations.is_empty() {
            return;
        }
        let id = &conversations[people.usize(0..conversations.len())];
        match people.u32(0..16) {
            0..3 => drop(self.by_hand.taken.insert(id.clone())),
            3..5 => drop(self.by_hand.taken.remove(id)),
            5..9 => {
                let text = format!("hand.{}", self.by_hand.wishes);
                self.wish(id, Deed::Text { text });
            }
            9 if people.u32(0..3) == 0 => self.wish(id, Deed::Transfer { skill: "people".into() }),
            10 if people.u32(0..3) == 0 => self.wish(id, Deed::Close),
            9..11 => self.hear_of_taken(people.usize(0..self.members.len())),
            11..14 => self.hear_wishes(people.u32(0..4) == 0),
            _ => self.hear_wishes_again(people.usize(0..self.members.len())),
        }
    }

    fn wish(&mut self, id: &ConversationId, deed: Deed) {
        let key = format!("key {}", self.by_hand.wishes);
        self.by_hand.wishes += 1;
        let answers = self.by_hand.taken.contains(id);
        let wish = Wish { deed, key: &key, answers };
        let published = wish.deed.is_published();
        self.trace(|| format!("a person wishes {:?} of {id}, taken over: {answers}", wish.deed));
        if let Some(row) = self.store.wish(&tagger(), id, &wish) {
            self.reference.wished(id, &row, published);
        }
    }

    /// The process asks its store: what is new is told once, and may get lost on the way.
    fn hear_wishes(&mut self, lost: bool) {
        if self.store_away {
            return;
        }
        for Told { holder, conversation, deeds, unsent } in self.store.take_wishes(&tagger()) {
            if !lost && holder < self.members.len() && !deeds.is_empty() {
                self.tell(holder, Event::Wished { conversation, deeds, unsent });
            }
        }
    }

    /// What was told of and is not done is revived by somebody.
    fn hear_wishes_again(&mut self, bot: usize) {
        if self.store_away {
            return;
        }
        for (of, conversation, deed) in self.store.told_wishes(&tagger()) {
            let given_up = |record: &Record| matches!(record, Record::Dead(key) if key.turn == deed.turn);
            if of == bot && !self.members[bot].records.iter().any(given_up) {
                self.tell(bot, Event::Revived { conversation, deeds: vec![deed] });
            }
        }
    }

    /// A bot hears which conversations are taken over.
    pub(super) fn hear_of_taken(&mut self, bot: usize) {
        if !self.steered || self.store_away {
            return;
        }
        self.by_hand.told.resize_with(self.members.len(), BTreeSet::new);
        self.by_hand.told[bot].clone_from(&self.by_hand.taken);
        self.tell(bot, Event::TakenOver(self.by_hand.taken.clone()));
    }

    /// A new life is told before anything else, by a process that asked before it began.
    pub(super) fn begins_with_what_is_taken(&mut self, bot: usize) {
        if !self.steered {
            return;
        }
        self.by_hand.told.resize_with(self.members.len(), BTreeSet::new);
        let told = self.by_hand.told[bot].clone();
        self.tell(bot, Event::TakenOver(told));
    }

    /// Everything is given back, and what was wished is heard.
    pub(super) fn hands_off(&mut self) {
        self.by_hand.taken.clear();
        for bot in 0..self.members.len() {
            self.hear_of_taken(bot);
        }
        self.hear_last_wishes();
    }

    pub(super) fn hear_last_wishes(&mut self) {
        if !self.steered {
            return;
        }
        self.hear_wishes(false);
    }

    /// What a person said after taking over, and a bot knows to be said, answers what came before it.
    pub(super) fn must_not_be_answered_by_hand(&mut self, turn: &Turn) {
        let TurnEvent::Message { sequence, .. } = turn.event else { return };
        let Some(dialog) = self.platform.dialog(&turn.conversation) else { return };
        let later = dialog.events.iter().filter(|event| is_by_hand(event) && event.sequence > Some(sequence));
        let done = |tag: &String| self.reference.is_done(&turn.conversation, tag);
        if later.flat_map(|event| &event.external_ids).any(done) {
            let words = format!("{}: message {} was answered by a person", turn.conversation, sequence.0);
            self.breach(words);
        }
    }

    pub(super) fn is_taken_over(&self, bot: usize, id: &ConversationId) -> bool {
        self.by_hand.told.get(bot).is_some_and(|told| told.contains(id))
    }

    pub(super) fn holds_some_still(&self, bot: usize) -> bool {
        self.by_hand.told.get(bot).is_some_and(|told| !told.is_empty())
    }
}

pub(super) fn tagger() -> Tagger {
    Tagger::new(ACCOUNT.into(), POOL.into())
}
