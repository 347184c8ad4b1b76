//! Conversations that somebody else changes.

use std::time::{Duration, Instant};

use liveperson_proto::{AccountId, AgentId, ConversationId, SkillId};

use super::super::World;
use super::super::changes::{Effects, close};
use super::super::conversations::Role;
use super::super::requests::{Caller, Request};
use super::super::timers::Timer;
use crate::faults::book::Occasion;
use crate::faults::{Fault, Order};

/// How long a human holds what the order does not say how long to hold.
const HOLD: Duration = Duration::from_secs(1);
/// The login name of the human who takes over.
const HUMAN: &str = "Human of a fault";

impl Fault {
    pub(super) fn is_of_conversations(&self) -> bool {
        matches!(
            self,
            Self::CloseConversation
                | Self::TransferConversation { .. }
                | Self::HumanTakesOver { .. }
                | Self::StepUp
        )
    }
}

impl World {
    /// Does it to random open conversations of those whom the order is aimed at.
    pub(super) fn act_on_conversations(&mut self, order: &Order) {
        let mut open = self.aimed_conversations(order);
        for _ in 0..order.times.unwrap_or(1) {
            if open.is_empty() {
                return;
            }
            let one = open.remove(self.faults.pick(open.len()));
            if self.faults.falls(order.chance) {
                self.meddle(&one, order);
            }
        }
    }

    /// Does it to the conversation of a request, if it has one.
    pub(super) fn meddle_with_conversation_of(
        &mut self,
        occasion: &Occasion,
        caller: &Caller,
        request: &Request,
    ) {
        let Some(id) = self.conversation_named(caller, request).filter(|id| self.is_open(id)) else { return };
        if let Some(order) = self.faults.meet_named(occasion, Fault::is_of_conversations) {
            self.meddle(&id, &order);
        }
    }

    fn aimed_conversations(&self, order: &Order) -> Vec<ConversationId> {
        let wanted = order.aim.account.as_deref();
        let homes = self.accounts.iter().filter(|(id, _)| wanted.is_none_or(|one| one == id.as_str()));
        let all = homes.flat_map(|(_, home)| &home.open);
        let aimed = all.filter(|id| match &order.aim.login {
            Some(login) => self.takes_part(login, id),
            None => true,
        });
        aimed.cloned().collect()
    }

    fn takes_part(&self, login: &str, id: &ConversationId) -> bool {
        let Some(facts) = self.conversations.get(id).map(|one| &one.facts) else { return false };
        facts.participants.iter().any(|one| self.login_of(&AgentId::new(&one.id)) == login)
    }

    fn meddle(&mut self, id: &ConversationId, order: &Order) {
        let done = match &order.fault {
            Fault::CloseConversation => self.close_by_fault(id),
            Fault::TransferConversation { skill } => self.transfer_by_fault(id, skill.as_deref()),
            Fault::HumanTakesOver { answers } => {
                self.human_takes_over_by_fault(id, *answers, order.lasts.unwrap_or(HOLD))
            }
            Fault::StepUp => self.step_up(id).is_some(),
            _ => false,
        };
        if done {
            self.faults.took_effect(order.fault.name());
        }
    }

    fn close_by_fault(&mut self, id: &ConversationId) -> bool {
        let Some(facts) = self.conversations.get(id).map(|one| &one.facts) else { return false };
        let mut facts = facts.clone();
        self.ledger.cut_off(id);
        close(&mut facts, "SYSTEM", "Closed by a fault", &mut Effects::default());
        self.commit(facts);
        self.review_queue(id, None, None);
        true
    }

    fn transfer_by_fault(&mut self, id: &ConversationId, skill: Option<&str>) -> bool {
        let Some(facts) = self.conversations.get(id).map(|one| &one.facts) else { return false };
        let mut facts = facts.clone();
        let assigned = facts.holder(Role::AssignedAgent).map(|one| one.id.clone());
        if assigned.is_none() && skill.is_none() {
            return false;
        }
        facts.participants.retain(|one| one.role != Role::AssignedAgent || one.suggested);
        if let Some(skill) = skill {
            facts.skill = SkillId::new(skill);
        }
        self.commit(facts);
        self.review_queue(id, assigned.map(|one| AgentId::new(&one)), None);
        true
    }

    fn human_takes_over_by_fault(&mut self, id: &ConversationId, answers: bool, hold: Duration) -> bool {
        let Some(account) = self.conversations.get(id).map(|one| one.facts.account.clone()) else {
            return false;
        };
        let human = self.human_named(&account, HUMAN);
        if self.human_takes_over(&account, &human, id).is_err() {
            return false;
        }
        if answers {
            let _ = self.human_answers_owed(&account, &human, id);
        }
        let conversation = id.clone();
        self.timers.add(Instant::now() + hold, Timer::HumanGivesBack { account, human, conversation });
        true
    }

    /// It may be closed by now, or in other hands.
    pub(in super::super) fn human_gives_back_in_time(
        &mut self,
        account: &AccountId,
        human: &AgentId,
        id: &ConversationId,
    ) {
        let _ = self.human_gives_back(account, human, id, None);
        self.stir();
    }
}
