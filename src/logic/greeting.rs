//! `greeting`: a small bot that uses all of the contract.

use muster_core::turn::{Action, Turn, TurnEvent};
use serde_json::{Value, json};

use super::echo::shortened;
use super::{Logic, LogicError};

/// Greets, counts, shows a menu (`menu`), hands over (`skill 4711`) and says goodbye (`bye`).
pub struct Greeting;

impl Logic for Greeting {
    fn decide(&self, turn: &Turn) -> Result<Vec<Action>, LogicError> {
        match &turn.event {
            TurnEvent::Opened => Ok(vec![say("Hello! How can I help you?")]),
            TurnEvent::Message { text, .. } => Ok(reply(turn, text)),
            TurnEvent::Closed { .. } => Ok(Vec::new()),
        }
    }

    fn is_instant(&self) -> bool {
        true
    }
}

fn reply(turn: &Turn, text: &str) -> Vec<Action> {
    let count = turn.variables.get("messages").and_then(Value::as_u64).unwrap_or(0) + 1;
    let counted = Action::Set { name: "messages".to_owned(), value: json!(count) };
    let quote = shortened(text);
    let mut words = text.split_whitespace();
    match (words.next(), words.next()) {
        (Some("bye"), _) => vec![say(&format!("Goodbye! ({quote})")), counted, Action::Close],
        (Some("menu"), _) => vec![Action::Rich { content: menu(&quote) }, counted],
        (Some("skill"), Some(skill)) if skill.bytes().all(|b| b.is_ascii_digit()) => {
            let handover = Action::TransferToSkill { skill: skill.into() };
            vec![say(&format!("I hand you over. ({quote})")), counted, handover]
        }
        _ => vec![say(&format!("Message {count}: {quote}")), counted],
    }
}

fn say(text: &str) -> Action {
    Action::Say { text: text.to_owned() }
}

fn menu(quote: &str) -> Value {
    json!({"type": "vertical", "elements": [
        {"type": "text", "text": format!("You said: {quote}")},
        {"type": "button", "title": "Opening hours", "click": {"actions": [{"type": "publishText", "text": "hours"}]}},
        {"type": "button", "title": "Goodbye", "click": {"actions": [{"type": "publishText", "text": "bye"}]}},
    ]})
}

#[cfg(test)]
mod tests {
    use super::*;
    use liveperson_proto::Sequence;
    use muster_core::turn::{Variables, check};

    fn turn(text: &str) -> Turn {
        Turn {
            id: "t".into(),
            account: "1".into(),
            bot: "b".into(),
            pool: "p".into(),
            conversation: "C".into(),
            dialog: "C".into(),
            consumer: None,
            former_consumer: None,
            skill: None,
            variables: Variables::new(),
            event: TurnEvent::Message {
                sequence: Sequence(0),
                content_type: "text/plain".into(),
                text: text.into(),
            },
        }
    }

    #[test]
    fn every_answer_keeps_the_contract_and_quotes_the_message() {
        for text in ["hi", "menu please m-1", "bye m-2", "skill 77 m-3", "skill of mine", ""] {
            let checked = check(Greeting.decide(&turn(text)).unwrap(), Variables::new()).unwrap();
            assert_eq!(checked.variables["messages"], 1, "{text}");
            let said = format!("{:?}", checked.deeds);
            assert!(text.is_empty() || said.contains(text), "{said}");
        }
    }
}
