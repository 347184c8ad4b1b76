//! Human agents driven from another process; an error is the platform's refusal, or no answer at all.

use std::io;

use serde_json::{Value, json};

use super::client::{Control, parse};

impl Control {
    /// The human agent of that name becomes the conversation's assigned agent.
    pub async fn human_takes_over(&self, account: &str, name: &str, conversation: &str) -> io::Result<()> {
        self.human("takes-over", account, name, conversation, json!({})).await.map(|_| ())
    }

    /// The human agent of that name joins the conversation in that role.
    pub async fn human_joins(
        &self,
        account: &str,
        name: &str,
        conversation: &str,
        role: &str,
    ) -> io::Result<()> {
        self.human("joins", account, name, conversation, json!({ "role": role })).await.map(|_| ())
    }

    /// The human agent of that name says something to the consumer; returns its place in the dialog.
    pub async fn human_answers(
        &self,
        account: &str,
        name: &str,
        conversation: &str,
        text: &str,
    ) -> io::Result<i64> {
        let answer = self.human("answers", account, name, conversation, json!({ "text": text })).await?;
        parse(answer["sequence"].clone())
    }

    /// The human agent of that name answers what is owed in the conversation; returns how many messages.
    pub async fn human_answers_what_is_owed(
        &self,
        account: &str,
        name: &str,
        conversation: &str,
    ) -> io::Result<usize> {
        let answer = self.human("answers-what-is-owed", account, name, conversation, json!({})).await?;
        parse(answer["answered"].clone())
    }

    /// The human agent of that name says something to the brand's participants alone.
    pub async fn human_whispers(
        &self,
        account: &str,
        name: &str,
        conversation: &str,
        text: &str,
    ) -> io::Result<i64> {
        let answer = self.human("whispers", account, name, conversation, json!({ "text": text })).await?;
        parse(answer["sequence"].clone())
    }

    /// The human agent of that name transfers the conversation to a skill.
    pub async fn human_gives_back(
        &self,
        account: &str,
        name: &str,
        conversation: &str,
        skill: &str,
    ) -> io::Result<()> {
        self.human("gives-back", account, name, conversation, json!({ "skill": skill })).await.map(|_| ())
    }

    /// The human agent of that name leaves the conversation in every role.
    pub async fn human_leaves(&self, account: &str, name: &str, conversation: &str) -> io::Result<()> {
        self.human("leaves", account, name, conversation, json!({})).await.map(|_| ())
    }

    /// The human agent of that name closes the conversation.
    pub async fn human_closes(&self, account: &str, name: &str, conversation: &str) -> io::Result<()> {
        self.human("closes", account, name, conversation, json!({})).await.map(|_| ())
    }

    async fn human(
        &self,
        what: &str,
        account: &str,
        name: &str,
        conversation: &str,
        mut body: Value,
    ) -> io::Result<Value> {
        body["account"] = account.into();
        body["name"] = name.into();
        body["conversation"] = conversation.into();
        self.post(&format!("/human/{what}"), body).await
    }
}
