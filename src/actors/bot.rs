//! The bot: hands events to its core and carries out what comes back, in order.

mod connection;
mod effects;
mod records;
mod steering;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message, SpawnHandle};
use liveperson::{Credentials, Domains, Session};
use liveperson_proto::AccountId;
use muster_core::bot::{Bot, Ending, Event, State, View};
use muster_core::duty::Duty;
use muster_core::health::{Degraded, Vitals};
use muster_core::quarantine::Kind;
use muster_core::supervision::Exit;
use muster_core::time::Moment;
use muster_core::wish::Verb;
use muster_core::{BotId, PoolId};
use tokio::sync::OwnedMutexGuard;
use tracing::{Span, info, info_span};

use super::account::{AccountActor, BotEnded};
use super::blast::{Blast, blastable};
use super::command;
use super::front_door::FrontDoor;
use super::guard::Guard;
use super::house::House;
use super::recorder::Author;
use super::socket::{CloseNow, SocketActor, vanished};
use crate::board::{BotState, BotStatus};
use crate::crash;
use crate::happening::Happening;
use crate::logic::{Decider, Share};
use crate::metrics::AccountMetrics;
use crate::telemetry;
use records::Records;

use connection::Death;
pub(super) use connection::answer;
pub use records::RecorderRestarted;
pub use steering::{Adjusted, Hold, Wished};

/// Messages that wait for a bot at most; a socket that finds no room waits.
pub(super) const MAILBOX: usize = 64;

/// The shortest timer.
const SHORTEST_WAIT: Duration = Duration::from_millis(5);

/// The least time between two updates of the board that are no change of state.
const SHOW_EVERY: Duration = Duration::from_millis(200);

/// After so long online a life has looked through all that the one before held.
const LOOKED_THROUGH: Duration = Duration::from_mins(1);

/// Bots that dropped together come back over so many of the first waits: five seconds.
const SPREAD: u32 = 5;

/// What a bot is, beside its core.
pub struct Post {
    /// What every actor is lent.
    pub house: Arc<House>,
    /// The account's domains and login budget.
    pub front_door: Arc<FrontDoor>,
    /// Its supervisor.
    pub supervisor: Addr<AccountActor>,
    /// How it logs in.
    pub credentials: Credentials,
    /// What its pool is for.
    pub duty: Duty,
    /// What decides its replies.
    pub logic: Decider,
    /// The logic's name.
    pub logic_name: String,
    /// Under which right it records.
    pub author: Arc<Author>,
    /// The identity's one seat; a socket takes it while it lives.
    pub seat: Arc<tokio::sync::Mutex<()>>,
    /// The bench of the identity: only one life of the bot sits on it.
    pub bench: OwnedMutexGuard<()>,
    /// Which life this is, counted by the supervisor.
    pub life: u64,
    /// The session from the store, if it holds one.
    pub session: Option<Session>,
}

/// A socket that is told to close when nobody holds it any more.
struct Held(Addr<SocketActor>);

impl Drop for Held {
    fn drop(&mut self) {
        command(&self.0, CloseNow);
    }
}

/// One bot.
pub struct BotActor {
    /// Gone with this life: what waits for it elsewhere then gives up.
    alive: Arc<()>,
    post: Post,
    core: Bot,
    guard: Guard,
    span: Span,
    metrics: AccountMetrics,
    session: Option<Arc<Session>>,
    /// Deaths of tokens that are yet to be looked into, as many as the core asks for.
    deaths: VecDeque<Death>,
    domains: Option<Arc<Domains>>,
    socket: Option<Held>,
    records: Records,
    share: Share,
    timer: Option<(Moment, SpawnHandle)>,
    shown: Option<View>,
    /// What the life before knew to be owed, until this one knows it.
    owed_before: Option<i64>,
    showing: bool,
    drained: bool,
    logging_out: bool,
    /// The wish that somebody waits to hear of.
    wished: Option<(String, Verb)>,
}

