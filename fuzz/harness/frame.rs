//! Reads bytes as a frame, and holds what was read against the same frame in another layout, or with more in it.
//!
//! `fuzz/targets/frame.rs` feeds it new bytes, `crates/liveperson-proto/tests/corpus.rs` those once found.

use liveperson_proto::frame::{Frame, FrameError, Notification, Response};
use liveperson_proto::message::{EventBody, MessageEvent};
use liveperson_proto::request::{Outgoing, Request};
use serde_json::Value;

/// Panics when a promise about frames does not hold for these bytes.
pub(crate) fn frame(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let read = Frame::parse(text);
    if let Err(error) = &read {
        tells_only_its_length(error, text);
    }
    let Ok(read) = read else { return };
    if let Frame::Response(response) = &read {
        answers_are_bounded(response);
    }
    for message in messages(&read) {
        is_written_as_it_was_read(message);
    }
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        layout_does_not_matter(&value);
        what_cannot_be_read_loses_only_itself(value);
    }
}

fn layout_does_not_matter(value: &Value) {
    let (close, wide) = (Frame::parse(&value.to_string()), Frame::parse(&format!("{value:#}")));
    assert_eq!(close.is_ok(), wide.is_ok());
    let (Ok(close), Ok(wide)) = (close, wide) else { return };
    assert_eq!((gist(&close), lost(&close)), (gist(&wide), lost(&wide)), "{value}");
}

/// One more element that nobody can read takes nothing along.
fn what_cannot_be_read_loses_only_itself(mut value: Value) {
    let Ok(before) = Frame::parse(&value.to_string()) else { return };
    let Some(list) = value.pointer_mut("/body/changes").and_then(Value::as_array_mut) else { return };
    list.push(serde_json::json!({"no": 1}));
    let after = Frame::parse(&value.to_string()).expect("an element loses only itself");
    if !matches!(before, Frame::Notification(Notification::Other { .. } | Notification::Message(_))) {
        assert_eq!(gist(&before), gist(&after), "{value}");
        let counts = matches!(before, Frame::Notification(_));
        assert_eq!(lost(&before) + usize::from(counts), lost(&after), "{value}");
    }
}

fn tells_only_its_length(error: &FrameError, text: &str) {
    let words = error.to_string();
    assert!(words.len() < 200, "the words grow with the frame: {words}");
    let FrameError::Envelope { bytes } = error else { return };
    assert_eq!(*bytes, text.len());
}

fn answers_are_bounded(response: &Response) {
    assert!(response.words().chars().count() <= 128);
    let _ = (response.is_success(), response.sequence(), response.clock(), response.conversation());
    serde_json::from_str::<&serde_json::value::RawValue>(response.body.get()).expect("a body is JSON");
}

fn messages(frame: &Frame) -> Vec<MessageEvent> {
    match frame {
        Frame::Response(response) => response.history().map(|(events, _)| events).unwrap_or_default(),
        Frame::Notification(Notification::Message(event)) => vec![(**event).clone()],
        Frame::Notification(Notification::Messages { events, .. }) => events.clone(),
        Frame::Notification(_) | Frame::Unknown => Vec::new(),
    }
}

fn lost(frame: &Frame) -> usize {
    match frame {
        Frame::Response(response) => response.history().map_or(0, |(_, lost)| lost),
        Frame::Notification(
            Notification::Conversations { lost, .. }
            | Notification::Rings { lost, .. }
            | Notification::Messages { lost, .. },
        ) => *lost,
        Frame::Notification(_) | Frame::Unknown => 0,
    }
}

/// What somebody said, said by us: the frame carries every character of it.
fn is_written_as_it_was_read(message: MessageEvent) {
    let EventBody::Content { text, .. } = message.body else { return };
    let request = Request::Publish {
        dialog: message.dialog.clone(),
        conversation: message.conversation.unwrap_or_else(|| message.dialog.as_str().into()),
        content: Outgoing::Text { text: text.clone() },
        external_ids: message.external_ids.clone(),
    };
    let frame = request.frame(7);
    let read: Value = serde_json::from_str(&frame).expect("a frame of ours is JSON");
    assert_eq!(read.pointer("/body/event/message").and_then(Value::as_str), Some(&*text));
    assert_eq!(read.pointer("/body/dialogId").and_then(Value::as_str), Some(message.dialog.as_str()));
    let ids = read.pointer("/metadata").and_then(Value::as_array).map_or(0, Vec::len);
    assert_eq!(ids, message.external_ids.len());
    let read = Frame::parse(&frame).expect("a frame of ours has the envelope that every frame has");
    assert!(matches!(read, Frame::Unknown), "a request is no answer");
}

/// What decisions need of a frame; not the order of keys, nor how a number was written.
fn gist(frame: &Frame) -> String {
    match frame {
        Frame::Unknown => "unknown".to_owned(),
        Frame::Response(response) => {
            let (request, code) = (&response.request, response.code);
            let history = response.history().map(|(events, _)| said(&events));
            format!("answer {request} {code} {:?} {:?} {history:?}", response.sequence(), response.clock())
        }
        Frame::Notification(Notification::Other { kind, .. }) => format!("other {kind}"),
        Frame::Notification(Notification::Message(event)) => {
            format!("message {}", said(&[(**event).clone()]))
        }
        Frame::Notification(Notification::Messages { events, .. }) => said(events),
        Frame::Notification(Notification::Rings { tasks, .. }) => format!("rings {tasks:?}"),
        Frame::Notification(Notification::AgentStates { states, .. }) => format!("states {states:?}"),
        Frame::Notification(Notification::Conversations { subscription, changes, .. }) => {
            let shown = changes.iter().map(|change| {
                let it = &change.conversation;
                let participants = it.participants.len();
                (change.kind, it.id.clone(), it.main_open, it.stage_open, it.skill.clone(), participants)
            });
            format!("conversations {subscription:?} {:?}", shown.collect::<Vec<_>>())
        }
    }
}

fn said(events: &[MessageEvent]) -> String {
    let one = |e: &MessageEvent| {
        let text = match &e.body {
            // The JSON of a file or form keeps the layout it came with.
            EventBody::Content { text, .. } if serde_json::from_str::<Value>(text).is_err() => text.clone(),
            EventBody::Other(kind) => kind.clone(),
            body => format!("{}", body.is_content()),
        };
        let who = (&e.originator, &e.originator_pid, e.role, e.private);
        format!("{:?} {} {:?} {who:?} {:?} {text}\n", e.sequence, e.dialog, e.at, e.external_ids)
    };
    events.iter().map(one).collect()
}
