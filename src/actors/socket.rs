//! The socket: one connection of one bot, and the one translator from the wire to events.

use std::sync::Arc;

use actix::dev::ToEnvelope;
use actix::{Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, WrapFuture};
use liveperson::{BrandSocket, Domains, Heard, OpenError, Outcome as WireOutcome, SendError, Session};
use liveperson_proto::close_code::CloseCode;
use liveperson_proto::frame::{Notification, Response};
use liveperson_proto::request::{FieldChange, Request};
use muster_core::bot::Event;
use muster_core::dialog::{Outcome, Ticket};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedMutexGuard, mpsc};
use tracing::{debug, warn};

use super::blast::blastable;
use super::bot::{BotActor, FromSocket};
use super::guard::Guard;
use super::house::House;
use super::trace::Tapped;
use crate::crash::{self, Point};

/// Batches of requests that wait for the socket at most, and messages in its mailbox.
pub(super) const QUEUE: usize = 512;

/// The right to hold the identity's one connection.
pub type Seat = OwnedMutexGuard<()>;

/// What a socket needs to open.
pub struct Ticketed {
    /// What every actor is lent.
    pub house: Arc<House>,
    /// Where the platform's services are.
    pub domains: Arc<Domains>,
    /// Who connects.
    pub session: Arc<Session>,
    /// Counts the bot's sockets.
    pub generation: u64,
    /// The bot.
    pub bot: Addr<BotActor>,
    /// The identity's one seat; taken before the connection opens.
    pub seat: Arc<tokio::sync::Mutex<()>>,
    /// Where its frames go by.
    pub tap: Arc<Tapped>,
}

/// One connection.
pub struct SocketActor {
    _guard: Guard,
    house: Arc<House>,
    opening: Option<Ticketed>,
    requests: mpsc::Sender<Vec<(Ticket, Request)>>,
    taken: Option<mpsc::Receiver<Vec<(Ticket, Request)>>>,
}

impl SocketActor {
    /// A socket that opens when it starts.
    pub fn new(opening: Ticketed, guard: Guard) -> Self {
        let (requests, taken) = mpsc::channel(QUEUE);
        let house = opening.house.clone();
        Self { _guard: guard, house, opening: Some(opening), requests, taken: Some(taken) }
    }
}

impl Actor for SocketActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(QUEUE);
        let (Some(opening), Some(requests)) = (self.opening.take(), self.taken.take()) else { return };
        let life = live(opening, requests).into_actor(self);
        // The life is the actor's own future: a panic in it takes the actor down, and its guard tells.
        ctx.spawn(life.map(|(), _, ctx| ctx.stop()));
    }
}

blastable!(SocketActor);

/// Send these requests, in order.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Transmit(pub Vec<(Ticket, Request)>);

impl Handler<Transmit> for SocketActor {
    type Result = ();

    fn handle(&mut self, Transmit(requests): Transmit, ctx: &mut Self::Context) {
        if let Err(TrySendError::Full(_)) = self.requests.try_send(requests) {
            // The platform does not read: what waits is of unknown outcome, and a new socket begins anew.
            self.house.metrics.mailbox_full("socket");
            warn!("the platform does not take the bot's requests; the socket is given up");
            ctx.stop();
        }
    }
}

/// Close the connection.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CloseNow;

impl Handler<CloseNow> for SocketActor {
    type Result = ();

    fn handle(&mut self, _: CloseNow, _: &mut Self::Context) {
        // Without its sender the life says goodbye and ends by itself.
        (self.requests, _) = mpsc::channel(1);
    }
}

async fn live(opening: Ticketed, requests: mpsc::Receiver<Vec<(Ticket, Request)>>) {
    let Ticketed { house, domains, session, generation, bot, seat, tap } = opening;
    let _seat: Seat = seat.lock_owned().await;
    match house.client.open_socket(&domains, &session).await {
        Ok(mut socket) => {
            socket.tapped(tap);
            drop((domains, session));
            if tell(&bot, Event::SocketOpened { generation }).await {
                talk(socket, generation, &bot, &house, requests).await;
            }
        }
        Err(error) => {
            let unauthorized = matches!(error, OpenError::Refused { status: 401 | 403 });
            let words = chain(&error);
            tell(&bot, Event::SocketFailed { generation, unauthorized, words }).await;
        }
    }
}

async fn talk(
    mut socket: BrandSocket,
    generation: u64,
    bot: &Addr<BotActor>,
    house: &House,
    mut requests: mpsc::Receiver<Vec<(Ticket, Request)>>,
) {
    loop {
        tokio::select! {
            heard = socket.next() => {
                let closed = matches!(heard, Heard::Closed { .. });
                crash::pass_if(answers_a_publish(&heard), Point::AnswerRead);
                let told = match event(heard, generation) {
                    Some(event) => tell_news(bot, event).await,
                    None => true,
                };
                if closed || !told {
                    return;
                }
            }
            request = requests.recv() => {
                let Some(request) = request else { return socket.close(1000).await };
                let unsent = transmit(&mut socket, house, request).await;
                for (ticket, outcome) in unsent {
                    tell(bot, Event::Answered { ticket, outcome }).await;
                }
            }
        }
    }
}

