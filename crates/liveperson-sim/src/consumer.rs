//! One consumer driven by hand, for stories.

use std::sync::Arc;
use std::time::Duration;

use liveperson_proto::{ConsumerId, SkillId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::world::Shared;

/// A consumer who does what the story says.
///
/// What it says goes out word for word, and the ledger judges only texts with a word that starts with `m-`.
#[derive(Clone)]
pub struct Consumer {
    shared: Arc<Shared>,
    id: ConsumerId,
}

/// Something a brand said to a consumer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// The text; empty for rich content.
    pub text: String,
    /// The rich content, if it was that.
    pub rich: Option<Value>,
    /// Its place in the dialog.
    pub sequence: i64,
    /// The role of whoever said it, such as `ASSIGNED_AGENT`.
    pub originator_role: String,
    /// The login name of whoever said it.
    #[serde(default)]
    pub originator: String,
}

/// A conversation as a story may look at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationView {
    /// The conversation's id.
    pub id: String,
    /// `OPEN` or `CLOSE`.
    pub state: String,
    /// `OPEN` as long as any dialog is, a survey's too, or `CLOSE`.
    #[serde(default)]
    pub stage: String,
    /// The skill.
    pub skill: String,
    /// The login name of the assigned agent.
    pub assigned: Option<String>,
    /// Login name and role of everybody of the brand who takes part.
    #[serde(default)]
    pub members: Vec<(String, String)>,
}

impl Consumer {
    pub(crate) fn new(shared: Arc<Shared>, id: ConsumerId) -> Self {
        Self { shared, id }
    }

    /// The consumer's id on the wire, when it came.
    pub fn id(&self) -> &str {
        self.id.as_str()
    }

    /// Opens a conversation without a skill by saying something; returns the conversation's id.
    pub async fn opens_conversation(&self, text: &str) -> String {
        self.opens_with_skill(text, "-1").await
    }

    /// Opens a conversation with a skill by saying something; returns the conversation's id.
    pub async fn opens_with_skill(&self, text: &str, skill: &str) -> String {
        let skill = SkillId::new(skill);
        let id = self.shared.enter(|world| world.consumer_opens(&self.id, &skill, text));
        // Lets the frames leave before the story goes on.
        tokio::task::yield_now().await;
        id.to_string()
    }

    /// Says something in the latest conversation; returns its place in the dialog, -1 when none is open.
    pub async fn says(&self, text: &str) -> i64 {
        let sequence = self.shared.enter(|world| world.consumer_adds(&self.id, text));
        tokio::task::yield_now().await;
        sequence.unwrap_or(-1)
    }

    /// All that brands said to this consumer so far, in any of its conversations.
    pub fn heard(&self) -> Vec<Heard> {
        self.shared.enter(|world| world.heard_by(&self.id))
    }

    /// Waits until `n` brand messages were delivered since the consumer came.
    ///
    /// # Errors
    /// The time is up; the error says what was heard instead.
    pub async fn hears(&self, n: usize, within: Duration) -> Result<Vec<String>, String> {
        let deadline = Instant::now() + within;
        let mut activity = self.shared.activity();
        loop {
            let texts: Vec<String> = self.heard().into_iter().map(said).collect();
            if texts.len() >= n {
                return Ok(texts);
            }
            if timeout_at(deadline, activity.changed()).await.is_err() {
                return Err(format!("waited for {n} messages and heard {}: {texts:?}", texts.len()));
            }
        }
    }

    /// Becomes somebody else in the middle of the latest conversation, as a visitor who logs in does; returns
    /// the new id. `None` when none is open. The handle goes on, under whatever id.
    pub async fn steps_up(&self) -> Option<String> {
        let id = self.shared.enter(|world| world.consumer_steps_up(&self.id));
        tokio::task::yield_now().await;
        id.map(|id| id.to_string())
    }

    /// Closes the latest conversation.
    pub async fn closes(&self) {
        self.shared.enter(|world| world.consumer_leaves(&self.id));
        tokio::task::yield_now().await;
    }

    /// The latest conversation.
    pub fn conversation(&self) -> Option<ConversationView> {
        self.shared.enter(|world| world.view_of(&self.id))
    }

    /// Waits until the latest conversation looks as wanted.
    ///
    /// # Errors
    /// The time is up; the error says how it looks instead.
    pub async fn sees(
        &self,
        wanted: impl Fn(&ConversationView) -> bool,
        within: Duration,
    ) -> Result<ConversationView, String> {
        let deadline = Instant::now() + within;
        let mut activity = self.shared.activity();
        loop {
            let view = self.conversation();
            if let Some(view) = view.clone().filter(&wanted) {
                return Ok(view);
            }
            if timeout_at(deadline, activity.changed()).await.is_err() {
                return Err(format!("the conversation is {view:?}"));
            }
        }
    }
}

fn said(heard: Heard) -> String {
    match heard.rich {
        Some(rich) => rich.to_string(),
        None => heard.text,
    }
}
