//! From nothing to online: domains, login, socket, subscriptions.

use liveperson_proto::SubscriptionId;
use liveperson_proto::request::Request;

use super::event::{Event, Identity, LoginFault};
use super::{Bot, TokenSource};
use crate::dialog::desk::Purpose;
use crate::dialog::{Effect, Outcome};
use crate::duty::Intake;
use crate::quarantine::{Kind, Quarantine};
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

/// What is known of the account's domains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Domains {
    Unknown,
    Asked,
    Known,
}

/// A call to the login service on its way; there is one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    Login,
    Refresh,
}

/// A wait with its reason.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) until: Moment,
    /// The same in milliseconds since 1970, for people.
    pub(crate) until_wall: i64,
    pub(crate) cause: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketStage {
    Opening,
    Subscribing,
    Online,
}

/// The one socket.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) generation: u64,
    /// Which of the bot's tokens it was opened with.
    pub(crate) token: u64,
    pub(crate) open: bool,
    /// What the socket still waits for before it is online.
    missing: Vec<Missing>,
    /// The subscription to the bot's own conversations, once it has told something.
    pub(crate) own: Option<SubscriptionId>,
    pub(crate) online_at: Option<Moment>,
    /// The last proof that the platform is there and hears: once it is open, anything that it says.
    pub(crate) heard: Option<Moment>,
}

/// One thing a socket needs before it is online.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Conversations,
    Snapshot,
    Rings,
    AgentState,
}

impl Socket {
    fn new(generation: u64, token: u64, intake: Intake) -> Self {
        let mut missing = vec![Missing::Conversations, Missing::Snapshot, Missing::AgentState];
        missing.extend((intake == Intake::Rings).then_some(Missing::Rings));
        Self { generation, token, open: false, missing, own: None, online_at: None, heard: None }
    }

    /// Whether the first notification has come, so that what it did not show is not ours.
    pub(crate) fn has_shown_ours(&self) -> bool {
        self.open && !self.missing.contains(&Missing::Snapshot)
    }

    pub(crate) fn is_online(&self) -> bool {
        self.open && self.missing.is_empty()
    }

    /// Whether this was still missing.
    pub(crate) fn found(&mut self, what: Missing) -> bool {
        let before = self.missing.len();
        self.missing.retain(|missing| *missing != what);
        self.missing.len() < before
    }

    pub(crate) fn stage(&self) -> SocketStage {
        match (self.open, self.missing.is_empty()) {
            (false, _) => SocketStage::Opening,
            (true, false) => SocketStage::Subscribing,
            (true, true) => SocketStage::Online,
        }
    }
}

/// Refused credentials are tried this often.
const REFUSALS: u32 = 2;

impl Bot {
    /// Takes the next step towards where the bot should be.
    pub(crate) fn pursue(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.forget_thefts(now);
        if self.has_ended() {
            return;
        }
        self.pursue_looks(now, out);
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
        if !self.may_connect() {
            return;
        }
        match self.domains {
            Domains::Known => {}
            Domains::Asked => return,
            Domains::Unknown => {
                self.domains = Domains::Asked;
                return out.push(Effect::Resolve);
            }
        }
        match self.token {
            Token::Dead if self.tokens == TokenSource::HandedIn => self.token_refused(now, out),
            Token::Dead if self.errand.is_none() && self.may_take_back() => {
                self.errand = Some(Errand::Login);
                out.push(Effect::Login);
            }
            Token::Doubtful if self.errand.is_none() => {
                self.errand = Some(Errand::Refresh);
                out.push(Effect::Refresh);
            }
            Token::Good if self.socket.is_none() && self.errand.is_none() => self.open(out),
            Token::Good | Token::Doubtful | Token::Dead => {}
        }
    }

