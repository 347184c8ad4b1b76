//! What a consumer may ask, and what comes of it.

use liveperson_proto::{ConsumerId, ConversationId, DialogId, Sequence, SkillId};
use serde_json::{Value, json};

use super::changes::{Effects, close, text_or_number};
use super::consumer_sockets::MESSAGES;
use super::conversations::{Facts, Role};
use super::publishing::{check_event, checked_metadata};
use super::requests::{Kind, Outcome, Refusal, Request};
use super::sockets::SocketId;
use super::{World, consumer_shapes, shapes, wall};

impl World {
    /// Does what a consumer's request asks.
    pub(super) fn consumer_asks(
        &mut self,
        socket: SocketId,
        consumer: &ConsumerId,
        request: &Request,
    ) -> Outcome {
        let body = &request.body;
        match request.kind {
            Kind::GetClock => Ok((200, json!({ "currentTime": wall() }))),
            Kind::ConsumerRequestConversation => self.consumer_requests_conversation(consumer, body),
            Kind::SubscribeExConversations => {
                let id = self.watch_as_consumer(socket, consumer, body)?;
                Ok((200, json!({ "subscriptionId": id })))
            }
            Kind::UnsubscribeExConversations => self.consumer_unsubscribes(socket, body),
            Kind::SubscribeMessagingEvents => self.consumer_subscribes_messages(socket, consumer, body),
            Kind::QueryMessages => {
                let newer = body["newerThanSequence"].as_i64().unwrap_or(Sequence::START.0);
                let (_, events) = self.events_for(consumer, body, newer)?;
                Ok((200, Value::Array(events)))
            }
            Kind::PublishEvent => self.consumer_publishes(consumer, body, &request.metadata),
            Kind::UpdateConversationField => self.consumer_updates(consumer, body),
            Kind::GetUserProfile => Ok((200, self.consumers[consumer].profile(consumer.as_str()))),
            Kind::SetUserProfile => self.consumer_renames(consumer, body),
            Kind::Unknown => Err((400, "Unknown request type")),
            _ => Err((401, "Not allowed for consumers")),
        }
    }

    /// A consumer has one open conversation at a time. It rings at once: nothing has to be said first.
    fn consumer_requests_conversation(&mut self, consumer: &ConsumerId, body: &Value) -> Outcome {
        if body["channelType"] != "MESSAGING" {
            return Err((400, "channelType is missing or unknown"));
        }
        let played = &self.consumers[consumer];
        if body["brandId"].as_str().is_some_and(|brand| brand != played.account.as_str()) {
            return Err((400, "Unknown brand"));
        }
        if played.conversation.as_ref().is_some_and(|id| self.is_open(id)) {
            return Err((400, "Consumer already has an open conversation"));
        }
        let skill = text_or_number(&body["skillId"]).unwrap_or_else(|| "-1".to_owned());
        let id = self.consumer_arrives(consumer, &SkillId::from(skill));
        self.enqueue(&id, None, None);
        Ok((200, json!({ "conversationId": id })))
    }

    fn consumer_unsubscribes(&mut self, socket: SocketId, body: &Value) -> Outcome {
        let id = body["subscriptionId"].as_str().ok_or((400, "subscriptionId is missing"))?;
        let socket = self.consumer_sockets.get_mut(&socket).ok_or((400, "No socket"))?;
        let before = socket.watching.len();
        socket.watching.retain(|one| one.id.as_str() != id);
        if socket.watching.len() == before {
            Err((400, "Unknown subscription"))
        } else {
            Ok((200, "OK".into()))
        }
    }

    /// The history comes as the first notification; what follows comes live.
    fn consumer_subscribes_messages(
        &mut self,
        socket: SocketId,
        consumer: &ConsumerId,
        body: &Value,
    ) -> Outcome {
        let from = body["fromSeq"].as_i64().unwrap_or(0);
        let (dialog, events) = self.events_for(consumer, body, from - 1)?;
        let open = self.consumer_sockets.get_mut(&socket).ok_or((400, "No socket"))?;
        open.dialogs.insert(dialog);
        self.send(socket, shapes::notification(MESSAGES, &json!({ "changes": events })));
        Ok((200, json!({})))
    }

