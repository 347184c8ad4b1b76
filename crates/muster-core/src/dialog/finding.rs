//! Reading one conversation by its id: where a snapshot does not show it, or what was asked of it is in doubt.
//!
//! The platform has no plain request for it: a subscription to one id tells at once what there is, and
//! is given up again.

use liveperson_proto::SubscriptionId;
use liveperson_proto::conversation::{Conversation as Shown, ConversationChange};
use liveperson_proto::request::Request;

use super::conversation::{Conversation, Link};
use super::desk::{Desk, Outcome, Purpose};
use super::ended::Ended;
use super::taking::Place;
use crate::duty::Intake;
use crate::time::Moment;

/// After so many tries without an answer it counts as not shown.
const TRIES: u32 = 5;

/// How far a reading by id is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    Idle,
    /// Wanted from a moment on.
    Wanted {
        at: Moment,
        tries: u32,
    },
    Asked {
        subscription: Option<SubscriptionId>,
        since: Moment,
        tries: u32,
    },
}

impl Finding {
    pub(super) fn stop(&mut self) {
        *self = Self::Idle;
    }

    pub(super) fn deadline(&self, settle: std::time::Duration) -> Option<Moment> {
        match self {
            Self::Idle => None,
            Self::Wanted { at, .. } => Some(*at),
            Self::Asked { since, .. } => Some(*since + settle),
        }
    }

    fn is_of(&self, subscription: &SubscriptionId) -> bool {
        matches!(self, Self::Asked { subscription: Some(asked), .. } if asked == subscription)
    }
}

impl Conversation {
    /// The first notification of a socket did not show it: closed, or not ours any more.
    pub(crate) fn missing(&mut self, at: Moment, desk: &mut Desk<'_>) {
        if !self.is_held() || self.ended.is_some() {
            return self.shown_without_us(Ended::Missing, desk);
        }
        if !self.is_closing() {
            self.finding = Finding::Wanted { at, tries: 0 };
        }
        self.advance(desk);
    }

    /// Wants to know where it stands, if it is not being asked already.
    pub(super) fn want_to_find(&mut self, desk: &Desk<'_>) {
        if self.finding == Finding::Idle {
            self.finding = Finding::Wanted { at: desk.now.moment, tries: 0 };
        }
    }

    pub(super) fn find(&mut self, desk: &mut Desk<'_>) {
        if !desk.connected || !desk.may_act {
            return;
        }
        let now = desk.now.moment;
        let tries = match &self.finding {
            Finding::Wanted { at, tries } if *at <= now => *tries,
            // The notification got lost.
            Finding::Asked { since, tries, .. } if *since + desk.rules.settle <= now => *tries,
            Finding::Idle | Finding::Wanted { .. } | Finding::Asked { .. } => return,
        };
        let Some(agent) = desk.me.agent.clone() else { return };
        if tries >= TRIES {
            return self.not_told(desk);
        }
        self.finding = Finding::Asked { subscription: None, since: now, tries: tries + 1 };
        let request = Request::FindConversation { agent, conversation: self.id.clone() };
        desk.ask(Purpose::Find(self.id.clone()), request);
    }

    /// Whether the platform has been asked for it and has not yet named the subscription.
    pub(crate) fn is_asked_for(&self) -> bool {
        matches!(self.finding, Finding::Asked { subscription: None, .. })
    }

    /// Takes the platform's answer; what there is comes with the subscription's first notification.
    pub(crate) fn find_answered(&mut self, outcome: &Outcome, desk: &mut Desk<'_>) {
        let Finding::Asked { subscription, tries, .. } = &mut self.finding else { return };
        match outcome {
            Outcome::Subscribed(told) => *subscription = Some(told.clone()),
            Outcome::Unknown | Outcome::Refused { code: 429 | 500.., .. } => {
                self.finding = Finding::Wanted { at: desk.now.moment + desk.rules.pause, tries: *tries };
                self.advance(desk);
            }
            Outcome::Done | Outcome::History(_) | Outcome::Refused { .. } => self.not_told(desk),
        }
    }

    /// The platform does not tell. What is shown as ours stays as it is shown.
    fn not_told(&mut self, desk: &mut Desk<'_>) {
        if matches!(self.link, Link::Detached) {
            return self.not_found(Ended::Missing, desk);
        }
        self.confirmed_ours(desk.now.moment);
        self.advance(desk);
    }

    /// Takes what the subscription told.
    pub(crate) fn found(
        &mut self,
        subscription: &SubscriptionId,
        changes: &[ConversationChange],
        whole: bool,
        takes_part: impl Fn(&Shown) -> bool,
        desk: &mut Desk<'_>,
    ) {
        if !self.finding.is_of(subscription) {
            return;
        }
        let unsubscribe = Request::Unsubscribe { subscription: subscription.clone() };
        desk.ask(Purpose::Courtesy, unsubscribe);
        let Finding::Asked { since, tries, .. } = self.finding else { return };
        let shown = changes.iter().map(|change| &change.conversation).find(|shown| shown.id == self.id);
        match shown {
            None if !whole => {
                self.finding = Finding::Wanted { at: desk.now.moment + desk.rules.pause, tries };
            }
            None => self.not_found(Ended::Missing, desk),
            Some(shown) if !shown.main_open => {
                self.finding.stop();
                self.close(desk);
            }
            Some(shown) if takes_part(shown) => {
                self.confirmed_ours(since);
                self.shown(shown, desk);
            }
            Some(_) => self.not_found(Ended::Elsewhere, desk),
        }
    }

    /// At that moment it was ours and open.
    fn confirmed_ours(&mut self, at: Moment) {
        self.finding.stop();
        self.shown_ours_at = Some(at);
    }

    fn not_found(&mut self, why: Ended, desk: &mut Desk<'_>) {
        self.finding.stop();
        if desk.duty.intake == Intake::All && matches!(self.link, Link::Detached) {
            // Perhaps it never joined: it looks once more and tries, and the platform says whether it may.
            if self.place.is_inside() {
                self.place = Place::Doubted { since: desk.now.moment };
            }
            return self.advance(desk);
        }
        self.end(why, desk);
    }
}
