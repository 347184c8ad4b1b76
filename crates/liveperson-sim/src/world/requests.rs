//! Request types of both families, and their answers.

use liveperson_proto::{AccountId, AgentId};
use serde_json::{Value, json};

use super::sockets::SocketId;
use super::{World, wall};

/// Who asks: a user, on a socket that may be gone by the time the request is applied.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) account: AccountId,
    pub(super) agent: AgentId,
    pub(super) socket: Option<SocketId>,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    GetClock,
    SubscribeExConversations,
    UnsubscribeExConversations,
    UpdateConversationField,
    PublishEvent,
    QueryMessages,
    SubscribeMessagingEvents,
    SubscribeRoutingTasks,
    SubscribeAgentsState,
    SetAgentState,
    UpdateRingState,
    GetUserProfile,
    SetUserProfile,
    ConsumerRequestConversation,
    InitConnection,
    Unknown,
}

impl Kind {
    /// The wire type, in the family without a leading dot.
    pub(super) fn name(self) -> &'static str {
        TABLE.iter().find(|names| names.0 == self).map_or("Unknown", |names| names.3)
    }
}

/// Kind, name and answer in the `.ams` family, name and answer in the other.
type Names = (Kind, &'static str, &'static str, &'static str, &'static str);

const STRING: &str = ".ReqBody$StringResp";
const OTHER_STRING: &str = "StringResponse";

const TABLE: [Names; 15] = [
    (Kind::GetClock, ".GetClock", ".GetClock$Response", "GetClock", "GetClockResponse"),
    (
        Kind::SubscribeExConversations,
        ".ams.aam.SubscribeExConversations",
        ".ams.aam.SubscribeExConversations$Response",
        "cqm.SubscribeExConversations",
        "cqm.SubscribeExConversationsResponse",
    ),
    (
        Kind::UnsubscribeExConversations,
        ".ams.aam.UnsubscribeExConversations",
        STRING,
        "cqm.UnsubscribeExConversations",
        OTHER_STRING,
    ),
    (
        Kind::UpdateConversationField,
        ".ams.cm.UpdateConversationField",
        STRING,
        "cm.UpdateConversationField",
        OTHER_STRING,
    ),
    (
        Kind::PublishEvent,
        ".ams.ms.PublishEvent",
        ".ams.ms.PublishEvent$Response",
        "ms.PublishEvent",
        "ms.PublishEventResponse",
    ),
    (
        Kind::QueryMessages,
        ".ams.ms.QueryMessages",
        ".ams.ms.QueryMessages$Response",
        "ms.QueryMessages",
        "GenericSubscribeResponse",
    ),
    (
        Kind::SubscribeMessagingEvents,
        ".ams.ms.SubscribeMessagingEvents",
        ".ams.GenericSubscribe$Response",
        "ms.SubscribeMessagingEvents",
        "GenericSubscribeResponse",
    ),
    (
        Kind::SubscribeRoutingTasks,
        ".ams.routing.SubscribeRoutingTasks",
        ".ams.GenericSubscribe$Response",
        "routing.SubscribeRoutingTasks",
        "GenericSubscribeResponse",
    ),
    (
        Kind::SubscribeAgentsState,
        ".ams.routing.SubscribeAgentsState",
        ".ams.GenericSubscribe$Response",
        "routing.SubscribeAgentsState",
        "GenericSubscribeResponse",
    ),
    (Kind::SetAgentState, ".ams.routing.SetAgentState", STRING, "routing.SetAgentState", OTHER_STRING),
    (Kind::UpdateRingState, ".ams.routing.UpdateRingState", STRING, "routing.UpdateRingState", OTHER_STRING),
    (
        Kind::GetUserProfile,
        ".ams.userprofile.GetUserProfile",
        ".ams.userprofile.GetUserProfile$Response",
        "userprofile.GetUserProfile",
        "userprofile.GetUserProfileResponse",
    ),
    (
        Kind::SetUserProfile,
        ".ams.userprofile.SetUserProfile",
        STRING,
        "userprofile.SetUserProfile",
        OTHER_STRING,
    ),
    (
        Kind::ConsumerRequestConversation,
        ".ams.cm.ConsumerRequestConversation",
        ".ams.cm.RequestConversation$Response",
        "cm.ConsumerRequestConversation",
        "cm.RequestConversationResponse",
    ),
    (
        Kind::InitConnection,
        ".InitConnection",
        ".InitConnection$Response",
        "InitConnection",
        "InitConnectionResponse",
    ),
];

