//! Scripted consumers: each says its lines, waits until all are answered, thinks, and goes on.

use std::time::Instant;

use liveperson_proto::{AccountId, ConsumerId, ConversationId, SkillId};

use super::World;
use super::consumers::Played;
use super::timers::Timer;
use crate::settings::ConsumerScript;

/// Where one scripted consumer is.
pub(crate) struct Script {
    lines: std::sync::Arc<ConsumerScript>,
    said: usize,
    said_here: usize,
    thinking: bool,
    done: bool,
}

impl Script {
    fn wants_more(&self) -> bool {
        self.lines.messages == 0 || self.said < self.lines.messages
    }

    /// How many messages come next, in one breath.
    fn breath(&self) -> usize {
        let here = match self.lines.messages {
            0 => self.lines.messages_per_conversation.max(1) - self.said_here,
            total => total - self.said,
        };
        here.min(self.lines.burst.max(1))
    }

    fn is_done_here(&self) -> bool {
        match self.lines.messages {
            0 => self.said_here >= self.lines.messages_per_conversation.max(1),
            total => self.said >= total,
        }
    }

    fn line(&self) -> String {
        match self.lines.say.as_slice() {
            [] => "hello".to_owned(),
            lines => lines[self.said % lines.len()].clone(),
        }
    }
}

impl World {
    /// Lets a crowd of scripted consumers in.
    pub(crate) fn admit_consumers(&mut self, account: &AccountId, script: ConsumerScript) {
        self.add_account(account);
        let lines = std::sync::Arc::new(script);
        for number in 1..=lines.count {
            let id = ConsumerId::from(self.uuid());
            let script = Script { lines: lines.clone(), said: 0, said_here: 0, thinking: true, done: false };
            let played = Played::new(account.clone(), format!("Consumer {number}"), Some(script));
            self.consumers.insert(id.clone(), played);
            // A crowd does not arrive in one moment.
            let wait = lines.think.mul_f64(self.chance.f64());
            self.timers.add(Instant::now() + wait, Timer::ConsumerSpeaks { consumer: id });
        }
        self.stir();
    }

    /// No script says anything more; conversations stay open.
    pub(crate) fn stop_scripts(&mut self) {
        for script in self.consumers.values_mut().filter_map(|played| played.script.as_mut()) {
            script.done = true;
        }
        self.stir();
    }

    /// Scripted consumers who still want to say something.
    pub(crate) fn scripts_running(&self) -> usize {
        let scripts = self.consumers.values().filter_map(|played| played.script.as_ref());
        scripts.filter(|script| !script.done).count()
    }

    /// Time for a scripted consumer's next step.
    pub(super) fn consumer_speaks(&mut self, consumer: &ConsumerId) {
        let consumer = &self.now_called(consumer);
        let Some(played) = self.consumers.get_mut(consumer) else { return };
        let open = played.conversation.clone();
        let Some(script) = played.script.as_mut().filter(|script| !script.done) else { return };
        script.thinking = false;
        match open.filter(|id| self.is_open(id)) {
            Some(id) if self.script_of(consumer).is_some_and(Script::is_done_here) => {
                self.consumer_closes(&id);
            }
            Some(id) => self.say_lines(consumer, &id),
            None => self.start_conversation(consumer),
        }
    }

    fn start_conversation(&mut self, consumer: &ConsumerId) {
        let Some(script) = self.script_mut(consumer) else { return };
        if !script.wants_more() {
            script.done = true;
            return self.stir();
        }
        script.said_here = 0;
        let skill = SkillId::new(script.lines.skill.as_deref().unwrap_or("-1"));
        let id = self.consumer_arrives(consumer, &skill);
        self.say_lines(consumer, &id);
        self.enqueue(&id, None, None);
    }

    fn say_lines(&mut self, consumer: &ConsumerId, id: &ConversationId) {
        let breath = self.script_of(consumer).map_or(0, Script::breath);
        for _ in 0..breath {
            let Some(script) = self.script_mut(consumer) else { return };
            let line = script.line();
            script.said += 1;
            script.said_here += 1;
            let text = format!("{line} {}", token(id, script.said_here));
            self.consumer_says(id, consumer, &text);
        }
    }

    /// Something was answered: when all is, the consumer thinks and goes on.
    pub(super) fn script_hears(&mut self, consumer: &ConsumerId, id: &ConversationId) {
        if self.ledger.owes(id) {
            return;
        }
        self.script_goes_on(consumer);
    }

    pub(super) fn script_goes_on(&mut self, consumer: &ConsumerId) {
        let Some(script) = self.script_mut(consumer) else { return };
        if script.thinking || script.done {
            return;
        }
        script.thinking = true;
        let at = Instant::now() + script.lines.think;
        self.timers.add(at, Timer::ConsumerSpeaks { consumer: consumer.clone() });
    }

    pub(super) fn is_open(&self, id: &ConversationId) -> bool {
        self.conversations.get(id).is_some_and(|one| one.facts.is_open())
    }

    fn script_of(&self, consumer: &ConsumerId) -> Option<&Script> {
        self.consumers.get(consumer)?.script.as_ref()
    }

    fn script_mut(&mut self, consumer: &ConsumerId) -> Option<&mut Script> {
        self.consumers.get_mut(consumer)?.script.as_mut()
    }
}

/// The word by which the ledger knows a message again.
fn token(id: &ConversationId, number: usize) -> String {
    let short: String = id.as_str().chars().take(8).collect();
    format!("m-{short}-{number}")
}
