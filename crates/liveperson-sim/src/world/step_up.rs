//! A consumer who was nobody in particular becomes somebody: its id changes in the middle of a conversation.

use liveperson_proto::{ConsumerId, ConversationId};

use super::World;
use super::conversations::{Facts, Role};

impl World {
    /// The consumer of an open conversation has another id from now on, here and in its other open ones;
    /// what it said before stays under the old one. Returns the new id.
    pub(crate) fn step_up(&mut self, id: &ConversationId) -> Option<ConsumerId> {
        let old = self.conversations.get(id).filter(|one| one.facts.is_open())?.facts.consumer.clone();
        let new = ConsumerId::from(self.uuid());
        let played = self.consumers.remove(&old)?;
        let open: Vec<ConversationId> =
            played.conversations.iter().filter(|id| self.is_open(id)).cloned().collect();
        for socket in &played.sockets {
            if let Some(socket) = self.consumer_sockets.get_mut(socket) {
                socket.consumer = Some(new.clone());
            }
        }
        if let Some(home) = self.accounts.get_mut(&played.account) {
            for named in home.consumers.values_mut().filter(|named| **named == old) {
                *named = new.clone();
            }
        }
        self.consumers.insert(new.clone(), played);
        self.successors.insert(old.clone(), new.clone());
        for id in open {
            if let Some(facts) = self.conversations.get(&id).map(|one| one.facts.clone()) {
                self.commit(renamed(facts, &old, &new));
            }
        }
        Some(new)
    }

    /// The consumer of the latest conversation steps up, if that is open.
    pub(crate) fn consumer_steps_up(&mut self, consumer: &ConsumerId) -> Option<ConsumerId> {
        let now = self.now_called(consumer);
        let id = self.consumers.get(&now)?.conversation.clone()?;
        self.step_up(&id)
    }

    /// Who a consumer is by now.
    pub(crate) fn now_called(&self, consumer: &ConsumerId) -> ConsumerId {
        let mut now = consumer;
        while let Some(next) = self.successors.get(now) {
            now = next;
        }
        now.clone()
    }
}

fn renamed(mut facts: Facts, old: &ConsumerId, new: &ConsumerId) -> Facts {
    facts.consumer = new.clone();
    for one in facts.participants.iter_mut().filter(|one| one.role == Role::Consumer) {
        one.id = new.to_string();
        one.pid = new.to_string();
    }
    if let Some(unread) = facts.unread.remove(old.as_str()) {
        facts.unread.insert(new.to_string(), unread);
    }
    facts
}
