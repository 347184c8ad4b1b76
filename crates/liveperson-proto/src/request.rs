//! What a brand socket asks of the platform.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::message::Role;
use crate::{
    AccountId, AgentId, ConsumerId, ConversationId, DialogId, RingId, Sequence, SkillId, SubscriptionId,
};

/// Whether an agent takes conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// New conversations and transfers ring.
    Online,
    /// Only transfers ring.
    Occupied,
    /// Nothing rings.
    Away,
    /// Nothing rings.
    BackSoon,
    /// Nothing rings, and the agent counts as logged out.
    Offline,
}

impl Availability {
    const ALL: [Self; 5] = [Self::Online, Self::Occupied, Self::Away, Self::BackSoon, Self::Offline];

    /// The platform's word for it.
    pub fn wire(self) -> &'static str {
        match self {
            Self::Online => "ONLINE",
            Self::Occupied => "OCCUPIED",
            Self::Away => "AWAY",
            Self::BackSoon => "BACK_SOON",
            Self::Offline => "OFFLINE",
        }
    }

    /// What the platform means by a word, if this crate knows it.
    pub fn of_wire(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|availability| availability.wire() == word)
    }
}

/// What a bot publishes into a dialog.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Outgoing {
    /// Plain text.
    Text {
        /// The text.
        text: String,
    },
    /// Structured content.
    Rich {
        /// The content's JSON.
        content: Value,
    },
}

/// One change of a conversation's fields; a list of them is applied as one step.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldChange {
    /// Takes an agent out of a role.
    Remove {
        /// The agent.
        agent: AgentId,
        /// The role.
        role: Role,
    },
    /// Lets an agent join in a role.
    Add {
        /// The agent.
        agent: AgentId,
        /// The role.
        role: Role,
    },
    /// Routes to another skill.
    Skill(SkillId),
    /// Closes the conversation's main dialog.
    Close,
}

/// A request, typed as far as muster needs it; everything else goes as [`Request::Raw`].
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Asks the platform's time: health probe and clock offset.
    GetClock,
    /// Subscribes to open conversations, of one agent or of the account.
    SubscribeConversations {
        /// Only those in which this agent takes part.
        agent: Option<AgentId>,
    },
    /// Subscribes to one conversation, open or closed, in which an agent takes part.
    ///
    /// There is no plain request for a conversation: what there is comes with the first notification.
    FindConversation {
        /// Who takes part.
        agent: AgentId,
        /// The conversation.
        conversation: ConversationId,
    },
    /// Gives a subscription to conversations up.
    Unsubscribe {
        /// The subscription.
        subscription: SubscriptionId,
    },
    /// Subscribes to rings.
    SubscribeRings {
        /// The account.
        account: AccountId,
        /// The bot.
        agent: AgentId,
    },
    /// Subscribes to what the platform takes an agent's state for.
    SubscribeAgentState {
        /// The account.
        account: AccountId,
        /// The bot.
        agent: AgentId,
    },
    /// Sets whether the bot takes conversations.
    SetAgentState {
        /// The bot.
        agent: AgentId,
        /// The new state.
        availability: Availability,
    },
    /// Accepts a ring.
    AcceptRing {
        /// The ring.
        ring: RingId,
    },
    /// Asks to be told of a dialog's messages on this socket, from a sequence on. Today a participant hears them
    /// unasked; the platform has announced that only subscribers will.
    SubscribeMessages {
        /// The dialog.
        dialog: DialogId,
        /// Its conversation.
        conversation: ConversationId,
        /// Inclusive.
        from: Sequence,
    },
    /// Reads a dialog's events after a sequence; the platform may cap the page.
    ReadHistory {
        /// The dialog.
        dialog: DialogId,
        /// Exclusive; [`Sequence::START`] reads from the first event.
        newer_than: Sequence,
        /// Exclusive upper end, for paging back.
        older_than: Option<Sequence>,
    },
    /// Publishes content.
    Publish {
        /// The dialog.
        dialog: DialogId,
        /// Its conversation.
        conversation: ConversationId,
        /// What to publish.
        content: Outgoing,
        /// `ExternalId` metadata, at most 64 characters each.
        external_ids: Vec<String>,
    },
    /// Tells that events were read.
    MarkRead {
        /// The dialog.
        dialog: DialogId,
        /// Its conversation.
        conversation: ConversationId,
        /// The events.
        sequences: Vec<Sequence>,
    },
    /// Changes fields of a conversation in one step.
    UpdateConversation {
        /// The conversation.
        conversation: ConversationId,
        /// The changes, in order.
        changes: Vec<FieldChange>,
    },
    /// Reads a consumer's profile.
    UserProfile {
        /// The consumer.
        consumer: ConsumerId,
    },
    /// Any other request.
    Raw {
        /// The wire's type name.
        kind: String,
        /// The body.
        body: Value,
    },
}

