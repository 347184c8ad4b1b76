use std::collections::BTreeSet;

use jsonschema::Validator;
use liveperson_proto::Sequence;
use muster_core::turn::{MAX_ACTIONS, MAX_TEXT, MAX_VARIABLES, TurnEvent, Unseen};
use serde_json::json;

use super::*;

const SCHEMA: &str = include_str!("../../../../docs/reference/webhook.schema.json");

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

/// The rules of one of the schema's definitions.
fn rules(of: &str) -> Validator {
    let mut schema = schema();
    schema["$ref"] = json!(format!("#/$defs/{of}"));
    jsonschema::validator_for(&schema).unwrap()
}

fn turn(event: TurnEvent) -> Turn {
    Turn {
        id: "0123456789abcdef0123456789abcdef".into(),
        account: "10000001".into(),
        bot: "b".into(),
        pool: "p".into(),
        conversation: "C".into(),
        dialog: "D".into(),
        consumer: Some("consumer".into()),
        former_consumer: None,
        skill: None,
        variables: [("seen".to_owned(), json!([1, null]))].into_iter().collect(),
        event,
    }
}

/// Every event there is; whoever adds one is sent here by the compiler.
fn events() -> Vec<TurnEvent> {
    let message =
        TurnEvent::Message { sequence: Sequence(3), content_type: "text/plain".into(), text: "hi".into() };
    match &message {
        TurnEvent::Opened | TurnEvent::Message { .. } | TurnEvent::Closed { .. } => {}
    }
    let late = Unseen { sequence: Sequence(4), content_type: "text/plain".into(), text: "late".into() };
    vec![TurnEvent::Opened, message, TurnEvent::Closed { unseen: vec![late], more: false }]
}