    fn events_for(
        &self,
        consumer: &ConsumerId,
        body: &Value,
        newer: i64,
    ) -> Result<(DialogId, Vec<Value>), Refusal> {
        let id = self.own_conversation(consumer, body)?;
        let conversation = &self.conversations[&id];
        let older = body["olderThanSequence"].as_i64().unwrap_or(i64::MAX);
        let wanted = conversation
            .history
            .iter()
            .filter(|one| one.sequence > newer && one.sequence < older && one.for_all);
        let events = wanted.map(|event| consumer_shapes::event(&conversation.facts, event)).collect();
        Ok((id.main_dialog(), events))
    }

    fn consumer_publishes(&mut self, consumer: &ConsumerId, body: &Value, metadata: &Value) -> Outcome {
        let id = self.own_conversation(consumer, body)?;
        let metadata = checked_metadata(metadata)?;
        let event = &body["event"];
        let is_content = check_event(event)?;
        let facts = &self.conversations[&id].facts;
        if !facts.is_open() {
            return Err((400, "Dialog is closed"));
        }
        let originator = facts.holder(Role::Consumer).cloned().ok_or((400, "User is not a participant"))?;
        if is_content {
            self.ledger.said(&id, event["message"].as_str().unwrap_or_default());
        }
        let sequence = self.add_event(&id, originator, event.clone(), true, metadata);
        Ok((200, json!({ "sequence": sequence })))
    }

    fn consumer_updates(&mut self, consumer: &ConsumerId, body: &Value) -> Outcome {
        let id = self.own_conversation(consumer, body)?;
        let changes = match &body["conversationField"] {
            Value::Array(list) if !list.is_empty() => list.clone(),
            one @ Value::Object(_) => vec![one.clone()],
            _ => return Err((400, "conversationField is missing")),
        };
        let mut facts = self.conversations[&id].facts.clone();
        for change in &changes {
            consumer_changes(&mut facts, change)?;
        }
        if self.is_open(&id) && !facts.is_open() {
            self.survey_follows(&mut facts);
        }
        self.commit(facts);
        self.review_queue(&id, None, None);
        Ok((200, "OK Conversation resolved successfully".into()))
    }

    fn consumer_renames(&mut self, consumer: &ConsumerId, body: &Value) -> Outcome {
        let name = body["firstName"].as_str().ok_or((400, "firstName is missing"))?;
        if let Some(played) = self.consumers.get_mut(consumer) {
            played.name = name.chars().take(64).collect();
        }
        Ok((200, "OK".into()))
    }

    /// The conversation that a body names by its own id or by its dialog's, if it is the consumer's.
    fn own_conversation(&self, consumer: &ConsumerId, body: &Value) -> Result<ConversationId, Refusal> {
        let named = body["dialogId"].as_str().or_else(|| body["conversationId"].as_str());
        let dialog = DialogId::new(named.ok_or((400, "dialogId is missing"))?);
        let id = self.conversation_of(&self.consumers[consumer].account, &dialog);
        let own = id.filter(|id| self.conversations[id].facts.consumer == *consumer);
        own.ok_or((400, "Unknown dialog"))
    }

    /// Brands see a consumer come and go as a chat state.
    pub(super) fn show_presence(&mut self, consumer: &ConsumerId, state: &str) {
        let id = self.consumers.get(consumer).and_then(|played| played.conversation.clone());
        let Some(id) = id.filter(|id| self.is_open(id)) else { return };
        let Some(one) = self.conversations[&id].facts.holder(Role::Consumer).cloned() else { return };
        self.add_event(&id, one, json!({"type": "ChatStateEvent", "chatState": state}), true, Value::Null);
    }
}

fn consumer_changes(facts: &mut Facts, change: &Value) -> Result<(), Refusal> {
    if change["field"] == "CSATRate" {
        facts.csat = change.clone();
        return Ok(());
    }
    if !facts.is_open() {
        return Err((400, "Conversation is closed"));
    }
    let closes = match change["field"].as_str() {
        Some("ConversationStateField" | "Stage") => change["conversationState"] == "CLOSE",
        Some("DialogChange") => change["dialog"]["state"] == "CLOSE",
        _ => false,
    };
    if !closes {
        return Err((401, "Not allowed for consumers"));
    }
    close(facts, "CONSUMER", "Closed by consumer", &mut Effects::default());
    Ok(())
}
