//! What the platform takes the bot's state for: set by the bot, and set back when the platform changes it.

use std::collections::VecDeque;
use std::time::Duration;

use liveperson_proto::agent_state::AgentState;
use liveperson_proto::request::{Availability, Request};

use super::Bot;
use crate::dialog::desk::Purpose;
use crate::dialog::{Effect, Note, Outcome};
use crate::duty::Intake;
use crate::time::{Moment, Now};

/// The state is set back so often within the window, and no more often.
const SET_BACK: usize = 3;
const WINDOW: Duration = Duration::from_mins(10);
/// A platform that would not tell the state is asked again after that time.
const WATCH_AGAIN: Duration = Duration::from_mins(5);
/// So long after one try comes the next.
const PAUSE: Duration = Duration::from_secs(1);

/// What the platform takes the bot's state for.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Presence {
    /// The platform shows another state than the bot has set.
    away: Option<Availability>,
    /// A request to set it back is under way.
    asked: bool,
    /// The platform has shown a state since that was sent.
    shown_since: bool,
    /// When the state was set back, oldest first.
    set_back: VecDeque<Moment>,
    /// The socket in hand was asked to tell of the state.
    watched: bool,
    /// When it is asked again, since it would not.
    watch_at: Option<Moment>,
    /// It was told that the bot stays away.
    alarmed: bool,
}

impl Presence {
    /// A new socket begins with the state that the bot sets.
    pub(crate) fn begin(&mut self) {
        (self.away, self.asked, self.watched, self.watch_at) = (None, false, false, None);
    }

    /// The platform takes the bot for what it has set.
    pub(crate) fn is_back(&mut self) {
        (self.away, self.alarmed) = (None, false);
    }

    pub(crate) fn worry(&self) -> Option<String> {
        let state = self.away?.wire();
        Some(if self.alarmed {
            format!(
                "the platform sets the bot to {state} although it was set back {SET_BACK} times within {} minutes: nothing rings; look for a rule or a person of the account that does so",
                WINDOW.as_secs() / 60
            )
        } else {
            format!("the platform set the bot to {state}; it is being set back")
        })
    }

    /// When it may be set back again; none is at once.
    fn next(&self) -> Option<Moment> {
        let after_last = self.set_back.back().map(|at| *at + PAUSE);
        let oldest = self.set_back.iter().rev().nth(SET_BACK - 1);
        after_last.max(oldest.map(|at| *at + WINDOW))
    }

    fn has_room(&self, now: Moment) -> bool {
        self.set_back.iter().filter(|at| now.since(**at) < WINDOW).count() < SET_BACK
    }

    fn deadline(&self) -> Option<Moment> {
        self.next().filter(|_| self.away.is_some() && !self.asked)
    }
}

impl Bot {
    pub(crate) fn states_shown(&mut self, states: Vec<AgentState>) {
        if !self.wants_rings() {
            return;
        }
        for AgentState { availability, .. } in states.into_iter().filter(|s| self.me.is(s.agent.as_str())) {
            self.presence.shown_since = true;
            if availability == self.availability() {
                self.presence.is_back();
            } else {
                self.presence.away = Some(availability);
            }
        }
    }

    /// The platform has taken the state that a new socket sets: what it shows from now on is later.
    pub(crate) fn watch_state(&mut self, out: &mut Vec<Effect>) {
        self.presence.is_back();
        let wanted = self.wants_rings() && !self.presence.watched;
        let Some(agent) = self.me.agent.clone().filter(|_| wanted) else { return };
        self.presence.watched = true;
        let request = Request::SubscribeAgentState { account: self.me.account.clone(), agent };
        out.push(Effect::Ask(self.tickets.take(Purpose::WatchState), request));
    }

    /// A platform that does not tell is asked again later; meanwhile the bot is at work, unwatched.
    pub(crate) fn state_watched(&mut self, outcome: &Outcome, now: Now, out: &mut Vec<Effect>) {
        if let Outcome::Refused { .. } | Outcome::Unknown = outcome {
            self.presence.watched = false;
            self.presence.watch_at = Some(now.moment + WATCH_AGAIN);
        }
        if let Outcome::Refused { code, words } = outcome {
            out.push(Effect::Note(Note::StateUnwatched { words: format!("{code} {words}") }));
        }
    }

    /// Sets the state back, as far as that is allowed.
    pub(crate) fn pursue_presence(&mut self, now: Now, out: &mut Vec<Effect>) {
        let watches = self.may_set_back() && self.presence.watch_at.is_some_and(|at| at <= now.moment);
        if watches {
            self.presence.watch_at = None;
            self.watch_state(out);
        }
        let Some(availability) = self.presence.away.filter(|_| !self.presence.asked) else { return };
        let Some(agent) = self.me.agent.clone().filter(|_| self.may_set_back()) else { return };
        if !self.presence.has_room(now.moment) && !std::mem::replace(&mut self.presence.alarmed, true) {
            out.push(Effect::Note(Note::StaysAway { availability }));
        }
        if self.presence.next().is_some_and(|at| now.moment < at) {
            return;
        }
        self.presence.set_back.retain(|at| now.moment.since(*at) < WINDOW);
        self.presence.set_back.push_back(now.moment);
        (self.presence.asked, self.presence.shown_since) = (true, false);
        let times = self.presence.set_back.len();
        out.push(Effect::Note(Note::SetBack { availability, times }));
        let request = Request::SetAgentState { agent, availability: self.availability() };
        out.push(Effect::Ask(self.tickets.take(Purpose::SetBack), request));
    }

    pub(crate) fn set_back_answered(&mut self, outcome: &Outcome) {
        self.presence.asked = false;
        let refused = matches!(outcome, Outcome::Refused { .. } | Outcome::Unknown);
        // What was shown meanwhile is newer than the answer, or the same.
        if !refused && !self.presence.shown_since {
            self.presence.is_back();
        }
    }

    fn may_set_back(&self) -> bool {
        self.may_act() && self.wants_rings() && self.socket.as_ref().is_some_and(super::Socket::is_online)
    }

    /// Whether the bot wants the platform to offer it conversations.
    fn wants_rings(&self) -> bool {
        self.duty.intake == Intake::Rings && self.drain.is_none() && self.paused.is_none()
    }

    pub(crate) fn presence_deadline(&self) -> Option<Moment> {
        let times = [self.presence.deadline(), self.presence.watch_at];
        times.into_iter().flatten().min().filter(|_| self.may_set_back())
    }
}
