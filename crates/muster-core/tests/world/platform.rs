//! The platform as a plain value: dialogs, sequences, rings, and what the consumer saw.

use std::collections::VecDeque;

use liveperson_proto::conversation::{ChangeKind, Conversation, ConversationChange};
use liveperson_proto::message::{EventBody, MessageEvent, Role};
use liveperson_proto::request::{Outgoing, Request};
use liveperson_proto::ring::{Ring, RingState};
use liveperson_proto::{ConversationId, Sequence, SubscriptionId};
use muster_core::bot::Event;
use muster_core::dialog::{Outcome, Ticket};
use muster_core::duty::Intake;

use super::{AGENT, HUMAN, PID};

/// What one socket hears, in order.
#[derive(Clone)]
pub(super) enum News {
    Answer(Ticket, Outcome),
    Conversations(Vec<ConversationChange>),
    /// What a subscription to one conversation tells.
    Found(SubscriptionId, Vec<ConversationChange>),
    Rings(Vec<Ring>),
    Message(MessageEvent),
}

impl News {
    pub(super) fn event(&self, generation: u64) -> Event {
        match self.clone() {
            Self::Answer(ticket, outcome) => Event::Answered { ticket, outcome },
            Self::Conversations(changes) => {
                let subscription = Some("own".into());
                Event::Conversations { generation, subscription, changes, lost: 0 }
            }
            Self::Found(subscription, changes) => {
                Event::Conversations { generation, subscription: Some(subscription), changes, lost: 0 }
            }
            Self::Rings(rings) => Event::Rings { generation, rings },
            Self::Message(event) => Event::Message { generation, event: Box::new(event) },
        }
    }
}

struct Dialog {
    id: ConversationId,
    events: Vec<MessageEvent>,
    /// The bot takes part: as assigned agent, or with intake `all` as a further agent.
    assigned: bool,
    ring: Ring,
    /// The pool has placed it with the bot.
    placed: bool,
    /// A human is the assigned agent.
    human: bool,
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Platform {
    intake: Intake,
    dialogs: Vec<Dialog>,
    pub outgoing: VecDeque<News>,
    /// A bot joined a conversation in which it was already.
    pub joined_twice: bool,
    /// Notifications that follow the answer of the request that caused them.
    caused: Vec<News>,
    conversations: bool,
    rings: bool,
    connected: bool,
    finds: u64,
    /// Events in a history page at most; the newest are kept.
    pub page: usize,
}

impl Platform {
    pub(super) fn new(intake: Intake, page: usize) -> Self {
        Self { intake, page, ..Self::default() }
    }

    pub(super) fn connected(&mut self) {
        self.connected = true;
    }

    pub(super) fn disconnected(&mut self) {
        let dialogs = std::mem::take(&mut self.dialogs);
        *self = Self { dialogs, page: self.page, intake: self.intake, ..Self::default() };
    }

    pub(super) fn consumer_opens(&mut self, chance: &mut fastrand::Rng, wall: i64) {
        if self.dialogs.len() >= 6 {
            return;
        }
        let id = ConversationId::from(format!("C{}", self.dialogs.len()));
        let ring = Ring {
            id: format!("r{}", self.dialogs.len()).into(),
            conversation: id.clone(),
            skill: None,
            state: RingState::Waiting,
            expires_at: Some(wall + 100_000_000),
        };
        self.dialogs.push(Dialog {
            id,
            events: Vec::new(),
            assigned: false,
            ring: ring.clone(),
            placed: false,
            human: false,
        });
        for _ in 0..chance.usize(0..3) {
            self.write(self.dialogs.len() - 1);
        }
        if self.rings {
            self.outgoing.push_back(News::Rings(vec![ring]));
        }
    }

    pub(super) fn consumer_writes(&mut self, chance: &mut fastrand::Rng) {
        if !self.dialogs.is_empty() {
            self.write(chance.usize(0..self.dialogs.len()));
        }
    }

