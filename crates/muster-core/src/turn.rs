//! The turn contract: what logic is given, and what it may answer.
//!
//! `docs/reference/webhook.schema.json` says the same as JSON Schema.

use liveperson_proto::{AccountId, ConsumerId, ConversationId, DialogId, Sequence, SkillId, rich};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{BotId, PoolId, TurnId};

/// The contract's version; it changes when logic written for it would break.
pub const CONTRACT_VERSION: u32 = 1;
/// Actions at most in one turn.
pub const MAX_ACTIONS: usize = 32;
/// Characters at most in one text.
pub const MAX_TEXT: usize = 8_000;
/// Bytes at most of a conversation's variables as JSON.
pub const MAX_VARIABLES: usize = 64 * 1024;

/// What a bot remembers of a conversation, durable.
pub type Variables = Map<String, Value>;

/// One step for the logic: after a crash or time-out it may be asked again, with the same id.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Turn {
    /// The same for each repeat of this turn.
    pub id: TurnId,
    /// The brand's account.
    pub account: AccountId,
    /// The bot.
    pub bot: BotId,
    /// Its pool.
    pub pool: PoolId,
    /// The conversation.
    pub conversation: ConversationId,
    /// The dialog.
    pub dialog: DialogId,
    /// The consumer at this moment.
    pub consumer: Option<ConsumerId>,
    /// Who the consumer was before stepping up in mid-conversation, as far as this process saw it.
    pub former_consumer: Option<ConsumerId>,
    /// The skill it is routed by.
    pub skill: Option<SkillId>,
    /// As the last committed turn left them.
    pub variables: Variables,
    /// What happened.
    pub event: TurnEvent,
}

/// What a turn answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum TurnEvent {
    /// The conversation came to this bot's pool.
    Opened,
    /// A consumer wrote.
    Message {
        /// Its place in the dialog.
        sequence: Sequence,
        /// The MIME type.
        content_type: String,
        /// The text, or the JSON of anything else.
        text: String,
    },
    /// The conversation was closed: nothing can be said any more, and no further turn comes.
    Closed {
        /// The consumer's messages that no turn has answered, in order.
        unseen: Vec<Unseen>,
        /// There were more than a conversation keeps in memory.
        more: bool,
    },
}

/// A consumer's message that came in too late to be answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unseen {
    /// Its place in the dialog.
    pub sequence: Sequence,
    /// The MIME type.
    pub content_type: String,
    /// The text, or the JSON of anything else.
    pub text: String,
}

/// What logic may do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type", deny_unknown_fields)]
pub enum Action {
    /// Writes plain text.
    Say {
        /// 1 to [`MAX_TEXT`] characters.
        text: String,
    },
    /// Shows structured content.
    Rich {
        /// The content, within the platform's limits.
        content: Value,
    },
    /// Hands the conversation to a skill; nothing may follow.
    TransferToSkill {
        /// The skill.
        skill: SkillId,
    },
    /// Closes the conversation; nothing may follow.
    Close,
    /// Sets a variable, or removes it with `null`.
    Set {
        /// Its name.
        name: String,
        /// Its value.
        value: Value,
    },
}

/// Something to be done on the platform: what the outbox holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Deed {
    /// Publish plain text.
    Text {
        /// The text.
        text: String,
    },
    /// Publish structured content.
    Rich {
        /// The content.
        content: Value,
    },
    /// Leave the assignment and route to a skill.
    Transfer {
        /// The skill.
        skill: SkillId,
    },
    /// Close the conversation.
    Close,
}

impl Deed {
    /// Whether the platform's history can prove it by its tag.
    pub fn is_published(&self) -> bool {
        matches!(self, Self::Text { .. } | Self::Rich { .. })
    }
}

/// What is done for a message whose turn has failed: by default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnFailure {
    /// What the consumer is told; 1 to [`MAX_TEXT`] characters, without NUL.
    pub text: Option<String>,
    /// The skill that the conversation is handed to, after the text.
    pub transfer_to: Option<SkillId>,
}

