//! How a consumer's socket shows conversations and events: persistent ids throughout, nothing private.

use serde_json::{Value, json};

use super::conversations::{Event, Facts};

/// The `result` of a conversation change.
pub(super) fn conversation(facts: &Facts) -> Value {
    let state = if facts.is_open() { "OPEN" } else { "CLOSE" };
    let present = facts.participants.iter().filter(|one| !one.suggested);
    let participants: Vec<Value> =
        present.map(|one| json!({"id": one.pid, "role": one.role.as_str()})).collect();
    let mut dialog = json!({
        "dialogId": facts.id, "dialogType": "MAIN", "channelType": "MESSAGING", "state": state,
        "creationTs": facts.started, "participantsDetails": participants,
    });
    let mut details = json!({
        "skillId": facts.skill, "participants": participants, "state": state,
        "stage": if facts.is_staged() { "OPEN" } else { "CLOSE" },
        "startTs": facts.started, "ttr": facts.ttr,
    });
    if let Some(closing) = &facts.closing {
        dialog["endTs"] = closing.at.into();
        dialog["closedBy"] = closing.by.clone().into();
        dialog["closedCause"] = closing.cause.clone().into();
        details["endTs"] = closing.at.into();
        details["closeReason"] = closing.by.clone().into();
    }
    details["dialogs"] = json!([dialog]);
    json!({"convId": facts.id, "effectiveTTR": -1, "conversationDetails": details})
}

/// One of the `changes` of a messaging notification.
pub(super) fn event(facts: &Facts, event: &Event) -> Value {
    let from = &event.originator;
    let mut shape = json!({
        "originatorId": from.pid, "originatorMetadata": {"id": from.pid, "role": from.role.as_str()},
        "event": event.content, "conversationId": facts.id, "dialogId": facts.id, "messageAudience": "ALL",
    });
    // A chat state has neither a place nor a time.
    if event.content["type"] != "ChatStateEvent" {
        shape["sequence"] = event.sequence.into();
        shape["serverTimestamp"] = event.at.into();
    }
    if !event.metadata.is_null() {
        shape["metadata"] = event.metadata.clone();
    }
    shape
}
