//! The human agents played here: users without sockets, at whom nothing rings.

use liveperson_proto::{AccountId, AgentId, ConversationId};
use serde_json::{Value, json};

use super::conversations::Role;
use super::requests::{Caller, Refusal};
use super::{World, secret};
use crate::settings::BotUser;

impl World {
    /// The human of that name, made if need be; the name is its login name.
    pub(crate) fn human_named(&mut self, account: &AccountId, name: &str) -> AgentId {
        let known = self.accounts.get(account).and_then(|home| home.by_login.get(name)).cloned();
        let agent = known.unwrap_or_else(|| self.add_human(account, name));
        self.humans.entry(agent.clone()).or_default();
        agent
    }

    fn add_human(&mut self, account: &AccountId, name: &str) -> AgentId {
        // Nothing rings at a user who takes no conversation.
        let (skills, capacity) = (Vec::new(), 0);
        let user = BotUser { login: name.to_owned(), password: secret(), skills, capacity, user_id: None };
        self.add_bot(account, user);
        self.accounts[account].by_login[name].clone()
    }

    pub(super) fn is_human(&self, agent: &AgentId) -> bool {
        self.humans.contains_key(agent)
    }

    /// Becomes the assigned agent instead of whoever is it.
    pub(crate) fn human_takes_over(
        &mut self,
        account: &AccountId,
        human: &AgentId,
        id: &ConversationId,
    ) -> Result<(), Refusal> {
        let facts = &self.conversations.get(id).ok_or((400, "Unknown conversation"))?.facts;
        let assigned = facts.holder(Role::AssignedAgent).map(|one| one.id.clone());
        if assigned.as_deref() == Some(human.as_str()) {
            return Ok(());
        }
        let mut changes: Vec<Value> = assigned.iter().map(|one| participant("REMOVE", one)).collect();
        changes.push(participant("ADD", human.as_str()));
        self.human_changes(account, human, id, &changes)
    }

    pub(crate) fn human_joins(
        &mut self,
        account: &AccountId,
        human: &AgentId,
        id: &ConversationId,
        role: &str,
    ) -> Result<(), Refusal> {
        let change = json!({"field": "ParticipantsChange", "type": "ADD", "role": role});
        self.human_changes(account, human, id, &[change])
    }

    /// Says something, for all or for the brand's participants alone.
    pub(crate) fn human_says(
        &mut self,
        account: &AccountId,
        human: &AgentId,
        id: &ConversationId,
        text: &str,
        for_all: bool,
    ) -> Result<i64, Refusal> {
        let body = json!({
            "dialogId": id, "messageAudience": if for_all { "ALL" } else { "AGENTS_AND_MANAGERS" },
            "event": {"type": "ContentEvent", "contentType": "text/plain", "message": text},
        });
        let (_, answer) = self.publish(&caller(account, human), &body, &Value::Null)?;
        Ok(answer["sequence"].as_i64().unwrap_or_default())
    }

    /// Answers each message of the conversation that is still owed an answer; returns how many.
    pub(crate) fn human_answers_owed(
        &mut self,
        account: &AccountId,
        human: &AgentId,
        id: &ConversationId,
    ) -> Result<usize, Refusal> {
        let owed = self.ledger.owed_in(id);
        for token in &owed {
            self.human_says(account, human, id, &format!("a human says: {token}"), true)?;
        }
        Ok(owed.len())
    }

    /// Goes, and lets the skill's queue find another agent; without a skill it keeps its own.
    pub(crate) fn human_gives_back(
        &mut self,
        account: &AccountId,
        human: &AgentId,
        id: &ConversationId,
        skill: Option<&str>,
    ) -> Result<(), Refusal> {
        let mut changes = vec![participant("REMOVE", human.as_str())];
        changes.extend(skill.map(|skill| json!({"field": "Skill", "type": "UPDATE", "skill": skill})));
        self.human_changes(account, human, id, &changes)
    }

    pub(crate) fn human_leaves(
        &mut self,
        account: &AccountId,
        human: &AgentId,
        id: &ConversationId,
    ) -> Result<(), Refusal> {
        let facts = &self.conversations.get(id).ok_or((400, "Unknown conversation"))?.facts;
        let roles = facts.participants.iter().filter(|one| one.id == human.as_str());
        let leave =
            |role: Role| json!({"field": "ParticipantsChange", "type": "REMOVE", "role": role.as_str()});
        let changes: Vec<Value> = roles.map(|one| leave(one.role)).collect();
        if changes.is_empty() {
            return Err((400, "User is not a participant"));
        }
        self.human_changes(account, human, id, &changes)
    }

    pub(crate) fn human_closes(
        &mut self,
        account: &AccountId,
        human: &AgentId,
        id: &ConversationId,
    ) -> Result<(), Refusal> {
        let change = json!({"field": "ConversationStateField", "conversationState": "CLOSE"});
        self.human_changes(account, human, id, &[change])
    }

    fn human_changes(
        &mut self,
        account: &AccountId,
        human: &AgentId,
        id: &ConversationId,
        changes: &[Value],
    ) -> Result<(), Refusal> {
        let body = json!({"conversationId": id, "conversationField": changes});
        self.update_conversation(&caller(account, human), &body).map(|_| ())
    }
}

fn caller(account: &AccountId, human: &AgentId) -> Caller {
    Caller { account: account.clone(), agent: human.clone(), socket: None }
}

fn participant(change: &str, id: &str) -> Value {
    json!({"field": "ParticipantsChange", "type": change, "role": "ASSIGNED_AGENT", "userId": id})
}