impl BotActor {
    /// A bot that begins when the actor starts.
    pub fn new(mut post: Post, core: Bot, guard: Guard) -> Self {
        let Author { account, bot, .. } = &*post.author;
        let span = info_span!("bot", account.id = %account, bot.id = %bot);
        let metrics = post.house.metrics.account(account);
        let session = post.session.take().map(Arc::new);
        let share = post.house.thinker.share();
        let owed_before = post.house.board.get(account, bot).and_then(|shown| shown.oldest_owed_ms);
        Self {
            alive: Arc::new(()),
            post,
            core,
            guard,
            span,
            metrics,
            session,
            deaths: VecDeque::new(),
            domains: None,
            socket: None,
            records: Records::default(),
            share,
            timer: None,
            owed_before,
            shown: None,
            showing: false,
            drained: false,
            logging_out: false,
            wished: None,
        }
    }

    fn account(&self) -> &AccountId {
        &self.post.author.account
    }

    fn bot(&self) -> &BotId {
        &self.post.author.bot
    }

    fn pool(&self) -> &PoolId {
        &self.post.author.pool
    }

    /// The run loop: an event in, effects out, in order.
    fn take(&mut self, event: Event, ctx: &mut Context<Self>) {
        let (account, bot) = (self.account().clone(), self.bot().clone());
        let span = self.span.clone();
        span.in_scope(|| {
            telemetry::in_bot(&account, &bot, || {
                let mut effects = Vec::new();
                let now = self.post.house.clock.now();
                self.core.on(event, now, &mut effects);
                self.perform(effects, ctx);
            });
        });
        self.set_timer(ctx);
        self.show(ctx);
        self.leave_when_done(ctx);
    }

    fn set_timer(&mut self, ctx: &mut Context<Self>) {
        let Some(wanted) = self.core.deadline() else { return };
        match self.timer {
            // An earlier timer only asks too soon; it sets the next one.
            Some((set, _)) if set <= wanted => return,
            Some((_, handle)) => drop(ctx.cancel_future(handle)),
            None => {}
        }
        // A deadline in the past would otherwise come again at once, and again.
        let wait = wanted.since(self.post.house.clock.now().moment).max(SHORTEST_WAIT);
        let handle = ctx.run_later(wait, |bot, ctx| {
            bot.timer = None;
            bot.take(Event::Tick, ctx);
        });
        self.timer = Some((wanted, handle));
    }

    /// Shows a change of state at once, and figures a few times a second.
    fn show(&mut self, ctx: &mut Context<Self>) {
        let view = self.core.view();
        let last = self.shown.as_ref();
        if last == Some(&view) {
            return;
        }
        self.note_degraded(&view);
        let same_state = last.is_some_and(|last| (last.state, &last.cause) == (view.state, &view.cause));
        if !same_state {
            info!(parent: &self.span, state = state(view.state).word(), cause = view.cause, "changed state");
            self.note_state(&view);
            return self.put(view);
        }
        if !self.showing {
            self.showing = true;
            ctx.run_later(SHOW_EVERY, |bot, _| {
                bot.showing = false;
                let view = bot.core.view();
                bot.put(view);
            });
        }
    }

    /// Notes what stands beside a state; waiting and fenced are states of their own.
    fn note_degraded(&self, view: &View) {
        let beside = |view: &View| -> Vec<_> {
            let is_state = |what: &Degraded| matches!(what, Degraded::Waiting | Degraded::Fenced);
            view.degraded.iter().copied().filter(|what| !is_state(what)).collect()
        };
        let now = beside(view);
        if now == self.shown.as_ref().map_or_else(Vec::new, beside) {
            return;
        }
        let words: Vec<_> = now.iter().map(|what| what.word()).collect();
        let words = if words.is_empty() { "as it should be again".to_owned() } else { words.join(", ") };
        self.note_happening(Happening::Degraded, None, Some(&words));
    }

    /// What the time line says of a change.
    fn note_state(&self, view: &View) {
        let what = if view.state == State::Quarantined { Happening::Quarantine } else { Happening::State };
        self.note_happening(what, Some(state(view.state)), view.cause.as_deref());
    }

