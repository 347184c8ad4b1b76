//! What a conversation is: facts that change as one step, and the events of its dialog.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use liveperson_proto::{AccountId, AgentId, ConsumerId, ConversationId, DialogId, SkillId};
use serde_json::Value;

use super::routing::Task;
use super::sockets::SocketId;
use super::surveys::{self, Survey};
use super::{World, wall};

/// The most events one dialog keeps; the oldest give way.
const LONGEST_HISTORY: usize = 5_000;
/// The most closed conversations an account keeps; the oldest give way.
const CLOSED_KEPT: usize = 5_000;

/// What somebody is in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Consumer,
    AssignedAgent,
    Agent,
    Manager,
    Reader,
    Controller,
    BrandBot,
}

impl Role {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Consumer => "CONSUMER",
            Self::AssignedAgent => "ASSIGNED_AGENT",
            Self::Agent => "AGENT",
            Self::Manager => "MANAGER",
            Self::Reader => "READER",
            Self::Controller => "CONTROLLER",
            Self::BrandBot => "BRAND_BOT",
        }
    }

    /// The roles that a brand may give away.
    pub(super) fn of_brand(word: &str) -> Option<Self> {
        Some(match word {
            "ASSIGNED_AGENT" => Self::AssignedAgent,
            "AGENT" => Self::Agent,
            "MANAGER" => Self::Manager,
            "READER" => Self::Reader,
            "CONTROLLER" => Self::Controller,
            "BRAND_BOT" => Self::BrandBot,
            _ => return None,
        })
    }
}

/// Somebody in a conversation, under the id of requests and the persistent one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Participant {
    pub(super) id: String,
    pub(super) pid: String,
    pub(super) role: Role,
    /// Being offered the role, not in it yet.
    pub(super) suggested: bool,
}

/// How a conversation ended.
#[derive(Clone, Debug)]
pub(super) struct Closing {
    pub(super) by: String,
    pub(super) cause: String,
    pub(super) at: i64,
}

/// What the wire shows of a conversation; changed as one step.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) id: ConversationId,
    pub(super) account: AccountId,
    pub(super) skill: SkillId,
    pub(super) consumer: ConsumerId,
    pub(super) participants: Vec<Participant>,
    pub(super) closing: Option<Closing>,
    pub(super) started: i64,
    pub(super) updated: i64,
    pub(super) ttr: Value,
    pub(super) note: Value,
    pub(super) csat: Value,
    pub(super) unread: BTreeMap<String, i64>,
    pub(super) last_content: Option<Value>,
    pub(super) survey: Option<Survey>,
}

impl Facts {
    pub(super) fn is_open(&self) -> bool {
        self.closing.is_none()
    }

    /// Who holds the role, not counting suggestions.
    pub(super) fn holder(&self, role: Role) -> Option<&Participant> {
        self.participants.iter().find(|one| one.role == role && !one.suggested)
    }

    /// The strongest role of that party.
    pub(super) fn role_of(&self, id: &str) -> Option<Role> {
        let roles = self.participants.iter().filter(|one| one.id == id && !one.suggested);
        roles.map(|one| one.role).min()
    }
}

/// One event of a dialog.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) sequence: i64,
    pub(super) originator: Participant,
    pub(super) at: i64,
    pub(super) content: Value,
    pub(super) for_all: bool,
    pub(super) metadata: Value,
}

/// A conversation with its MAIN dialog; a survey is part of its facts.
pub(crate) struct Conversation {
    pub(super) facts: Facts,
    pub(super) history: VecDeque<Event>,
    pub(super) next_sequence: i64,
    pub(super) task: Option<Task>,
    /// Sockets with a subscription that it matched when they were told last.
    pub(super) shown_to: BTreeSet<SocketId>,
}

impl Conversation {
    /// The place of the next event.
    pub(super) fn take_sequence(&mut self) -> i64 {
        self.next_sequence += 1;
        self.next_sequence - 1
    }

