//! The turn as JSON, and what may come back.

use muster_core::turn::{Action, CONTRACT_VERSION, Turn};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fault::Fault;

#[derive(Serialize)]
struct Body<'a> {
    version: u32,
    #[serde(flatten)]
    turn: &'a Turn,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    actions: Vec<Value>,
}

/// What a webhook is sent.
pub(super) fn body(turn: &Turn) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Body { version: CONTRACT_VERSION, turn })
}

/// What a webhook answered, each action by itself in order; their sum is checked where turns are decided.
pub(super) fn actions(body: &[u8]) -> Result<Vec<Action>, Fault> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| Fault::NotJson { line: error.line(), column: error.column() })?;
    let answer: Answer = serde_json::from_value(value).map_err(|error| outside(&error, ""))?;
    let action =
        |(n, value)| serde_json::from_value(value).map_err(|error| outside(&error, &format!("action {n}: ")));
    answer.actions.into_iter().enumerate().map(action).collect()
}

fn outside(error: &serde_json::Error, place: &str) -> Fault {
    let words = error.to_string().replace("unknown variant", "unknown type");
    // Such an error quotes the value, which may be what a bot says to a consumer.
    let words = match words.rsplit_once(", expected ") {
        Some((_, expected)) if words.starts_with("invalid") => {
            format!("a value of the wrong type, expected {expected}")
        }
        _ => words,
    };
    let words = unquoted(&words);
    let is_plain = |letter: &char| !letter.is_control();
    Fault::Contract { words: format!("{place}{words}").chars().filter(is_plain).take(300).collect() }
}

/// Without a quoted name that looks like what somebody said.
fn unquoted(words: &str) -> String {
    let Some((before, rest)) = words.split_once('`') else { return words.to_owned() };
    let Some((quoted, after)) = rest.split_once('`') else { return before.to_owned() };
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    let shown = if quoted.len() <= 32 && quoted.chars().all(is_name) { quoted } else { "…" };
    format!("{before}`{shown}`{after}")
}

#[cfg(test)]
mod tests;
