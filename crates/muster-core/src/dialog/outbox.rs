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
use crate::tag::{Trigger, trigger_of_any_pool};
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
    /// A person wished it: it goes before what the bot has to say, and also while the bot holds still.
    pub(crate) by_person: bool,
    /// It was handed in from outside, and may be handed in again.
    pub(crate) handed: bool,
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

/// Deeds of others that are remembered at most when they are done.
const DONE: usize = 64;

/// A deed that was put off waits no longer than this.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) pending: VecDeque<Pending>,
    /// What was handed in and is done or given up: the store may tell of it once more before it hears so.
    /// What was given up may be wanted again by somebody, later than this moment.
    done: VecDeque<(OutboxKey, Option<Moment>)>,
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
            self.hand_in(conversation, row, SendState::Unknown { since: now }, now);
        }
    }

    /// Takes what people wish, in order; what this life has heard of is no news. Nobody has sent those from the
    /// place `unsent` on.
    pub(crate) fn wish(
        &mut self,
        conversation: &ConversationId,
        rows: Vec<RestoredDeed>,
        unsent: usize,
        now: Moment,
    ) {
        for row in rows.into_iter().filter(|row| is_by_person(&row.tag)) {
            let in_doubt = SendState::Unknown { since: now };
            let state = if row.n < unsent { in_doubt } else { SendState::Ready };
            self.hand_in(conversation, row, state, now);
        }
    }

    fn hand_in(&mut self, conversation: &ConversationId, row: RestoredDeed, state: SendState, now: Moment) {
        let key = OutboxKey { conversation: conversation.clone(), turn: row.turn, n: row.n };
        let done =
            |(of, until): &(OutboxKey, Option<Moment>)| *of == key && until.is_none_or(|until| now < until);
        if self.done.iter().any(done) || self.pending.iter().any(|pending| pending.key == key) {
            return;
        }
        let mut pending = Pending::new(key, row.tag, row.deed, state, None);
        pending.handed = true;
        pending.owed = row.committed.filter(|_| row.n == 0 && !pending.by_person);
        self.pending.push_back(pending);
    }

    /// Takes a change out that was sent, or may have been, and that no history can prove.
    pub(crate) fn take_unprovable(&mut self) -> Option<OutboxKey> {
        let sent = |p: &Pending| !matches!(p.state, SendState::Ready | SendState::Paused { .. });
        let is_it = |p: &Pending| !p.deed.is_published() && sent(p);
        let place = self.heads().into_iter().flatten().find(|place| is_it(&self.pending[*place]))?;
        Some(self.pending.remove(place)?.key)
    }

    /// What may have been sent: the first of what people wished, and the first of the bot's own.
    pub(crate) fn heads(&self) -> [Option<usize>; 2] {
        [true, false].map(|by_person| self.pending.iter().position(|p| p.by_person == by_person))
    }

    /// What is next: people's wishes come first, and where the bot holds still there is nothing else.
    pub(crate) fn head(&self, still: bool) -> Option<usize> {
        let [wish, own] = self.heads();
        wish.or(own.filter(|_| !still))
    }

    fn is_on_its_way(&self) -> bool {
        self.heads().into_iter().flatten().any(|place| self.pending[place].state == SendState::Sent)
    }

    /// Sends the head if its time has come. `looked` is when the last whole look began, `ours` when the
    /// platform was last asked and showed the conversation as ours.
    pub(crate) fn advance(
        &mut self,
        looked: Option<Moment>,
        ours: Option<Moment>,
        still: bool,
        dialog: &DialogId,
        desk: &mut Desk<'_>,
    ) -> Wish {
        // One at a time: what is on its way has its answer first.
        if self.is_on_its_way() {
            return Wish::Nothing;
        }
        let Some(place) = self.head(still).filter(|_| desk.may_act) else { return Wish::Nothing };
        let head = &mut self.pending[place];
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
                self.bury(place, words, desk);
                return self.advance(looked, ours, still, dialog, desk);
            }
            SendState::Ready | SendState::Paused { .. } | SendState::Unknown { .. } => {}
        }
        let Some(request) = request(head, dialog, desk) else { return Wish::Nothing };
        head.state = SendState::Sent;
        desk.ask(Purpose::Deed(head.key.clone()), request);
        Wish::Nothing
    }

    /// Takes the platform's answer; returns what is done by that.
    pub(crate) fn answered(
        &mut self,
        key: &OutboxKey,
        outcome: &Outcome,
        desk: &mut Desk<'_>,
    ) -> Option<Pending> {
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
    pub(crate) fn deadline(&self, settle: Duration, still: bool) -> Option<Moment> {
        // Nothing is done before the answer is there: a moment that nothing acts on would come for ever.
        if self.is_on_its_way() {
            return None;
        }
        match &self.pending[self.head(still)?].state {
            SendState::Paused { until } => Some(*until),
            SendState::Unknown { since } => Some(*since + settle),
            SendState::Ready | SendState::Sent | SendState::Refused { .. } => None,
        }
    }

    fn confirm(&mut self, place: usize, desk: &mut Desk<'_>) -> Option<Pending> {
        let done = self.pending.remove(place)?;
        if let Some(heard) = done.answers {
            let millis = desk.now.moment.since(heard.at).as_millis() as u64;
            desk.note(Note::Replied { millis });
        }
        self.remember(&done, None);
        desk.out.push(Effect::Done(done.key.clone()));
        Some(done)
    }

    fn remember(&mut self, done: &Pending, until: Option<Moment>) {
        if !done.handed {
            return;
        }
        self.done.push_back((done.key.clone(), until));
        if self.done.len() > DONE {
            self.done.pop_front();
        }
    }

    fn bury(&mut self, place: usize, words: String, desk: &mut Desk<'_>) {
        let Some(dead) = self.pending.remove(place) else { return };
        self.remember(&dead, Some(desk.now.moment + desk.rules.settle));
        desk.note(Note::DeadLetter { conversation: dead.key.conversation.clone(), words: words.clone() });
        desk.out.push(Effect::Dead(dead.key, words));
    }
}

impl Pending {
    /// Whether it is a person's word that answers what came before it.
    pub(crate) fn answers_by_hand(&self) -> bool {
        matches!(trigger_of_any_pool(&self.tag), Some(Trigger::Person { answers: true, .. }))
    }

    pub(crate) fn new(
        key: OutboxKey,
        tag: String,
        deed: Deed,
        state: SendState,
        answers: Option<Heard>,
    ) -> Self {
        let owed = answers.map(|heard| heard.said);
        let by_person = is_by_person(&tag);
        let (handed, put_off, unauthorized) = (false, 0, false);
        Self { key, tag, deed, state, answers, owed, by_person, handed, put_off, unauthorized }
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

fn is_by_person(tag: &str) -> bool {
    matches!(trigger_of_any_pool(tag), Some(Trigger::Person { .. }))
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
