//! Brand sockets, and requests in flight on them; and what sockets of both sides have in common.

use std::collections::{HashSet, VecDeque};
use std::time::Instant;

use liveperson_proto::{AccountId, AgentId, DialogId, RingId, SubscriptionId};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::World;
use super::accounts::Availability;
use super::requests::{Caller, Request};
use super::subscriptions::Watching;
use super::timers::Timer;

/// A socket's number; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SocketId(pub(crate) u64);

/// What becomes of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It reads and writes.
    Alive,
    /// Nothing is read or written any more; TCP stays open.
    Stalled,
    /// A close frame with this code, then the end.
    Closed(u16),
    /// The end, without a close frame.
    Dropped,
}

impl Fate {
    /// 1006 cannot be sent: it is what a client sees when no close frame came.
    pub(crate) fn with_code(code: u16) -> Self {
        if code == 1006 { Self::Dropped } else { Self::Closed(code) }
    }

    pub(crate) fn is_over(self) -> bool {
        matches!(self, Self::Closed(_) | Self::Dropped)
    }
}

/// Who wants a socket.
pub(crate) struct Opening {
    pub(crate) account: AccountId,
    pub(crate) bearer: String,
    pub(crate) shows_suggested: bool,
}

/// Whether it may have one.
pub(crate) enum Admission {
    Welcome,
    BadToken,
    Refused(u16),
}

/// One open brand socket.
pub(crate) struct Socket {
    pub(super) account: AccountId,
    pub(super) agent: AgentId,
    bearer: String,
    pub(super) shows_suggested: bool,
    pub(super) frames: mpsc::Sender<Utf8Bytes>,
    fate: watch::Sender<Fate>,
    pub(super) watching: Vec<Watching>,
    pub(super) routing: Vec<SubscriptionId>,
    pub(super) agent_states: Vec<(SubscriptionId, Option<AgentId>)>,
    pub(super) dialogs: HashSet<DialogId>,
    pub(super) published: VecDeque<Instant>,
    /// Which subscription types were made how often is for the counters; the ids count per socket.
    pub(super) subscriptions: u64,
    in_flight: VecDeque<Request>,
}

impl World {
    /// Whether a socket may be opened; uses up a refusal if one is due.
    pub(crate) fn admit(&mut self, opening: &Opening) -> Admission {
        let Some(home) = self.accounts.get_mut(&opening.account) else { return Admission::BadToken };
        if let Some((status, _)) = home.socket_faults.take() {
            return Admission::Refused(status);
        }
        match self.session(&opening.account, &opening.bearer) {
            Some(_) => Admission::Welcome,
            None => Admission::BadToken,
        }
    }

    /// Takes a socket in; `None` when its token died on the way.
    pub(crate) fn open_socket(
        &mut self,
        opening: &Opening,
        frames: mpsc::Sender<Utf8Bytes>,
        fate: watch::Sender<Fate>,
    ) -> Option<SocketId> {
        let agent = self.session(&opening.account, &opening.bearer)?.agent.clone();
        let id = SocketId(self.next_id());
        let session = self.sessions.get_mut(&opening.bearer)?;
        session.sockets += 1;
        let on_token = session.sockets;
        let user = self.users.get_mut(&agent)?;
        user.sockets.insert(id);
        let login = user.login.clone();
        self.accounts.get_mut(&opening.account)?.sockets.insert(id);
        self.sockets.insert(
            id,
            Socket {
                account: opening.account.clone(),
                agent: agent.clone(),
                bearer: opening.bearer.clone(),
                shows_suggested: opening.shows_suggested,
                frames,
                fate,
                watching: Vec::new(),
                routing: Vec::new(),
                agent_states: Vec::new(),
                dialogs: HashSet::new(),
                published: VecDeque::new(),
                subscriptions: 0,
                in_flight: VecDeque::new(),
            },
        );
        let at_once = self.moving_sockets(&agent);
        self.counters.socket_opened(&opening.account, &login, on_token, at_once);
        self.stir();
        Some(id)
    }

    /// How many sockets of the agent are not stalled: those nobody on our side hears are not its client's fault.
    fn moving_sockets(&self, agent: &AgentId) -> usize {
        let Some(user) = self.users.get(agent) else { return 0 };
        let sockets = user.sockets.iter().filter_map(|id| self.sockets.get(id));
        sockets.filter(|socket| *socket.fate.borrow() == Fate::Alive).count()
    }

    /// Seals a socket's fate and forgets it.
    pub(crate) fn end_socket(&mut self, id: SocketId, fate: Fate) {
        let of_consumer = || self.consumer_sockets.get(&id).map(|socket| &socket.fate);
        if let Some(watched) = self.sockets.get(&id).map(|socket| &socket.fate).or_else(of_consumer) {
            watched.send_replace(fate);
        }
        self.socket_died(id);
    }

    pub(super) fn end_sockets_of_token(&mut self, bearer: &str, fate: Fate) {
        let of_token = self.sockets.iter().filter(|(_, socket)| socket.bearer == bearer);
        let ids: Vec<SocketId> = of_token.map(|(id, _)| *id).collect();
        for id in ids {
            self.end_socket(id, fate);
        }
    }