    fn note_happening(&self, what: Happening, state: Option<BotState>, cause: Option<&str>) {
        self.post.house.note((self.account(), self.bot()), what, state, cause);
    }

    fn put(&mut self, view: View) {
        let vitals = self.vitals(&view);
        let now = self.post.house.clock.now();
        let board = &self.post.house.board;
        let before = board.get(self.account(), self.bot());
        let (restarts, turns_before, last_failure, login_rejected) =
            before.map_or((0, 0, None, None), |s| (s.restarts, s.turns, s.last_failure, s.login_rejected));
        let turns_shown = self.shown.as_ref().map_or(0, |v| v.turns);
        board.put(BotStatus {
            account: self.account().clone(),
            bot: self.bot().clone(),
            pool: self.pool().clone(),
            logic: self.post.logic_name.clone(),
            state: state(view.state),
            since_ms: view.since,
            cause: view.cause.clone(),
            quarantine: view.quarantine.map(Kind::word),
            paused: view.paused.clone(),
            login_rejected,
            waits_until_ms: view.waits_until,
            degraded: view.degraded.clone(),
            oldest_owed_ms: vitals.oldest_owed,
            oldest_owed_known: view.owed_known,
            heard_ms: vitals.heard.map(|at| now.wall - now.moment.since(at).as_millis() as i64),
            vitals,
            token_refreshed_ms: view.token_refreshed,
            open_conversations: view.conversations,
            outbox: view.outbox,
            last_turn_ms: view.last_turn,
            turns: turns_before + view.turns.saturating_sub(turns_shown),
            restarts,
            last_failure,
        });
        self.shown = Some(view);
    }

    /// What the life before knew to be owed stands until this one has read its conversations. One that never
    /// comes to an end with that, since new ones come all the time, has seen all of the old after a while.
    fn vitals(&mut self, view: &View) -> Vitals {
        let online_ms = self.post.house.clock.now().wall.saturating_sub(view.since);
        let settled = view.state == State::Online && online_ms > LOOKED_THROUGH.as_millis() as i64;
        if view.owed_known || settled {
            self.owed_before = None;
        }
        let oldest_owed = [self.owed_before, view.vitals.oldest_owed].into_iter().flatten().min();
        Vitals { oldest_owed, ..view.vitals }
    }

    /// Goes when nothing of it is open: recorded, logged out, drained.
    fn leave_when_done(&mut self, ctx: &mut Context<Self>) {
        if self.drained && !self.logging_out && self.records.is_empty() {
            self.guard.disarm();
            let ended = BotEnded { bot: self.bot().clone(), life: self.post.life };
            command(&self.post.supervisor, ended);
            ctx.stop();
        }
    }

    /// Ends this life for a reason; the supervisor decides what follows.
    fn fail(&mut self, exit: Exit, ctx: &mut Context<Self>) {
        self.guard.leave(exit);
        ctx.stop();
    }
}

fn state(state: State) -> BotState {
    match state {
        State::Parked => BotState::Parked,
        State::Resolving => BotState::Resolving,
        State::LoggingIn => BotState::LoggingIn,
        State::Connecting => BotState::Connecting,
        State::Subscribing => BotState::Subscribing,
        State::Online => BotState::Online,
        State::Draining => BotState::Draining,
        State::Waiting => BotState::Waiting,
        State::Fenced => BotState::Fenced,
        State::Quarantined => BotState::Quarantined,
    }
}

impl Actor for BotActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        crash::life_begins(self.bot());
        self.take(Event::Started, ctx);
    }
}

blastable!(BotActor);

/// The socket heard something, or found something out.
#[derive(Message)]
#[rtype(result = "()")]
pub struct FromSocket(pub Event);

impl Handler<FromSocket> for BotActor {
    type Result = ();

