//! Rings and conversations: what comes to the bot, and what leaves it.

use std::time::Duration;

use liveperson_proto::conversation::{ChangeKind, Conversation as Shown, ConversationChange};
use liveperson_proto::message::{MessageEvent, Role};
use liveperson_proto::request::Request;
use liveperson_proto::ring::{Ring, RingState};
use liveperson_proto::{ConversationId, RingId};

use super::Bot;
use super::lifecycle::Missing;
use crate::dialog::desk::{Me, Purpose};
use crate::dialog::taking::Place;
use crate::dialog::{Conversation, Effect, Ended, Note, Outcome};
use crate::duty::Intake;
use crate::time::{Moment, Now};

/// Rings kept at most; the platform offers a ring again that lapsed.
const RINGS: usize = 1_000;

/// Conversations of former holders that are kept in mind at most.
const INSIDE: usize = 1_000;
/// Missing conversations are read one by one, this far apart.
const FIND_EVERY: Duration = Duration::from_millis(10);

/// A ring that waits.
#[derive(Debug)]
pub(crate) struct Offer {
    conversation: ConversationId,
    /// By the platform's clock; none where the platform said nothing.
    expires: Option<i64>,
    /// The same by ours, and then it is forgotten.
    until: Moment,
    answer: Answer,
}

impl Offer {
    fn is_answered(&self) -> bool {
        matches!(self.answer, Answer::Accepted | Answer::Taken)
    }

    /// How long is left until its deadline, in milliseconds.
    fn lead(&self, platform_now: i64) -> Option<u64> {
        self.expires.map(|expires| u64::try_from(expires.saturating_sub(platform_now)).unwrap_or(0))
    }
}

/// What we said to a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    None,
    Accepted,
    /// The platform has said that it is ours.
    Taken,
    /// The platform could not take the acceptance, or did not say whether it did.
    Paused {
        until: Moment,
    },
}

/// A ring without an end is forgotten after this many milliseconds.
const RING_LIFE: u64 = 120_000;

impl Bot {
    pub(crate) fn ring_changed(&mut self, ring: Ring, now: Now, out: &mut Vec<Effect>) {
        if ring.state != RingState::Waiting {
            if ring.state == RingState::Accepted {
                self.ring_taken(&ring.id, now, out);
            }
            self.rings.remove(&ring.id);
            return;
        }
        if self.rings.len() < RINGS {
            let until = self.until(ring.expires_at, now);
            self.rings.entry(ring.id).or_insert(Offer {
                conversation: ring.conversation,
                expires: ring.expires_at,
                until,
                answer: Answer::None,
            });
        } else if !self.rings.contains_key(&ring.id) {
            out.push(Effect::Note(Note::Full { queue: "rings" }));
        }
        self.answer_rings(now, out);
    }

    /// Accepts what waits, as far as the capacity goes; each ring once a socket, unless the platform failed.
    pub(crate) fn answer_rings(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.forget_expired(now, out);
        let rested = |offer: &Offer| matches!(offer.answer, Answer::Paused { until } if until <= now.moment);
        for offer in self.rings.values_mut().filter(|offer| rested(offer)) {
            offer.answer = Answer::None;
        }
        if !self.may_act() || self.drain.is_some() || self.paused.is_some() || self.socket.is_none() {
            return;
        }
        let accepted =
            |o: &&Offer| o.answer != Answer::None && !self.conversations.contains_key(&o.conversation);
        let coming = self.rings.values().filter(accepted);
        let mut free = self.capacity.saturating_sub(self.conversations.len() + coming.count());
        for (id, offer) in self.rings.iter_mut().filter(|(_, offer)| offer.answer == Answer::None) {
            if free == 0 {
                return;
            }
            free -= 1;
            offer.answer = Answer::Accepted;
            out.push(Effect::Note(Note::RingAccepted(id.clone())));
            let ticket = self.tickets.take(Purpose::Ring(id.clone()));
            out.push(Effect::Ask(ticket, Request::AcceptRing { ring: id.clone() }));
        }
    }

    /// An acceptance that failed is tried again while the ring waits; one that was refused went elsewhere.
    pub(crate) fn ring_answered(&mut self, ring: RingId, outcome: &Outcome, now: Now, out: &mut Vec<Effect>) {
        match outcome {
            Outcome::Done | Outcome::History(_) | Outcome::Subscribed(_) => self.ring_taken(&ring, now, out),
            Outcome::Unknown | Outcome::Refused { code: 429 | 500.., .. } => {
                if let Some(offer) = self.rings.get_mut(&ring) {
                    offer.answer = Answer::Paused { until: now.moment + self.rules.pause };
                }
            }
            Outcome::Refused { .. } => {
                self.rings.remove(&ring);
                out.push(Effect::Note(Note::RingLost(ring)));
                // The place that was kept for it is free for another.
                self.answer_rings(now, out);
            }
        }
    }

