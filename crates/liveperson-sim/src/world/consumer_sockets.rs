//! Consumer sockets: who is on the line, and what of the world goes out on it.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use liveperson_proto::{AccountId, ConsumerId, ConversationId, DialogId, SubscriptionId};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::consumers::Played;
use super::conversations::Event;
use super::frames::Outgoing;
use super::identities::TokenRefused;
use super::requests::{Kind, Outcome, Refusal, Request};
use super::sockets::{Fate, SocketId};
use super::subscriptions::Watching;
use super::timers::Timer;
use super::{World, consumer_shapes, shapes, wall};
use crate::door::line::Line;

/// How long a socket may go without saying whose it is.
const INTRODUCTION: Duration = Duration::from_secs(5);
/// The close code for an identity that must be prolonged.
const EXPIRED: u16 = 4407;

pub(super) const CHANGE: &str = "cqm.ExConversationChangeNotification";
pub(super) const MESSAGES: &str = "ms.MessagingEventNotification";

/// What a consumer's socket is opened with; without a token the first frame has to bring one.
pub(crate) struct Visit {
    pub(crate) account: AccountId,
    pub(crate) token: Option<String>,
    pub(crate) line: Line,
}

/// One open consumer socket.
pub(crate) struct ConsumerSocket {
    pub(super) account: AccountId,
    /// Nobody, as long as no token came.
    pub(super) consumer: Option<ConsumerId>,
    pub(super) frames: mpsc::Sender<Message>,
    pub(super) line: Line,
    pub(super) fate: watch::Sender<Fate>,
    pub(super) watching: Vec<Watching>,
    pub(super) dialogs: HashSet<DialogId>,
    pub(super) subscriptions: u64,
}