    pub(super) fn remember(&mut self, event: Event) {
        if self.history.len() == LONGEST_HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(event);
    }
}

impl World {
    /// A consumer opens a conversation; it rings only once its first message is in.
    pub(super) fn open_conversation(
        &mut self,
        account: &AccountId,
        consumer: &ConsumerId,
        skill: &SkillId,
    ) -> ConversationId {
        let id = ConversationId::from(self.uuid());
        let now = wall();
        let name = consumer.as_str().to_owned();
        let facts = Facts {
            id: id.clone(),
            account: account.clone(),
            skill: skill.clone(),
            consumer: consumer.clone(),
            participants: vec![Participant {
                pid: name.clone(),
                id: name,
                role: Role::Consumer,
                suggested: false,
            }],
            closing: None,
            started: now,
            updated: now,
            ttr: serde_json::json!({"ttrType": "NORMAL", "value": 3600}),
            note: Value::from(""),
            csat: Value::Null,
            unread: BTreeMap::new(),
            last_content: None,
            survey: None,
        };
        let conversation = Conversation {
            facts,
            history: VecDeque::new(),
            next_sequence: 0,
            task: None,
            shown_to: BTreeSet::new(),
        };
        self.conversations.insert(id.clone(), conversation);
        if let Some(home) = self.accounts.get_mut(account) {
            home.open.insert(id.clone());
        }
        self.announce_conversation(&id);
        self.announce_to_consumer(&id);
        id
    }

    /// The open or closed conversation of the account to which the dialog belongs.
    pub(super) fn conversation_of(&self, account: &AccountId, dialog: &DialogId) -> Option<ConversationId> {
        let id = surveys::conversation_of(dialog);
        let found = self.conversations.get(&id)?;
        (found.facts.account == *account).then_some(id)
    }

    /// Makes changed facts true: indices, whoever is told, and the queue.
    pub(super) fn commit(&mut self, mut facts: Facts) {
        facts.updated = wall();
        let id = facts.id.clone();
        let Some(conversation) = self.conversations.get_mut(&id) else { return };
        let closed_now = conversation.facts.is_open() && !facts.is_open();
        let before = std::mem::replace(&mut conversation.facts, facts);
        self.index_participants(&before, &id);
        if closed_now {
            self.retire(&id);
        }
        self.stir();
        self.announce_conversation(&id);
        self.announce_to_consumer(&id);
        if closed_now {
            self.conversation_closed(&id);
            self.survey_begins(&id);
        }
    }

    fn index_participants(&mut self, before: &Facts, id: &ConversationId) {
        for one in &before.participants {
            if let Some(user) = self.users.get_mut(&AgentId::new(&one.id)) {
                user.takes_part.remove(id);
                user.assigned.remove(id);
            }
        }
        let Some(conversation) = self.conversations.get(id) else { return };
        for one in &conversation.facts.participants {
            let Some(user) = self.users.get_mut(&AgentId::new(&one.id)) else { continue };
            if one.suggested {
                continue;
            }
            user.takes_part.insert(id.clone());
            if one.role == Role::AssignedAgent && conversation.facts.is_open() {
                user.assigned.insert(id.clone());
            }
        }
    }

    /// Moves a closed conversation to the bounded archive.
    fn retire(&mut self, id: &ConversationId) {
        let Some(facts) = self.conversations.get(id).map(|one| &one.facts) else { return };
        let Some(home) = self.accounts.get_mut(&facts.account) else { return };
        home.open.remove(id);
        home.closed.push_back(id.clone());
        if home.closed.len() <= CLOSED_KEPT {
            return;
        }
        let Some(oldest) = home.closed.pop_front() else { return };
        let Some(forgotten) = self.conversations.remove(&oldest) else { return };
        for one in &forgotten.facts.participants {
            if let Some(user) = self.users.get_mut(&AgentId::new(&one.id)) {
                user.takes_part.remove(&oldest);
            }
        }
        self.forget_watched(&forgotten.facts.account, &oldest);
    }
}