    /// Whether this life is held off for good, or drained: nothing is begun in it any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.quarantined.is_some() || self.drain.as_ref().is_some_and(super::Drain::is_over)
    }

    /// Whether a missing socket is wanted: a bot that restarts takes nothing new up.
    pub(crate) fn may_connect(&self) -> bool {
        self.socket.is_some() || self.drain.as_ref().is_none_or(super::Drain::is_retiring)
    }

    fn open(&mut self, out: &mut Vec<Effect>) {
        self.generation += 1;
        self.socket = Some(Socket::new(self.generation, self.thefts.token, self.duty.intake));
        out.push(Effect::Open { generation: self.generation });
    }

    /// News and answers prove that the platform is there; the clock is asked for in any case. A refusal may be
    /// our own: what finds no room is refused before it leaves.
    pub(crate) fn note_proof_of_life(&mut self, event: &Event, now: Now) {
        let told = match event {
            Event::SocketOpened { generation }
            | Event::Conversations { generation, .. }
            | Event::Rings { generation, .. }
            | Event::Message { generation, .. } => self.is_current(*generation),
            Event::ClockOffset { .. }
            | Event::Answered {
                outcome: Outcome::Done | Outcome::History(_) | Outcome::Subscribed(_), ..
            } => self.socket.as_ref().is_some_and(|socket| socket.open),
            _ => false,
        };
        if let Some(socket) = self.socket.as_mut().filter(|_| told) {
            socket.heard = Some(now.moment);
        }
    }

    pub(crate) fn is_current(&self, generation: u64) -> bool {
        self.socket.as_ref().is_some_and(|s| s.generation == generation)
    }

    pub(crate) fn logged_in(&mut self, identity: Identity, now: Now) {
        self.errand = None;
        self.at_the_door = None;
        self.refused_logins = 0;
        self.thefts.token += 1;
        self.thefts.logged_in = Some(now.wall);
        self.me.agent = Some(identity.agent);
        self.me.persistent = identity.persistent;
        self.token_is_good(now);
    }

    /// Only wrong credentials are this bot's own matter. The account's door knows how long to wait for a
    /// service in trouble: the bot soon queues there again.
    pub(crate) fn login_failed(&mut self, fault: LoginFault, now: Now, out: &mut Vec<Effect>) {
        self.errand = None;
        self.at_the_door = None;
        let words = match fault {
            LoginFault::Refused => {
                self.refused_logins += 1;
                if self.refused_logins >= REFUSALS {
                    let because =
                        "bad credentials: the platform refused the login twice; check the login and apply it";
                    return self.hold_off(Kind::BadCredentials, because, now, out);
                }
                return self.wait_for(
                    self.rhythm.login_pause,
                    "the platform refused the login".to_owned(),
                    now,
                );
            }
            LoginFault::TooMany { .. } => "the platform says: too many logins".to_owned(),
            LoginFault::Blocked => "the platform blocks this account or user; ask its support".to_owned(),
            LoginFault::Unwell { words } => {
                self.doubt_domains();
                words
            }
        };
        let wait = self.rhythm.reconnect_first.mul_f64(self.chance.f64());
        self.wait_for(wait, words, now);
    }

    /// A token that was handed in is tried twice, like credentials; nothing else can be done about it.
    fn token_refused(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.refused_logins += 1;
        if self.refused_logins >= REFUSALS {
            let because = "the platform no longer takes the bot's token, which was handed in and cannot be renewed; supply a new one where the bot's login names it and apply it";
            return self.hold_off(Kind::BadCredentials, because, now, out);
        }
        self.token = Token::Good;
        self.wait_for(self.rhythm.login_pause, "the platform refused the token".to_owned(), now);
    }

    /// Holds the bot off; `because` names the cause and its cure. What comes to light about a bot that is held off
    /// already, such as the answer to its last login, is not why it is.
    pub(crate) fn hold_off(&mut self, kind: Kind, because: &str, now: Now, out: &mut Vec<Effect>) {
        if self.quarantined.is_some() {
            return;
        }
        let quarantine = Quarantine::of(&self.me.account, &self.me.bot, kind, because);
        self.quarantine(quarantine, now, out);
    }

    pub(crate) fn quarantine(&mut self, quarantine: Quarantine, now: Now, out: &mut Vec<Effect>) {
        self.hang_up(now, out);
        self.quarantined = Some(quarantine.clone());
        out.push(Effect::Quarantine(quarantine));
    }

    pub(crate) fn socket_opened(&mut self, generation: u64, now: Now, out: &mut Vec<Effect>) {
        if !self.is_current(generation) {
            return;
        }
        let Some(agent) = self.me.agent.clone() else { return };
        if let Some(socket) = &mut self.socket {
            socket.open = true;
            self.thefts.proven |= socket.token == self.thefts.token;
        }
        self.presence.begin();
        let account = self.me.account.clone();
        let takes_rings = self.duty.intake == Intake::Rings;
        let availability = self.availability();
        let own = Request::SubscribeConversations { agent: Some(agent.clone()) };
        let rings = Request::SubscribeRings { account, agent: agent.clone() };
        let requests = [
            Some((Purpose::SubscribeConversations, own)),
            takes_rings.then_some((Purpose::SubscribeRings, rings)),
            Some((Purpose::AgentState, Request::SetAgentState { agent, availability })),
        ];
        for (purpose, request) in requests.into_iter().flatten() {
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
            Outcome::Done | Outcome::History(_) | Outcome::Subscribed(_) => true,
            Outcome::Refused { .. } | Outcome::Unknown => false,
        };
        if !done {
            let words = match outcome {
                Outcome::Refused { code, words } => format!("a subscription was refused: {code} {words}"),
                _ => "a subscription was not answered".to_owned(),
            };
            if matches!(outcome, Outcome::Refused { code: 401, .. }) && socket.token == self.thefts.token {
                self.token_died(now, out);
            }
            self.hang_up(now, out);
            return self.wait_backoff(words, now);
        }
        let found = match purpose {
            Purpose::SubscribeConversations => Missing::Conversations,
            Purpose::SubscribeRings => Missing::Rings,
            _ => Missing::AgentState,
        };
        socket.found(found);
        if found == Missing::AgentState {
            self.watch_state(out);
        }
        self.note_online(now);
    }

    pub(crate) fn note_online(&mut self, now: Now) {
        if let Some(socket) = &mut self.socket
            && socket.stage() == SocketStage::Online
        {
            socket.online_at.get_or_insert(now.moment);
            if self.tokens == TokenSource::HandedIn {
                self.refused_logins = 0;
            }
        }
    }
}
