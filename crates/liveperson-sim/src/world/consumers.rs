//! Consumers: what they heard, and where they are.

use std::collections::{BTreeSet, VecDeque};

use liveperson_proto::{AccountId, ConsumerId, ConversationId, SkillId};
use serde_json::{Value, json};

use super::World;
use super::conversations::{Event, Facts, Participant, Role};
use super::scripts::Script;
use super::sockets::SocketId;
use crate::consumer::{ConversationView, Heard};

/// The most that a consumer remembers; scripted ones need nothing of it.
const MEMORY: usize = 10_000;

/// The most conversations that a consumer is shown.
const CONVERSATIONS: usize = 100;

/// One consumer.
pub(crate) struct Played {
    pub(super) account: AccountId,
    pub(super) name: String,
    /// The latest one.
    pub(super) conversation: Option<ConversationId>,
    /// The latest ones, the newest last; the oldest give way.
    pub(super) conversations: VecDeque<ConversationId>,
    /// Empty for whoever is played here.
    pub(super) sockets: BTreeSet<SocketId>,
    heard: VecDeque<Heard>,
    pub(super) script: Option<Script>,
}

impl Played {
    pub(super) fn new(account: AccountId, name: String, script: Option<Script>) -> Self {
        let (conversations, heard, sockets) = (VecDeque::new(), VecDeque::new(), BTreeSet::new());
        Self { account, name, conversation: None, conversations, sockets, heard, script }
    }

    /// What `GetUserProfile` tells about the consumer.
    pub(super) fn profile(&self, id: &str) -> Value {
        json!({
            "userId": id, "firstName": self.name, "lastName": "", "nickName": "", "avatarUrl": "",
            "role": null, "backgndImgUri": null, "description": "",
            "privateData": {
                "mobileNum": "", "mail": "", "email": "",
                "pushNotificationData": {"serviceName": "", "certName": "", "token": ""},
            },
            "claims": {"lp_sdes": []}, "authenticatedData": {"lp_sdes": []}, "acr": "0",
        })
    }
}

impl World {
    /// The hand-driven consumer of that name, made if need be.
    pub(crate) fn consumer_named(&mut self, account: &AccountId, name: &str) -> ConsumerId {
        self.add_account(account);
        if let Some(id) = self.accounts.get(account).and_then(|home| home.consumers.get(name)) {
            return id.clone();
        }
        let id = ConsumerId::from(self.uuid());
        self.consumers.insert(id.clone(), Played::new(account.clone(), name.to_owned(), None));
        if let Some(home) = self.accounts.get_mut(account) {
            home.consumers.insert(name.to_owned(), id.clone());
        }
        id
    }

    /// Opens a conversation with its first message.
    pub(crate) fn consumer_opens(
        &mut self,
        consumer: &ConsumerId,
        skill: &SkillId,
        text: &str,
    ) -> ConversationId {
        let consumer = &self.now_called(consumer);
        let id = self.consumer_arrives(consumer, skill);
        self.consumer_says(&id, consumer, text);
        self.enqueue(&id, None, None);
        id
    }

    /// Opens a conversation in which nothing is said yet and which does not ring yet.
    pub(super) fn consumer_arrives(&mut self, consumer: &ConsumerId, skill: &SkillId) -> ConversationId {
        let account = self.consumers[consumer].account.clone();
        let id = self.open_conversation(&account, consumer, skill);
        if let Some(played) = self.consumers.get_mut(consumer) {
            played.conversation = Some(id.clone());
            if played.conversations.len() == CONVERSATIONS {
                played.conversations.pop_front();
            }
            played.conversations.push_back(id.clone());
        }
        id
    }

    /// Says something in the consumer's latest conversation; `None` when it has no open one.
    pub(crate) fn consumer_adds(&mut self, consumer: &ConsumerId, text: &str) -> Option<i64> {
        let consumer = &self.now_called(consumer);
        let id = self.consumers.get(consumer)?.conversation.clone()?;
        self.consumer_says(&id, consumer, text)
    }

    /// Closes the consumer's latest conversation.
    pub(crate) fn consumer_leaves(&mut self, consumer: &ConsumerId) {
        let consumer = &self.now_called(consumer);
        if let Some(id) = self.consumers.get(consumer).and_then(|played| played.conversation.clone()) {
            self.consumer_closes(&id);
        }
    }

    /// What brands said to the consumer so far.
    pub(crate) fn heard_by(&self, consumer: &ConsumerId) -> Vec<Heard> {
        let consumer = &self.now_called(consumer);
        self.consumers.get(consumer).map(|played| played.heard.iter().cloned().collect()).unwrap_or_default()
    }

    /// The consumer's latest conversation.
    pub(crate) fn view_of(&self, consumer: &ConsumerId) -> Option<ConversationView> {
        let consumer = &self.now_called(consumer);
        let id = self.consumers.get(consumer)?.conversation.as_ref()?;
        let facts = &self.conversations.get(id)?.facts;
        let assigned = facts.holder(Role::AssignedAgent);
        Some(ConversationView {
            id: id.to_string(),
            state: if facts.is_open() { "OPEN" } else { "CLOSE" }.to_owned(),
            stage: if facts.is_staged() { "OPEN" } else { "CLOSE" }.to_owned(),
            skill: facts.skill.to_string(),
            assigned: assigned.map(|one| self.login_of(&one.id.as_str().into()).to_owned()),
            members: self.members_of(facts),
        })
    }

    fn members_of(&self, facts: &Facts) -> Vec<(String, String)> {
        let of_brand = facts.participants.iter().filter(|one| one.role != Role::Consumer && !one.suggested);
        let named = |one: &Participant| self.login_of(&one.id.as_str().into()).to_owned();
        of_brand.map(|one| (named(one), one.role.as_str().to_owned())).collect()
    }

    /// A brand's content reached the consumer.
    pub(super) fn consumer_hears(&mut self, id: &ConversationId, event: &Event) {
        let Some(consumer) = self.conversations.get(id).map(|one| one.facts.consumer.clone()) else { return };
        let originator = self.login_of(&event.originator.id.as_str().into()).to_owned();
        let Some(played) = self.consumers.get_mut(&consumer) else { return };
        if played.script.is_some() {
            self.script_hears(&consumer, id);
            return;
        }
        if played.heard.len() == MEMORY {
            played.heard.pop_front();
        }
        played.heard.push_back(heard(event, originator));
    }

    /// A conversation is over, whoever ended it.
    pub(super) fn conversation_closed(&mut self, id: &ConversationId) {
        self.ledger.closed(id);
        let Some(consumer) = self.conversations.get(id).map(|one| one.facts.consumer.clone()) else { return };
        self.script_goes_on(&consumer);
    }
}

fn heard(event: &Event, originator: String) -> Heard {
    let content = &event.content;
    Heard {
        text: content["message"].as_str().unwrap_or_default().to_owned(),
        rich: content.get("content").cloned(),
        sequence: event.sequence,
        originator_role: event.originator.role.as_str().to_owned(),
        originator,
    }
}
