//! What people see of a bot.

use liveperson_proto::ConversationId;

use super::lifecycle::{Socket, Token};
use super::{Bot, TokenSource};
use crate::dialog::{Conversation, Effect, Note, Standing};
use crate::health::{Degraded, Vitals};

use crate::quarantine::Kind;
use crate::time::Now;

/// Where a bot is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Not running, on purpose.
    Parked,
    /// Finding the account's domains.
    Resolving,
    /// Waiting for a login's answer.
    LoggingIn,
    /// Opening the socket.
    Connecting,
    /// Setting up subscriptions.
    Subscribing,
    /// Takes and answers conversations.
    Online,
    /// Ending.
    Draining,
    /// Waits before the next try.
    Waiting,
    /// Ownership is in doubt or the store is away.
    Fenced,
    /// Held off until somebody releases it.
    Quarantined,
}

/// A bot's visible state.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Where it is.
    pub state: State,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
    /// Why, in words, where there is more to say.
    pub cause: Option<String>,
    /// Why people hold it still, while they do.
    pub paused: Option<String>,
    /// What holds the bot off, if something does.
    pub quarantine: Option<Kind>,
    /// The last login or refresh.
    pub token_refreshed: Option<i64>,
    /// Conversations in hand.
    pub conversations: usize,
    /// Deeds not yet confirmed.
    pub outbox: usize,
    /// The last committed turn.
    pub last_turn: Option<i64>,
    /// Turns committed in this life.
    pub turns: u64,
    /// Until when it waits, in milliseconds since 1970, where that is known.
    pub waits_until: Option<i64>,
    /// What is not as it should be, the gravest first; [`crate::health::by_time`] adds what time alone tells.
    pub degraded: Vec<Degraded>,
    /// The times by which more of that is told.
    pub vitals: Vitals,
    /// Whether nothing older is owed than `vitals` says: all of the bot's conversations are shown and read.
    pub owed_known: bool,
}

impl Bot {
    /// What people see now.
    pub fn view(&self) -> View {
        View {
            state: self.state,
            since: self.since,
            cause: self.cause.clone(),
            paused: self.paused.clone(),
            quarantine: self.quarantined.as_ref().map(|quarantine| quarantine.kind),
            token_refreshed: self.refreshed_wall,
            conversations: self.conversations.len(),
            outbox: self.index.outbox(),
            last_turn: self.last_turn,
            turns: self.turns,
            waits_until: self.waiting.as_ref().filter(|_| self.state == State::Waiting).map(|w| w.until_wall),
            degraded: self.degraded(),
            vitals: self.vitals(),
            owed_known: self.socket.as_ref().is_some_and(Socket::has_shown_ours) && self.index.has_read_all(),
        }
    }

    /// What the bot itself knows to be not as it should be; a bot that is not to run has nothing of that.
    fn degraded(&self) -> Vec<Degraded> {
        if matches!(self.state, State::Quarantined | State::Parked) {
            return Vec::new();
        }
        let facts = [
            (Degraded::Fenced, self.fenced.is_some()),
            (Degraded::Waiting, self.state == State::Waiting),
            (Degraded::Away, self.presence.worry().is_some()),
            (Degraded::Blind, self.membership.worry().is_some()),
            (Degraded::TokenInDoubt, self.socket.is_some() && self.token != Token::Good),
            (Degraded::SessionTaken, self.theft_worry().is_some()),
        ];
        facts.into_iter().filter_map(|(what, is_so)| is_so.then_some(what)).collect()
    }

    fn vitals(&self) -> Vitals {
        let runs = !matches!(self.state, State::Quarantined | State::Parked);
        let refreshes = runs && self.tokens == TokenSource::Login && self.token != Token::Dead;
        Vitals {
            heard: self.socket.as_ref().and_then(|socket| socket.heard),
            oldest_owed: self.index.oldest_owed(),
            token_since: refreshes.then(|| self.refreshed_wall.unwrap_or(self.born)),
        }
    }

    /// Where a conversation stands that the bot handles.
    pub fn standing(&self, conversation: &ConversationId) -> Option<Standing> {
        self.conversations.get(conversation).map(Conversation::standing)
    }

    /// Counts what just happened and keeps the state's age.
    pub(crate) fn observe(&mut self, effects: &[Effect], now: Now) {
        let turns = effects.iter().filter(|e| matches!(e, Effect::Note(Note::TurnCommitted { .. }))).count();
        if turns > 0 {
            self.turns += turns as u64;
            self.last_turn = Some(now.wall);
        }
        let (state, cause) = self.current();
        if state != self.state {
            self.state = state;
            self.since = now.wall;
        }
        self.cause = cause;
    }

    /// What a bot with a socket has to say of itself, the gravest alone.
    fn worry(&self) -> Option<String> {
        let renewing = || (self.token != Token::Good).then(|| "the token is being renewed".to_owned());
        let worry = self.presence.worry().or_else(renewing);
        worry.or_else(|| self.membership.worry()).or_else(|| self.theft_worry())
    }

    fn current(&self) -> (State, Option<String>) {
        if let Some(quarantine) = &self.quarantined {
            return (State::Quarantined, Some(quarantine.words.clone()));
        }
        if let Some(drain) = &self.drain {
            return if drain.is_over() {
                (State::Parked, None)
            } else {
                (State::Draining, Some(drain.words()))
            };
        }
        if let Some(why) = &self.fenced {
            return (State::Fenced, Some(why.clone()));
        }
        if let Some(socket) = &self.socket {
            let state = match socket.stage() {
                super::lifecycle::SocketStage::Opening => State::Connecting,
                super::lifecycle::SocketStage::Subscribing => State::Subscribing,
                super::lifecycle::SocketStage::Online => State::Online,
            };
            return (state, self.paused.clone().or_else(|| self.worry()).or_else(|| self.state_words()));
        }
        if let Some(waiting) = &self.waiting {
            return (State::Waiting, Some(waiting.cause.clone()));
        }
        if let Some(why) = &self.at_the_door {
            return (State::Waiting, Some(why.clone()));
        }
        match (self.domains, self.errand) {
            (super::lifecycle::Domains::Asked, _) => (State::Resolving, None),
            (_, Some(_)) => (State::LoggingIn, None),
            _ => (self.state, self.cause.clone()),
        }
    }
}
