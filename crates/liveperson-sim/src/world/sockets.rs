//! Brand sockets, and requests in flight on them; and what sockets of both sides have in common.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use liveperson_proto::{AccountId, AgentId, DialogId, RingId, SubscriptionId};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Message;

use super::World;
use super::accounts::Availability;
use super::faults::{Before, Door};
use super::frames::Outgoing;
use super::requests::{Caller, Request};
use super::subscriptions::Watching;
use super::timers::Timer;
use crate::door::line::Line;
use crate::faults::Trouble;

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
    /// As if stalled, for ever.
    HalfOpen,
    /// A close frame with this code, then the end.
    Closed(u16),
    /// The end, without a close frame.
    Dropped,
    /// The end, with a reset of TCP.
    Reset,
}

impl Fate {
    /// 1006 cannot be sent: it is what a client sees when no close frame came.
    pub(crate) fn with_code(code: u16) -> Self {
        if code == 1006 { Self::Dropped } else { Self::Closed(code) }
    }

    pub(crate) fn is_over(self) -> bool {
        matches!(self, Self::Closed(_) | Self::Dropped | Self::Reset)
    }
}

/// Who wants a socket.
pub(crate) struct Opening {
    pub(crate) account: AccountId,
    pub(crate) bearer: String,
    pub(crate) shows_suggested: bool,
    pub(crate) line: Line,
}

/// Whether it may have one.
pub(crate) enum Admission {
    Welcome,
    BadToken,
    Troubled(Trouble),
}

/// One open brand socket.
pub(crate) struct Socket {
    pub(super) account: AccountId,
    pub(super) agent: AgentId,
    bearer: String,
    pub(super) shows_suggested: bool,
    pub(super) frames: mpsc::Sender<Message>,
    line: Line,
    fate: watch::Sender<Fate>,
    /// Once stalled, nobody knows whether its client is still there: a close may wait to be read.
    was_stalled: bool,
    pub(super) watching: Vec<Watching>,
    pub(super) routing: Vec<SubscriptionId>,
    pub(super) agent_states: Vec<(SubscriptionId, Option<AgentId>)>,
    pub(super) dialogs: HashSet<DialogId>,
    pub(super) published: VecDeque<Instant>,
    /// Which subscription types were made how often is for the counters; the ids count per socket.
    pub(super) subscriptions: u64,
    in_flight: VecDeque<Travelling>,
}

/// A request on its way; applied late, if its socket dies before it arrives.
struct Travelling {
    request: Request,
    late: Option<Duration>,
}

impl World {
    /// Whether a socket may be opened; uses up a refusal if one is due.
    pub(crate) fn admit(&mut self, opening: &Opening) -> Admission {
        let session = self.session(&opening.account, &opening.bearer);
        let login = session.map(|session| self.login_of(&session.agent).to_owned()).unwrap_or_default();
        if let Some(trouble) = self.trouble_at(Door::Upgrade, opening.account.as_str(), &login) {
            return Admission::Troubled(trouble);
        }
        match self.session(&opening.account, &opening.bearer) {
            Some(session) if session.is_good_at(opening.line.peer()) => Admission::Welcome,
            _ => Admission::BadToken,
        }
    }

