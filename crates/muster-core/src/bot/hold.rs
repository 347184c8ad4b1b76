//! A bot that people hold still: connected and AWAY, it takes nothing new and begins nothing. What is under
//! way is finished, and what consumers write meanwhile is answered once the bot resumes. One conversation
//! alone is held still by whoever takes it over.

use std::collections::BTreeSet;

use liveperson_proto::ConversationId;
use liveperson_proto::request::{Availability, Request};

use super::Bot;
use crate::dialog::Effect;
use crate::dialog::desk::Purpose;
use crate::duty::Intake;
use crate::time::Now;

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
            Availability::Online
        } else {
            Availability::Away
        }
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