#[derive(Serialize)]
struct Envelope<'a> {
    kind: &'static str,
    id: &'a str,
    #[serde(rename = "type")]
    of: &'a str,
    body: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Value>,
}

impl Request {
    /// The wire's type name. Source: `.ams.` names, which brand sockets speak.
    pub fn kind(&self) -> &str {
        match self {
            Self::GetClock => ".GetClock",
            Self::SubscribeConversations { .. } | Self::FindConversation { .. } => {
                ".ams.aam.SubscribeExConversations"
            }
            Self::Unsubscribe { .. } => ".ams.aam.UnsubscribeExConversations",
            Self::SubscribeRings { .. } => ".ams.routing.SubscribeRoutingTasks",
            Self::SubscribeAgentState { .. } => ".ams.routing.SubscribeAgentsState",
            Self::SetAgentState { .. } => ".ams.routing.SetAgentState",
            Self::AcceptRing { .. } => ".ams.routing.UpdateRingState",
            Self::SubscribeMessages { .. } => "ms.SubscribeMessagingEvents",
            Self::ReadHistory { .. } => ".ams.ms.QueryMessages",
            Self::Publish { .. } | Self::MarkRead { .. } => ".ams.ms.PublishEvent",
            Self::UpdateConversation { .. } => ".ams.cm.UpdateConversationField",
            Self::UserProfile { .. } => ".ams.userprofile.GetUserProfile",
            Self::Raw { kind, .. } => kind,
        }
    }

    /// The whole frame, with an id that is unique on its socket.
    pub fn frame(&self, id: u64) -> String {
        frame(id, self.kind(), self.body(), self.metadata())
    }

    fn metadata(&self) -> Option<Value> {
        match self {
            Self::Publish { external_ids, .. } if !external_ids.is_empty() => {
                Some(external_ids.iter().map(|id| json!({"type": "ExternalId", "id": id})).collect())
            }
            _ => None,
        }
    }

    fn body(&self) -> Value {
        match self {
            Self::GetClock => json!({}),
            Self::SubscribeConversations { agent: Some(agent) } => {
                json!({"agentIds": [agent], "stage": ["OPEN"]})
            }
            Self::SubscribeConversations { agent: None } => json!({"stage": ["OPEN"]}),
            Self::FindConversation { agent, conversation } => {
                json!({"agentIds": [agent], "conversationId": conversation, "stage": ["OPEN", "CLOSE"]})
            }
            Self::Unsubscribe { subscription } => json!({"subscriptionId": subscription}),
            Self::SubscribeRings { account, agent } => {
                json!({"channelType": "MESSAGING", "agentId": agent, "brandId": account})
            }
            Self::SubscribeAgentState { account, agent } => json!({"brandId": account, "agentId": agent}),
            Self::SetAgentState { agent, availability } => {
                json!({"availability": availability.wire(), "channels": ["MESSAGING"], "agentUserId": agent, "description": ""})
            }
            Self::AcceptRing { ring } => json!({"ringId": ring, "ringState": "ACCEPTED"}),
            Self::SubscribeMessages { dialog, conversation, from } => {
                json!({"dialogId": dialog, "conversationId": conversation, "fromSeq": from})
            }
            Self::ReadHistory { dialog, newer_than, older_than } => match older_than {
                None => json!({"dialogId": dialog, "newerThanSequence": newer_than}),
                Some(older) => {
                    json!({"dialogId": dialog, "newerThanSequence": newer_than, "olderThanSequence": older})
                }
            },
            Self::Publish { dialog, conversation, content, .. } => {
                json!({"dialogId": dialog, "conversationId": conversation, "messageAudience": "ALL", "event": event(content)})
            }
            Self::MarkRead { dialog, conversation, sequences } => {
                let event = json!({"type": "AcceptStatusEvent", "status": "READ", "sequenceList": sequences});
                json!({"dialogId": dialog, "conversationId": conversation, "event": event})
            }
            Self::UpdateConversation { conversation, changes } => {
                let changes: Vec<_> = changes.iter().map(change).collect();
                json!({"conversationId": conversation, "conversationField": changes})
            }
            // The bare string is the one form that every known server takes.
            Self::UserProfile { consumer } => json!(consumer),
            Self::Raw { body, .. } => body.clone(),
        }
    }
}

