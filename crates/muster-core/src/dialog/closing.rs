//! The end of a conversation that was closed: one last turn with what logic has not seen.
//!
//! The turn under way goes on first; what it wants said can no longer be said. Then the history is
//! read once more, since a message may have come in right before the close.

use super::conversation::{Conversation, Link};
use super::desk::Desk;
use super::effect::Effect;
use super::ended::Ended;
use super::note::Note;
use super::stage::{Cause, Stage};
use super::taking::Claim;
use crate::time::Moment;

/// Whether the conversation is being closed, and how the bot knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    No,
    /// The bot closed it itself; the platform has not shown it yet.
    ByDeed,
    /// The platform shows it closed.
    Shown,
}

impl Conversation {
    /// The platform shows it closed: logic hears of it once, if the pool had it.
    pub(crate) fn close(&mut self, desk: &mut Desk<'_>) {
        // A transfer or close under way is done: what it was to change is no longer ours to change.
        if let Some(done) = self.outbox.take_unprovable() {
            desk.out.push(Effect::Done(done));
            self.left_by_deed = true;
        }
        let known = self.closing == Closing::ByDeed;
        if self.ended.is_some() || self.closing == Closing::Shown {
            return self.advance(desk);
        }
        if !self.has_begun() {
            return self.end(Ended::Closed, desk);
        }
        self.closing = Closing::Shown;
        if !known {
            self.read_for_the_last_time(desk);
        }
        self.advance(desk);
    }

    /// The bot's own close is done: what came in before it is still given to logic.
    pub(super) fn closed_by_deed(&mut self, desk: &mut Desk<'_>) {
        self.left_by_deed = true;
        if self.ended.is_none() && self.closing == Closing::No {
            self.closing = Closing::ByDeed;
            self.read_for_the_last_time(desk);
        }
    }

    fn read_for_the_last_time(&mut self, desk: &mut Desk<'_>) {
        self.finding.stop();
        if !matches!(self.link, Link::Detached) {
            self.read_from(self.owed_from(), desk);
        }
    }

    /// Whether the pool has, or had, a part in it, so that its logic may know it.
    fn has_begun(&self) -> bool {
        self.claim == Claim::Held && (self.opened || self.place.is_inside())
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing != Closing::No
    }

    /// Whether the platform may still show it as ours although the bot left it by a deed of its own.
    pub(crate) fn left_unseen(&self) -> bool {
        let own_doing = self.ended.as_ref().is_some_and(Ended::is_own_doing);
        own_doing || (self.closing == Closing::ByDeed && self.ended.is_some())
    }

    /// Does what is left to do in a closed conversation.
    pub(super) fn close_down(&mut self, desk: &mut Desk<'_>) {
        if self.claim != Claim::Held {
            return self.take_up(desk);
        }
        if matches!(self.link, Link::Detached) && desk.connected {
            self.read_from(self.owed_from(), desk);
        }
        if !self.is_readable(desk) {
            return;
        }
        let resting = matches!(self.stage, Stage::Thinking { .. });
        if desk.may_close && (resting || !self.stage.is_busy()) {
            self.next_turn(desk);
        }
    }

    /// The last turn's cause: every message that logic has not seen, and no more than the inbox keeps.
    pub(super) fn closed_cause(&mut self, desk: &mut Desk<'_>) -> Cause {
        let mut to = self.cursor.sequence;
        let mut unseen = Vec::new();
        while let Some(message) = self.inbox.next_after(to) {
            to = message.sequence;
            if self.answered.remove(&message.sequence) {
                desk.note(Note::AnsweredAlready);
            } else {
                unseen.push(message);
            }
        }
        Cause::Closed { unseen, more: self.inbox.more, to }
    }

    /// When the last turn wants to go on.
    pub(super) fn closing_deadline(&self, may_close: bool) -> Option<Moment> {
        let live = matches!(self.link, Link::Live);
        self.stage.deadline().filter(|_| self.stage.is_committing() || (may_close && live))
    }
}
