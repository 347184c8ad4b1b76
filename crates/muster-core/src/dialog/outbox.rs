//! Committed deeds of one conversation, each done once and in order.

use std::collections::VecDeque;
use std::time::Duration;

use liveperson_proto::request::{FieldChange, Outgoing, Request};
use liveperson_proto::{ConversationId, DialogId};

use super::beginning::RestoredDeed;
use super::desk::{Desk, Outcome, Purpose, Tagging};
use super::effect::{Effect, OutboxKey};
use super::inbox::Heard;
use super::note::Note;
use crate::time::Moment;
use crate::turn::Deed;

/// A deed not yet confirmed.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) key: OutboxKey,
    pub(crate) tag: String,
    pub(crate) deed: Deed,
    pub(crate) state: SendState,
    /// When the message was heard that this answers, on the turn's first deed.
    pub(crate) answers: Option<Heard>,
    /// Since when that message is owed an answer, as far as it is known: a deed of a former life knows when
    /// its turn was committed.
    pub(crate) owed: Option<i64>,
    /// How often the platform had no time for it.
    pub(crate) put_off: u32,
    /// The platform has refused the token with it once.
    pub(crate) unauthorized: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SendState {
    Ready,
    Paused {
        until: Moment,
    },
    Sent,
    /// Sent, perhaps done, perhaps still to be done; last doubt at this moment.
    Unknown {
        since: Moment,
    },
    /// Refused in these words: for good if the conversation is still ours, else no longer ours to do.
    Refused {
        since: Moment,
        words: String,
    },
}

/// What the outbox wants of its conversation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Nothing,
    /// Read the history: only a look from now on can prove that the head was not done.
    Look,
    /// Read the conversation: only its state from now on tells what became of the head.
    Find,
}

/// A deed that was put off waits no longer than this.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) pending: VecDeque<Pending>,
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Takes up deeds of an earlier holder or life: whether they were done is unknown.
    pub(crate) fn restore(&mut self, conversation: &ConversationId, rows: Vec<RestoredDeed>, now: Moment) {
        for row in rows {
            let key = OutboxKey { conversation: conversation.clone(), turn: row.turn, n: row.n };
            if self.pending.iter().all(|pending| pending.key != key) {
                let state = SendState::Unknown { since: now };
                let mut pending = Pending::new(key, row.tag, row.deed, state, None);
                pending.owed = row.committed.filter(|_| row.n == 0);
                self.pending.push_back(pending);
            }
        }
    }

    /// Takes a head out that was sent, or may have been, and that no history can prove.
    pub(crate) fn take_unprovable(&mut self) -> Option<OutboxKey> {
        let sent = |p: &Pending| !matches!(p.state, SendState::Ready | SendState::Paused { .. });
        let head = self.pending.pop_front_if(|head| !head.deed.is_published() && sent(head))?;
        Some(head.key)
    }

    /// Sends the head if its time has come. `looked` is when the last whole look began, `ours` when the
    /// platform was last asked and showed the conversation as ours.
    pub(crate) fn advance(
        &mut self,
        looked: Option<Moment>,
        ours: Option<Moment>,
        dialog: &DialogId,
        desk: &mut Desk<'_>,
    ) -> Wish {
        let Some(head) = self.pending.front_mut().filter(|_| desk.may_act) else { return Wish::Nothing };
        let now = desk.now.moment;
        match &head.state {
            SendState::Sent => return Wish::Nothing,
            SendState::Paused { until } if now < *until => return Wish::Nothing,
            SendState::Unknown { since } if desk.rules.reconcile => {
                let settled = *since + desk.rules.settle;
                if now < settled {
                    return Wish::Nothing;
                }
                let (proof, wish) =
                    if head.deed.is_published() { (looked, Wish::Look) } else { (ours, Wish::Find) };
                if proof.is_none_or(|at| at < settled) {
                    return wish;
                }
                desk.note(Note::Resent);
            }
            SendState::Refused { since, .. } if ours.is_none_or(|at| at < *since) => return Wish::Find,
            SendState::Refused { words, .. } => {
                let words = words.clone();
                self.bury(0, words, desk);
                return self.advance(looked, ours, dialog, desk);
            }
            SendState::Ready | SendState::Paused { .. } | SendState::Unknown { .. } => {}
        }
        let Some(request) = request(head, dialog, desk) else { return Wish::Nothing };
        head.state = SendState::Sent;
        desk.ask(Purpose::Deed(head.key.clone()), request);
        Wish::Nothing
    }

    /// Takes the platform's answer; returns the deed if it is done.
    pub(crate) fn answered(
        &mut self,
        key: &OutboxKey,
        outcome: &Outcome,
        desk: &mut Desk<'_>,
    ) -> Option<Deed> {
        let place = self.pending.iter().position(|p| p.key == *key)?;
        let now = desk.now.moment;
        match outcome {
            Outcome::Done | Outcome::History(_) | Outcome::Subscribed(_) => self.confirm(place, desk),
            Outcome::Refused { code: 429, .. } => {
                self.pending[place].put_off(now, desk.rules.pause);
                None
            }
            // A matter of the token: with a new one it is looked for, like anything in doubt.
            Outcome::Refused { code: 401, .. } if !self.pending[place].unauthorized => {
                self.pending[place].unauthorized = true;
                self.pending[place].doubt(now, desk);
                None
            }
            // A server's failure says nothing about whether the event is in.
            Outcome::Unknown | Outcome::Refused { code: 500.., .. } => {
                self.pending[place].doubt(now, desk);
                None
            }
            Outcome::Refused { code, words } => {
                let words = format!("{code}: {words}");
                self.pending[place].state = SendState::Refused { since: now, words };
                None
            }
        }
    }

    /// An event with this tag is in the dialog.
    pub(crate) fn confirm_tag(&mut self, tag: &str, desk: &mut Desk<'_>) {
        let Some(place) = self.pending.iter().position(|p| p.tag == tag && p.deed.is_published()) else {
            return;
        };
        if matches!(self.pending[place].state, SendState::Unknown { .. }) {
            desk.note(Note::Reconciled);
        }
        self.confirm(place, desk);
    }

    /// The socket is gone: what was on the way is in doubt.
    pub(crate) fn lost_socket(&mut self, desk: &mut Desk<'_>) {
        for pending in &mut self.pending {
            if pending.state == SendState::Sent {
                pending.doubt(desk.now.moment, desk);
            }
        }
    }

    /// When the head wants to be looked at again.
    pub(crate) fn deadline(&self, settle: Duration) -> Option<Moment> {
        match &self.pending.front()?.state {
            SendState::Paused { until } => Some(*until),
            SendState::Unknown { since } => Some(*since + settle),
            SendState::Ready | SendState::Sent | SendState::Refused { .. } => None,
        }
    }

    fn confirm(&mut self, place: usize, desk: &mut Desk<'_>) -> Option<Deed> {
        let done = self.pending.remove(place)?;
        if let Some(heard) = done.answers {
            let millis = desk.now.moment.since(heard.at).as_millis() as u64;
            desk.note(Note::Replied { millis });
        }
        desk.out.push(Effect::Done(done.key));
        Some(done.deed)
    }

    fn bury(&mut self, place: usize, words: String, desk: &mut Desk<'_>) {
        let Some(dead) = self.pending.remove(place) else { return };
        desk.note(Note::DeadLetter { conversation: dead.key.conversation.clone(), words: words.clone() });
        desk.out.push(Effect::Dead(dead.key, words));
    }
}