    /// Counts a ring that is ours, once: its state and the answer to the acceptance both tell.
    fn ring_taken(&mut self, ring: &RingId, now: Now, out: &mut Vec<Effect>) {
        let platform_now = self.platform_now(now);
        let Some(offer) = self.rings.get_mut(ring).filter(|offer| offer.answer != Answer::Taken) else {
            return;
        };
        offer.answer = Answer::Taken;
        out.push(Effect::Note(Note::RingTaken { ring: ring.clone(), lead: offer.lead(platform_now) }));
    }

    fn forget_expired(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.rings.retain(|id, offer| {
            let lasts = offer.until > now.moment;
            if !lasts && !offer.is_answered() {
                out.push(Effect::Note(Note::RingExpired(id.clone())));
            }
            lasts
        });
    }

    /// The platform's clock goes otherwise than it was thought to: so do the rings' deadlines.
    pub(crate) fn clock_corrected(&mut self, millis: i64, now: Now) {
        if std::mem::replace(&mut self.clock_offset, millis) == millis {
            return;
        }
        let platform_now = self.platform_now(now);
        for offer in self.rings.values_mut() {
            if let Some(left) = offer.lead(platform_now) {
                offer.until = now.moment + Duration::from_millis(left);
            }
        }
    }

    fn until(&self, expires: Option<i64>, now: Now) -> Moment {
        let left = expires.map(|expires| expires.saturating_sub(self.platform_now(now)));
        let left = left.map_or(RING_LIFE, |left| u64::try_from(left).unwrap_or(0));
        now.moment + Duration::from_millis(left)
    }

    /// When a ring is to be accepted once more, or has expired unanswered.
    pub(crate) fn ring_deadline(&self) -> Option<Moment> {
        let moments = self.rings.values().map(|offer| match offer.answer {
            Answer::Paused { until } => until.min(offer.until),
            Answer::None | Answer::Accepted | Answer::Taken => offer.until,
        });
        moments.min()
    }

    fn platform_now(&self, now: Now) -> i64 {
        now.wall.saturating_add(self.clock_offset)
    }

    pub(crate) fn conversations_changed(
        &mut self,
        changes: &[ConversationChange],
        lost: usize,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        for change in changes {
            self.conversation_changed(change, now, out);
        }
        let Some(socket) = &mut self.socket else { return };
        if socket.found(Missing::Snapshot) {
            // A conversation that could not be read is not one that is gone.
            if lost == 0 {
                self.end_missing(changes, now, out);
            } else {
                self.advance_all(now, out);
            }
            self.note_online(now);
        }
    }

    /// What the first notification of a socket does not show is not open, or not ours any more.
    fn end_missing(&mut self, changes: &[ConversationChange], now: Now, out: &mut Vec<Effect>) {
        let shown = |id: &ConversationId| changes.iter().any(|c| c.conversation.id == *id);
        let missing: Vec<_> = self.conversations.keys().filter(|id| !shown(id)).cloned().collect();
        for (id, turn) in missing.into_iter().zip(0..) {
            let at = now.moment + FIND_EVERY * turn;
            self.with(&id, now, out, |c, desk| c.missing(at, desk));
        }
    }

    fn conversation_changed(&mut self, change: &ConversationChange, now: Now, out: &mut Vec<Effect>) {
        let shown = &change.conversation;
        if change.kind == ChangeKind::Upsert && shown.main_open && self.takes_part(shown) {
            if self.parted.contains(&shown.id) {
                return;
            }
            // With intake `all` it is the pool that says whose it is: a participant may be a former holder.
            if self.duty.intake == Intake::Rings {
                let new = || Conversation::new(shown, Place::In, self.taken_over.contains(&shown.id));
                self.conversations.entry(shown.id.clone()).or_insert_with(new);
            } else if !self.conversations.contains_key(&shown.id) && self.inside.len() < INSIDE {
                self.inside.insert(shown.id.clone(), shown.clone());
            }
            return self.with(&shown.id, now, out, |c, desk| c.shown(shown, desk));
        }
        self.parted.remove(&shown.id);
        self.inside.remove(&shown.id);
        let why = if shown.main_open { Ended::Elsewhere } else { Ended::Closed };
        self.with(&shown.id, now, out, |c, desk| c.shown_without_us(why, desk));
    }

    /// Whether the bot has a part in it by which it may write.
    pub(crate) fn takes_part(&self, shown: &Shown) -> bool {
        takes_part(shown, self.duty.intake, &self.me)
    }
}

/// Whether a bot has a part by which it may write.
pub(crate) fn takes_part(shown: &Shown, intake: Intake, me: &Me) -> bool {
    let fits = |role: Role| match intake {
        Intake::Rings => role == Role::AssignedAgent,
        Intake::All => matches!(role, Role::AssignedAgent | Role::Agent | Role::Manager),
    };
    shown.participants.iter().any(|(id, role)| fits(*role) && me.is(id))
}

// Older captures leave the conversation out; a MAIN dialog has its conversation's id.
pub(crate) fn conversation_of(event: &MessageEvent) -> ConversationId {
    event.conversation.clone().unwrap_or_else(|| ConversationId::new(event.dialog.as_str()))
}
