//! What a socket hears: answers to requests, and notifications.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::agent_state::AgentState;
use crate::conversation::ConversationChange;
use crate::lenient::each;
use crate::message::MessageEvent;
use crate::request::raw;
use crate::ring::RoutingTask;
use crate::{ConversationId, Sequence, SubscriptionId};

/// One frame from the platform.
#[derive(Debug)]
pub enum Frame {
    /// The answer to a request.
    Response(Response),
    /// News.
    Notification(Notification),
    /// A kind this crate does not know; to be ignored.
    Unknown,
}

/// The answer to a request.
#[derive(Debug)]
pub struct Response {
    /// The request's id.
    pub request: String,
    /// Below 400 is success; a missing code is 200.
    pub code: u16,
    /// The body: an object or list on success, a text on failure.
    pub body: Box<RawValue>,
}

/// News.
#[derive(Debug)]
pub enum Notification {
    /// Conversations changed; `lost` elements could not be read.
    Conversations {
        /// Which subscription tells.
        subscription: Option<SubscriptionId>,
        /// What could be read, in order.
        changes: Vec<ConversationChange>,
        /// How many changes could not be read.
        lost: usize,
    },
    /// Rings changed.
    Rings {
        /// What could be read, in order.
        tasks: Vec<RoutingTask>,
        /// How many changes could not be read.
        lost: usize,
    },
    /// Agents' states changed, or are shown for the first time.
    AgentStates {
        /// What could be read, in order.
        states: Vec<AgentState>,
        /// How many changes could not be read.
        lost: usize,
    },
    /// Something was said in a dialog.
    Message(Box<MessageEvent>),
    /// Things were said, as consumers are told.
    Messages {
        /// What could be read, in order.
        events: Vec<MessageEvent>,
        /// How many changes could not be read.
        lost: usize,
    },
    /// A type this crate has no name for, passed through.
    Other {
        /// The wire's type name.
        kind: String,
        /// The raw body.
        body: Box<RawValue>,
    },
}

/// Why a frame could not be read; it says nothing of its content.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Not the JSON envelope every frame has.
    #[error("a frame of {bytes} bytes is not a messaging envelope")]
    Envelope {
        /// The frame's length.
        bytes: usize,
    },
    /// A known notification with an unreadable body.
    #[error("a {kind} notification of {bytes} bytes has an unreadable body")]
    Body {
        /// The wire's type name.
        kind: String,
        /// The body's length.
        bytes: usize,
    },
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, rename = "type", default)]
    of: Option<Cow<'a, str>>,
    #[serde(rename = "reqId", default)]
    request: Option<RequestRef>,
    #[serde(default)]
    code: Option<u16>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

// Servers have been seen to answer a number for a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum RequestRef {
    Text(String),
    Number(u64),
}

/// As changes nearly always are: each of them can be read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound = "T: Deserialize<'de>")]
struct SoundChanges<T> {
    #[serde(default)]
    subscription_id: Option<SubscriptionId>,
    changes: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Changes<'a> {
    #[serde(default)]
    subscription_id: Option<SubscriptionId>,
    #[serde(borrow, default)]
    changes: Option<Vec<&'a RawValue>>,
}

impl Frame {
    /// Reads a text frame.
    pub fn parse(text: &str) -> Result<Self, FrameError> {
        let envelope: Envelope<'_> =
            serde_json::from_str(text).map_err(|_| FrameError::Envelope { bytes: text.len() })?;
        match &*envelope.kind {
            "resp" => Ok(Self::Response(response(&envelope))),
            "notification" => notification(&envelope).map(Self::Notification),
            _ => Ok(Self::Unknown),
        }
    }
}

fn response(envelope: &Envelope<'_>) -> Response {
    let request = match &envelope.request {
        Some(RequestRef::Text(text)) => text.clone(),
        Some(RequestRef::Number(number)) => number.to_string(),
        None => String::new(),
    };
    Response { request, code: envelope.code.unwrap_or(200), body: raw(envelope.body) }
}