    fn handle(&mut self, FromSocket(event): FromSocket, ctx: &mut Self::Context) {
        let metrics = &self.post.house.metrics;
        match &event {
            Event::SocketOpened { .. } => metrics.connects(self.account(), "ok"),
            Event::SocketFailed { unauthorized: true, .. } => metrics.connects(self.account(), "refused"),
            Event::SocketFailed { .. } => metrics.connects(self.account(), "failed"),
            Event::SocketClosed { code, .. } => metrics.closes(self.account(), code.0),
            _ => {}
        }
        let dropped = matches!(&event, Event::SocketClosed { .. });
        self.take(event, ctx);
        if dropped {
            self.spread_return(ctx);
        }
    }
}

impl BotActor {
    /// Bots that lost their sockets together must not come back together.
    fn spread_return(&mut self, ctx: &mut Context<Self>) {
        let house = &self.post.house;
        if self.post.front_door.dropped(house.clock.now().moment) {
            let within = house.timing.reconnect_first * SPREAD;
            self.take(Event::ReturnSpread { within }, ctx);
        }
    }
}

/// The socket's actor is gone, with or without a word.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SocketGone {
    /// Which one.
    pub generation: u64,
}

impl Handler<SocketGone> for BotActor {
    type Result = ();

    fn handle(&mut self, SocketGone { generation }: SocketGone, ctx: &mut Self::Context) {
        // After a proper close this is old news, which the core passes over.
        self.take(vanished(generation), ctx);
    }
}

/// End in order.
#[derive(Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Drain {
    /// How.
    pub ending: Ending,
    /// After this time it ends as it is.
    pub within: Duration,
}

impl Handler<Drain> for BotActor {
    type Result = ();

    fn handle(&mut self, Drain { ending, within }: Drain, ctx: &mut Self::Context) {
        self.take(Event::Drain { ending, within }, ctx);
    }
}

/// Ownership is in doubt (with the reason), or certain again.
#[derive(Clone, Message)]
#[rtype(result = "()")]
pub struct Fence(pub Option<String>);

impl Handler<Fence> for BotActor {
    type Result = ();

    fn handle(&mut self, Fence(why): Fence, ctx: &mut Self::Context) {
        self.take(why.map_or(Event::Unfenced, |why| Event::Fenced { why }), ctx);
    }
}

/// Its login waits for its turn (with the reason), or waits no longer.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AtTheDoor(pub Option<String>);

impl Handler<AtTheDoor> for BotActor {
    type Result = ();

    fn handle(&mut self, AtTheDoor(why): AtTheDoor, ctx: &mut Self::Context) {
        self.take(Event::AtTheDoor { why }, ctx);
    }
}

/// The pool wants something of this bot.
#[derive(Message)]
#[rtype(result = "()")]
pub struct FromPool(pub Event);

impl Handler<FromPool> for BotActor {
    type Result = ();

    fn handle(&mut self, FromPool(event): FromPool, ctx: &mut Self::Context) {
        self.take(event, ctx);
    }
}

/// The store has something for this bot that it did not ask for.
#[derive(Message)]
#[rtype(result = "()")]
pub struct FromStore(pub Event);

impl Handler<FromStore> for BotActor {
    type Result = ();

    fn handle(&mut self, FromStore(event): FromStore, ctx: &mut Self::Context) {
        self.take(event, ctx);
    }
}

/// Leave at once: the supervisor is gone, and a fresh life waits for the bench.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Vacate;

impl Handler<Vacate> for BotActor {
    type Result = ();

    fn handle(&mut self, _: Vacate, ctx: &mut Self::Context) {
        self.guard.disarm();
        ctx.stop();
    }
}

/// Passes a blast on to the socket, for tests.
#[derive(Message)]
#[rtype(result = "()")]
pub struct BlastSocket(pub Blast);

impl Handler<BlastSocket> for BotActor {
    type Result = ();

    fn handle(&mut self, BlastSocket(blast): BlastSocket, _: &mut Self::Context) {
        if let Some(Held(socket)) = &self.socket {
            let _ = socket.try_send(blast);
        }
    }
}