/// Sends requests in one write; what could not be sent has an outcome at once.
async fn transmit(
    socket: &mut BrandSocket,
    house: &House,
    requests: Vec<(Ticket, Request)>,
) -> Vec<(Ticket, Outcome)> {
    let mut unsent = Vec::new();
    let left = points_of(&requests);
    for (ticket, request) in requests {
        if let Some(outcome) = feed(socket, house, ticket, &request).await {
            unsent.push((ticket, outcome));
        }
    }
    socket.flush();
    left.into_iter().for_each(crash::pass);
    unsent
}

async fn feed(socket: &mut BrandSocket, house: &House, ticket: Ticket, request: &Request) -> Option<Outcome> {
    // Nothing is waited for between this check and the write's first try: a feed waits only for a
    // frame that is stuck, and what is fed leaves at the latest when the batch does.
    if changes_something(request) && !house.right.holds(house.clock.now().moment) {
        return Some(Outcome::Unknown);
    }
    crash::pass_if(matches!(request, Request::Publish { .. }), Point::RightChecked);
    match socket.feed(ticket.0, request).await {
        Ok(()) => None,
        Err(SendError::TooLarge { bytes }) => Some(Outcome::Refused {
            code: 413,
            words: format!("a request of {bytes} bytes is too large to send"),
        }),
        Err(error @ SendError::Busy { .. }) => {
            house.metrics.queue_full("requests");
            // As if the platform had had no time for it: it is asked again after a pause.
            Some(Outcome::Refused { code: 429, words: error.to_string() })
        }
        Err(SendError::Closed) => Some(Outcome::Unknown),
    }
}

/// Whether a consumer or the routing would notice the request.
fn changes_something(request: &Request) -> bool {
    match request {
        Request::GetClock
        | Request::SubscribeConversations { .. }
        | Request::FindConversation { .. }
        | Request::Unsubscribe { .. }
        | Request::SubscribeRings { .. }
        | Request::SubscribeAgentState { .. }
        | Request::SubscribeMessages { .. }
        | Request::ReadHistory { .. }
        | Request::UserProfile { .. } => false,
        Request::SetAgentState { .. }
        | Request::AcceptRing { .. }
        | Request::Publish { .. }
        | Request::MarkRead { .. }
        | Request::UpdateConversation { .. }
        | Request::Raw { .. } => true,
    }
}

/// The crash points that a batch passes once it has left.
fn points_of(requests: &[(Ticket, Request)]) -> Vec<Point> {
    let point = |request: &Request| match request {
        Request::Publish { .. } => Some(Point::Published),
        Request::AcceptRing { .. } => Some(Point::RingAccepted),
        Request::UpdateConversation { changes, .. } => {
            let joins = changes.iter().any(|change| matches!(change, FieldChange::Add { .. }));
            joins.then_some(Point::JoinSent)
        }
        _ => None,
    };
    if cfg!(debug_assertions) {
        requests.iter().filter_map(|(_, request)| point(request)).collect()
    } else {
        Vec::new()
    }
}

// Only the answer to a published event tells a sequence.
fn answers_a_publish(heard: &Heard) -> bool {
    matches!(heard, Heard::Answered { outcome: WireOutcome::Done(response), .. } if response.sequence().is_some())
}

async fn tell_news(bot: &Addr<BotActor>, event: Event) -> bool {
    let is_message = matches!(event, Event::Message { .. });
    crash::pass_if(is_message, Point::FrameRead);
    let told = tell(bot, event).await;
    crash::pass_if(is_message, Point::EventTold);
    told
}

// Awaits room in the bot's mailbox: a bot that is behind slows its own socket down, nobody else's.
async fn tell<B>(bot: &Addr<B>, event: Event) -> bool
where
    B: Handler<FromSocket>,
    B::Context: ToEnvelope<B, FromSocket>,
{
    bot.send(FromSocket(event)).await.is_ok()
}

/// The one translation from the wire to events.
fn event(heard: Heard, generation: u64) -> Option<Event> {
    match heard {
        // The close that follows tells more, and voids every request: told first, it would be taken for
        // a request without an answer, and the close's code for an old socket's.
        Heard::Answered { outcome: WireOutcome::ConnectionLost, .. } => None,
        Heard::Answered { ticket, outcome } => {
            Some(Event::Answered { ticket: Ticket(ticket), outcome: to_outcome(outcome) })
        }
        Heard::Notification(Notification::Conversations { subscription, changes, lost }) => {
            note_lost(lost);
            Some(Event::Conversations { generation, subscription, changes, lost })
        }
        Heard::Notification(Notification::Rings { tasks, lost }) => {
            note_lost(lost);
            let rings = tasks.into_iter().flat_map(|task| task.rings).collect();
            Some(Event::Rings { generation, rings })
        }
        Heard::Notification(Notification::AgentStates { states, lost }) => {
            note_lost(lost);
            Some(Event::AgentStates { generation, states })
        }
        Heard::Notification(Notification::Message(event)) => {
            // Chat states have no place in the dialog and start nothing.
            event.sequence.is_some().then_some(Event::Message { generation, event })
        }
        Heard::Notification(Notification::Messages { .. }) => {
            debug!("passed a notification that is meant for consumers");
            None
        }
        Heard::Notification(Notification::Other { kind, .. }) => {
            debug!(kind, "passed a notification of an unknown type");
            None
        }
        Heard::Unreadable { bytes } => {
            tracing::warn!(bytes, "passed a frame that cannot be read");
            None
        }
        Heard::ClockOffset { millis } => Some(Event::ClockOffset { millis }),
        Heard::Closed { code, reason } => Some(Event::SocketClosed { generation, code, words: reason }),
    }
}

