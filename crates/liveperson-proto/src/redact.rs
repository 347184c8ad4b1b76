//! A frame as it may be shown: ids, kinds, states and times stay; texts, tokens and whatever is not known go.
//!
//! Only fields that stand on a list are shown, and of those only values that look like ids and words of the
//! protocol: what the platform adds one day is hidden until somebody has looked at it.

use serde_json::{Map, Value, json};

/// The largest frame that is looked into, in bytes; of larger ones only the size is shown.
pub const LARGEST: usize = 64 << 10;
/// The longest value that counts as an id.
const LONGEST_ID: usize = 128;
const SHOWN: [&str; 61] = [
    "agentId",
    "agentIds",
    "agentUserId",
    "availability",
    "brandId",
    "channel",
    "channelType",
    "channels",
    "chatState",
    "closeReason",
    "closeReasonCode",
    "code",
    "consumerId",
    "contentType",
    "convId",
    "conversationField",
    "conversationId",
    "conversationState",
    "creationTs",
    "dialogId",
    "dialogType",
    "dialogs",
    "endTs",
    "expiration",
    "field",
    "fromSeq",
    "id",
    "interactionTime",
    "isBot",
    "kind",
    "lastContentEventNotification",
    "messageAudience",
    "metaDataLastUpdateTs",
    "newerThanSequence",
    "olderThanSequence",
    "originatorId",
    "originatorPId",
    "participants",
    "participantsPId",
    "priority",
    "reqId",
    "ringExpirationTs",
    "ringId",
    "ringState",
    "role",
    "sequence",
    "sequenceList",
    "serverTimestamp",
    "skill",
    "skillId",
    "stage",
    "startTs",
    "state",
    "status",
    "subscriptionId",
    "timestamp",
    "ttr",
    "ttrType",
    "type",
    "userId",
    "userPid",
];
/// Fields that hold others, which are judged by their own names.
const OPENED: [&str; 22] = [
    "body",
    "campaignInfo",
    "change",
    "changes",
    "conversation",
    "conversationDetails",
    "conversationField",
    "dialogs",
    "dialogsMetadata",
    "event",
    "lastContentEventNotification",
    "lastUpdatedDialog",
    "metadata",
    "newState",
    "oldState",
    "originatorMetadata",
    "participants",
    "result",
    "ringsDetails",
    "states",
    "tasks",
    "ttr",
];
/// Fields whose texts are told of by their length.
const MEASURED: [&str; 6] = ["body", "content", "description", "message", "text", "title"];

/// The frame without what must not be shown.
pub fn redacted(frame: &str) -> Value {
    if frame.len() > LARGEST {
        return hidden("frame", frame.len());
    }
    match serde_json::from_str(frame) {
        Ok(Value::Object(fields)) => object(&fields),
        _ => hidden("unreadable", frame.len()),
    }
}

fn hidden(what: &str, length: usize) -> Value {
    json!({"hidden": what, "length": length})
}

fn object(fields: &Map<String, Value>) -> Value {
    let (mut shown, mut others) = (Map::new(), 0_usize);
    for (name, value) in fields {
        match field(name, value) {
            Some(value) => drop(shown.insert(name.clone(), value)),
            None => others += 1,
        }
    }
    if others > 0 {
        shown.insert("hidden_fields".to_owned(), others.into());
    }
    Value::Object(shown)
}

fn field(name: &str, value: &Value) -> Option<Value> {
    let named = |list: &[&str]| list.contains(&name);
    match value {
        Value::Object(fields) if named(&OPENED) => Some(object(fields)),
        Value::Array(items) if named(&OPENED) => Some(items.iter().map(item).collect()),
        Value::Array(items) if named(&SHOWN) => Some(items.iter().map(plain).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) if named(&SHOWN) => {
            Some(plain(value))
        }
        _ if named(&MEASURED) => Some(measured(value)),
        _ => None,
    }
}

/// Something in a list of things.
fn item(value: &Value) -> Value {
    match value {
        Value::Object(fields) => object(fields),
        other => plain(other),
    }
}

/// A value that looks like an id or a word of the protocol; of anything else its length.
fn plain(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        Value::String(text) if is_id(text) => value.clone(),
        other => measured(other),
    }
}

fn is_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-/".contains(&byte);
    text.len() <= LONGEST_ID && text.bytes().all(fits)
}

fn measured(value: &Value) -> Value {
    match value {
        Value::String(text) => hidden("text", text.chars().count()),
        Value::Object(_) => hidden("object", value.to_string().len()),
        Value::Array(_) => hidden("list", value.to_string().len()),
        _ => hidden("value", 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: &str = "planted";

    #[test]
    fn what_a_bot_says_is_shown_by_its_kind_and_length() {
        let frame = r#"{"kind":"req","id":"7","type":".ams.ms.PublishEvent","body":{"conversationId":"C1",
            "dialogId":"C1","event":{"type":"ContentEvent","contentType":"text/plain","message":"hi Ada"},
            "messageAudience":"ALL"},"metadata":[{"type":"ExternalId","id":"mu1.x.s3.0"}]}"#;
        assert_eq!(
            redacted(frame),
            json!({"kind": "req", "id": "7", "type": ".ams.ms.PublishEvent", "body": {
                "conversationId": "C1", "dialogId": "C1", "messageAudience": "ALL",
                "event": {"type": "ContentEvent", "contentType": "text/plain",
                    "message": {"hidden": "text", "length": 6}},
            }, "metadata": [{"type": "ExternalId", "id": "mu1.x.s3.0"}]})
        );
    }

    #[test]
    fn what_is_not_on_the_list_is_counted_and_not_shown() {
        for (frame, shown) in [
            (
                r#"{"kind":"resp","code":401,"body":"Ada is not here"}"#,
                json!({"kind": "resp", "code": 401, "body": {"hidden": "text", "length": 15}}),
            ),
            (
                r#"{"kind":"x","planted":1,"bearer":"planted","headers":{"cookie":"planted"}}"#,
                json!({"kind": "x", "hidden_fields": 3}),
            ),
            (
                r#"{"event":{"type":"RichContentEvent","content":{"type":"text","text":"planted"}}}"#,
                json!({"event": {"type": "RichContentEvent", "content": {"hidden": "object", "length": 32}}}),
            ),
            // A text where an id belongs.
            (
                r#"{"id":"what Ada wrote","userId":["planted text",{"a":"planted"}]}"#,
                json!({"id": {"hidden": "text", "length": 14},
                    "userId": [{"hidden": "text", "length": 12}, {"hidden": "object", "length": 15}]}),
            ),
            ("planted", json!({"hidden": "unreadable", "length": 7})),
            ("[\"planted\"]", json!({"hidden": "unreadable", "length": 11})),
        ] {
            assert_eq!(redacted(frame), shown, "{frame}");
            assert!(!redacted(frame).to_string().contains(MARK), "{frame}");
        }
        let large = format!("{{\"id\":\"{}\"}}", "x".repeat(LARGEST));
        assert_eq!(redacted(&large), hidden("frame", LARGEST + 9));
    }
}