fn notification(envelope: &Envelope<'_>) -> Result<Notification, FrameError> {
    let kind = envelope.of.as_deref().unwrap_or_default();
    let body = envelope.body.map_or("null", RawValue::get);
    let unreadable = || FrameError::Body { kind: kind.to_owned(), bytes: body.len() };
    let changes = || {
        let read = serde_json::from_str::<Changes<'_>>(body).map_err(|_| unreadable())?;
        Ok((read.subscription_id, read.changes.unwrap_or_default()))
    };
    match kind {
        ".ams.aam.ExConversationChangeNotification" | "cqm.ExConversationChangeNotification" => {
            if let Ok(SoundChanges { subscription_id: subscription, changes }) = serde_json::from_str(body) {
                return Ok(Notification::Conversations { subscription, changes, lost: 0 });
            }
            let (subscription, changes) = changes()?;
            let (changes, lost) = each(&changes);
            Ok(Notification::Conversations { subscription, changes, lost })
        }
        ".ams.routing.RoutingTaskNotification" => {
            let (tasks, lost) = each(&changes()?.1);
            Ok(Notification::Rings { tasks, lost })
        }
        ".ams.routing.AgentStateNotification" => {
            let (states, lost) = each(&changes()?.1);
            Ok(Notification::AgentStates { states, lost })
        }
        ".ams.ms.OnlineEventDistribution" => MessageEvent::parse(body)
            .map(|event| Notification::Message(Box::new(event)))
            .map_err(|_| unreadable()),
        "ms.MessagingEventNotification" => {
            let (events, lost) = events(&changes()?.1);
            Ok(Notification::Messages { events, lost })
        }
        _ => Ok(Notification::Other { kind: kind.to_owned(), body: raw(envelope.body) }),
    }
}