    /// A controller speaks: it takes a sequence and is owed nothing.
    pub(super) fn noise(&mut self, chance: &mut fastrand::Rng) {
        if !self.dialogs.is_empty() {
            let at = chance.usize(0..self.dialogs.len());
            self.add(at, "sys", Role::Controller, text("a controller speaks"), Vec::new());
            self.flush();
        }
    }

    fn write(&mut self, at: usize) {
        let n = self.dialogs[at].events.len();
        self.add(at, "cons", Role::Consumer, text(&format!("m{n}")), Vec::new());
        self.flush();
    }

    /// A human takes a conversation over, answers all that is unanswered, or leaves.
    pub(super) fn human_moves(&mut self, chance: &mut fastrand::Rng) {
        if self.dialogs.is_empty() {
            return;
        }
        let at = chance.usize(0..self.dialogs.len());
        if self.dialogs[at].human && chance.bool() {
            return self.human_answers(at);
        }
        self.dialogs[at].human = !self.dialogs[at].human;
        self.show(at);
    }

    pub(super) fn humans_leave(&mut self) {
        for at in 0..self.dialogs.len() {
            if std::mem::take(&mut self.dialogs[at].human) {
                self.show(at);
            }
        }
    }

    fn human_answers(&mut self, at: usize) {
        for owed in unanswered(&self.dialogs[at].events) {
            self.add(at, HUMAN, Role::AssignedAgent, text(&format!("human:{owed}")), Vec::new());
        }
        self.flush();
    }

    fn show(&mut self, at: usize) {
        if self.conversations && self.dialogs[at].assigned {
            self.caused.push(News::Conversations(vec![self.change(&self.dialogs[at])]));
        }
        self.flush();
    }

    /// What the pool places with the bot now.
    pub(super) fn unplaced(&mut self) -> Vec<Conversation> {
        let shown = |dialog: &mut Dialog| {
            let new = !std::mem::replace(&mut dialog.placed, true);
            new.then(|| change(dialog, Role::Agent).conversation)
        };
        self.dialogs.iter_mut().filter_map(shown).collect()
    }

    /// After a connect the pool knows what the bot holds.
    pub(super) fn hold_only(&mut self, held: &[ConversationId]) {
        for dialog in &mut self.dialogs {
            dialog.placed = held.contains(&dialog.id);
        }
    }

    pub(super) fn released(&mut self, id: &ConversationId) {
        self.dialogs.iter_mut().filter(|dialog| dialog.id == *id).for_each(|dialog| dialog.placed = false);
    }

    fn role(&self) -> Role {
        if self.intake == Intake::All { Role::Agent } else { Role::AssignedAgent }
    }

    fn change(&self, dialog: &Dialog) -> ConversationChange {
        change(dialog, self.role())
    }

    fn add(
        &mut self,
        at: usize,
        who: &str,
        role: Role,
        body: EventBody,
        external_ids: Vec<String>,
    ) -> Sequence {
        let dialog = &mut self.dialogs[at];
        let sequence = Sequence(dialog.events.len() as i64);
        let event = MessageEvent {
            sequence: Some(sequence),
            dialog: dialog.id.main_dialog(),
            conversation: Some(dialog.id.clone()),
            originator: who.to_owned(),
            originator_pid: if who == AGENT { PID.to_owned() } else { who.to_owned() },
            role,
            at: None,
            private: false,
            external_ids,
            body,
        };
        dialog.events.push(event.clone());
        if self.connected && dialog.assigned {
            self.caused.push(News::Message(event));
        }
        sequence
    }

    pub(super) fn lose_news(&mut self) {
        self.caused.clear();
    }

