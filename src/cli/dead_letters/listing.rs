//! Dead letters as they are shown; what they say only if it is asked for.

use serde::Serialize;

use crate::board::rfc3339;
use crate::cli::table::time;
use crate::store::{DeadLetter, LetterId};

/// A page of letters.
#[derive(Serialize)]
pub(super) struct Page<'a> {
    pub(super) items: &'a [Shown],
    pub(super) more: bool,
}

/// A letter as it is shown.
#[derive(Serialize)]
pub(super) struct Shown {
    id: String,
    account: String,
    pool: String,
    conversation: String,
    dialog: String,
    bot: String,
    reason: String,
    committed_at: String,
    died_at: String,
    #[serde(skip)]
    died_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped: Option<ShownDrop>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct ShownDrop {
    at: String,
    by: String,
    reason: String,
}

impl Shown {
    pub(super) fn of(letter: DeadLetter, show_text: bool) -> Self {
        let id = LetterId::from(&letter.key).to_string();
        // What an action says is JSON; whatever else it is, it is shown as it is.
        let text = |body: String| serde_json::from_str(&body).unwrap_or(serde_json::Value::String(body));
        let drop = letter.dropped.map(|d| ShownDrop { at: rfc3339(d.at), by: d.by, reason: d.reason });
        Self {
            id,
            account: letter.key.account.to_string(),
            pool: letter.key.pool.to_string(),
            conversation: letter.key.conversation.to_string(),
            dialog: letter.dialog.to_string(),
            bot: letter.bot.to_string(),
            reason: letter.reason,
            committed_at: rfc3339(letter.created_at),
            died_at: rfc3339(letter.died_at),
            died_ms: letter.died_at,
            dropped: drop,
            text: Some(letter.body).filter(|body| show_text && !body.is_empty()).map(text),
        }
    }

    pub(super) fn id(&self) -> String {
        self.id.clone()
    }

    pub(super) fn text(&self) -> String {
        let deed = self.text.as_ref();
        let said = deed.map(|deed| deed["text"].as_str().map_or_else(|| deed.to_string(), str::to_owned));
        said.unwrap_or_else(|| "-".to_owned())
    }

    pub(super) fn row(&self) -> [String; 6] {
        let why = match &self.dropped {
            Some(drop) => format!("{} (dropped by {}: {})", self.reason, drop.by, drop.reason),
            None => self.reason.clone(),
        };
        let since = time(Some(self.died_ms));
        [self.id(), self.account.clone(), self.bot.clone(), self.conversation.clone(), since, why]
    }
}

/// What came of one letter.
#[derive(Serialize)]
pub(super) struct Answer {
    id: String,
    pub(super) done: bool,
    words: String,
}

pub(super) fn answer(id: &LetterId, (done, words): (bool, String)) -> Answer {
    Answer { id: id.to_string(), done, words }
}

impl Answer {
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.id, self.words)
    }
}
