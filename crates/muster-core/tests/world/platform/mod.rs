//! The platform as a plain value: dialogs, sequences, rings, sockets, and what the consumer saw.

pub(crate) mod dialog;

mod people;
mod requests;
mod routing;

use liveperson_proto::agent_state::AgentState;
use liveperson_proto::conversation::{ChangeKind, ConversationChange};
use liveperson_proto::message::{EventBody, MessageEvent, Role};
use liveperson_proto::request::Availability;
use liveperson_proto::ring::Ring;
use liveperson_proto::{ConversationId, DialogId, Sequence, SubscriptionId};
use muster_core::bot::Event;
use muster_core::dialog::{Outcome, Ticket};
use muster_core::duty::Intake;

use super::{agent, persistent};
use dialog::Dialog;

/// What one socket hears.
#[derive(Clone, Debug)]
pub(crate) enum News {
    Answer(Ticket, Outcome),
    Conversations {
        subscription: SubscriptionId,
        changes: Vec<ConversationChange>,
    },
    Rings(Vec<Ring>),
    Message(MessageEvent),
    /// What the platform takes a bot's state for.
    State(usize, Availability),
}

impl News {
    pub(crate) fn event(self, generation: u64) -> Event {
        match self {
            Self::Answer(ticket, outcome) => Event::Answered { ticket, outcome },
            Self::Conversations { subscription, changes } => {
                Event::Conversations { generation, subscription: Some(subscription), changes, lost: 0 }
            }
            Self::Rings(rings) => Event::Rings { generation, rings },
            Self::State(bot, availability) => Event::AgentStates {
                generation,
                states: vec![AgentState { agent: agent(bot), availability }],
            },
            Self::Message(event) => Event::Message { generation, event: Box::new(event) },
        }
    }
}

/// The subscriptions to a bot's own conversations and to all of the account; others are to one each.
pub(crate) const OWN: &str = "own";
pub(crate) const WATCH: &str = "watch";

/// What the platform knows of a bot's socket.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Wire {
    pub(crate) connected: bool,
    pub(crate) own: bool,
    pub(crate) rings: bool,
    pub(crate) watch: bool,
    pub(crate) available: bool,
    pub(crate) states: bool,
}

pub(crate) struct Platform {
    pub(crate) intake: Intake,
    pub(crate) dialogs: Vec<Dialog>,
    pub(crate) wires: Vec<Wire>,
    /// Notifications not yet on a socket, by bot.
    pub(crate) caused: Vec<(usize, News)>,
    /// Events in a history page at most.
    pub(crate) page: usize,
    /// Which end a capped page keeps.
    pub(crate) keeps_newest: bool,
    /// Questions for one conversation so far.
    pub(crate) finds: u64,
    /// What was wrong with a request that took effect.
    pub(crate) breach: Option<String>,
}

impl Platform {
    pub(crate) fn new(intake: Intake, bots: usize, page: usize, keeps_newest: bool) -> Self {
        let wires = vec![Wire::default(); bots];
        Self {
            intake,
            dialogs: Vec::new(),
            wires,
            caused: Vec::new(),
            page,
            keeps_newest,
            finds: 0,
            breach: None,
        }
    }

    pub(crate) fn role(&self) -> Role {
        if self.intake == Intake::All { Role::Agent } else { Role::AssignedAgent }
    }

    pub(crate) fn connected(&mut self, bot: usize) {
        self.wires[bot] = Wire { connected: true, ..Wire::default() };
    }

    pub(crate) fn disconnected(&mut self, bot: usize) {
        self.wires[bot] = Wire::default();
        self.caused.retain(|(to, _)| *to != bot);
        for dialog in &mut self.dialogs {
            dialog.offer.take_if(|offer| offer.to == bot);
        }
    }

    pub(crate) fn place_of(&self, id: &ConversationId) -> Option<usize> {
        self.dialogs.iter().position(|dialog| dialog.id == *id)
    }

    pub(crate) fn dialog(&self, id: &ConversationId) -> Option<&Dialog> {
        self.dialogs.iter().find(|dialog| dialog.id == *id)
    }

    /// Adds an event to the main dialog; participants hear of it.
    pub(crate) fn add(
        &mut self,
        at: usize,
        (who, pid, role): (&str, &str, Role),
        body: EventBody,
        external_ids: Vec<String>,
    ) -> Sequence {
        let dialog = &mut self.dialogs[at];
        let sequence = Sequence(dialog.events.len() as i64);
        let event = MessageEvent {
            sequence: Some(sequence),
            dialog: dialog.main.clone(),
            conversation: Some(dialog.id.clone()),
            originator: who.to_owned(),
            originator_pid: pid.to_owned(),
            role,
            at: None,
            private: false,
            external_ids,
            body,
        };
        dialog.events.push(event.clone());
        self.tell_participants(at, &event);
        sequence
    }

    pub(crate) fn tell_participants(&mut self, at: usize, event: &MessageEvent) {
        for bot in self.dialogs[at].bots.clone() {
            if self.wires[bot].connected {
                self.caused.push((bot, News::Message(event.clone())));
            }
        }
    }

    pub(crate) fn bot_says(&mut self, at: usize, bot: usize, body: EventBody, tags: Vec<String>) {
        let (old, new, role) = (agent(bot), persistent(bot), self.role());
        self.add(at, (old.as_str(), new.as_str(), role), body, tags);
    }

    /// Shows a conversation that changed; `before` took part before the change.
    pub(crate) fn show(&mut self, at: usize, before: &[usize]) {
        let (dialog, role) = (&self.dialogs[at], self.role());
        let mut news = Vec::new();
        for (bot, wire) in self.wires.iter().enumerate() {
            let inside = dialog.bots.contains(&bot);
            if wire.own && (inside || before.contains(&bot)) {
                let kind = if inside && dialog.open { ChangeKind::Upsert } else { ChangeKind::Delete };
                news.push((bot, told(OWN, dialog.change(kind, role))));
            }
            if wire.watch {
                let kind = if dialog.open { ChangeKind::Upsert } else { ChangeKind::Delete };
                news.push((bot, told(WATCH, dialog.change(kind, role))));
            }
        }
        self.caused.extend(news);
    }

    pub(crate) fn close(&mut self, at: usize) {
        let dialog = &mut self.dialogs[at];
        if !std::mem::replace(&mut dialog.open, false) {
            return;
        }
        let before: Vec<_> = dialog.bots.iter().copied().collect();
        dialog.offer = None;
        self.show(at, &before);
    }

    /// The dialog of a name, main or not.
    pub(crate) fn events_of(&self, dialog: &DialogId) -> &[MessageEvent] {
        self.dialogs.iter().find(|d| d.main == *dialog).map_or(&[], |d| &d.events)
    }
}

fn told(subscription: &str, change: ConversationChange) -> News {
    News::Conversations { subscription: subscription.into(), changes: vec![change] }
}