    /// Every socket of the platform is gone without a close frame.
    pub(crate) fn end_all_sockets(&mut self) {
        let ids: Vec<SocketId> = self.sockets.keys().chain(self.consumer_sockets.keys()).copied().collect();
        for id in ids {
            self.end_socket(id, Fate::Dropped);
        }
    }

    /// Stops or resumes all traffic on the user's present sockets.
    pub(crate) fn stall(&mut self, account: &AccountId, login: &str, on: bool) {
        let fate = if on { Fate::Stalled } else { Fate::Alive };
        for id in self.sockets_of(account, login) {
            if let Some(socket) = self.sockets.get(&id) {
                socket.fate.send_replace(fate);
            }
        }
    }

    /// The answers to this user's requests are kept back, now and on later sockets.
    pub(crate) fn hold_answers(&mut self, account: &AccountId, login: &str, on: bool) {
        if let Some(user) = self.user_mut(account, login) {
            user.holds_answers = on;
        }
    }

    /// Forgets a socket that is gone, with all that belongs to it; once is enough.
    pub(crate) fn socket_died(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.remove(&id) else { return self.consumer_socket_died(id) };
        self.stir();
        if let Some(home) = self.accounts.get_mut(&socket.account) {
            home.sockets.remove(&id);
            home.watchers.remove(&id);
        }
        self.delay_in_flight(&socket);
        let Some(user) = self.users.get_mut(&socket.agent) else { return };
        user.sockets.remove(&id);
        if user.sockets.is_empty() {
            self.agent_is_gone(&socket.agent);
        } else if !self.hears_rings(&socket.agent) {
            self.cancel_rings_of(&socket.agent);
        }
    }

    /// An agent's state does not outlive its last socket; its conversations do.
    fn agent_is_gone(&mut self, agent: &AgentId) {
        if let Some(user) = self.users.get_mut(agent) {
            user.availability = Availability::Offline;
            user.description.clear();
        }
        self.announce_agent_state(agent);
        self.cancel_rings_of(agent);
    }

    /// From now on, requests that were in flight when their socket died are applied this much later.
    pub(crate) fn apply_late(&mut self, delay: Option<std::time::Duration>) {
        self.late = delay;
    }

    /// From now on, live events come twice, or once again.
    pub(crate) fn duplicate_events(&mut self, on: bool) {
        self.duplicates = on;
    }

    /// Requests that travel or wait to be applied late.
    pub(crate) fn in_flight(&self) -> usize {
        self.late_batches + self.sockets.values().map(|socket| socket.in_flight.len()).sum::<usize>()
    }

    /// A text frame from a client.
    pub(crate) fn frame_arrived(&mut self, id: SocketId, text: &str) {
        let Some(request) = Request::parse(text) else { return };
        if self.consumer_sockets.contains_key(&id) {
            return self.serve_consumer(id, &request);
        }
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        let travels = self.late.is_some() && request.changes_state();
        if travels || !socket.in_flight.is_empty() {
            // Whatever follows a travelling request must not overtake it.
            socket.in_flight.push_back(request);
            let at = Instant::now() + self.settings.in_flight_window;
            self.timers.add(at, Timer::InFlightArrives { socket: id });
            return;
        }
        self.serve(id, &request);
    }

    /// The oldest travelling request of a socket arrives.
    pub(super) fn in_flight_arrives(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        let Some(request) = socket.in_flight.pop_front() else { return };
        self.stir();
        self.serve(id, &request);
    }

    fn delay_in_flight(&mut self, socket: &Socket) {
        let travelling = socket.in_flight.iter().filter(|request| request.changes_state());
        let requests: Vec<Request> = travelling.cloned().collect();
        let Some(delay) = self.late.filter(|_| !requests.is_empty()) else { return };
        self.late_batches += 1;
        for request in requests.iter().filter(|request| request.body["ringState"] == "ACCEPTED") {
            self.acceptance_travels(&RingId::new(request.body["ringId"].as_str().unwrap_or_default()));
        }
        let caller = Caller { account: socket.account.clone(), agent: socket.agent.clone(), socket: None };
        self.timers.add(Instant::now() + delay, Timer::ApplyLate { caller, requests });
    }

    pub(super) fn apply_batch(&mut self, caller: &Caller, requests: Vec<Request>) {
        self.late_batches -= 1;
        self.stir();
        for request in requests {
            if let Err((code, why)) = self.apply(caller, &request) {
                tracing::debug!(code, why, "a late request was refused");
            }
        }
    }

    fn serve(&mut self, id: SocketId, request: &Request) {
        let Some(socket) = self.sockets.get(&id) else { return };
        let caller =
            Caller { account: socket.account.clone(), agent: socket.agent.clone(), socket: Some(id) };
        // The answer goes out before the notifications that the request causes.
        let earlier = std::mem::take(&mut self.outbox);
        let outcome = self.apply(&caller, request);
        let caused = std::mem::replace(&mut self.outbox, earlier);
        let holds = self.users.get(&caller.agent).is_some_and(|user| user.holds_answers);
        if !holds {
            self.send(id, request.answer(outcome).to_string());
        }
        self.outbox.extend(caused);
    }
}
