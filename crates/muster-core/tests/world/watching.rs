//! What must hold after each event and each request.

use liveperson_proto::request::{FieldChange, Request};
use muster_core::bot::{Event, State};
use muster_core::duty::Intake;

use super::World;
use super::performing::sending_of;

/// How often a bot may ask for the moment in which it is, before it is called restless.
const RESTLESS: usize = 16;

impl World {
    pub(super) fn must_not_be_fenced(&mut self, bot: usize, does: &str) {
        if self.members[bot].fenced {
            self.breach(format!("b{bot} {does} although its ownership is in doubt"));
        }
    }

    /// A request is about to leave.
    pub(super) fn check_request(&mut self, bot: usize, request: &Request) {
        let now = self.now.moment;
        match request {
            Request::Publish { conversation, external_ids, .. } => {
                self.must_not_be_fenced(bot, "publishes");
                let tag = external_ids.last().cloned().unwrap_or_default();
                let check = self.reference.publishes(conversation, &tag, now);
                self.check(check);
                let wished = self.reference.is_wish(conversation, &tag);
                if !wished && self.is_taken_over(bot, conversation) {
                    self.breach(format!("{conversation}: {tag} is sent while a person has taken it over"));
                }
                let beside = self.beside_human.contains(&(bot, conversation.clone()));
                if self.setup.intake == Intake::All && beside && !wished {
                    self.breach(format!("{conversation}: {tag} is sent beside a human"));
                }
            }
            Request::UpdateConversation { changes, .. } => {
                self.must_not_be_fenced(bot, "changes a conversation");
                if matches!(changes[..], [FieldChange::Add { .. }]) {
                    self.must_not_be_paused(bot, "joins a conversation");
                }
                if let Some(sending) = sending_of(bot, request) {
                    let check = self.reference.sends(&sending, now);
                    self.check(check);
                }
            }
            Request::AcceptRing { ring } => {
                self.must_not_be_fenced(bot, "accepts a ring");
                self.must_not_be_paused(bot, "accepts a ring");
                if self.members[bot].bot.view().conversations >= self.terms.capacity {
                    self.breach(format!("b{bot} accepts {ring} beyond its capacity"));
                }
            }
            Request::MarkRead { conversation, sequences, .. } => {
                let account = self.reference.account(conversation);
                let early = |s: &&liveperson_proto::Sequence| account.is_none_or(|a| !a.has_turn_for(**s));
                if let Some(early) = sequences.iter().find(early) {
                    self.breach(format!("{conversation}: message {} is read before its commit", early.0));
                }
            }
            _ => {}
        }
    }

    /// After each event: a bot that is not where it should be has something under way or a moment to wake.
    pub(super) fn watch_over(&mut self, bot: usize) {
        let member = &self.members[bot];
        let view = member.bot.view();
        if matches!(view.state, State::Quarantined | State::Parked | State::Fenced) || !member.runs() {
            return;
        }
        // Beside a human even a committed action waits for that human.
        let beside = self.beside_human.iter().any(|(of, _)| *of == bot) || self.holds_some_still(bot);
        // A paused bot may owe until somebody lets it go on.
        let owes =
            (view.vitals.oldest_owed.is_some() && view.paused.is_none()) || (view.outbox > 0 && !beside);
        let waits = view.state != State::Online || owes;
        let under_way = member.is_busy() || !self.late.is_empty() || member.bot.deadline().is_some();
        let asked = !member.asked.is_empty() && member.open.is_some();
        if waits && !under_way && !asked && !self.members[bot].lost_news {
            self.breach(format!("b{bot} waits for nothing: {view:?}"));
        }
    }

    /// The moment came for which a bot asked: something follows, or it asks for a later one.
    pub(super) fn wake(&mut self, bot: usize) {
        for _ in 0..RESTLESS {
            let member = &self.members[bot];
            if !member.runs() || member.bot.deadline().is_none_or(|at| at > self.now.moment) {
                return;
            }
            self.tell(bot, Event::Tick);
        }
        let member = &self.members[bot];
        let (at, view) = (member.bot.deadline(), member.bot.view());
        if member.runs() && at.is_some_and(|at| at <= self.now.moment) {
            self.breach(format!("b{bot} asks for the same moment for ever: {at:?}, {view:?}"));
        }
    }
}