    pub(super) fn requeue(&mut self, chance: &mut fastrand::Rng) {
        if self.dialogs.is_empty() || !self.connected {
            return;
        }
        let at = chance.usize(0..self.dialogs.len());
        let dialog = &mut self.dialogs[at];
        if !dialog.assigned || self.intake == Intake::All {
            return;
        }
        dialog.assigned = false;
        dialog.ring.id = format!("{}'", dialog.ring.id).into();
        let mut gone = change(dialog, Role::AssignedAgent);
        gone.kind = ChangeKind::Delete;
        gone.conversation.participants.retain(|(_, role)| *role == Role::Consumer);
        self.caused.push(News::Conversations(vec![gone]));
        self.caused.push(News::Rings(vec![dialog.ring.clone()]));
        self.flush();
    }

    pub(super) fn flush(&mut self) {
        if self.connected {
            self.outgoing.extend(self.caused.drain(..));
        }
        self.caused.clear();
    }

    pub(super) fn answer(&mut self, ticket: Ticket, outcome: Outcome) {
        self.outgoing.push_back(News::Answer(ticket, outcome));
        self.flush();
    }

    pub(super) fn apply(&mut self, request: &Request, wall: i64) -> Outcome {
        match request {
            Request::SubscribeConversations { .. } => {
                self.conversations = true;
                let ours = self.dialogs.iter().filter(|d| d.assigned);
                let changes = ours.map(|dialog| self.change(dialog)).collect();
                self.caused.push(News::Conversations(changes));
            }
            Request::FindConversation { conversation, .. } => {
                self.finds += 1;
                let subscription = SubscriptionId::from(format!("find-{}", self.finds));
                let found = self.dialogs.iter().filter(|d| d.id == *conversation && d.assigned);
                let changes = found.map(|dialog| self.change(dialog)).collect();
                self.caused.push(News::Found(subscription.clone(), changes));
                return Outcome::Subscribed(subscription);
            }
            Request::SubscribeRings { .. } => {
                self.rings = true;
                let rings = self.dialogs.iter().filter(|d| !d.assigned).map(|d| d.ring.clone()).collect();
                self.caused.push(News::Rings(rings));
            }
            Request::AcceptRing { ring } => return self.accept(ring.as_str()),
            Request::ReadHistory { dialog, newer_than, older_than } => {
                return Outcome::History(self.history(dialog.as_str(), *newer_than, *older_than));
            }
            Request::Publish { conversation, content, external_ids, .. } => {
                let Some(at) = self.dialogs.iter().position(|d| d.id == *conversation) else { return gone() };
                let Outgoing::Text { text: words } = content else { return gone() };
                self.add(at, AGENT, self.role(), text(words), external_ids.clone());
            }
            Request::MarkRead { conversation, .. } => {
                let Some(at) = self.dialogs.iter().position(|d| d.id == *conversation) else { return gone() };
                self.add(at, AGENT, self.role(), EventBody::AcceptStatus, Vec::new());
            }
            Request::UpdateConversation { conversation, .. } => return self.join(conversation),
            _ => {}
        }
        let _ = wall;
        Outcome::Done
    }

    fn join(&mut self, conversation: &ConversationId) -> Outcome {
        let Some(at) = self.dialogs.iter().position(|d| d.id == *conversation) else { return gone() };
        if std::mem::replace(&mut self.dialogs[at].assigned, true) {
            self.joined_twice = true;
        }
        self.show_later(at);
        Outcome::Done
    }

    fn show_later(&mut self, at: usize) {
        if self.conversations {
            self.caused.push(News::Conversations(vec![self.change(&self.dialogs[at])]));
        }
    }

    fn accept(&mut self, ring: &str) -> Outcome {
        let Some(dialog) = self.dialogs.iter_mut().find(|d| d.ring.id.as_str() == ring && !d.assigned) else {
            return gone();
        };
        dialog.assigned = true;
        let id = dialog.id.clone();
        if let Some(at) = self.dialogs.iter().position(|d| d.id == id) {
            self.show_later(at);
        }
        Outcome::Done
    }

