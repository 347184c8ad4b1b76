//! `UpdateConversationField`: a list of changes that become true together or not at all.

use liveperson_proto::{AgentId, ConversationId, DialogId, SkillId};
use serde_json::{Value, json};

use super::conversations::{Closing, Facts, Role};
use super::requests::{Caller, Outcome, Refusal};
use super::{World, wall};

/// What the changes of one request mean for the queue, and what the answer says.
#[derive(Default)]
pub(super) struct Effects {
    left_by: Option<AgentId>,
    wanted: Option<AgentId>,
    says: Option<&'static str>,
    /// Who was added, in which role, also when that changed nothing.
    added: Vec<(AgentId, Role)>,
}

impl World {
    pub(super) fn update_conversation(&mut self, caller: &Caller, body: &Value) -> Outcome {
        let id = body["conversationId"].as_str().or_else(|| body["dialogId"].as_str());
        let id = id.ok_or((400, "conversationId is missing"))?;
        let id =
            self.conversation_of(&caller.account, &DialogId::new(id)).ok_or((400, "Unknown conversation"))?;
        let changes = match &body["conversationField"] {
            Value::Array(list) if !list.is_empty() => list.clone(),
            one @ Value::Object(_) => vec![one.clone()],
            _ => return Err((400, "conversationField is missing")),
        };
        let mut facts = self.conversations[&id].facts.clone();
        let mut effects = Effects::default();
        for change in &changes {
            self.change(caller, &mut facts, change, &mut effects)?;
        }
        self.count_joins(caller, &id, &effects.added);
        self.commit(facts);
        self.review_queue(&id, effects.left_by, effects.wanted);
        Ok((200, effects.says.unwrap_or("OK").into()))
    }

    fn count_joins(&mut self, caller: &Caller, id: &ConversationId, added: &[(AgentId, Role)]) {
        if self.is_human(&caller.agent) {
            return;
        }
        for (agent, role) in added {
            let login = self.login_of(agent).to_owned();
            self.counters.joined(&caller.account, &login, id, role.as_str());
        }
    }

    fn change(
        &self,
        caller: &Caller,
        facts: &mut Facts,
        change: &Value,
        out: &mut Effects,
    ) -> Result<(), Refusal> {
        let field = change["field"].as_str().ok_or((400, "field is missing"))?;
        if field == "ParticipantsChange" {
            return self.change_participants(caller, facts, change, out);
        }
        // Who was a participant when the request came may remove itself and still change the rest.
        let before = &self.conversations[&facts.id].facts;
        let takes_part = |facts: &Facts| facts.role_of(caller.agent.as_str()).is_some();
        if !takes_part(before) && !takes_part(facts) {
            return Err((400, "User is not a participant"));
        }
        if !facts.is_open() {
            return Err((400, "Conversation is closed"));
        }
        match field {
            "Skill" => {
                let skill = text_or_number(&change["skill"]).ok_or((400, "skill is missing"))?;
                facts.skill = SkillId::from(skill);
            }
            "ConversationStateField" | "Stage" if change["conversationState"] == "CLOSE" => {
                close(facts, "AGENT", "Completed", out);
            }
            "DialogChange" if change["dialog"]["state"] == "CLOSE" => {
                if change["dialog"]["dialogId"].as_str().is_some_and(|id| id != facts.id.as_str()) {
                    return Err((400, "Unknown dialog"));
                }
                let by = change["dialog"]["closedBy"].as_str().unwrap_or("AGENT");
                close(facts, by, change["dialog"]["closedCause"].as_str().unwrap_or("Completed"), out);
                self.survey_follows(facts);
            }
            "TTRField" => {
                let value = change["value"].as_i64().filter(|value| *value >= 0).ok_or((400, "Bad TTR"))?;
                facts.ttr = json!({"ttrType": change["ttrType"], "value": value});
            }
            "Note" => facts.note = change["note"].clone(),
            "CSATRate" => facts.csat = change.clone(),
            "ManualETTR" | "DelayField" | "TopicField" => {}
            _ => return Err((400, "Unknown field")),
        }
        Ok(())
    }

    fn change_participants(
        &self,
        caller: &Caller,
        facts: &mut Facts,
        change: &Value,
        out: &mut Effects,
    ) -> Result<(), Refusal> {
        if !facts.is_open() {
            return Err((400, "Conversation is closed"));
        }
        let role = change["role"].as_str().and_then(Role::of_brand).ok_or((400, "Unknown role"))?;
        let agent = match change["userId"].as_str() {
            Some(id) => self.agent_named(&caller.account, id).ok_or((400, "Unknown agent"))?,
            None => caller.agent.clone(),
        };
        match change["type"].as_str() {
            Some("ADD") => self.add(facts, &agent, role, out),
            Some("REMOVE") => remove(facts, &agent, role, out),
            Some("SUGGEST") => {
                let mut one = self.participant(&agent, role);
                one.suggested = true;
                facts.participants.push(one);
                out.wanted = Some(agent);
                Ok(())
            }
            _ => Err((400, "Unknown participants change")),
        }
    }

    fn add(&self, facts: &mut Facts, agent: &AgentId, role: Role, out: &mut Effects) -> Result<(), Refusal> {
        out.says = Some("OK Agent added successfully");
        out.added.push((agent.clone(), role));
        let one = self.participant(agent, role);
        if facts.participants.contains(&one) {
            return Ok(());
        }
        if role == Role::AssignedAgent && facts.holder(role).is_some() {
            return Err((400, "Conversation already has an assigned agent"));
        }
        facts.participants.push(one);
        Ok(())
    }

    /// The main dialog was closed alone: a survey follows, where surveys are on.
    pub(super) fn survey_follows(&self, facts: &mut Facts) {
        if self.settings.surveys {
            facts.open_survey();
        }
    }

    /// The consumer ends the conversation.
    pub(super) fn consumer_closes(&mut self, id: &ConversationId) {
        let Some(facts) = self.conversations.get(id).map(|one| &one.facts) else { return };
        if !facts.is_open() {
            return;
        }
        let mut facts = facts.clone();
        close(&mut facts, "CONSUMER", "Closed by consumer", &mut Effects::default());
        self.survey_follows(&mut facts);
        self.commit(facts);
        self.review_queue(id, None, None);
    }
}

fn remove(facts: &mut Facts, agent: &AgentId, role: Role, out: &mut Effects) -> Result<(), Refusal> {
    let before = facts.participants.len();
    facts.participants.retain(|one| one.id != agent.as_str() || one.role != role);
    if facts.participants.len() == before {
        return Err((400, "Agent does not exist in conversation"));
    }
    facts.unread.remove(agent.as_str());
    if role == Role::AssignedAgent {
        out.left_by = Some(agent.clone());
    }
    out.says = Some("OK Agent removed successfully");
    Ok(())
}

pub(super) fn close(facts: &mut Facts, by: &str, cause: &str, out: &mut Effects) {
    facts.closing = Some(Closing { by: by.to_owned(), cause: cause.to_owned(), at: wall() });
    out.says = Some("OK Conversation resolved successfully");
}

pub(super) fn text_or_number(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