    /// Takes a socket in; `None` when its token died on the way.
    pub(crate) fn open_socket(
        &mut self,
        opening: &Opening,
        frames: mpsc::Sender<Message>,
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
                line: opening.line.clone(),
                fate,
                was_stalled: false,
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

    /// How many sockets of the agent were never stalled: those that we do not hear are not its client's fault.
    fn moving_sockets(&self, agent: &AgentId) -> usize {
        let Some(user) = self.users.get(agent) else { return 0 };
        let sockets = user.sockets.iter().filter_map(|id| self.sockets.get(id));
        sockets.filter(|socket| !socket.was_stalled && *socket.fate.borrow() == Fate::Alive).count()
    }

    /// Seals a socket's fate and forgets it.
    pub(crate) fn end_socket(&mut self, id: SocketId, fate: Fate) {
        self.set_fate(id, fate);
        self.socket_died(id);
    }

    pub(super) fn set_fate(&mut self, id: SocketId, fate: Fate) {
        if fate == Fate::Stalled
            && let Some(socket) = self.sockets.get_mut(&id)
        {
            socket.was_stalled = true;
        }
        if let Some(watched) = self.fate_of(id) {
            watched.send_replace(fate);
        }
    }

    pub(super) fn fate_of(&self, id: SocketId) -> Option<&watch::Sender<Fate>> {
        let of_consumer = || self.consumer_sockets.get(&id).map(|socket| &socket.fate);
        self.sockets.get(&id).map(|socket| &socket.fate).or_else(of_consumer)
    }

    /// Lets so many bytes a second through; 0 is as many as go.
    pub(super) fn limit_line(&self, id: SocketId, bytes_per_second: u32) {
        let of_consumer = || self.consumer_sockets.get(&id).map(|socket| &socket.line);
        if let Some(line) = self.sockets.get(&id).map(|socket| &socket.line).or_else(of_consumer) {
            line.limit(bytes_per_second);
        }
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

    /// Forgets a socket that is gone, with all that belongs to it; once is enough.
    pub(crate) fn socket_died(&mut self, id: SocketId) {
        self.detours.forget(id);
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
            self.lose_rings_of(&socket.agent);
        }
    }

    /// An agent's state does not outlive its last socket; its conversations do.
    fn agent_is_gone(&mut self, agent: &AgentId) {
        if let Some(user) = self.users.get_mut(agent) {
            user.availability = Availability::Offline;
            user.description.clear();
        }
        self.announce_agent_state(agent);
        self.lose_rings_of(agent);
    }

    /// Requests that travel or wait to be applied late.
    pub(crate) fn in_flight(&self) -> usize {
        let travelling = self.sockets.values().map(|socket| socket.in_flight.len()).sum::<usize>();
        self.late_batches + travelling + self.detours.waiting()
    }

    /// A text frame from a client.
    pub(crate) fn frame_arrived(&mut self, id: SocketId, text: &str) {
        let Some(request) = Request::parse(text) else { return };
        if self.consumer_sockets.contains_key(&id) {
            return self.serve_consumer(id, &request);
        }
        let late = self.lateness_of(id, &request);
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        if late.is_some() || !socket.in_flight.is_empty() {
            // Whatever follows a travelling request must not overtake it.
            socket.in_flight.push_back(Travelling { request, late });
            let at = Instant::now() + self.settings.in_flight_window;
            self.timers.add(at, Timer::InFlightArrives { socket: id });
            return;
        }
        self.serve(id, &request);
    }

    /// The oldest travelling request of a socket arrives.
    pub(super) fn in_flight_arrives(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        let Some(Travelling { request, .. }) = socket.in_flight.pop_front() else { return };
        self.stir();
        self.serve(id, &request);
    }

    fn delay_in_flight(&mut self, socket: &Socket) {
        let travelling = socket.in_flight.iter().filter(|one| one.late.is_some());
        let requests: Vec<Request> = travelling.clone().map(|one| one.request.clone()).collect();
        let Some(delay) = travelling.filter_map(|one| one.late).max() else { return };
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
            self.faults.took_effect("apply_late");
            if let Err((code, why)) = self.apply(caller, &request) {
                tracing::debug!(code, why, "a late request was refused");
            }
        }
    }

    fn serve(&mut self, id: SocketId, request: &Request) {
        let Some(socket) = self.sockets.get(&id) else { return };
        let caller =
            Caller { account: socket.account.clone(), agent: socket.agent.clone(), socket: Some(id) };
        let before = self.before_applying(id, &caller, request);
        // The answer goes out before the notifications that the request causes.
        let earlier = std::mem::take(&mut self.outbox);
        let outcome = match before {
            Before::Applied => {
                let outcome = self.apply(&caller, request);
                Some(self.after_applying(id, request, outcome))
            }
            Before::Refused(refusal) => Some(Err(refusal)),
            Before::Lost => None,
        };
        let caused = std::mem::replace(&mut self.outbox, earlier);
        if let Some(outcome) = outcome
            && !self.ends_instead_of_answering(id, request)
        {
            let text = request.answer(outcome).to_string();
            self.send(id, Outgoing::Answer(request.kind.name(), text.into()));
        }
        self.outbox.extend(caused);
    }
}
