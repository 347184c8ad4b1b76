//! How the wire shows conversations and events: the raw v2 shapes that the vendor's SDKs need.

use liveperson_proto::DialogId;
use serde_json::{Map, Value, json};

use super::conversations::{Event, Facts, Participant, Role};
use super::surveys::Survey;

/// The SDKs warn about roles that are no key here, so all of them always are.
const ROLES: [Role; 7] = [
    Role::Consumer,
    Role::AssignedAgent,
    Role::Agent,
    Role::Manager,
    Role::Reader,
    Role::Controller,
    Role::BrandBot,
];

/// The `result` of a conversation change; complete in a DELETE too.
pub(super) fn conversation(facts: &Facts, shows_suggested: bool) -> Value {
    let mut result = json!({
        "convId": facts.id, "effectiveTTR": effective_ttr(facts),
        "numberOfunreadMessages": facts.unread, "lastUpdateTime": facts.updated,
        "conversationDetails": details(facts, shows_suggested),
    });
    if let Some(last) = &facts.last_content {
        result["lastContentEventNotification"] = last.clone();
    }
    result
}

fn effective_ttr(facts: &Facts) -> i64 {
    if facts.is_open() { facts.started + facts.ttr["value"].as_i64().unwrap_or(3600) * 1000 } else { -1 }
}

fn details(facts: &Facts, shows_suggested: bool) -> Value {
    let state = open_or_closed(facts.is_open());
    let dialogs: Vec<Value> =
        std::iter::once(dialog(facts, shows_suggested)).chain(facts.survey.as_ref().map(survey)).collect();
    let mut details = json!({
        "convId": facts.id, "skillId": facts.skill, "brandId": facts.account, "groupId": null,
        "note": facts.note, "csatRate": 0,
        "participants": by_role(facts, |one| &one.id),
        "participantsPId": by_role(facts, |one| &one.pid),
        "dialogs": dialogs, "state": state, "stage": open_or_closed(facts.is_staged()), "startTs": facts.started, "metaDataLastUpdateTs": facts.updated,
        "firstConversation": true, "ttr": facts.ttr,
        "campaignInfo": {"campaignId": "111", "engagementId": "222"},
        "context": {
            "type": "SharkContext", "lang": "en-US", "visitorId": "v", "sessionId": "s",
            "interactionContextId": "2",
            "clientProperties": {
                "type": ".ClientProperties", "appId": "webAsync", "deviceFamily": "DESKTOP", "os": "LINUX",
                "integration": "WEB_SDK", "features": ["RICH_CONTENT"],
            },
        },
        "conversationHandlerDetails": {"accountId": facts.account, "skillId": facts.skill},
    });
    if !facts.csat.is_null() {
        details["csat"] = facts.csat.clone();
    }
    if let Some(closing) = &facts.closing {
        details["endTs"] = closing.at.into();
        details["closeReason"] = closing.by.clone().into();
    }
    details
}

/// Role to ids, in the same order for both kinds of id.
fn by_role(facts: &Facts, id: impl Fn(&Participant) -> &String) -> Value {
    let mut map = Map::new();
    for role in ROLES {
        let holders = facts.participants.iter().filter(|one| one.role == role && !one.suggested);
        let ids: Vec<&String> = holders.map(&id).collect();
        map.insert(role.as_str().to_owned(), json!(ids));
    }
    Value::Object(map)
}

fn dialog(facts: &Facts, shows_suggested: bool) -> Value {
    let shown = facts.participants.iter().filter(|one| shows_suggested || !one.suggested);
    let participants: Vec<Value> = shown
        .map(|one| {
            let state = if one.suggested { "SUGGESTED" } else { "ACTIVE" };
            json!({"id": one.id, "role": one.role.as_str(), "state": state})
        })
        .collect();
    let mut dialog = json!({
        "dialogId": facts.id, "dialogType": "MAIN", "channelType": "MESSAGING", "metaData": {},
        "state": if facts.is_open() { "OPEN" } else { "CLOSE" },
        "creationTs": facts.started, "metaDataLastUpdateTs": facts.updated,
        "participantsDetails": participants,
    });
    if let Some(closing) = &facts.closing {
        dialog["endTs"] = closing.at.into();
        dialog["closedBy"] = closing.by.clone().into();
        dialog["closedCause"] = closing.cause.clone().into();
    }
    dialog
}

fn survey(survey: &Survey) -> Value {
    let participants = survey.participants.iter();
    let participants: Vec<Value> =
        participants.map(|one| json!({"id": one.id, "role": one.role.as_str(), "state": "ACTIVE"})).collect();
    let mut dialog = json!({
        "dialogId": survey.dialog, "dialogType": "POST_SURVEY", "channelType": "MESSAGING",
        "metaData": {"appInstallId": "simulated-survey"}, "state": open_or_closed(survey.closing.is_none()),
        "creationTs": survey.opened, "metaDataLastUpdateTs": survey.opened,
        "participantsDetails": participants,
    });
    if let Some(closing) = &survey.closing {
        dialog["endTs"] = closing.at.into();
        dialog["closedBy"] = closing.by.clone().into();
        dialog["closedCause"] = closing.cause.clone().into();
    }
    dialog
}

fn open_or_closed(is_open: bool) -> &'static str {
    if is_open { "OPEN" } else { "CLOSE" }
}

/// One event, as history elements and `OnlineEventDistribution` bodies show it.
pub(super) fn event(facts: &Facts, event: &Event, with_metadata: bool) -> Value {
    event_in(facts, &facts.id.main_dialog(), event, with_metadata)
}

/// The same, in whatever dialog of the conversation.
pub(super) fn event_in(facts: &Facts, dialog: &DialogId, event: &Event, with_metadata: bool) -> Value {
    let properties = json!({"type": ".ClientProperties"});
    let from = &event.originator;
    let mut shape = json!({
        "sequence": event.sequence, "originatorId": from.id, "originatorPId": from.pid,
        "originatorMetadata": {
            "id": from.pid, "role": from.role.as_str(), "clientProperties": properties,
        },
        "originatorClientProperties": properties, "serverTimestamp": event.at, "event": event.content,
        "dialogId": dialog, "conversationId": facts.id,
        "messageAudience": if event.for_all { "ALL" } else { "AGENTS_AND_MANAGERS" },
    });
    if with_metadata && !event.metadata.is_null() {
        shape["metadata"] = event.metadata.clone();
    }
    shape
}

/// A chat state, which has neither a place in the dialog nor a time.
pub(super) fn chat_state(facts: &Facts, unplaced: &Event) -> Value {
    let mut shape = event(facts, unplaced, true);
    if let Some(fields) = shape.as_object_mut() {
        fields.remove("sequence");
        fields.remove("serverTimestamp");
    }
    shape
}

/// A notification frame.
pub(super) fn notification(name: &str, body: &Value) -> String {
    json!({"kind": "notification", "type": name, "body": body}).to_string()
}
