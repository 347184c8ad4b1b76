//! Conversations read by their ids: which notification answers which question.

use liveperson_proto::conversation::ConversationChange;
use liveperson_proto::{ConversationId, SubscriptionId};

use super::Bot;
use super::intake::takes_part;
use crate::dialog::{Conversation, Effect, Outcome};
use crate::time::Now;

impl Bot {
    /// A notification about conversations: the bot's own, one that was asked for, or the account's.
    pub(crate) fn told_of_conversations(
        &mut self,
        subscription: Option<&SubscriptionId>,
        changes: Vec<ConversationChange>,
        lost: usize,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let sought = subscription.and_then(|subscription| self.sought.remove(subscription));
        if let (Some(conversation), Some(subscription)) = (sought, subscription) {
            return self.found(&conversation, subscription, &changes, lost, now, out);
        }
        if self.is_own_subscription(subscription.cloned()) {
            return self.conversations_changed(&changes, lost, now, out);
        }
        // It may have overtaken the answer that names it; then the question is asked again.
        if self.knows_its_watch() || !self.is_asked_for(&changes) {
            self.watched(subscription, changes, lost, out);
        }
    }

    pub(crate) fn find_answered(
        &mut self,
        conversation: &ConversationId,
        outcome: &Outcome,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let asked = self.conversations.get(conversation).is_some_and(Conversation::is_asked_for);
        if let Outcome::Subscribed(subscription) = outcome
            && asked
        {
            self.sought.insert(subscription.clone(), conversation.clone());
        }
        self.with(conversation, now, out, |c, desk| c.find_answered(outcome, desk));
    }

    /// Whether these may be the answer to a question for one conversation.
    fn is_asked_for(&self, changes: &[ConversationChange]) -> bool {
        let [only] = changes else { return false };
        self.conversations.get(&only.conversation.id).is_some_and(Conversation::is_asked_for)
    }

    fn found(
        &mut self,
        conversation: &ConversationId,
        subscription: &SubscriptionId,
        changes: &[ConversationChange],
        lost: usize,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let (intake, me) = (self.duty.intake, self.me.clone());
        self.with(conversation, now, out, |c, desk| {
            c.found(subscription, changes, lost == 0, |shown| takes_part(shown, intake, &me), desk);
        });
    }
}