fn note_lost(lost: usize) {
    if lost > 0 {
        tracing::warn!(lost, "passed changes that cannot be read");
    }
}

fn to_outcome(outcome: WireOutcome) -> Outcome {
    match outcome {
        WireOutcome::Done(response) => done(&response),
        WireOutcome::Refused { code, words } => Outcome::Refused { code, words },
        WireOutcome::TimedOut | WireOutcome::ConnectionLost => Outcome::Unknown,
    }
}

fn done(response: &Response) -> Outcome {
    match response.history() {
        Some((events, lost)) => {
            note_lost(lost);
            Outcome::History(events)
        }
        None => response.subscription().map_or(Outcome::Done, Outcome::Subscribed),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    crate::telemetry::Chain(error).to_string()
}

/// What the bot is told when its socket actor went without a word.
pub fn vanished(generation: u64) -> Event {
    Event::SocketClosed {
        generation,
        code: CloseCode::ABNORMAL,
        words: "the socket's actor failed".to_owned(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::*;
    use crate::actors::bot;
    use crate::actors::house::tests::{house, was_full};

    /// What a socket opens with, of a bot that hears nothing.
    pub(in crate::actors) fn ticketed(house: &Arc<House>, seat: Arc<tokio::sync::Mutex<()>>) -> Ticketed {
        let domains =
            r#"{"baseURIs":[{"service":"asyncMessagingEnt","account":"1","baseURI":"127.0.0.1:9"}]}"#;
        Ticketed {
            house: house.clone(),
            domains: Arc::new(Domains::parse(domains).unwrap()),
            session: Arc::new(Session::of_token(&"1".into(), &"7".into(), &"planted".into())),
            generation: 1,
            bot: Context::<BotActor>::new().address(),
            seat,
            tap: house.tapped(&"1".into(), &"ada".into()),
        }
    }

    #[actix::test]
    async fn a_socket_that_can_send_nothing_is_given_up_at_the_bound() {
        let (house, _folder) = house().await;
        let seat = Arc::new(tokio::sync::Mutex::new(()));
        let _taken = seat.clone().try_lock_owned().unwrap();
        let (left, mut leaves) = oneshot::channel();
        let guard = Guard::new("socket", |exit| drop(left.send(exit)));
        let socket = SocketActor::new(ticketed(&house, seat), guard).start();
        for n in 0..QUEUE {
            socket.send(Transmit(vec![(Ticket(n as u64), Request::GetClock)])).await.unwrap();
        }
        assert!(leaves.try_recv().is_err() && !was_full(&house, "socket"), "so much it keeps");
        let _ = socket.send(Transmit(vec![(Ticket(QUEUE as u64), Request::GetClock)])).await;
        let exit = tokio::time::timeout(Duration::from_secs(30), leaves).await.expect("the socket is gone");
        assert_eq!(exit.unwrap(), muster_core::supervision::Exit::Orphaned, "and its bot hears of it");
        assert!(was_full(&house, "socket"));
    }

    /// A bot that is at work on its first event until it is let go on.
    struct Busy(Option<oneshot::Receiver<()>>);

    impl Actor for Busy {
        type Context = Context<Self>;

        fn started(&mut self, ctx: &mut Self::Context) {
            ctx.set_mailbox_capacity(bot::MAILBOX);
        }
    }

    impl Handler<FromSocket> for Busy {
        type Result = ();

        fn handle(&mut self, _: FromSocket, ctx: &mut Self::Context) {
            if let Some(go_on) = self.0.take() {
                ctx.wait(go_on.into_actor(self).map(|_, _, _| ()));
            }
        }
    }

    #[actix::test]
    async fn a_bot_whose_mailbox_is_full_makes_its_socket_wait_and_nobody_else() {
        let (let_go, go_on) = oneshot::channel();
        let bot = Busy(Some(go_on)).start();
        assert!(tell(&bot, Event::Tick).await, "the first is taken");
        let mut taken = 0;
        while bot.try_send(FromSocket(Event::Tick)).is_ok() {
            taken += 1;
        }
        assert!((bot::MAILBOX..=bot::MAILBOX + 1).contains(&taken), "{taken}");
        let mut waits = Box::pin(tell(&bot, Event::Tick));
        assert!(waits.as_mut().now_or_never().is_none(), "the socket waits, and reads nothing meanwhile");
        let_go.send(()).unwrap();
        let told = tokio::time::timeout(Duration::from_secs(30), waits).await;
        assert!(told.unwrap(), "with room in the mailbox it goes on");
    }
}
