//! Events in: `PublishEvent` of brands, and what consumers say.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use liveperson_proto::{AgentId, ConsumerId, ConversationId, DialogId};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::conversations::{Event, Participant, Role};
use super::requests::{Caller, Outcome};
use super::sockets::SocketId;
use super::{World, shapes, wall};

pub(super) const DISTRIBUTION: &str = ".ams.ms.OnlineEventDistribution";

impl World {
    pub(super) fn publish(&mut self, caller: &Caller, body: &Value, metadata: &Value) -> Outcome {
        self.throttle(caller)?;
        let dialog = body["dialogId"].as_str().ok_or((400, "dialogId is missing"))?;
        let metadata = checked_metadata(metadata)?;
        let event = &body["event"];
        if self.survey_of(&caller.account, &DialogId::new(dialog)).is_some() {
            return Err((400, "User may not publish in this survey"));
        }
        let id =
            self.conversation_of(&caller.account, &DialogId::new(dialog)).ok_or((400, "Unknown dialog"))?;
        let facts = &self.conversations[&id].facts;
        let role = facts.role_of(caller.agent.as_str()).ok_or((400, "User is not a participant"))?;
        if !facts.is_open() {
            return Err((400, "Dialog is closed"));
        }
        let is_content = check_event(event)?;
        if is_content && role == Role::Reader {
            return Err((400, "A reader may not publish content"));
        }
        let for_all = match body["messageAudience"].as_str() {
            None | Some("ALL") => true,
            Some("AGENTS_AND_MANAGERS") => false,
            Some(_) => return Err((400, "Unknown audience")),
        };
        if !self.is_human(&caller.agent) {
            self.counters.published(&dialog.into());
        }
        let originator = self.participant(&caller.agent, role);
        let sequence = self.add_event(&id, originator, event.clone(), for_all, metadata);
        Ok((200, json!({ "sequence": sequence })))
    }

    fn throttle(&mut self, caller: &Caller) -> Result<(), (u16, &'static str)> {
        let Some(limit) = self.settings.publishes_per_second else { return Ok(()) };
        let Some(socket) = caller.socket.and_then(|id| self.sockets.get_mut(&id)) else { return Ok(()) };
        let now = Instant::now();
        while socket.published.front().is_some_and(|at| now - *at > Duration::from_secs(1)) {
            socket.published.pop_front();
        }
        if socket.published.len() >= limit {
            return Err((429, "Too many requests"));
        }
        socket.published.push_back(now);
        Ok(())
    }

    /// The agent as a participant in that role.
    pub(super) fn participant(&self, agent: &AgentId, role: Role) -> Participant {
        let pid = self.users.get(agent).map_or("", |user| user.pid.as_str()).to_owned();
        Participant { id: agent.as_str().to_owned(), pid, role, suggested: false }
    }

    /// Something a consumer says; `None` when the conversation is closed.
    pub(super) fn consumer_says(
        &mut self,
        id: &ConversationId,
        consumer: &ConsumerId,
        text: &str,
    ) -> Option<i64> {
        let facts = &self.conversations.get(id)?.facts;
        let originator = facts.holder(Role::Consumer)?.clone();
        if !facts.is_open() || originator.id != consumer.as_str() {
            return None;
        }
        let event = json!({"type": "ContentEvent", "contentType": "text/plain", "message": text});
        self.ledger.said(id, text);
        Some(self.add_event(id, originator, event, true, Value::Null))
    }

    /// Stores an event, if it is of the kind that has a place, and delivers it; returns the place.
    pub(super) fn add_event(
        &mut self,
        id: &ConversationId,
        originator: Participant,
        event: Value,
        for_all: bool,
        metadata: Value,
    ) -> i64 {
        let Some(conversation) = self.conversations.get_mut(id) else { return 0 };
        let fleeting = event["type"] == "ChatStateEvent";
        let sequence = if fleeting { 0 } else { conversation.take_sequence() };
        let event = Event { sequence, originator, at: wall(), content: event, for_all, metadata };
        let facts = &conversation.facts;
        let shape =
            if fleeting { shapes::chat_state(facts, &event) } else { shapes::event(facts, &event, true) };
        self.deliver_to_brand(id, &shape);
        self.deliver_to_consumer(id, &event);
        if fleeting {
            return sequence;
        }
        self.stir();
        self.settle_event(id, &event, shape);
        if let Some(conversation) = self.conversations.get_mut(id) {
            conversation.remember(event);
        }
        sequence
    }