/// Why a request is refused: a code and the words.
pub(crate) type Refusal = (u16, &'static str);

/// The body of a good answer with its code, or a code and why not.
pub(super) type Outcome = Result<(u16, Value), Refusal>;

/// One request frame.
#[derive(Clone, Debug)]
pub(super) struct Request {
    id: String,
    pub(super) kind: Kind,
    dotted: bool,
    pub(super) body: Value,
    pub(super) metadata: Value,
    pub(super) headers: Value,
}

impl Request {
    /// Reads a frame; `None` for anything that is not a request.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut frame: Value = serde_json::from_str(text).ok()?;
        if frame["kind"] != "req" {
            return None;
        }
        let id = match &frame["id"] {
            Value::String(id) => id.clone(),
            Value::Number(id) => id.to_string(),
            _ => return None,
        };
        let name = frame["type"].as_str()?;
        let dotted = name.starts_with('.');
        let found = TABLE.iter().find(|(_, ams, _, other, _)| name == *ams || name == *other);
        let kind = found.map_or(Kind::Unknown, |names| names.0);
        let [body, metadata, headers] = ["body", "metadata", "headers"].map(|name| frame[name].take());
        Some(Self { id, kind, dotted, body, metadata, headers })
    }

    /// Whether the request, applied late, would still do something.
    pub(super) fn changes_state(&self) -> bool {
        matches!(self.kind, Kind::PublishEvent | Kind::UpdateConversationField | Kind::UpdateRingState)
    }

    /// The answer frame, in the family of the request.
    pub(super) fn answer(&self, outcome: Outcome) -> Value {
        let (code, name, body) = match outcome {
            Ok((code, body)) => (code, self.answer_name(), body),
            Err((code, why)) => (code, if self.dotted { STRING } else { OTHER_STRING }, Value::from(why)),
        };
        json!({"kind": "resp", "reqId": self.id, "code": code, "type": name, "body": body})
    }

    fn answer_name(&self) -> &'static str {
        let names = TABLE.iter().find(|names| names.0 == self.kind);
        names.map_or(STRING, |(_, _, dotted, _, other)| if self.dotted { dotted } else { other })
    }
}

impl World {
    /// Does what the request asks.
    pub(super) fn apply(&mut self, caller: &Caller, request: &Request) -> Outcome {
        let body = &request.body;
        match request.kind {
            Kind::GetClock => Ok((200, json!({ "currentTime": wall() }))),
            Kind::SubscribeExConversations => self.subscribe_conversations(caller, body),
            Kind::UnsubscribeExConversations => self.unsubscribe_conversations(caller, body),
            Kind::UpdateConversationField => self.update_conversation(caller, body),
            Kind::PublishEvent => self.publish(caller, body, &request.metadata),
            Kind::QueryMessages => self.query_messages(caller, body),
            Kind::SubscribeMessagingEvents => self.subscribe_messages(caller, body),
            Kind::SubscribeRoutingTasks => self.subscribe_routing(caller),
            Kind::SubscribeAgentsState => self.subscribe_agent_states(caller, body),
            Kind::SetAgentState => self.set_agent_state(caller, body),
            Kind::UpdateRingState => self.update_ring(caller, body),
            Kind::GetUserProfile => self.user_profile(caller, body),
            Kind::SetUserProfile | Kind::ConsumerRequestConversation | Kind::InitConnection => {
                Err((401, "Not allowed for agents"))
            }
            Kind::Unknown => Err((400, "Unknown request type")),
        }
    }

    /// The body is the bare id of the SDKs, or an object.
    fn user_profile(&self, caller: &Caller, body: &Value) -> Outcome {
        let id = body.as_str().or_else(|| body["userId"].as_str()).unwrap_or_default();
        if id.is_empty() || self.agent_named(&caller.account, id).is_some() {
            let agent = self.agent_named(&caller.account, id).unwrap_or_else(|| caller.agent.clone());
            let login = self.users.get(&agent).map(|user| user.login.as_str());
            return Ok((200, json!({"userId": agent, "firstName": login, "nickName": login})));
        }
        let consumer = self.consumers.get(&self.now_called(&id.into())).ok_or((400, "Unknown user"))?;
        Ok((200, consumer.profile(id)))
    }
}
