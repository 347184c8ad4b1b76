//! Events of a dialog, as notifications and the history carry them.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::lenient::null_as_default;
use crate::{ConversationId, DialogId, Sequence};

/// What a participant is in a conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Role {
    /// The person who writes to the brand.
    Consumer,
    /// The one owner on the brand's side.
    AssignedAgent,
    /// A further agent or bot.
    Agent,
    /// A supervisor or bot that joined.
    Manager,
    /// A silent participant.
    Reader,
    /// The system's controller bots.
    Controller,
    /// A role this crate does not know, or none.
    #[default]
    Other,
}

impl Role {
    /// Reads the wire's word; an unknown one is [`Role::Other`].
    pub fn from_wire(word: &str) -> Self {
        match word {
            "CONSUMER" => Self::Consumer,
            "ASSIGNED_AGENT" => Self::AssignedAgent,
            "AGENT" => Self::Agent,
            "MANAGER" => Self::Manager,
            "READER" => Self::Reader,
            "CONTROLLER" => Self::Controller,
            _ => Self::Other,
        }
    }

    /// The wire's word.
    pub fn wire(self) -> &'static str {
        match self {
            Self::Consumer => "CONSUMER",
            Self::AssignedAgent => "ASSIGNED_AGENT",
            Self::Agent => "AGENT",
            Self::Manager => "MANAGER",
            Self::Reader => "READER",
            Self::Controller => "CONTROLLER",
            Self::Other => "OTHER",
        }
    }

    /// Whether what this role writes is the brand speaking.
    pub fn is_brand(self) -> bool {
        matches!(self, Self::AssignedAgent | Self::Agent | Self::Manager)
    }
}

/// What happened in a dialog.
#[derive(Clone, Debug, PartialEq)]
pub enum EventBody {
    /// Somebody wrote: plain text where the message is text, else the raw JSON.
    Content {
        /// The MIME type, such as `text/plain`.
        content_type: String,
        /// The text, or the JSON of a file or form.
        text: String,
    },
    /// Structured content.
    Rich {
        /// Its raw JSON.
        content: String,
    },
    /// A receipt; it takes a sequence too.
    AcceptStatus,
    /// Typing and presence; never takes a sequence.
    ChatState,
    /// A type this crate does not know.
    Other(String),
}

impl EventBody {
    /// Whether this is something a person would read.
    pub fn is_content(&self) -> bool {
        matches!(self, Self::Content { .. } | Self::Rich { .. })
    }
}

/// One event of a dialog.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageEvent {
    /// Its place; chat states have none.
    pub sequence: Option<Sequence>,
    /// The dialog.
    pub dialog: DialogId,
    /// The conversation; older captures leave it out.
    pub conversation: Option<ConversationId>,
    /// The old agent id or the consumer's id.
    pub originator: String,
    /// The persistent id, where the originator has one.
    pub originator_pid: String,
    /// The originator's role at that moment.
    pub role: Role,
    /// The platform's clock, in milliseconds.
    pub at: Option<i64>,
    /// Whether only the brand's side sees it.
    pub private: bool,
    /// The ids of its `ExternalId` metadata, in order.
    pub external_ids: Vec<String>,
    /// What happened.
    pub body: EventBody,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMessage<'a> {
    sequence: Option<Sequence>,
    #[serde(default, deserialize_with = "null_as_default")]
    dialog_id: String,
    conversation_id: Option<ConversationId>,
    #[serde(default, deserialize_with = "null_as_default")]
    originator_id: String,
    #[serde(default, rename = "originatorPId", deserialize_with = "null_as_default")]
    originator_pid: String,
    #[serde(borrow)]
    originator_metadata: Option<RawOriginator<'a>>,
    server_timestamp: Option<i64>,
    #[serde(borrow)]
    message_audience: Option<Cow<'a, str>>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    event: RawEvent<'a>,
}

#[derive(Deserialize)]
struct RawOriginator<'a> {
    #[serde(borrow, default)]
    role: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct RawEvent<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(rename = "contentType")]
    content_type: Option<String>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawMetadata<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    id: Option<String>,
}

