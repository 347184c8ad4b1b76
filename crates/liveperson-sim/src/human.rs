//! One human agent driven by hand, for stories.

use std::sync::Arc;

use liveperson_proto::{AccountId, AgentId, ConversationId};

use crate::world::Shared;

/// A human agent who does what the story says.
///
/// Nothing ever rings at a human, and what a human does is not counted among what the clients cost. Each
/// step fails with the platform's words when the platform would refuse it.
#[derive(Clone)]
pub struct Human {
    shared: Arc<Shared>,
    account: AccountId,
    agent: AgentId,
}

impl Human {
    pub(crate) fn new(shared: Arc<Shared>, account: AccountId, agent: AgentId) -> Self {
        Self { shared, account, agent }
    }

    /// The human's id on the wire, in the form that requests use.
    pub fn id(&self) -> &str {
        self.agent.as_str()
    }

    /// Becomes the conversation's assigned agent; whoever was it is removed from that role in the same step.
    ///
    /// # Errors
    /// The conversation is unknown or closed.
    pub async fn takes_over(&self, conversation: &str) -> Result<(), String> {
        let id = ConversationId::new(conversation);
        self.step(|world| world.human_takes_over(&self.account, &self.agent, &id)).await
    }

    /// Joins the conversation in that role, such as `AGENT` or `MANAGER`.
    ///
    /// # Errors
    /// The conversation is unknown or closed, or the role is no role.
    pub async fn joins(&self, conversation: &str, role: &str) -> Result<(), String> {
        let id = ConversationId::new(conversation);
        self.step(|world| world.human_joins(&self.account, &self.agent, &id, role)).await
    }

    /// Says something for the consumer's eyes; returns its place in the dialog.
    ///
    /// # Errors
    /// The human takes no part in the conversation, or it is closed.
    pub async fn answers(&self, conversation: &str, text: &str) -> Result<i64, String> {
        let id = ConversationId::new(conversation);
        self.step(|world| world.human_says(&self.account, &self.agent, &id, text, true)).await
    }

    /// Answers every message of the conversation that the ledger still misses an answer to, each by itself;
    /// returns how many those were.
    ///
    /// # Errors
    /// The human takes no part in the conversation, or it is closed.
    pub async fn answers_what_is_owed(&self, conversation: &str) -> Result<usize, String> {
        let id = ConversationId::new(conversation);
        self.step(|world| world.human_answers_owed(&self.account, &self.agent, &id)).await
    }

    /// Says something that only the brand's participants are shown; returns its place in the dialog.
    ///
    /// # Errors
    /// The human takes no part in the conversation, or it is closed.
    pub async fn whispers(&self, conversation: &str, text: &str) -> Result<i64, String> {
        let id = ConversationId::new(conversation);
        self.step(|world| world.human_says(&self.account, &self.agent, &id, text, false)).await
    }

    /// Transfers the conversation to a skill: it waits for an agent of that skill again; `-1` is no skill.
    ///
    /// # Errors
    /// The human is not its assigned agent, or it is closed.
    pub async fn gives_back(&self, conversation: &str, skill: &str) -> Result<(), String> {
        let id = ConversationId::new(conversation);
        self.step(|world| world.human_gives_back(&self.account, &self.agent, &id, Some(skill))).await
    }

    /// Leaves the conversation in every role; without an assigned agent it goes back to its skill's queue.
    ///
    /// # Errors
    /// The human takes no part in the conversation, or it is closed.
    pub async fn leaves(&self, conversation: &str) -> Result<(), String> {
        let id = ConversationId::new(conversation);
        self.step(|world| world.human_leaves(&self.account, &self.agent, &id)).await
    }

    /// Closes the conversation.
    ///
    /// # Errors
    /// The human takes no part in the conversation, or it is closed already.
    pub async fn closes(&self, conversation: &str) -> Result<(), String> {
        let id = ConversationId::new(conversation);
        self.step(|world| world.human_closes(&self.account, &self.agent, &id)).await
    }

    async fn step<T>(
        &self,
        step: impl FnOnce(&mut crate::world::World) -> Result<T, (u16, &'static str)>,
    ) -> Result<T, String> {
        let outcome = self.shared.enter(step);
        // Lets the frames leave before the story goes on.
        tokio::task::yield_now().await;
        outcome.map_err(|(code, why)| format!("{code}: {why}"))
    }
}
