//! Scripted humans: each takes a conversation over, answers what is owed, holds it a while, gives it back.

use std::sync::Arc;
use std::time::Instant;

use liveperson_proto::{AccountId, AgentId, ConversationId};

use super::World;
use super::conversations::Role;
use super::timers::Timer;
use crate::settings::HumanScript;

/// What is known of one human; one without a script is driven by hand.
#[derive(Default)]
pub(crate) struct Played {
    script: Option<Script>,
}

struct Script {
    account: AccountId,
    lines: Arc<HumanScript>,
    taken: usize,
    holding: Option<Holding>,
    done: bool,
}

struct Holding {
    conversation: ConversationId,
    until: Instant,
}

impl World {
    /// Lets a crowd of scripted humans in.
    pub(crate) fn admit_humans(&mut self, account: &AccountId, script: HumanScript) {
        self.add_account(account);
        let lines = Arc::new(script);
        for _ in 0..lines.count {
            // Another name for each, also when a second crowd comes.
            let agent = self.human_named(account, &format!("Human {}", self.humans.len() + 1));
            let script = Script {
                account: account.clone(),
                lines: Arc::clone(&lines),
                taken: 0,
                holding: None,
                done: false,
            };
            let wait = lines.pause.mul_f64(self.chance.f64());
            self.humans.insert(agent.clone(), Played { script: Some(script) });
            self.timers.add(Instant::now() + wait, Timer::HumanActs { agent });
        }
        self.stir();
    }

    /// No human takes anything over any more; what they hold they give back in their time.
    pub(crate) fn stop_humans(&mut self) {
        for script in self.humans.values_mut().filter_map(|human| human.script.as_mut()) {
            script.done = true;
        }
        self.stir();
    }

    /// Scripted humans who hold a conversation that they will give back.
    pub(crate) fn humans_holding(&self) -> usize {
        let scripts = self.humans.values().filter_map(|human| human.script.as_ref());
        scripts.filter(|script| script.holding.is_some()).count()
    }

    /// Time for a scripted human's next step.
    pub(super) fn human_acts(&mut self, agent: &AgentId) {
        let Some(script) = self.human_script(agent) else { return };
        let lines = Arc::clone(&script.lines);
        let wait = match script.holding.take() {
            Some(holding) => self.goes_on_holding(agent, holding),
            None if script.done => return,
            None => self.looks_for_work(agent),
        };
        let at = Instant::now() + if wait == Wait::ToReply { lines.reply } else { lines.pause };
        self.timers.add(at, Timer::HumanActs { agent: agent.clone() });
        self.stir();
    }

    fn looks_for_work(&mut self, agent: &AgentId) -> Wait {
        let Some(script) = self.human_script(agent) else { return Wait::ToLook };
        let (account, until) = (script.account.clone(), Instant::now() + script.lines.hold);
        let Some(conversation) = self.any_without_a_human(&account) else { return Wait::ToLook };
        if self.human_takes_over(&account, agent, &conversation).is_err() {
            return Wait::ToLook;
        }
        if let Some(script) = self.human_script(agent) {
            script.taken += 1;
            script.done |= script.taken == script.lines.rounds;
            script.holding = Some(Holding { conversation, until });
        }
        Wait::ToReply
    }

    /// Answers, or gives back when the time is up; what was said since the last answer is then left owed.
    fn goes_on_holding(&mut self, agent: &AgentId, holding: Holding) -> Wait {
        let Some(script) = self.human_script(agent) else { return Wait::ToLook };
        let (account, lines) = (script.account.clone(), Arc::clone(&script.lines));
        let id = holding.conversation.clone();
        if Instant::now() >= holding.until {
            // It may be closed by now, or in other hands.
            let _ = self.human_gives_back(&account, agent, &id, lines.skill.as_deref());
            return Wait::ToLook;
        }
        if lines.answers && self.human_answers_owed(&account, agent, &id).is_err() {
            return Wait::ToLook;
        }
        if let Some(script) = self.human_script(agent) {
            script.holding = Some(holding);
        }
        Wait::ToReply
    }

    fn any_without_a_human(&mut self, account: &AccountId) -> Option<ConversationId> {
        let home = self.accounts.get(account)?;
        let in_human_hands = |id: &ConversationId| {
            let facts = self.conversations.get(id).map(|one| &one.facts);
            let assigned = facts.and_then(|facts| facts.holder(Role::AssignedAgent));
            assigned.is_some_and(|one| self.is_human(&AgentId::new(&one.id)))
        };
        let free: Vec<&ConversationId> = home.open.iter().filter(|id| !in_human_hands(id)).collect();
        let chosen = self.chance.choice(free)?;
        Some(chosen.clone())
    }

    fn human_script(&mut self, agent: &AgentId) -> Option<&mut Script> {
        self.humans.get_mut(agent)?.script.as_mut()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    ToLook,
    ToReply,
}
