//! What people see of a bot.

use liveperson_proto::ConversationId;

use super::Bot;
use super::lifecycle::Token;
use crate::dialog::{Conversation, Effect, Note, Standing};
use crate::quarantine::Kind;
use crate::time::{Moment, Now};

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

/// What a bot lacks that is online; of several the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Degraded {
    /// The platform set it to another state: nothing rings.
    Away,
    /// Its token is dead or doubtful; the socket works on.
    TokenRenewing,
    /// It cannot watch its account's conversations for its pool.
    Unwatched,
    /// A login elsewhere took its session lately; it was taken back.
    SessionTaken,
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
    /// What it lacks while it is online.
    pub degraded: Option<Degraded>,
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
    /// When the oldest message was heard that is still unanswered.
    pub oldest_owed: Option<Moment>,
}

impl Bot {
    /// What people see now.
    pub fn view(&self) -> View {
        View {
            state: self.state,
            since: self.since,
            cause: self.cause.clone(),
            degraded: self.worry().map(|(degraded, _)| degraded).filter(|_| self.state == State::Online),
            quarantine: self.quarantined.as_ref().map(|quarantine| quarantine.kind),
            token_refreshed: self.refreshed_wall,
            conversations: self.conversations.len(),
            outbox: self.index.outbox(),
            last_turn: self.last_turn,
            turns: self.turns,
            oldest_owed: self.index.oldest_owed(),
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

    /// What a bot with a socket lacks, and why.
    fn worry(&self) -> Option<(Degraded, String)> {
        let renewing = (self.token != Token::Good).then(|| "the token is being renewed".to_owned());
        let worries = [
            (Degraded::Away, self.presence.worry()),
            (Degraded::TokenRenewing, renewing),
            (Degraded::Unwatched, self.membership.worry()),
            (Degraded::SessionTaken, self.theft_worry()),
        ];
        worries.into_iter().find_map(|(degraded, words)| Some((degraded, words?)))
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
            return (state, self.worry().map(|(_, words)| words));
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