impl Pending {
    pub(crate) fn new(
        key: OutboxKey,
        tag: String,
        deed: Deed,
        state: SendState,
        answers: Option<Heard>,
    ) -> Self {
        let owed = answers.map(|heard| heard.said);
        Self { key, tag, deed, state, answers, owed, put_off: 0, unauthorized: false }
    }

    /// The platform has no time for it: each further wait is twice as long.
    fn put_off(&mut self, now: Moment, pause: Duration) {
        let wait = pause.saturating_mul(1 << self.put_off.min(16)).min(LONGEST_PAUSE.max(pause));
        self.put_off = self.put_off.saturating_add(1);
        self.state = SendState::Paused { until: now + wait };
    }

    fn doubt(&mut self, now: Moment, desk: &mut Desk<'_>) {
        self.state = SendState::Unknown { since: now };
        desk.note(Note::Doubted);
    }
}

fn request(pending: &Pending, dialog: &DialogId, desk: &Desk<'_>) -> Option<Request> {
    let conversation: ConversationId = pending.key.conversation.clone();
    let publish = |content| Request::Publish {
        dialog: dialog.clone(),
        conversation: conversation.clone(),
        content,
        external_ids: match desk.rules.tagging {
            Tagging::On => vec![pending.tag.clone()],
            Tagging::Off => Vec::new(),
        },
    };
    let change = |changes| Request::UpdateConversation { conversation: conversation.clone(), changes };
    Some(match &pending.deed {
        Deed::Text { text } => publish(Outgoing::Text { text: text.clone() }),
        Deed::Rich { content } => publish(Outgoing::Rich { content: content.clone() }),
        Deed::Transfer { skill } => change(vec![
            FieldChange::Remove { agent: desk.me.agent.clone()?, role: desk.duty.role() },
            FieldChange::Skill(skill.clone()),
        ]),
        Deed::Close => change(vec![FieldChange::Close]),
    })
}
