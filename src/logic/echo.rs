//! `echo`: says what it heard.

use muster_core::turn::{Action, Turn, TurnEvent};

use super::{Logic, LogicError};

/// Answers each message with its text.
pub struct Echo;

impl Logic for Echo {
    fn decide(&self, turn: &Turn) -> Result<Vec<Action>, LogicError> {
        Ok(match &turn.event {
            TurnEvent::Opened | TurnEvent::Closed { .. } => Vec::new(),
            TurnEvent::Message { text, .. } => vec![Action::Say { text: shortened(text) }],
        })
    }

    fn is_instant(&self) -> bool {
        true
    }
}

/// Text within the contract's bound; a consumer may write more, or nothing.
pub(super) fn shortened(text: &str) -> String {
    let text: String = text.chars().filter(|c| *c != '\0').take(4_000).collect();
    if text.is_empty() { "…".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_can_be_said() {
        for (text, said) in [("hi", "hi"), ("", "…"), ("a\0b", "ab")] {
            assert_eq!(shortened(text), said);
        }
        assert_eq!(shortened(&"x".repeat(9_000)).len(), 4_000);
    }
}
