//! What a bot needs to know of all its conversations at each event, kept as they change: an event
//! looks at the conversations that it concerns, however many others there are.

use std::collections::{BTreeSet, HashMap};

use liveperson_proto::ConversationId;

use super::Bot;
use crate::dialog::{Conversation, Means};
use crate::time::{Moment, Now};

/// Moments of conversations, the earliest first.
#[derive(Debug, Default)]
struct Moments {
    ordered: BTreeSet<(Moment, ConversationId)>,
    of: HashMap<ConversationId, Moment>,
}

impl Moments {
    fn set(&mut self, id: &ConversationId, at: Option<Moment>) {
        if self.of.get(id).copied() == at {
            return;
        }
        if let Some(before) = self.of.remove(id) {
            self.ordered.remove(&(before, id.clone()));
        }
        if let Some(at) = at {
            self.of.insert(id.clone(), at);
            self.ordered.insert((at, id.clone()));
        }
    }

    fn first(&self) -> Option<Moment> {
        self.ordered.first().map(|(at, _)| *at)
    }
}

/// The index over a bot's conversations.
#[derive(Debug, Default)]
pub(crate) struct Index {
    touched: BTreeSet<ConversationId>,
    /// When each wants to be woken, under `means`.
    wanted: Moments,
    means: Option<Means>,
    /// When the oldest unanswered message of each was heard.
    owed: Moments,
    unconfirmed: HashMap<ConversationId, usize>,
    outbox: usize,
}

impl Index {
    /// Something is about to happen to a conversation.
    pub(crate) fn touch(&mut self, id: &ConversationId) {
        if !self.touched.contains(id) {
            self.touched.insert(id.clone());
        }
    }

    pub(crate) fn touched(&self) -> Vec<ConversationId> {
        self.touched.iter().cloned().collect()
    }

    pub(crate) fn first_wanted(&self) -> Option<Moment> {
        self.wanted.first()
    }

    pub(crate) fn oldest_owed(&self) -> Option<Moment> {
        self.owed.first()
    }

    /// Actions of all conversations that the platform has not confirmed.
    pub(crate) fn outbox(&self) -> usize {
        self.outbox
    }

    fn due(&self, now: Moment) -> Vec<ConversationId> {
        self.wanted.ordered.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| id.clone()).collect()
    }

    fn note_outbox(&mut self, id: &ConversationId, length: usize) {
        let before = if length == 0 {
            self.unconfirmed.remove(id)
        } else {
            self.unconfirmed.insert(id.clone(), length)
        };
        self.outbox = self.outbox + length - before.unwrap_or(0);
    }
}

impl Bot {
    /// Wakes the conversations whose moment has come.
    pub(crate) fn wake_due(&mut self, now: Now, out: &mut Vec<crate::dialog::Effect>) {
        for id in self.index.due(now.moment) {
            self.with(&id, now, out, Conversation::advance);
        }
    }

    /// Brings the index up to date with what the event touched.
    pub(crate) fn reindex(&mut self) {
        let means = self.means();
        let all = self.index.means != Some(means);
        self.index.means = Some(means);
        let mut touched = std::mem::take(&mut self.index.touched);
        if all {
            touched.extend(self.conversations.keys().cloned());
        }
        for id in touched {
            let conversation = self.conversations.get(&id);
            let wanted = conversation.and_then(|c| c.deadline(&self.rules, means));
            let (owed, outbox) = conversation.map_or((None, 0), |c| (c.oldest_owed(), c.outbox.len()));
            self.index.wanted.set(&id, wanted);
            self.index.owed.set(&id, owed);
            self.index.note_outbox(&id, outbox);
        }
    }
}