#[derive(Deserialize)]
struct Published {
    sequence: Sequence,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Clock {
    current_time: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Opened {
    conversation_id: ConversationId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscribed {
    subscription_id: SubscriptionId,
}

impl Response {
    /// The id of a subscription that was asked for.
    pub fn subscription(&self) -> Option<SubscriptionId> {
        serde_json::from_str::<Subscribed>(self.body.get()).ok().map(|s| s.subscription_id)
    }

    /// Whether the request was done.
    pub fn is_success(&self) -> bool {
        self.code < 400
    }

    /// The platform's words on failure, at most 128 characters.
    pub fn words(&self) -> String {
        let words = serde_json::from_str::<String>(self.body.get()).unwrap_or_default();
        words.chars().take(128).collect()
    }

    /// The sequence that a publish was given.
    pub fn sequence(&self) -> Option<Sequence> {
        serde_json::from_str::<Published>(self.body.get()).ok().map(|p| p.sequence)
    }

    /// The platform's time in milliseconds, of a clock answer.
    pub fn clock(&self) -> Option<i64> {
        serde_json::from_str::<Clock>(self.body.get()).ok().map(|c| c.current_time)
    }

    /// The events of a history answer and how many could not be read; `None` if it is no list.
    pub fn history(&self) -> Option<(Vec<MessageEvent>, usize)> {
        let elements = serde_json::from_str::<Vec<&RawValue>>(self.body.get()).ok()?;
        Some(events(&elements))
    }

    /// The conversation that a consumer's request opened.
    pub fn conversation(&self) -> Option<ConversationId> {
        serde_json::from_str::<Opened>(self.body.get()).ok().map(|opened| opened.conversation_id)
    }
}

fn events(elements: &[&RawValue]) -> (Vec<MessageEvent>, usize) {
    let events: Vec<_> = elements.iter().filter_map(|e| MessageEvent::parse(e.get()).ok()).collect();
    let lost = elements.len() - events.len();
    (events, lost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Role;
    use crate::request::Availability;

    #[test]
    fn a_refusals_words_are_cut_to_128_characters() {
        for (said, kept) in [(128, 128), (129, 128), (100_000, 128)] {
            let text = format!(
                r#"{{"kind":"resp","reqId":"9","code":400,"type":".ReqBody$StringResp","body":"{}"}}"#,
                "ö".repeat(said)
            );
            let Ok(Frame::Response(response)) = Frame::parse(&text) else { panic!("{said}") };
            assert_eq!(response.words(), "ö".repeat(kept));
        }
    }

    #[test]
    fn an_answer_is_matched_by_text_or_number() {
        for id in ["\"9\"", "9"] {
            let text = format!(
                r#"{{"kind":"resp","reqId":{id},"code":400,"type":".ReqBody$StringResp","body":"no"}}"#
            );
            let Ok(Frame::Response(response)) = Frame::parse(&text) else { panic!("{id}") };
            assert_eq!((response.request.as_str(), response.is_success()), ("9", false));
            assert_eq!(response.words(), "no");
        }
    }

    #[test]
    fn a_change_that_does_not_parse_loses_only_itself() {
        let text = r#"{"kind":"notification","type":".ams.aam.ExConversationChangeNotification","body":{"changes":[
            {"type":"DELETE"},{"type":"UPSERT","result":{"convId":"C1","conversationDetails":{"participants":{},"dialogs":null}}}]}}"#;
        let Ok(Frame::Notification(Notification::Conversations { changes, lost, .. })) = Frame::parse(text)
        else {
            panic!()
        };
        assert_eq!((changes.len(), lost), (1, 1));
    }

    #[test]
    fn a_consumer_is_told_of_conversations_and_messages() {
        let text = r#"{"kind":"notification","type":"cqm.ExConversationChangeNotification","body":{"changes":[{"type":"UPSERT","result":{
            "convId":"C1","conversationDetails":{"skillId":"7","participants":[{"id":"c","role":"CONSUMER"},{"id":"p","role":"ASSIGNED_AGENT"},{"id":"odd"}],
            "dialogs":[{"dialogId":"C1","dialogType":"MAIN"}],"state":"OPEN","stage":"OPEN"}}}]}}"#;
        let Ok(Frame::Notification(Notification::Conversations { changes, lost: 0, .. })) =
            Frame::parse(text)
        else {
            panic!()
        };
        assert_eq!(changes[0].conversation.first(Role::AssignedAgent), Some("p"));
        let text = r#"{"kind":"notification","type":"ms.MessagingEventNotification","body":{"changes":[
            {"sequence":4,"originatorId":"p","originatorMetadata":{"id":"p","role":"ASSIGNED_AGENT"},"dialogId":"C1","event":{"type":"ContentEvent","message":"hi"}},{"no":1}]}}"#;
        let Ok(Frame::Notification(Notification::Messages { events, lost: 1 })) = Frame::parse(text) else {
            panic!()
        };
        assert_eq!((events[0].sequence, events[0].role), (Some(Sequence(4)), Role::AssignedAgent));
    }

    #[test]
    fn agents_states_are_read_and_those_that_nobody_knows_are_counted() {
        let text = r#"{"kind":"notification","type":".ams.routing.AgentStateNotification","body":{"subscriptionId":"s-3","changes":[
            {"type":"UPSERT","result":{"agentUserId":"1.2","channels":["MESSAGING"],"availability":"BACK_SOON","description":""}},
            {"type":"UPSERT","result":{"agentUserId":"1.2","availability":"DREAMING"}}]}}"#;
        let Ok(Frame::Notification(Notification::AgentStates { states, lost: 1 })) = Frame::parse(text)
        else {
            panic!()
        };
        assert_eq!(states, [AgentState { agent: "1.2".into(), availability: Availability::BackSoon }]);
    }

    #[test]
    fn odd_frames_are_passed_or_refused_without_their_content() {
        assert!(matches!(Frame::parse(r#"{"kind":"novel"}"#), Ok(Frame::Unknown)));
        assert!(matches!(
            Frame::parse(r#"{"kind":"notification","type":"x.Y","body":{"a":1}}"#),
            Ok(Frame::Notification(Notification::Other { kind, .. })) if kind == "x.Y"
        ));
        assert!(matches!(
            Frame::parse(
                r#"{"kind":"notification","type":".ams.routing.RoutingTaskNotification","body":{"changes":null}}"#
            ),
            Ok(Frame::Notification(Notification::Rings { .. }))
        ));
        for bad in [
            "",
            "[]",
            "null",
            "{",
            r#"{"kind":"notification","type":".ams.ms.OnlineEventDistribution","body":"secret"}"#,
        ] {
            let error = Frame::parse(bad).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_history_keeps_what_can_be_read() {
        let text = r#"{"kind":"resp","reqId":"1","body":[{"sequence":0,"dialogId":"C1","event":{"type":"ContentEvent","message":"a"}},{"no":1}]}"#;
        let Ok(Frame::Response(response)) = Frame::parse(text) else { panic!() };
        let (events, lost) = response.history().unwrap();
        assert_eq!((events.len(), lost), (1, 1));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,200}") {
            drop(Frame::parse(&text));
        }
    }
}