    fn history(&self, dialog: &str, newer: Sequence, older: Option<Sequence>) -> Vec<MessageEvent> {
        let Some(dialog) = self.dialogs.iter().find(|d| d.id.as_str() == dialog) else { return Vec::new() };
        let within =
            |e: &&MessageEvent| e.sequence.is_some_and(|s| s > newer && older.is_none_or(|older| s < older));
        let events: Vec<_> = dialog.events.iter().filter(within).cloned().collect();
        events[events.len().saturating_sub(self.page)..].to_vec()
    }

    /// What the consumer saw: each message answered once, the first answers in order.
    pub(super) fn verdict(&self) -> Result<(), String> {
        if self.joined_twice {
            return Err("a conversation was joined twice".to_owned());
        }
        for dialog in self.dialogs.iter().filter(|_| self.intake == Intake::All) {
            each_answered_once(dialog)?;
        }
        for dialog in self.dialogs.iter().filter(|_| self.intake == Intake::Rings) {
            let brand: Vec<_> =
                dialog.events.iter().filter(|e| e.role == Role::AssignedAgent).filter_map(words).collect();
            let owed: Vec<_> =
                dialog.events.iter().filter(|e| e.role == Role::Consumer).filter_map(words).collect();
            let mut expected = vec!["hello".to_owned()];
            for message in owed {
                expected.push(format!("re:{message}"));
                if message.ends_with('3') {
                    expected.push(format!("and:{message}"));
                }
            }
            if brand != expected {
                return Err(format!("{}: the consumer saw {brand:?} instead of {expected:?}", dialog.id));
            }
        }
        Ok(())
    }
}

fn gone() -> Outcome {
    Outcome::Refused { code: 400, words: "no such thing".to_owned() }
}

fn text(text: &str) -> EventBody {
    EventBody::Content { content_type: "text/plain".to_owned(), text: text.to_owned() }
}

pub(super) fn words(event: &MessageEvent) -> Option<String> {
    match &event.body {
        EventBody::Content { text, .. } => Some(text.clone()),
        _ => None,
    }
}

/// Messages that neither the bot nor a human has answered.
fn unanswered(events: &[MessageEvent]) -> Vec<String> {
    let said: Vec<_> = events.iter().filter_map(words).collect();
    let answered = |message: &String| {
        said.iter().any(|s| s.strip_prefix("human:").or(s.strip_prefix("re:")) == Some(message))
    };
    let owed = events.iter().filter(|e| e.role == Role::Consumer).filter_map(words);
    owed.filter(|message| !answered(message)).collect()
}

/// Beside humans: the bot answers each message at most once and in order, and nothing stays unanswered.
fn each_answered_once(dialog: &Dialog) -> Result<(), String> {
    let owed = unanswered(&dialog.events);
    if !owed.is_empty() {
        return Err(format!("{}: {owed:?} unanswered", dialog.id));
    }
    let by_bot: Vec<_> = dialog.events.iter().filter(|e| e.originator == AGENT).filter_map(words).collect();
    let mut last = -1;
    for words in by_bot.iter().filter_map(|words| words.strip_prefix("re:m")) {
        let n: i64 = words.parse().map_err(|_| words.to_owned())?;
        if n <= last {
            return Err(format!("{}: the consumer saw {by_bot:?}", dialog.id));
        }
        last = n;
    }
    Ok(())
}

fn change(dialog: &Dialog, role: Role) -> ConversationChange {
    let mut participants = vec![("cons".to_owned(), Role::Consumer)];
    participants.extend(dialog.assigned.then(|| (AGENT.to_owned(), role)));
    participants.extend(dialog.human.then(|| (HUMAN.to_owned(), Role::AssignedAgent)));
    let conversation = Conversation {
        id: dialog.id.clone(),
        skill: None,
        main_open: true,
        stage_open: true,
        participants,
        main_dialog: dialog.id.main_dialog(),
    };
    ConversationChange { kind: ChangeKind::Upsert, conversation }
}