impl OnFailure {
    /// What to do on the platform, in order.
    pub fn deeds(&self) -> Vec<Deed> {
        let text = self.text.clone().map(|text| Deed::Text { text });
        let transfer = self.transfer_to.clone().map(|skill| Deed::Transfer { skill });
        text.into_iter().chain(transfer).collect()
    }
}

/// Why an answer was refused, in words for the bot's author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContractFault {
    /// Too many actions.
    #[error("{count} actions in one turn, at most {MAX_ACTIONS} go")]
    TooManyActions {
        /// How many there were.
        count: usize,
    },
    /// A text is empty or too long.
    #[error("action {action}: a text of {length} characters, 1 to {MAX_TEXT} go")]
    Text {
        /// The action's place, from 0.
        action: usize,
        /// The text's length in characters.
        length: usize,
    },
    /// A text holds a NUL, which stores cannot keep.
    #[error("action {action}: a NUL character in a text or name")]
    Nul {
        /// The action's place, from 0.
        action: usize,
    },
    /// Rich content beyond the platform's limits.
    #[error("action {action}: {fault}")]
    Rich {
        /// The action's place, from 0.
        action: usize,
        /// What and where.
        fault: rich::RichFault,
    },
    /// An action that needs an open conversation.
    #[error("action {action}: the conversation is closed, so only `set` can take effect")]
    Closed {
        /// The action's place, from 0.
        action: usize,
    },
    /// Something follows a transfer or close.
    #[error("action {action} follows a transfer or close, which must be last")]
    AfterTheEnd {
        /// The action's place, from 0.
        action: usize,
    },
    /// The variables grew too large.
    #[error("variables of {bytes} bytes, at most {MAX_VARIABLES} go")]
    Variables {
        /// Their size as JSON.
        bytes: usize,
    },
}

/// An answer that keeps the contract.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// The variables after the turn.
    pub variables: Variables,
    /// What to do on the platform, in order.
    pub deeds: Vec<Deed>,
}

/// Checks an answer and applies its variables.
pub fn check(actions: Vec<Action>, mut variables: Variables) -> Result<Checked, ContractFault> {
    if actions.len() > MAX_ACTIONS {
        return Err(ContractFault::TooManyActions { count: actions.len() });
    }
    let mut deeds = Vec::new();
    let mut ended = false;
    for (n, action) in actions.into_iter().enumerate() {
        let is_deed = !matches!(action, Action::Set { .. });
        if ended && is_deed {
            return Err(ContractFault::AfterTheEnd { action: n });
        }
        match action {
            Action::Say { text } => deeds.push(Deed::Text { text: checked_text(text, n)? }),
            Action::Rich { content } => {
                rich::check(&content).map_err(|fault| ContractFault::Rich { action: n, fault })?;
                deeds.push(Deed::Rich { content });
            }
            Action::TransferToSkill { skill } => {
                deeds.push(Deed::Transfer { skill });
                ended = true;
            }
            Action::Close => {
                deeds.push(Deed::Close);
                ended = true;
            }
            Action::Set { name, value } => set(&mut variables, name, value, n)?,
        }
    }
    let bytes = serde_json::to_string(&variables).map_or(0, |json| json.len());
    if bytes > MAX_VARIABLES {
        return Err(ContractFault::Variables { bytes });
    }
    Ok(Checked { variables, deeds })
}

/// Checks an answer to the last turn of a closed conversation: variables may change and nothing else.
pub fn check_closed(actions: Vec<Action>, variables: Variables) -> Result<Checked, ContractFault> {
    match actions.iter().position(|action| !matches!(action, Action::Set { .. })) {
        Some(action) => Err(ContractFault::Closed { action }),
        None => check(actions, variables),
    }
}

fn checked_text(text: String, action: usize) -> Result<String, ContractFault> {
    let length = text.chars().count();
    if length == 0 || length > MAX_TEXT {
        return Err(ContractFault::Text { action, length });
    }
    if text.contains('\0') { Err(ContractFault::Nul { action }) } else { Ok(text) }
}

