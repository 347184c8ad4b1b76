//! From nothing to online: domains, login, socket, subscriptions.

use std::time::Duration;

use liveperson_proto::request::{Availability, Request};

use super::Bot;
use super::event::{Identity, LoginFault};
use crate::dialog::desk::Purpose;
use crate::dialog::{Effect, Outcome};
use crate::time::{Moment, Now};

/// What is known of the token in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// It works, as far as we know.
    Good,
    /// A refresh has to tell.
    Doubtful,
    /// A login has to bring a new one.
    Dead,
}

/// A wait with its reason.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) until: Moment,
    pub(crate) cause: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketStage {
    Opening,
    Subscribing,
    Online,
}

/// The one socket.
#[derive(Debug, Default)]
pub(crate) struct Socket {
    pub(crate) generation: u64,
    pub(crate) open: bool,
    pub(crate) conversations: bool,
    pub(crate) snapshot: bool,
    pub(crate) rings: bool,
    pub(crate) agent_state: bool,
    pub(crate) online_at: Option<Moment>,
}

impl Socket {
    pub(crate) fn stage(&self) -> SocketStage {
        let ready = self.conversations && self.snapshot && self.rings && self.agent_state;
        match (self.open, ready) {
            (false, _) => SocketStage::Opening,
            (true, false) => SocketStage::Subscribing,
            (true, true) => SocketStage::Online,
        }
    }
}

/// The vendor's advice: 5, 10, 15 s, then 2, 4, 8 minutes, in units of the shortest wait.
const LOGIN_WAITS: [u32; 6] = [1, 2, 3, 24, 48, 96];

/// Refused credentials are tried this often.
const REFUSALS: u32 = 2;

impl Bot {
    /// Takes the next step towards where the bot should be.
    pub(crate) fn pursue(&mut self, now: Now, out: &mut Vec<Effect>) {
        if self.quarantined.is_some() || self.drain.as_ref().is_some_and(super::Drain::is_over) {
            return;
        }
        self.pursue_refresh(now, out);
        if self.fenced.is_some() {
            return;
        }
        if let Some(waiting) = &self.waiting {
            if now.moment < waiting.until {
                return;
            }
            self.waiting = None;
        }
        if self.drain.is_some() && self.socket.is_none() {
            return;
        }
        if !self.resolved {
            if !self.resolving {
                self.resolving = true;
                out.push(Effect::Resolve);
            }
            return;
        }
        match self.token {
            Token::Dead if !self.logging_in && !self.refreshing => {
                self.logging_in = true;
                out.push(Effect::Login);
            }
            Token::Doubtful if !self.refreshing && !self.logging_in => {
                self.refreshing = true;
                out.push(Effect::Refresh);
            }
            Token::Good if self.socket.is_none() && !self.refreshing => self.open(out),
            Token::Good | Token::Doubtful | Token::Dead => {}
        }
    }

    fn open(&mut self, out: &mut Vec<Effect>) {
        self.generation += 1;
        self.socket = Some(Socket { generation: self.generation, ..Socket::default() });
        out.push(Effect::Open { generation: self.generation });
    }

    pub(crate) fn is_current(&self, generation: u64) -> bool {
        self.socket.as_ref().is_some_and(|s| s.generation == generation)
    }

    pub(crate) fn logged_in(&mut self, identity: Identity, now: Now) {
        self.logging_in = false;
        self.refused_logins = 0;
        self.failed_logins = 0;
        self.me.agent = Some(identity.agent);
        self.me.persistent = identity.persistent;
        self.token_is_good(now);
    }

    pub(crate) fn login_failed(&mut self, fault: LoginFault, now: Now, out: &mut Vec<Effect>) {
        self.logging_in = false;
        let pause = self.rhythm.login_pause;
        match fault {
            LoginFault::Refused => {
                self.refused_logins += 1;
                if self.refused_logins >= REFUSALS {
                    let because = "bad credentials: the platform refused the login twice; check the login and release the bot";
                    return self.quarantine(because.to_owned(), out);
                }
                self.wait_for(pause, "the platform refused the login".to_owned(), now);
            }
            LoginFault::TooMany { retry_after } => {
                let wait = self.spread(retry_after.unwrap_or(pause).max(pause));
                self.wait_for(wait, "the platform says: too many logins".to_owned(), now);
            }
            LoginFault::Blocked => {
                let cause = "the platform blocks this account or user; ask its support".to_owned();
                self.wait_for(pause * 120, cause, now);
            }
            LoginFault::Unwell { words } => {
                let place = (self.failed_logins as usize).min(LOGIN_WAITS.len() - 1);
                self.failed_logins += 1;
                let wait = self.spread(pause * LOGIN_WAITS[place]);
                self.wait_for(wait, words, now);
            }
        }
    }

    // A fleet fails together: up to a quarter more keeps it from coming back together.
    fn spread(&mut self, wait: Duration) -> Duration {
        wait.mul_f64(1.0 + 0.25 * self.chance.f64())
    }

    pub(crate) fn quarantine(&mut self, because: String, out: &mut Vec<Effect>) {
        if self.socket.take().is_some() {
            out.push(Effect::CloseSocket);
        }
        self.quarantined = Some(because.clone());
        out.push(Effect::Quarantine { because });
    }

    pub(crate) fn socket_opened(&mut self, generation: u64, now: Now, out: &mut Vec<Effect>) {
        if !self.is_current(generation) {
            return;
        }
        let Some(agent) = self.me.agent.clone() else { return };
        if let Some(socket) = &mut self.socket {
            socket.open = true;
        }
        let account = self.me.account.clone();
        let availability = if self.drain.is_some() { Availability::Away } else { Availability::Online };
        let requests = [
            (Purpose::SubscribeConversations, Request::SubscribeConversations { agent: Some(agent.clone()) }),
            (Purpose::SubscribeRings, Request::SubscribeRings { account, agent: agent.clone() }),
            (Purpose::AgentState, Request::SetAgentState { agent, availability }),
        ];
        for (purpose, request) in requests {
            let ticket = self.tickets.take(purpose);
            out.push(Effect::Ask(ticket, request));
        }
        self.note_online(now);
    }

    pub(crate) fn subscribed(
        &mut self,
        purpose: &Purpose,
        outcome: &Outcome,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let Some(socket) = &mut self.socket else { return };
        let done = match outcome {
            Outcome::Done | Outcome::History(_) => true,
            Outcome::Refused { .. } | Outcome::Unknown => false,
        };
        if !done {
            let words = match outcome {
                Outcome::Refused { code, words } => format!("a subscription was refused: {code} {words}"),
                _ => "a subscription was not answered".to_owned(),
            };
            if matches!(outcome, Outcome::Refused { code: 401, .. }) {
                self.token = Token::Dead;
            }
            self.socket = None;
            out.push(Effect::CloseSocket);
            self.detach_all(now, out);
            return self.wait_backoff(words, now);
        }
        match purpose {
            Purpose::SubscribeConversations => socket.conversations = true,
            Purpose::SubscribeRings => socket.rings = true,
            _ => socket.agent_state = true,
        }
        self.note_online(now);
    }

    pub(crate) fn note_online(&mut self, now: Now) {
        if let Some(socket) = &mut self.socket
            && socket.stage() == SocketStage::Online
        {
            socket.online_at.get_or_insert(now.moment);
        }
    }
}
