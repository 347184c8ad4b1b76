//! What a bot needs to know of all its conversations at each event, kept as they change: an event
//! looks at the conversations that it concerns, however many others there are.

use std::collections::{BTreeSet, HashMap, HashSet};

use liveperson_proto::ConversationId;

use super::Bot;
use crate::dialog::{Conversation, Means};
use crate::time::{Moment, Now};

/// Times of conversations, the earliest first.
#[derive(Debug)]
struct Times<T> {
    ordered: BTreeSet<(T, ConversationId)>,
    of: HashMap<ConversationId, T>,
}

impl<T> Default for Times<T> {
    fn default() -> Self {
        Self { ordered: BTreeSet::new(), of: HashMap::new() }
    }
}

impl<T: Copy + Ord> Times<T> {
    fn set(&mut self, id: &ConversationId, at: Option<T>) {
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

    fn first(&self) -> Option<T> {
        self.ordered.first().map(|(at, _)| *at)
    }
}

/// The index over a bot's conversations.
#[derive(Debug, Default)]
pub(crate) struct Index {
    touched: BTreeSet<ConversationId>,
    /// When each wants to be woken, under `means`.
    wanted: Times<Moment>,
    means: Option<Means>,
    /// When the oldest unanswered message of each was said, in milliseconds since 1970.
    owed: Times<i64>,
    /// Those of which not everything has been read.
    unread: HashSet<ConversationId>,
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

    /// When the oldest unanswered message was said, as far as it is known.
    pub(crate) fn oldest_owed(&self) -> Option<i64> {
        self.owed.first()
    }

    /// Whether everything has been read, so that nothing else is owed.
    pub(crate) fn has_read_all(&self) -> bool {
        self.unread.is_empty()
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
        if self.ring_deadline().is_some_and(|at| at <= now.moment) {
            self.answer_rings(now, out);
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
            if conversation.is_none_or(Conversation::is_read) {
                self.index.unread.remove(&id);
            } else {
                self.index.unread.insert(id.clone());
            }
            self.index.note_outbox(&id, outbox);
        }
    }
}