fn set(variables: &mut Variables, name: String, value: Value, action: usize) -> Result<(), ContractFault> {
    if name.contains('\0') {
        return Err(ContractFault::Nul { action });
    }
    if value.is_null() {
        variables.remove(&name);
    } else {
        variables.insert(name, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn say(text: &str) -> Action {
        Action::Say { text: text.into() }
    }

    #[test]
    fn an_answer_becomes_deeds_and_variables() {
        let actions = vec![
            say("hi"),
            Action::Set { name: "n".into(), value: json!(1) },
            Action::Set { name: "old".into(), value: Value::Null },
            Action::TransferToSkill { skill: "7".into() },
            Action::Set { name: "late".into(), value: json!(true) },
        ];
        let before = [("old".to_owned(), json!("x"))].into_iter().collect();
        let checked = check(actions, before).unwrap();
        assert_eq!(checked.deeds, [Deed::Text { text: "hi".into() }, Deed::Transfer { skill: "7".into() }]);
        assert_eq!(Value::Object(checked.variables), json!({"n": 1, "late": true}));
    }

    #[test]
    fn faults_are_told_to_the_author() {
        let long = "x".repeat(MAX_TEXT + 1);
        for (actions, words) in [
            (vec![say("x"); 33], "33 actions"),
            (vec![say("")], "0 characters"),
            (vec![say(&long)], "8001 characters"),
            (vec![say("a\0b")], "NUL"),
            (vec![Action::Close, say("x")], "action 1 follows"),
            (vec![Action::Rich { content: json!({"type": "text", "text": "x"}) }], "root"),
            (vec![Action::Set { name: "v".into(), value: json!("x".repeat(MAX_VARIABLES)) }], "variables of"),
        ] {
            let fault = check(actions, Variables::new()).unwrap_err().to_string();
            assert!(fault.contains(words), "{fault}");
        }
    }

    #[test]
    fn a_turn_may_fill_each_of_its_bounds_and_not_one_more() {
        // The name, the quotes and the braces count as well: `{"v":"…"}`.
        let variable = |bytes: usize| Action::Set { name: "v".into(), value: json!("x".repeat(bytes - 8)) };
        for (full, more) in [
            (vec![say("x"); MAX_ACTIONS], vec![say("x"); MAX_ACTIONS + 1]),
            (vec![say(&"ö".repeat(MAX_TEXT))], vec![say(&"ö".repeat(MAX_TEXT + 1))]),
            (vec![variable(MAX_VARIABLES)], vec![variable(MAX_VARIABLES + 1)]),
        ] {
            check(full, Variables::new()).unwrap();
            check(more, Variables::new()).unwrap_err();
        }
    }

    #[test]
    fn variables_that_fill_up_turn_by_turn_are_refused_at_the_bound() {
        let mut variables = Variables::new();
        let fault = (0..100).find_map(|n| {
            let more = Action::Set { name: format!("v{n}"), value: json!("x".repeat(1_000)) };
            match check(vec![more], variables.clone()) {
                Ok(checked) => {
                    variables = checked.variables;
                    None
                }
                Err(fault) => Some(fault),
            }
        });
        assert!(
            matches!(fault, Some(ContractFault::Variables { bytes }) if bytes > MAX_VARIABLES),
            "{fault:?}"
        );
        assert_eq!(variables.len(), 64, "what was there before stays");
        let removal = Action::Set { name: "v0".into(), value: Value::Null };
        assert_eq!(check(vec![removal], variables).unwrap().variables.len(), 63, "and can be made smaller");
    }

    #[test]
    fn actions_are_read_from_json_and_unknown_ones_refused() {
        let actions: Vec<Action> = serde_json::from_str(
            r#"[{"type":"say","text":"hi"},{"type":"transfer_to_skill","skill":"7"},{"type":"close"}]"#,
        )
        .unwrap();
        assert_eq!(actions.len(), 3);
        assert!(serde_json::from_str::<Action>(r#"{"type":"dance"}"#).is_err());
        assert!(serde_json::from_str::<Action>(r#"{"type":"say","text":"x","loud":true}"#).is_err());
    }
}
