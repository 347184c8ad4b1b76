//! When a conversation wants to be woken, and what it is waiting for.

use super::conversation::{Conversation, Link};
use super::desk::Rules;
use super::taking::Claim;
use crate::time::Moment;

/// What a bot may do at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a leave of its own")]
pub(crate) struct Means {
    /// Send deeds.
    pub(crate) may_act: bool,
    /// Start turns.
    pub(crate) may_think: bool,
    /// Start the last turn of a closed conversation.
    pub(crate) may_close: bool,
    /// A socket has shown what is ours.
    pub(crate) connected: bool,
}

impl Conversation {
    /// When it wants to be woken.
    pub(crate) fn deadline(&self, rules: &Rules, means: Means) -> Option<Moment> {
        let Means { may_act, may_think, may_close, connected } = means;
        let settle = rules.settle;
        if self.ended.is_some() {
            return self.stage.deadline().filter(|_| self.stage.is_committing());
        }
        let find = self.finding.deadline(settle).filter(|_| connected && may_act);
        if self.is_closing() {
            let claim = self.taking_deadline(rules, connected).filter(|_| may_think);
            let claim = claim.filter(|_| self.claim != Claim::Held);
            let closing = self.closing_deadline(may_close);
            return [find, claim, self.reading_deadline(), closing].into_iter().flatten().min();
        }
        let taking = self.taking_deadline(rules, connected).filter(|_| may_think);
        let retiring = may_close && !may_think;
        let hand_back = self.hand_back_deadline(rules).filter(|_| connected && may_act && retiring);
        let link = match &self.link {
            Link::Reading(_) => self.reading_deadline(),
            // While the platform is asked for the conversation, its answer comes first.
            Link::Live if may_act && find.is_none() => self.outbox.deadline(settle, self.is_still()),
            Link::Live | Link::Detached => None,
        };
        let may_think = may_think && matches!(self.link, Link::Live) && self.outbox.is_empty();
        let may_think = may_think && !self.handing_back && !self.is_still();
        let stage = self.stage.deadline().filter(|_| self.stage.is_committing() || may_think);
        [find, taking, hand_back, link, stage].into_iter().flatten().min()
    }

    fn reading_deadline(&self) -> Option<Moment> {
        match &self.link {
            Link::Reading(reading) => reading.retry_at,
            Link::Live | Link::Detached => None,
        }
    }

    /// When the oldest message was said that is owed an answer and has none, in milliseconds since 1970.
    ///
    /// Beside a human, and where a person has taken over, nothing is owed; of what nobody has read yet nothing is known.
    pub(crate) fn oldest_owed(&self) -> Option<i64> {
        if self.is_still() {
            return None;
        }
        let in_hand = self.stage.heard().map(|heard| heard.said);
        let unconfirmed = self.outbox.pending.iter().filter_map(|pending| pending.owed).min();
        [self.inbox.oldest(), in_hand, unconfirmed].into_iter().flatten().min()
    }

    /// Whether it has been read so far that nothing older is owed than what is known.
    pub(crate) fn is_read(&self) -> bool {
        let let_go = self.inbox.more && self.inbox.len() == 0;
        self.ended.is_some() || (matches!(self.link, Link::Live) && !let_go)
    }
}
