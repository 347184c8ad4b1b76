//! One conversation on the platform, and what of it is shown to whom.

use std::collections::BTreeSet;

use liveperson_proto::conversation::{ChangeKind, Conversation, ConversationChange};
use liveperson_proto::message::{EventBody, MessageEvent, Role};
use liveperson_proto::ring::{Ring, RingState};
use liveperson_proto::{ConversationId, DialogId, Sequence};
use muster_core::tag::{Trigger, trigger_of_any_pool};
use muster_core::time::Moment;

use crate::world::{HUMAN, agent};

/// A ring on its way to one bot.
pub(crate) struct Offer {
    pub(crate) id: String,
    pub(crate) to: usize,
    pub(crate) since: Moment,
}

pub(crate) struct Dialog {
    pub(crate) id: ConversationId,
    pub(crate) main: DialogId,
    pub(crate) events: Vec<MessageEvent>,
    pub(crate) open: bool,
    /// The bots that take part: one as the assigned agent, or with intake `all` as further agents.
    pub(crate) bots: BTreeSet<usize>,
    /// A human is the assigned agent.
    pub(crate) human: bool,
    pub(crate) offer: Option<Offer>,
    pub(crate) offers: u32,
}

impl Dialog {
    pub(crate) fn new(id: ConversationId, main: DialogId) -> Self {
        Self {
            id,
            main,
            events: Vec::new(),
            open: true,
            bots: BTreeSet::new(),
            human: false,
            offer: None,
            offers: 0,
        }
    }

    pub(crate) fn shown(&self, role: Role) -> Conversation {
        let mut participants = vec![("cons".to_owned(), Role::Consumer)];
        participants.extend(self.bots.iter().map(|bot| (agent(*bot).to_string(), role)));
        participants.extend(self.human.then(|| (HUMAN.to_owned(), Role::AssignedAgent)));
        Conversation {
            id: self.id.clone(),
            skill: None,
            main_open: self.open,
            stage_open: self.open,
            participants,
            main_dialog: self.main.clone(),
        }
    }

    pub(crate) fn change(&self, kind: ChangeKind, role: Role) -> ConversationChange {
        ConversationChange { kind, conversation: self.shown(role) }
    }

    pub(crate) fn ring(&self, offer: &Offer) -> Ring {
        Ring {
            id: offer.id.as_str().into(),
            conversation: self.id.clone(),
            skill: None,
            state: RingState::Waiting,
            expires_at: None,
        }
    }

    /// Sequences after which nothing but what a person of the brand wrote comes are answered by that person.
    pub(crate) fn last_human(&self) -> Option<Sequence> {
        let by_human = |event: &&MessageEvent| {
            (event.originator == HUMAN || is_by_hand(event)) && words(event).is_some()
        };
        self.events.iter().rev().find(by_human).and_then(|event| event.sequence)
    }

    /// Messages of the consumer that no text of the brand answers.
    pub(crate) fn unanswered(&self) -> Vec<Sequence> {
        let last = self.last_human();
        let said: BTreeSet<i64> =
            self.events.iter().filter_map(words).filter_map(|w| answered_by(&w)).collect();
        let consumers =
            self.events.iter().filter(|event| event.role == Role::Consumer && words(event).is_some());
        let sequences = consumers.filter_map(|event| event.sequence);
        sequences.filter(|s| last.is_none_or(|last| *s > last) && !said.contains(&s.0)).collect()
    }
}

/// Whether a person said it through a bot after taking the conversation over.
pub(crate) fn is_by_hand(event: &MessageEvent) -> bool {
    let by_hand =
        |tag: &String| matches!(trigger_of_any_pool(tag), Some(Trigger::Person { answers: true, .. }));
    event.external_ids.iter().any(by_hand)
}

pub(crate) fn text(text: &str) -> EventBody {
    EventBody::Content { content_type: "text/plain".to_owned(), text: text.to_owned() }
}

pub(crate) fn words(event: &MessageEvent) -> Option<String> {
    match &event.body {
        EventBody::Content { text, .. } => Some(text.clone()),
        _ => None,
    }
}

/// The message that a bot's words answer, as [`crate::world::logic`] writes them.
pub(crate) fn answered_by(words: &str) -> Option<i64> {
    words.strip_prefix("re:")?.split('.').next()?.parse().ok()
}