/// Every action there is; whoever adds one is sent here by the compiler.
fn every_action() -> Vec<Action> {
    let first = Action::Say { text: "hi".into() };
    match &first {
        Action::Say { .. }
        | Action::Rich { .. }
        | Action::TransferToSkill { .. }
        | Action::Close
        | Action::Set { .. } => {}
    }
    let rich = json!({"type": "vertical", "elements": [{"type": "text", "text": "x"}]});
    let set = Action::Set { name: "n".into(), value: Value::Null };
    vec![
        first,
        Action::Rich { content: rich },
        set,
        Action::TransferToSkill { skill: "7".into() },
        Action::Close,
    ]
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

/// Type and keys of each kind that a definition lists.
fn listed(of: &str) -> BTreeSet<(String, BTreeSet<String>)> {
    let kinds = schema()["$defs"][of]["oneOf"].as_array().unwrap().clone();
    let kind = |kind: &Value| {
        let properties = &kind["properties"];
        (properties["type"]["const"].as_str().unwrap().to_owned(), keys(properties))
    };
    kinds.iter().map(kind).collect()
}

fn written(samples: impl IntoIterator<Item = Value>) -> BTreeSet<(String, BTreeSet<String>)> {
    samples.into_iter().map(|sample| (sample["type"].as_str().unwrap().to_owned(), keys(&sample))).collect()
}

#[test]
fn every_turn_keeps_the_schema_and_has_no_field_beside_it() {
    let rules = rules("turn");
    for event in events() {
        let sent: Value = serde_json::from_slice(&body(&turn(event)).unwrap()).unwrap();
        assert!(rules.is_valid(&sent), "{sent}\n{:?}", rules.iter_errors(&sent).collect::<Vec<_>>());
        assert_eq!(keys(&sent), keys(&schema()["$defs"]["turn"]["properties"]));
        for key in keys(&sent) {
            let mut less = sent.clone();
            less.as_object_mut().unwrap().remove(&key);
            assert!(!rules.is_valid(&less), "{key} is always there");
        }
    }
    assert_eq!(written(events().iter().map(|event| json!(event))), listed("event"));
    let mut strange: Value = serde_json::from_slice(&body(&turn(TurnEvent::Opened)).unwrap()).unwrap();
    strange["event"]["type"] = json!("danced");
    assert!(!rules.is_valid(&strange));
    strange["event"]["type"] = json!("opened");
    strange["version"] = json!(CONTRACT_VERSION + 1);
    assert!(!rules.is_valid(&strange));
}

#[test]
fn schema_and_code_agree_on_every_answer() {
    let rules = rules("answer");
    let good: Vec<Value> = every_action().iter().map(|action| json!(action)).collect();
    assert_eq!(written(good.clone()), listed("action"));
    for list in good.iter().map(|action| json!([action])).chain([json!([]), json!(good)]) {
        let answer = json!({ "actions": list });
        assert!(rules.is_valid(&answer), "{answer}");
        assert!(actions(answer.to_string().as_bytes()).is_ok(), "{answer}");
    }
    for answer in [
        json!({"actions": [{"type": "dance"}]}),
        json!({"actions": [{"type": "say", "text": "x", "loud": true}]}),
        json!({"actions": [{"type": "say"}]}),
        json!({"actions": [{"type": "say", "text": 5}]}),
        json!({"actions": [{"type": "transfer_to_skill", "skill": 5}]}),
        json!({"actions": [{"type": "set", "name": "n"}]}),
        json!({"actions": [{}]}),
        json!({"actions": ["say"]}),
        json!({"actions": {"type": "close"}}),
        json!({"actions": [], "version": 1}),
        json!({}),
        json!([]),
    ] {
        assert!(!rules.is_valid(&answer), "{answer}");
        assert!(actions(answer.to_string().as_bytes()).is_err(), "{answer}");
    }
}

#[test]
fn schema_and_code_have_the_same_limits() {
    let schema = schema();
    let answer = &schema["$defs"]["answer"]["properties"]["actions"];
    assert_eq!(answer["maxItems"], json!(MAX_ACTIONS));
    let [say, _, _, _, set] = &schema["$defs"]["action"]["oneOf"].as_array().unwrap()[..] else {
        panic!("five actions")
    };
    assert_eq!(say["properties"]["text"]["maxLength"], json!(MAX_TEXT));
    assert!(set["description"].as_str().unwrap().contains(&MAX_VARIABLES.to_string()));
    assert_eq!(schema["$defs"]["turn"]["properties"]["version"]["const"], json!(CONTRACT_VERSION));
}

#[test]
fn what_is_wrong_with_an_answer_is_said_without_quoting_what_the_bot_says() {
    for (answer, words) in [
        ("<html>", "is no JSON from line 1, column 1 on"),
        ("{\"actions\": [", "is no JSON"),
        ("{}", "missing field `actions`"),
        ("{\"action\": []}", "unknown field `action`, expected `actions`"),
        ("{\"actions\": \"s3cret\"}", "a value of the wrong type, expected a sequence"),
        (
            "{\"actions\": [{\"type\": \"close\"}, {\"type\": \"dance\"}]}",
            "action 1: unknown type `dance`, expected one of `say`, `rich`",
        ),
        ("{\"actions\": [{\"type\": \"say\"}]}", "action 0: missing field `text`"),
        (
            "{\"actions\": [{\"type\": \"say\", \"text\": [\"s3cret\"]}]}",
            "action 0: a value of the wrong type, expected a string",
        ),
        (
            "{\"actions\": [{\"type\": \"say\", \"text\": {\"s3cret, expected\": 1}}]}",
            "action 0: a value of the wrong type, expected a string",
        ),
        ("{\"actions\": [\"s3cret\"]}", "action 0: "),
    ] {
        let fault = actions(answer.as_bytes()).unwrap_err().to_string();
        assert!(fault.contains(words), "{answer}: {fault}");
        assert!(!fault.contains("s3cret"), "{fault}");
    }
    let long = json!({"actions": [{"type": "x\n".repeat(10_000)}]}).to_string();
    let fault = actions(long.as_bytes()).unwrap_err().to_string();
    assert!(fault.len() < 400 && !fault.contains('\n'), "{fault}");
}
