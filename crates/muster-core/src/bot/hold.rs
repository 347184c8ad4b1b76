//! A bot that people hold still: connected and AWAY, it takes nothing new and begins nothing. What is under
//! way is finished, and what consumers write meanwhile is answered once the bot resumes. One conversation
//! alone is held still by whoever takes it over. And a bot that people want the platform to take for something
//! else than ONLINE.

use std::collections::BTreeSet;

use liveperson_proto::ConversationId;
use liveperson_proto::request::{Availability, Request};

use super::Bot;
use crate::dialog::desk::Purpose;
use crate::dialog::{Effect, Note, Outcome};
use crate::duty::Intake;
use crate::time::Now;
use crate::wish::Verdict;

impl Bot {
    /// Holds still; a bot that is paused already only learns another reason.
    pub(crate) fn pause(&mut self, why: String, out: &mut Vec<Effect>) {
        if self.paused.replace(why).is_none() {
            self.show_availability(out);
        }
    }

    /// Goes on, first with what is owed.
    pub(crate) fn resume(&mut self, now: Now, out: &mut Vec<Effect>) {
        if self.paused.take().is_none() {
            return;
        }
        self.show_availability(out);
        self.advance_all(now, out);
        self.answer_rings(now, out);
    }

    /// People have taken these conversations over, and no others.
    pub(crate) fn taken_over(
        &mut self,
        conversations: BTreeSet<ConversationId>,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        self.taken_over = conversations;
        for id in self.conversations.keys().cloned().collect::<Vec<_>>() {
            let taken = self.taken_over.contains(&id);
            self.with(&id, now, out, |c, desk| c.take_over(taken, desk));
        }
    }

    /// What the platform is to take the bot for. One that joins by itself is routed nothing.
    pub(crate) fn availability(&self) -> Availability {
        let takes_rings = self.duty.intake == Intake::Rings;
        if takes_rings && self.drain.is_none() && self.paused.is_none() {
            self.wanted_state.as_ref().map_or(Availability::Online, |(wanted, _)| *wanted)
        } else {
            Availability::Away
        }
    }

    /// Takes the state that a person wants, and says what came of that.
    pub(crate) fn state_asked(&mut self, availability: Availability, why: String, out: &mut Vec<Effect>) {
        if let Some(refusal) = self.no_state_to_choose() {
            return out.push(Effect::Note(Note::StateAnswered(Verdict::Failed(refusal.to_owned()))));
        }
        self.wanted_state = (availability != Availability::Online).then_some((availability, why));
        let open = self.socket.as_ref().is_some_and(|socket| socket.open);
        let later = match (&self.paused, open) {
            (Some(_), _) => Some("it is paused, and AWAY until it resumes: then"),
            (None, false) => Some("it is not connected now: its next connection begins so, and"),
            (None, true) => None,
        };
        let Some(agent) = self.me.agent.clone().filter(|_| later.is_none()) else {
            let words =
                format!("{} it is {}", later.unwrap_or("it logs in first: then"), availability.wire());
            return out.push(Effect::Note(Note::StateAnswered(Verdict::Done(words))));
        };
        let ticket = self.tickets.take(Purpose::StateAsked(availability));
        out.push(Effect::Ask(ticket, Request::SetAgentState { agent, availability }));
    }

    fn no_state_to_choose(&self) -> Option<&'static str> {
        if self.quarantined.is_some() || self.drain.is_some() {
            return Some("it is ending: it has no state to choose");
        }
        let joins = self.duty.intake == Intake::All;
        joins.then_some(
            "its pool joins conversations by itself: the platform routes nothing to it, and it stays AWAY",
        )
    }

    pub(crate) fn asked_state_answered(
        &mut self,
        availability: Availability,
        outcome: &Outcome,
        out: &mut Vec<Effect>,
    ) {
        let state = availability.wire();
        let verdict = match outcome {
            Outcome::Done | Outcome::History(_) | Outcome::Subscribed(_) => {
                self.presence.is_back();
                Verdict::Done(format!("the platform takes it for {state}"))
            }
            Outcome::Refused { code, words } => {
                self.wanted_state = None;
                Verdict::Failed(format!("the platform refused {state}: {code} {words}"))
            }
            Outcome::Unknown => {
                Verdict::Failed(format!("the platform did not answer; the next connection begins as {state}"))
            }
        };
        out.push(Effect::Note(Note::StateAnswered(verdict)));
    }

    /// What a bot has to say whose state a person chose.
    pub(crate) fn state_words(&self) -> Option<String> {
        self.wanted_state.as_ref().map(|(availability, why)| format!("{}: {why}", availability.wire()))
    }

    /// Tells an open socket; the next one begins with it anyway.
    fn show_availability(&mut self, out: &mut Vec<Effect>) {
        let routed = self.duty.intake == Intake::Rings && self.drain.is_none();
        let open = self.socket.as_ref().is_some_and(|socket| socket.open);
        let Some(agent) = self.me.agent.clone().filter(|_| routed && open) else { return };
        let ticket = self.tickets.take(Purpose::AgentState);
        let availability = self.availability();
        out.push(Effect::Ask(ticket, Request::SetAgentState { agent, availability }));
    }
}