impl World {
    /// Whether the token may open a consumer's socket.
    pub(crate) fn admit_consumer(&self, visit: &Visit) -> Result<(), TokenRefused> {
        match &visit.token {
            Some(token) => self.identity(&visit.account, token).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Takes a consumer's socket in; `None` when its token died on the way.
    pub(crate) fn open_consumer_socket(
        &mut self,
        visit: &Visit,
        frames: mpsc::Sender<Message>,
        fate: watch::Sender<Fate>,
    ) -> Option<SocketId> {
        let id = SocketId(self.next_id());
        let socket = ConsumerSocket {
            account: visit.account.clone(),
            consumer: None,
            frames,
            line: visit.line.clone(),
            fate,
            watching: Vec::new(),
            dialogs: HashSet::new(),
            subscriptions: 0,
        };
        self.consumer_sockets.insert(id, socket);
        let Some(token) = &visit.token else {
            self.timers.add(Instant::now() + INTRODUCTION, Timer::IntroductionIsDue { socket: id });
            return Some(id);
        };
        if self.introduce(id, &visit.account, token).is_err() {
            self.consumer_sockets.remove(&id);
            return None;
        }
        Some(id)
    }

    /// The first frame of a browser's socket brings the token; a bad one ends the socket.
    pub(super) fn init_connection(&mut self, id: SocketId, request: &Request) -> Outcome {
        let account = self.consumer_sockets.get(&id).map(|socket| socket.account.clone());
        let account = account.ok_or((400, "No socket"))?;
        let headers = request.headers.as_array().map_or(&[][..], Vec::as_slice);
        let header = headers.iter().find(|one| one["type"] == ".ams.headers.ConsumerAuthentication");
        let token = header.and_then(|one| one["jwt"].as_str()).unwrap_or_default();
        if let Err(refused) = self.introduce(id, &account, token) {
            let code = if refused == TokenRefused::Expired { EXPIRED } else { 4401 };
            self.end_socket(id, Fate::Closed(code));
            return Err((401, "The token is invalid"));
        }
        Ok((200, json!({})))
    }

    fn introduce(&mut self, id: SocketId, account: &AccountId, token: &str) -> Result<(), TokenRefused> {
        let identity = self.identity(account, token)?;
        let (consumer, life) = (self.now_called(&identity.consumer), identity.expires - wall());
        let fresh = || Played::new(account.clone(), "Visitor".to_owned(), None);
        self.consumers.entry(consumer.clone()).or_insert_with(fresh).sockets.insert(id);
        let Some(socket) = self.consumer_sockets.get_mut(&id) else { return Ok(()) };
        socket.consumer = Some(consumer.clone());
        let at = Instant::now() + Duration::from_millis(life.max(0) as u64);
        self.timers.add(at, Timer::IdentityExpires { socket: id });
        self.stir();
        self.show_presence(&consumer, "ACTIVE");
        Ok(())
    }

    pub(super) fn introduction_is_due(&mut self, id: SocketId) {
        if self.consumer_sockets.get(&id).is_some_and(|socket| socket.consumer.is_none()) {
            self.end_socket(id, Fate::Closed(4401));
        }
    }

    pub(super) fn identity_expires(&mut self, id: SocketId) {
        if self.consumer_sockets.contains_key(&id) {
            self.end_socket(id, Fate::Closed(EXPIRED));
        }
    }

    /// Forgets a consumer's socket; the brand is told when it was the last.
    pub(super) fn consumer_socket_died(&mut self, id: SocketId) {
        let Some(socket) = self.consumer_sockets.remove(&id) else { return };
        self.stir();
        let Some(consumer) = socket.consumer else { return };
        let Some(played) = self.consumers.get_mut(&consumer) else { return };
        played.sockets.remove(&id);
        if played.sockets.is_empty() {
            self.show_presence(&consumer, "GONE");
        }
    }

    /// A frame from a consumer: the answer goes out before the notifications that the request causes.
    pub(super) fn serve_consumer(&mut self, id: SocketId, request: &Request) {
        let earlier = std::mem::take(&mut self.outbox);
        let outcome = self.apply_for_consumer(id, request);
        let caused = std::mem::replace(&mut self.outbox, earlier);
        let text = request.answer(outcome).to_string();
        self.send(id, Outgoing::Answer(request.kind.name(), text.into()));
        self.outbox.extend(caused);
    }

    fn apply_for_consumer(&mut self, id: SocketId, request: &Request) -> Outcome {
        if request.kind == Kind::InitConnection {
            return self.init_connection(id, request);
        }
        let socket = self.consumer_sockets.get(&id).ok_or((400, "No socket"))?;
        let consumer = socket.consumer.clone().ok_or((401, "The connection is not initialized"))?;
        self.consumer_asks(id, &consumer, request)
    }

    pub(super) fn watch_as_consumer(
        &mut self,
        id: SocketId,
        consumer: &ConsumerId,
        body: &Value,
    ) -> Result<SubscriptionId, Refusal> {
        let account = self.consumer_sockets.get(&id).map(|socket| socket.account.clone());
        let mut watching = Watching::of(self, &account.ok_or((400, "No socket"))?, body);
        let mut changes = Vec::new();
        for conversation in &self.consumers[consumer].conversations {
            let Some(facts) = self.conversations.get(conversation).map(|one| &one.facts) else { continue };
            if let Some(kind) = watching.look(facts) {
                changes.push(json!({"type": kind, "result": consumer_shapes::conversation(facts)}));
            }
        }
        let socket = self.consumer_sockets.get_mut(&id).ok_or((400, "No socket"))?;
        socket.subscriptions += 1;
        let subscription = SubscriptionId::from(format!("s-{}", socket.subscriptions));
        watching.id = subscription.clone();
        socket.watching.push(watching);
        let note = json!({"subscriptionId": subscription, "sentTs": wall(), "changes": changes});
        self.send(id, shapes::notification(CHANGE, &note));
        Ok(subscription)
    }

    /// Tells the consumer's sockets of a changed conversation.
    pub(super) fn announce_to_consumer(&mut self, id: &ConversationId) {
        let Some(facts) = self.conversations.get(id).map(|one| &one.facts) else { return };
        let Some(played) = self.consumers.get(&facts.consumer) else { return };
        for socket_id in &played.sockets {
            let Some(socket) = self.consumer_sockets.get_mut(socket_id) else { continue };
            for watching in &mut socket.watching {
                let Some(kind) = watching.look(facts) else { continue };
                let change = json!({"type": kind, "result": consumer_shapes::conversation(facts)});
                let note = json!({"subscriptionId": watching.id, "sentTs": wall(), "changes": [change]});
                self.outbox.push((*socket_id, shapes::notification(CHANGE, &note).into()));
            }
        }
    }

    /// Sends an event to the consumer's sockets that subscribed to its dialog.
    pub(super) fn deliver_to_consumer(&mut self, id: &ConversationId, event: &Event) {
        let Some(facts) = self.conversations.get(id).map(|one| &one.facts) else { return };
        let Some(played) = self.consumers.get(&facts.consumer) else { return };
        if played.sockets.is_empty() || !event.for_all {
            return;
        }
        let dialog = id.main_dialog();
        let note = json!({"changes": [consumer_shapes::event(facts, event)]});
        let frame = Utf8Bytes::from(shapes::notification(MESSAGES, &note));
        for socket_id in &played.sockets {
            let Some(socket) = self.consumer_sockets.get(socket_id) else { continue };
            if socket.dialogs.contains(&dialog) {
                self.outbox.push((*socket_id, frame.clone().into()));
            }
        }
    }
}
