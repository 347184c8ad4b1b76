//! The two endings: restart keeps everything for the next start, retire leaves in order.

use std::time::Duration;

use liveperson_proto::ConversationId;
use liveperson_proto::request::{Availability, Request};

use super::Bot;
use super::event::Ending;
use crate::dialog::desk::Purpose;
use crate::dialog::{Conversation, Effect, Outcome};
use crate::time::{Moment, Now};

/// An ending on its way.
#[derive(Debug)]
pub(crate) struct Drain {
    ending: Ending,
    by: Moment,
    over: bool,
}

impl Drain {
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    pub(crate) fn deadline(&self) -> Option<Moment> {
        (!self.over).then_some(self.by)
    }

    pub(crate) fn is_retiring(&self) -> bool {
        self.ending == Ending::Retire && !self.over
    }

    pub(crate) fn words(&self) -> String {
        match self.ending {
            Ending::Restart => "finishing before a restart".to_owned(),
            Ending::Retire => "handing its conversations back".to_owned(),
        }
    }
}

impl Bot {
    pub(crate) fn start_drain(&mut self, ending: Ending, within: Duration, now: Now, out: &mut Vec<Effect>) {
        let by = now.moment + within;
        match &mut self.drain {
            Some(drain) if drain.over => return,
            Some(drain) => {
                drain.by = drain.by.min(by);
                return;
            }
            None => self.drain = Some(Drain { ending, by, over: false }),
        }
        if ending == Ending::Retire && self.socket.as_ref().is_some_and(|s| s.open) {
            let (agent, _) = self.identity();
            if let Some(agent) = agent {
                let ticket = self.tickets.take(Purpose::Courtesy);
                out.push(Effect::Ask(
                    ticket,
                    Request::SetAgentState { agent, availability: Availability::Away },
                ));
            }
        }
    }

    /// Ends when nothing is half done, or when the time is up.
    pub(crate) fn pursue_drain(&mut self, now: Now, out: &mut Vec<Effect>) {
        let Some(drain) = self.drain.as_ref().filter(|d| !d.over) else { return };
        let (ending, late) = (drain.ending, now.moment >= drain.by);
        if ending == Ending::Retire && !late && self.may_act() {
            self.hand_back(now, out);
        }
        let connected = self.socket.is_some();
        let finished = match ending {
            // Without a socket the outbox waits for the next start: its rows are durable.
            Ending::Restart => {
                self.conversations.values().all(|c| c.is_quiet() || (!connected && !c.is_busy()))
            }
            // A retiring bot connects once more to hand back what it holds.
            Ending::Retire => self.conversations.is_empty() || !self.may_act(),
        };
        // What hangs in a quarantined bot is not waited for.
        if finished || late || self.quarantined.is_some() {
            self.finish_drain(ending, now, out);
        }
    }

    fn finish_drain(&mut self, ending: Ending, now: Now, out: &mut Vec<Effect>) {
        self.hang_up(now, out);
        if ending == Ending::Retire {
            out.push(Effect::Logout);
        }
        if let Some(drain) = &mut self.drain {
            drain.over = true;
        }
        self.refresh_at = None;
        self.waiting = None;
        out.push(Effect::Drained);
    }

    fn hand_back(&mut self, now: Now, out: &mut Vec<Effect>) {
        let (Some(agent), _) = self.identity() else { return };
        if !self.socket.as_ref().is_some_and(|socket| socket.open) {
            return;
        }
        let ready = |c: &Conversation| c.may_be_handed_back(&self.rules, now.moment);
        let ids: Vec<_> =
            self.conversations.iter().filter(|(_, c)| ready(c)).map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.with(&id, now, out, |c, desk| c.hand_back(agent.clone(), desk));
        }
        self.sweep(now, out);
    }

    pub(crate) fn handed_back(
        &mut self,
        conversation: &ConversationId,
        outcome: &Outcome,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        self.with(conversation, now, out, |c, desk| c.handed_back(outcome, desk));
        self.sweep(now, out);
    }
}
