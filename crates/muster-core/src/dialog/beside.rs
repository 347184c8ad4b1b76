//! Beside a human: what a silent bot does while somebody else is the assigned agent.
//!
//! It starts no turn and sends nothing. What the agent answers is not owed any more; what is left
//! when the agent has gone, is.

use liveperson_proto::Sequence;
use liveperson_proto::conversation::Conversation as Shown;
use liveperson_proto::message::Role;

use super::conversation::Conversation;
use super::desk::{Desk, Me};
use super::effect::Effect;
use super::note::Note;
use super::outbox::SendState;
use super::stage::Stage;
use crate::duty::Intake;
use crate::tag::Trigger;

/// Whether somebody else is the assigned agent.
pub(crate) fn is_with_human(shown: &Shown, me: &Me) -> bool {
    shown.participants.iter().any(|(id, role)| *role == Role::AssignedAgent && !me.is(id))
}

impl Conversation {
    /// Holds still, or goes on, as the conversation's participants say.
    pub(crate) fn hush(&mut self, shown: &Shown, desk: &Desk<'_>) {
        self.hushed = desk.duty.is_silent_beside_humans() && is_with_human(shown, desk.me);
        if self.hushed {
            self.set_aside(desk);
        }
    }

    /// A turn that logic is at work on goes back: it may not be owed any more when the human leaves.
    pub(super) fn set_aside(&mut self, desk: &Desk<'_>) {
        if matches!(self.stage, Stage::Thinking { .. })
            && let Some(message) = std::mem::replace(&mut self.stage, Stage::Idle).into_message()
        {
            self.inbox.put(message, desk.rules.inbox.max(self.inbox.len() + 1));
        }
    }

    /// The assigned agent wrote something: what came before is answered.
    pub(crate) fn human_answered(&mut self, at: Sequence, desk: &mut Desk<'_>) {
        // A bot that is rung was not assigned then: it has begun the conversation, lost it and got it back.
        let was_away = desk.duty.intake == Intake::Rings && self.opened;
        if was_away || desk.duty.is_silent_beside_humans() {
            self.answered_by_hand(at);
        }
    }

    /// A person of the brand wrote something: what came before is answered.
    pub(super) fn answered_by_hand(&mut self, at: Sequence) {
        if at <= self.human_answered {
            return;
        }
        self.human_answered = at;
        self.inbox.pass(at);
        if matches!(&self.stage, Stage::Thinking { cause, .. } if cause.is_up_to(at)) {
            self.stage = Stage::Idle;
        }
    }

    /// Drops deeds at the head that answer what a human has answered meanwhile.
    ///
    /// A deed that may have been sent is looked for first, like any other.
    pub(crate) fn drop_superseded(&mut self, desk: &mut Desk<'_>) {
        while let [_, Some(own)] = self.outbox.heads() {
            let head = &self.outbox.pending[own];
            let superseded = match desk.tagger.trigger(&head.tag) {
                Some(Trigger::Message(sequence)) => sequence <= self.human_answered,
                Some(Trigger::Opened) => self.human_answered > Sequence::START,
                Some(Trigger::Closed | Trigger::Person { .. }) | None => false,
            };
            let unsent = match &head.state {
                SendState::Ready | SendState::Paused { .. } => true,
                SendState::Sent | SendState::Refused { .. } => false,
                SendState::Unknown { since } => {
                    let settled = *since + desk.rules.settle;
                    self.looked.is_some_and(|at| at >= settled)
                }
            };
            if !superseded || !unsent {
                return;
            }
            let Some(dropped) = self.outbox.pending.remove(own) else { return };
            desk.note(Note::Superseded { conversation: self.id.clone() });
            desk.out.push(Effect::Dead(dropped.key, "a human answered first".to_owned()));
        }
    }
}
