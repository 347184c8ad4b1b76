//! Taken over by hand: what a bot does while a person of the brand has a conversation.
//!
//! It starts no turn and sends nothing of its own. What the person wishes (a text, a transfer, a close) is
//! done through the bot, before anything of its own, and also where nobody has taken over. What the person
//! says after taking over answers what came before it; what is left when it is given back, is owed.

use super::beginning::RestoredDeed;
use super::conversation::{Conversation, Link};
use super::desk::Desk;

impl Conversation {
    /// Whether the bot keeps silent: beside a human, or where a person has taken over.
    pub(crate) fn is_still(&self) -> bool {
        self.hushed || self.taken_over
    }

    /// A person takes the conversation over, or gives it back.
    pub(crate) fn take_over(&mut self, taken: bool, desk: &mut Desk<'_>) {
        if std::mem::replace(&mut self.taken_over, taken) == taken {
            return;
        }
        // The last turn of a closed conversation says nothing to anybody.
        if taken && !self.is_closing() {
            self.set_aside(desk);
        }
        self.advance(desk);
    }

    /// A person's word is in the dialog, and the platform has not shown yet where: it is read before any turn,
    /// since what stands before it is answered.
    pub(super) fn read_what_it_answers(&mut self, desk: &mut Desk<'_>) {
        if !matches!(self.link, Link::Detached) && !self.is_closing() && self.ended.is_none() {
            self.read_from(self.owed_from(), desk);
        }
    }

    /// People wish these done, in order.
    pub(crate) fn wished(&mut self, deeds: Vec<RestoredDeed>, unsent: usize, desk: &mut Desk<'_>) {
        self.outbox.wish(&self.id, deeds, unsent, desk.now.moment);
        self.advance(desk);
    }
}