impl MessageEvent {
    /// Reads one event.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        let raw: RawMessage<'_> = serde_json::from_str(json)?;
        let role = raw.originator_metadata.and_then(|o| o.role).map_or(Role::Other, |r| Role::from_wire(&r));
        Ok(Self {
            sequence: raw.sequence,
            dialog: DialogId::from(raw.dialog_id),
            conversation: raw.conversation_id,
            originator: raw.originator_id,
            originator_pid: raw.originator_pid,
            role,
            at: raw.server_timestamp,
            private: raw.message_audience.is_some_and(|audience| audience != "ALL"),
            external_ids: raw.metadata.map(external_ids).unwrap_or_default(),
            body: body(raw.event),
        })
    }

    /// Whether an agent known by both of its ids wrote this.
    pub fn is_from(&self, agent: &str, persistent: &str) -> bool {
        let by_old_id = !agent.is_empty() && (self.originator == agent || self.originator_pid == agent);
        let by_pid =
            !persistent.is_empty() && (self.originator == persistent || self.originator_pid == persistent);
        by_old_id || by_pid
    }
}

fn body(raw: RawEvent<'_>) -> EventBody {
    match &*raw.kind {
        "ContentEvent" => EventBody::Content {
            content_type: raw.content_type.unwrap_or_else(|| "text/plain".to_owned()),
            text: raw.message.map(text_or_json).unwrap_or_default(),
        },
        "RichContentEvent" => EventBody::Rich {
            content: raw.content.map_or_else(String::new, |content| content.get().to_owned()),
        },
        "AcceptStatusEvent" => EventBody::AcceptStatus,
        "ChatStateEvent" => EventBody::ChatState,
        _ => EventBody::Other(raw.kind.into_owned()),
    }
}

fn text_or_json(message: &RawValue) -> String {
    serde_json::from_str(message.get()).unwrap_or_else(|_| message.get().to_owned())
}

// Metadata is a list of typed objects, but real clients send a bare object too.
fn external_ids(metadata: &RawValue) -> Vec<String> {
    let objects = serde_json::from_str::<Vec<&RawValue>>(metadata.get()).unwrap_or_else(|_| vec![metadata]);
    objects
        .into_iter()
        .filter_map(|object| serde_json::from_str::<RawMetadata<'_>>(object.get()).ok())
        .filter(|object| object.kind == "ExternalId")
        .filter_map(|object| object.id)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"sequence":4,"originatorId":"1.2","originatorPId":"p","originatorMetadata":{"id":"p","role":"ASSIGNED_AGENT"},
        "serverTimestamp":5,"event":{"type":"ContentEvent","contentType":"text/plain","message":"hel\"lo"},"dialogId":"C1",
        "messageAudience":"ALL","metadata":[{"type":"ExternalId","id":"a"},{"type":"BotResponse"},7,{"type":"ExternalId","id":"b"}]}"#;

    #[test]
    fn a_message_keeps_what_decisions_need() {
        let event = MessageEvent::parse(LINE).unwrap();
        assert_eq!(event.sequence, Some(Sequence(4)));
        assert_eq!(event.role, Role::AssignedAgent);
        assert_eq!(event.external_ids, ["a", "b"]);
        assert!(!event.private);
        let EventBody::Content { text, .. } = &event.body else { panic!("{event:?}") };
        assert_eq!(text, "hel\"lo");
    }

    #[test]
    fn an_agent_is_known_by_either_id() {
        let event = MessageEvent::parse(LINE).unwrap();
        assert!(event.is_from("1.2", ""));
        assert!(event.is_from("", "p"));
        assert!(!event.is_from("", ""));
        assert!(!event.is_from("1.3", "q"));
    }

    #[test]
    fn odd_events_are_read_and_not_refused() {
        for (event, expected) in [
            (r#"{"type":"ChatStateEvent","chatState":"COMPOSING"}"#, EventBody::ChatState),
            (
                r#"{"type":"AcceptStatusEvent","status":"VIEWED","sequenceList":null}"#,
                EventBody::AcceptStatus,
            ),
            (
                r#"{"type":"RichContentEvent","content":{"type":"text"}}"#,
                EventBody::Rich { content: r#"{"type":"text"}"#.into() },
            ),
            (r#"{"type":"FromTheFuture","x":1}"#, EventBody::Other("FromTheFuture".into())),
            (
                r#"{"type":"ContentEvent","contentType":"hosted/file","message":{"a":1}}"#,
                EventBody::Content { content_type: "hosted/file".into(), text: r#"{"a":1}"#.into() },
            ),
        ] {
            let json = format!(r#"{{"dialogId":"C1","originatorId":null,"metadata":null,"event":{event}}}"#);
            assert_eq!(MessageEvent::parse(&json).unwrap().body, expected);
        }
    }
}
