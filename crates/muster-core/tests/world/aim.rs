//! A run that is after one pair of state and event. The event waits, or comes a second time, or is caused, when
//! somebody is in the state; what the bots make of it the reference model checks as ever.

use liveperson_proto::ConversationId;
use liveperson_proto::request::Request;
use muster_core::bot::Event;
use muster_core::dialog::Work;

use super::World;
use super::coverage::{self, Machine, Place};
use super::platform::News;

/// What comes too early goes on all the same, once in so many chances.
const PATIENCE: u32 = 200;
/// Copies that wait on a socket.
const COPIES: usize = 8;

/// The pair that a run is after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Aim {
    pub(crate) machine: Machine,
    pub(crate) state: String,
    pub(crate) event: String,
}

impl Aim {
    /// As `Joint/Closing/publish done`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let (machine, rest) = name.split_once('/')?;
        let (state, event) = rest.split_once('/')?;
        let all = [Machine::Bot, Machine::Joint, Machine::Work];
        let machine = all.into_iter().find(|of| format!("{of:?}") == machine)?;
        Some(Self { machine, state: state.to_owned(), event: event.to_owned() })
    }

    pub(super) fn is_at(&self, place: Place) -> bool {
        place.machine() == self.machine && place.name() == self.state
    }
}

/// How something that may be told fits the aim.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// It is something else.
    Other,
    /// It is the event, and nobody is in the state.
    Early,
    Now,
}

impl World {
    /// Whether the pair has come up.
    pub(crate) fn has_hit(&self) -> bool {
        let (Some(aim), Some(coverage)) = (&self.setup.aim, &self.coverage) else { return false };
        coverage.has(aim.machine, &aim.state, &aim.event)
    }

    pub(super) fn aims(&self) -> Option<&Aim> {
        self.setup.aim.as_ref().filter(|_| self.pace.is_some())
    }

    pub(super) fn fit(&self, bot: usize, event: &Event, asked: Option<&Request>) -> Fit {
        let Some(aim) = self.aims() else { return Fit::Other };
        if !coverage::says(bot, event, asked, &aim.event) {
            return Fit::Other;
        }
        let at = |(place, what): &(Place, &str)| *what == aim.event && aim.is_at(*place);
        if self.pairs(bot, event, asked).iter().any(at) { Fit::Now } else { Fit::Early }
    }

    /// Whether what is early waits a little longer.
    pub(super) fn is_patient(&mut self) -> bool {
        self.chance.u32(0..PATIENCE) > 0
    }

    /// Keeps a copy of what a socket tells, if it is the event: sockets may tell things twice, and late.
    pub(super) fn copy(&mut self, bot: usize, generation: u64, news: &News) {
        let is_it = |aim: &Aim| {
            let asked = self.members[bot].request_of(news);
            coverage::says(bot, &news.clone().event(generation), asked, &aim.event)
        };
        // Pictures are not told again: each shows the whole state.
        let is_picture = matches!(news, News::Conversations { .. } | News::Rings(_));
        if is_picture || !self.aims().is_some_and(is_it) {
            return;
        }
        let copies = &mut self.members[bot].copies;
        copies.push(news.clone());
        if copies.len() > COPIES {
            copies.remove(0);
        }
    }

    /// Tells a copy whose time has come.
    pub(super) fn tell_copy(&mut self, bot: usize) -> bool {
        let member = &self.members[bot];
        let Some(generation) = member.open else { return false };
        let is_due =
            |news: &News| self.fit(bot, &news.clone().event(generation), member.request_of(news)) == Fit::Now;
        let Some(at) = member.copies.iter().position(is_due) else { return false };
        let news = self.members[bot].copies.remove(at);
        if let News::Answer(ticket, _) = &news {
            let request = self.members[bot].asked_before.get(ticket).cloned();
            self.last_answered = request.map(|request| (*ticket, request));
        }
        self.tell(bot, news.event(generation));
        true
    }

    /// Whether a turn of this conversation should be decided now for the aim's sake, or not yet.
    pub(super) fn fit_of_turn(&self, bot: usize, conversation: &ConversationId) -> Fit {
        if !self.aims().is_some_and(|aim| ["decided", "logic failed"].contains(&aim.event.as_str())) {
            return Fit::Other;
        }
        let member = &self.members[bot];
        let standing = member.bot.standing(conversation);
        // Of two runs of logic for one conversation the first goes on: the other is the one that is late.
        let turns = member.thinking.iter().filter(|turn| turn.conversation == *conversation).count();
        if turns > 1 && standing.is_some_and(|standing| standing.work == Work::Thinking) {
            return Fit::Other;
        }
        if self.is_there(bot, conversation) { Fit::Now } else { Fit::Early }
    }

    /// Whether a bot, or its part in a conversation, is in the state.
    pub(super) fn is_there(&self, bot: usize, conversation: &ConversationId) -> bool {
        let Some(aim) = self.aims().filter(|_| self.members[bot].runs()) else { return false };
        let member = &self.members[bot];
        let Some(standing) = member.bot.standing(conversation) else { return false };
        aim.is_at(Place::Bot(member.bot.view().state))
            || aim.is_at(Place::Joint(standing.joint))
            || aim.is_at(Place::Work(standing.work))
    }
}