    /// What a stored event changes: the ledger, what the consumer heard, unread counts, the last message.
    fn settle_event(&mut self, id: &ConversationId, event: &Event, shape: Value) {
        let is_content = is_content(&event.content);
        let from_brand = event.originator.role != Role::Consumer;
        if is_content && from_brand && event.for_all {
            self.ledger.heard(id, &event.content);
            self.consumer_hears(id, event);
        }
        let Some(conversation) = self.conversations.get_mut(id) else { return };
        let facts = &mut conversation.facts;
        facts.updated = event.at;
        if event.content["type"] == "AcceptStatusEvent" {
            if event.content["status"] == "READ" {
                facts.unread.insert(event.originator.id.clone(), 0);
            }
            return;
        }
        if is_content {
            let shown = |one: &&Participant| event.for_all || one.role != Role::Consumer;
            let others = facts.participants.iter().filter(|one| one.id != event.originator.id).filter(shown);
            for other in others {
                *facts.unread.entry(other.id.clone()).or_default() += 1;
            }
            facts.last_content = Some(shape);
            self.announce_conversation(id);
        }
    }

    /// Sends an event to every socket of every brand participant, the publisher's too.
    fn deliver_to_brand(&mut self, id: &ConversationId, shape: &Value) {
        let Some(conversation) = self.conversations.get(id) else { return };
        let present = conversation.facts.participants.iter().filter(|one| !one.suggested);
        let users = present.filter_map(|one| self.users.get(&AgentId::new(&one.id)));
        // A set, for one user may hold two roles.
        let sockets: BTreeSet<SocketId> = users.flat_map(|user| user.sockets.iter().copied()).collect();
        if sockets.is_empty() {
            return;
        }
        let dialog = id.main_dialog();
        let frame = Utf8Bytes::from(shapes::notification(DISTRIBUTION, shape));
        for socket in sockets {
            let subscribed = self.sockets.get(&socket).is_some_and(|one| one.dialogs.contains(&dialog));
            if subscribed || !self.settings.messages_need_subscription {
                self.outbox.push((socket, frame.clone().into()));
            }
        }
    }
}

fn is_content(event: &Value) -> bool {
    event["type"] == "ContentEvent" || event["type"] == "RichContentEvent"
}

/// Whether the event is content; an error when it is nothing we know.
pub(super) fn check_event(event: &Value) -> Result<bool, (u16, &'static str)> {
    match event["type"].as_str() {
        Some("ContentEvent") if event["message"].is_null() => Err((400, "message is missing")),
        Some("RichContentEvent") if !event["content"].is_object() => Err((400, "content is missing")),
        Some("ContentEvent" | "RichContentEvent") => Ok(true),
        Some("ChatStateEvent") => match event["chatState"].as_str() {
            Some("ACTIVE" | "INACTIVE" | "GONE" | "COMPOSING" | "PAUSE" | "BACKGROUND") => Ok(false),
            _ => Err((400, "Unknown chat state")),
        },
        Some("AcceptStatusEvent") if !event["sequenceList"].is_array() => {
            Err((400, "sequenceList is missing"))
        }
        Some("AcceptStatusEvent") => Ok(false),
        _ => Err((400, "Unknown event type")),
    }
}

/// Metadata as a list; the platform is strict about the objects it knows.
pub(super) fn checked_metadata(metadata: &Value) -> Result<Value, (u16, &'static str)> {
    let list = match metadata {
        Value::Null => return Ok(Value::Null),
        Value::Object(_) => vec![metadata.clone()],
        Value::Array(list) => list.clone(),
        _ => return Err((400, "Malformed metadata")),
    };
    for object in &list {
        let fits = match object["type"].as_str() {
            None => false,
            Some("ExternalId") => is_short(&object["id"], 64),
            Some("BotResponse") => fits_bot_response(object),
            Some("ActionReason") => may_be(&object["reason"], 64) && may_be(&object["reasonId"], 64),
            Some(_) => true,
        };
        if !fits {
            return Err((400, "Malformed metadata"));
        }
    }
    Ok(Value::Array(list))
}

fn is_short(value: &Value, most: usize) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty() && text.chars().count() <= most)
}

fn may_be(value: &Value, most: usize) -> bool {
    value.is_null() || is_short(value, most)
}

fn fits_bot_response(object: &Value) -> bool {
    let intents = object["intents"].as_array().map_or(&[][..], Vec::as_slice);
    let cases = object["businessCases"].as_array().map_or(&[][..], Vec::as_slice);
    may_be(&object["externalConversationId"], 64)
        && cases.iter().all(|case| is_short(case, 256))
        && intents.len() <= 16
        && intents.iter().all(|intent| may_be(&intent["id"], 256) && may_be(&intent["name"], 256))
}