/// A request's frame.
pub(crate) fn frame(id: u64, kind: &str, body: Value, metadata: Option<Value>) -> String {
    let id = id.to_string();
    let envelope = Envelope { kind: "req", id: &id, of: kind, body, metadata };
    serde_json::to_string(&envelope).unwrap_or_default()
}

fn event(content: &Outgoing) -> Value {
    match content {
        Outgoing::Text { text } => {
            json!({"type": "ContentEvent", "contentType": "text/plain", "message": text})
        }
        Outgoing::Rich { content } => json!({"type": "RichContentEvent", "content": content}),
    }
}

fn change(change: &FieldChange) -> Value {
    match change {
        FieldChange::Remove { agent, role } => {
            json!({"field": "ParticipantsChange", "type": "REMOVE", "role": role.wire(), "userId": agent})
        }
        FieldChange::Add { agent, role } => {
            json!({"field": "ParticipantsChange", "type": "ADD", "role": role.wire(), "userId": agent})
        }
        FieldChange::Skill(skill) => json!({"field": "Skill", "type": "UPDATE", "skill": skill}),
        FieldChange::Close => json!({"field": "ConversationStateField", "conversationState": "CLOSE"}),
    }
}

/// Keeps a raw body that nobody here looks into.
pub fn raw(body: Option<&RawValue>) -> Box<RawValue> {
    body.map_or_else(|| RawValue::NULL.to_owned(), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_what_the_platform_reads() {
        let agent = AgentId::from("1.2");
        for (request, expected) in [
            (Request::GetClock, r#"{"kind":"req","id":"7","type":".GetClock","body":{}}"#),
            (
                Request::AcceptRing { ring: "r".into() },
                r#"{"kind":"req","id":"7","type":".ams.routing.UpdateRingState","body":{"ringId":"r","ringState":"ACCEPTED"}}"#,
            ),
            (
                Request::SubscribeMessages {
                    dialog: "D1".into(),
                    conversation: "C1".into(),
                    from: Sequence(3),
                },
                r#"{"kind":"req","id":"7","type":"ms.SubscribeMessagingEvents","body":{"conversationId":"C1","dialogId":"D1","fromSeq":3}}"#,
            ),
            (
                Request::ReadHistory { dialog: "C1".into(), newer_than: Sequence(-1), older_than: None },
                r#"{"kind":"req","id":"7","type":".ams.ms.QueryMessages","body":{"dialogId":"C1","newerThanSequence":-1}}"#,
            ),
            (
                Request::Publish {
                    dialog: "C1".into(),
                    conversation: "C1".into(),
                    content: Outgoing::Text { text: "hi".into() },
                    external_ids: vec!["t".into()],
                },
                r#"{"kind":"req","id":"7","type":".ams.ms.PublishEvent","body":{"conversationId":"C1","dialogId":"C1","event":{"contentType":"text/plain","message":"hi","type":"ContentEvent"},"messageAudience":"ALL"},"metadata":[{"id":"t","type":"ExternalId"}]}"#,
            ),
            (
                Request::UpdateConversation {
                    conversation: "C1".into(),
                    changes: vec![
                        FieldChange::Remove { agent, role: Role::AssignedAgent },
                        FieldChange::Skill("9".into()),
                    ],
                },
                r#"{"kind":"req","id":"7","type":".ams.cm.UpdateConversationField","body":{"conversationField":[{"field":"ParticipantsChange","role":"ASSIGNED_AGENT","type":"REMOVE","userId":"1.2"},{"field":"Skill","skill":"9","type":"UPDATE"}],"conversationId":"C1"}}"#,
            ),
            (
                Request::FindConversation { agent: "1.2".into(), conversation: "C1".into() },
                r#"{"kind":"req","id":"7","type":".ams.aam.SubscribeExConversations","body":{"agentIds":["1.2"],"conversationId":"C1","stage":["OPEN","CLOSE"]}}"#,
            ),
            (
                Request::Unsubscribe { subscription: "s-2".into() },
                r#"{"kind":"req","id":"7","type":".ams.aam.UnsubscribeExConversations","body":{"subscriptionId":"s-2"}}"#,
            ),
            (
                Request::SubscribeAgentState { account: "1".into(), agent: "1.2".into() },
                r#"{"kind":"req","id":"7","type":".ams.routing.SubscribeAgentsState","body":{"agentId":"1.2","brandId":"1"}}"#,
            ),
            (
                Request::UserProfile { consumer: "c".into() },
                r#"{"kind":"req","id":"7","type":".ams.userprofile.GetUserProfile","body":"c"}"#,
            ),
        ] {
            assert_eq!(request.frame(7), expected);
        }
    }
}
