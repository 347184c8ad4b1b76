//! The account: starts its bots, and starts them again when they fail.
//!
//! - `beginning`, `recalling`: what a life begins with
//! - `arrange`, `rotation`: what is declared anew while it runs
//! - `holding`, `wishes`, `letters`, `talk`: what people and the store decided
//! - `pools`: who of a pool does what

mod arrange;
mod beginning;
mod holding;
mod letters;
mod pools;
mod recalling;
mod rotation;
mod talk;
mod wishes;

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::{
    Actor, ActorFutureExt, Addr, ArbiterHandle, AsyncContext, Context, Handler, Message, WrapFuture,
};
use liveperson::Session;
use liveperson_proto::AccountId;
use muster_core::BotId;
use muster_core::bot::{Bot, Charter, Event};
use muster_core::dialog::{Rules, Tagging};
use muster_core::duty::Duty;
use muster_core::health::{Degraded, Vitals};
use muster_core::quarantine::Quarantine;
use muster_core::supervision::{Decision, Exit, History, Policy};
use tokio::sync::Mutex;
use tracing::{error, info, warn};

use super::blast::{Blast, blastable};
use super::bot::{BlastSocket, BotActor, Drain, Fence, FromStore, Hold, Post, RecorderRestarted, Vacate};
use super::command;
use super::fleet::{AccountEnded, FleetActor};
use super::front_door::FrontDoor;
use super::guard::Guard;
use super::house::House;
use super::recorder::Author;
use crate::board::{BotState, BotStatus};
use crate::happening::Happening;
use crate::logic::Declared;
use crate::settings::{BotSettings, Wanted};
use crate::telemetry::Chain;
use arrange::Next;
use beginning::{Beginning, Loaded, load, sealed, tokens};
use pools::Pools;

pub use arrange::Arrange;
pub use holding::{HeldInStore, HoldsOff};
pub use letters::Revived;
pub use pools::PoolReport;
pub(super) use recalling::recalled;
pub use talk::{TakenOver, Wished};
pub use wishes::{Held, RefreshWanted};

/// Messages that wait for an account at most.
pub(super) const MAILBOX: usize = 256;

/// Conversations of a bot at most, unless declared.
pub(crate) const CAPACITY: usize = 1_000;

/// One bot's place, which outlives its lives.
#[derive(Clone)]
pub struct Place {
    /// As declared.
    pub settings: BotSettings,
    /// What its pool is for.
    pub duty: Duty,
    /// Whether what it publishes carries tags.
    pub tagging: Tagging,
    /// The epoch under which this process owns the bot.
    pub epoch: i64,
    /// It starts only when the fleet says so: it may have killed a process before.
    pub later: bool,
    /// The thread it runs on.
    pub arbiter: ArbiterHandle,
    /// The identity's one seat: a socket takes it.
    pub seat: Arc<Mutex<()>>,
    /// The identity's bench: a life takes it.
    pub bench: Arc<Mutex<()>>,
}

/// A running bot that is told to leave when nobody holds it any more.
struct Running(Addr<BotActor>);

impl Drop for Running {
    fn drop(&mut self) {
        command(&self.0, Vacate);
    }
}

struct Seat {
    place: Place,
    life: u64,
    running: Option<Running>,
    history: History,
    /// Why it is held off, if it is.
    held: Option<holding::Hold>,
    ended: bool,
    /// What follows the ending on its way.
    next: Option<Next>,
    /// Kept while a new login is tried.
    trial: Option<Arc<()>>,
    /// The session that the next life begins with, another user's.
    successor: Option<Box<Session>>,
}

impl Seat {
    fn new(place: Place) -> Self {
        let history = History::default();
        Self {
            place,
            life: 0,
            running: None,
            history,
            held: None,
            ended: false,
            next: None,
            trial: None,
            successor: None,
        }
    }
}

/// One account.
pub struct AccountActor {
    house: Arc<House>,
    id: AccountId,
    front_door: Arc<FrontDoor>,
    fleet: Addr<FleetActor>,
    guard: Guard,
    bots: BTreeMap<BotId, Seat>,
    pools: Pools,
    draining: Option<Drain>,
    fence: Option<String>,
}

impl AccountActor {
    /// An account whose bots start when the actor starts.
    pub fn new(
        house: Arc<House>,
        id: AccountId,
        front_door: Arc<FrontDoor>,
        fleet: Addr<FleetActor>,
        places: Vec<Place>,
        guard: Guard,
    ) -> Self {
        let pools = Pools::of(&places);
        let bots = places.into_iter().map(|place| (place.settings.name.clone(), Seat::new(place))).collect();
        Self { house, id, front_door, fleet, guard, bots, pools, draining: None, fence: None }
    }

    /// Begins a new life of a bot: bench, flushed records, the store's memory, then the actor.
    fn start(&mut self, bot: &BotId, ctx: &mut Context<Self>) {
        // Declared anew or not: until a person releases it, a bot that is held off has no life.
        if self.bots.get(bot).is_some_and(|seat| seat.held.is_some()) {
            return self.show_held(bot);
        }
        let Some(seat) = self.bots.get_mut(bot).filter(|_| self.draining.is_none()) else { return };
        // A restart may come due after the bot was parked, or has begun anew.
        if seat.place.settings.wanted == Wanted::Parked || seat.running.is_some() {
            return;
        }
        seat.life += 1;
        let life = seat.life;
        let asked = self.house.clock.now().moment;
        let load = load(self.house.clone(), self.id.clone(), bot.clone(), seat.place.bench.clone());
        let bot = bot.clone();
        ctx.spawn(load.into_actor(self).map(move |loaded, account, ctx| {
            let current = account.bots.get(&bot).is_some_and(|seat| seat.life == life);
            match loaded {
                Ok(Loaded::Life(loaded)) if current && account.draining.is_none() => {
                    account.seat(&bot, *loaded, ctx);
                }
                Ok(Loaded::HeldOff(held)) if current => account.is_held_off(&bot, held, asked),
                Ok(_) => account.report_end(),
                Err(error) => {
                    warn!(account.id = %account.id, bot.id = %bot, error = %Chain(&error), "cannot read what the bot holds; tries again");
                    ctx.run_later(std::time::Duration::from_secs(1), move |account, ctx| account.start(&bot, ctx));
                }
            }
        }));
    }

    fn seat(&mut self, bot: &BotId, loaded: Beginning, ctx: &mut Context<Self>) {
        self.pool_begins(bot, loaded.held.iter().map(|held| held.conversation.clone()).collect());
        let Some(seat) = self.bots.get_mut(bot) else { return };
        let settings = &seat.place.settings;
        let Some(Declared { decider, failing }) = self.house.logics.chosen(settings.logic.as_str()) else {
            error!(bot.id = %bot, logic = settings.logic.as_str(), "there is no such logic");
            return;
        };
        let credentials = settings.login.clone();
        let (tokens, session) = tokens(&self.id, &credentials, loaded.session);
        let author = Arc::new(Author {
            account: self.id.clone(),
            bot: bot.clone(),
            pool: settings.pool.clone(),
            epoch: seat.place.epoch,
        });
        let charter = Charter {
            account: self.id.clone(),
            bot: bot.clone(),
            pool: settings.pool.clone(),
            duty: seat.place.duty,
            capacity: settings.capacity.map_or(CAPACITY, |c| c as usize),
            rules: Rules {
                attempts: failing.tries,
                on_failure: failing.then,
                tagging: seat.place.tagging,
                ..self.house.rules.clone()
            },
            rhythm: self.house.rhythm(),
            tokens,
            theft: self.house.theft_rules(settings.on_theft),
            seed: fastrand::u64(..),
        };
        let identity = session.as_ref().map(sealed);
        let core = Bot::new(charter, identity, loaded.held, self.house.clock.now());
        let life = seat.life;
        let post = Post {
            house: self.house.clone(),
            front_door: self.front_door.clone(),
            supervisor: ctx.address(),
            credentials,
            duty: seat.place.duty,
            logic: decider,
            logic_name: settings.logic.as_str().to_owned(),
            author,
            seat: seat.place.seat.clone(),
            bench: loaded.bench,
            life,
            session,
        };
        let (me, name) = (ctx.address(), bot.clone());
        let guard = Guard::new("bot", move |exit| {
            command(&me, BotExited { bot: name, life, exit });
        });
        let addr = BotActor::start_in_arbiter(&seat.place.arbiter, move |_| BotActor::new(post, core, guard));
        if let Some(why) = &self.fence {
            command(&addr, Fence(Some(why.clone())));
        }
        if let Some(why) = self.house.pauses.words(&self.id, bot) {
            command(&addr, Hold(Some(why)));
        }
        let taken = self.house.taken_over.of_pool(&self.id, &seat.place.settings.pool);
        if !taken.is_empty() {
            command(&addr, FromStore(Event::TakenOver(taken)));
        }
        if let Some(next) = &seat.next {
            command(&addr, next.drain);
        }
        seat.running = Some(Running(addr));
    }

    fn each(&self, tell: impl Fn(&Addr<BotActor>)) {
        self.bots.values().filter_map(|seat| seat.running.as_ref()).for_each(|Running(bot)| tell(bot));
    }

    /// Notes in a bot's time line what its supervisor decided.
    fn note(&self, bot: &BotId, what: Happening, state: BotState, cause: &str) {
        self.house.note((&self.id, bot), what, Some(state), Some(cause));
    }

    fn show(&self, bot: &BotId, state: BotState, cause: Option<String>) {
        let now = self.house.clock.now().wall;
        self.house.board.update(&self.id, bot, |status| {
            status.state = state;
            status.since_ms = now;
            status.cause = cause;
            status.quarantine = None;
            status.open_conversations = 0;
            // What was owed stays owed, as far as anybody knows.
            status.oldest_owed_known = false;
            status.waits_until_ms = None;
            status.degraded = (state == BotState::Waiting).then_some(Degraded::Waiting).into_iter().collect();
            status.heard_ms = None;
            status.vitals = Vitals { oldest_owed: status.oldest_owed_ms, ..Vitals::default() };
        });
    }

    /// Tells the fleet once every bot has ended.
    fn report_end(&mut self) {
        if self.draining.is_some() && self.bots.values().all(|seat| seat.running.is_none() || seat.ended) {
            self.guard.disarm();
            command(&self.fleet, AccountEnded { account: self.id.clone() });
        }
    }
}

impl Actor for AccountActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        let now = self.house.clock.now().wall;
        for (name, Seat { place, .. }) in &self.bots {
            if self.house.board.get(&self.id, name).is_none() {
                let logic = place.settings.logic.as_str();
                self.house.board.put(BotStatus::parked(&self.id, name, &place.settings.pool, logic, now));
            }
        }
        for (name, _) in self.bots.iter().filter(|(_, seat)| seat.place.later) {
            let why = "starts after the others: processes died while it started";
            self.show(name, BotState::Waiting, Some(why.to_owned()));
        }
        let wanted = |seat: &&Seat| seat.place.settings.wanted == Wanted::Running && !seat.place.later;
        let names: Vec<_> =
            self.bots.values().filter(wanted).map(|seat| seat.place.settings.name.clone()).collect();
        for bot in names {
            self.start(&bot, ctx);
        }
    }
}

blastable!(AccountActor);

/// It is the turn of these bots to start.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StartNow(pub Vec<BotId>);

impl Handler<StartNow> for AccountActor {
    type Result = ();

    fn handle(&mut self, StartNow(bots): StartNow, ctx: &mut Self::Context) {
        for bot in bots {
            let Some(seat) = self.bots.get_mut(&bot) else { continue };
            seat.place.later = false;
            self.start(&bot, ctx);
        }
    }
}

/// A bot went away without being told to.
#[derive(Message)]
#[rtype(result = "()")]
pub struct BotExited {
    /// Which.
    pub bot: BotId,
    /// Which life of it.
    pub life: u64,
    /// Why.
    pub exit: Exit,
}

impl Handler<BotExited> for AccountActor {
    type Result = ();

    fn handle(&mut self, BotExited { bot, life, exit }: BotExited, ctx: &mut Self::Context) {
        let Some(seat) = self.bots.get_mut(&bot).filter(|seat| seat.life == life) else { return };
        seat.running = None;
        self.pool_lost(&bot);
        let Some(seat) = self.bots.get_mut(&bot) else { return };
        if seat.held.is_some() {
            self.pool_without(&bot);
            self.show_held(&bot);
            self.follow(&bot, ctx);
            return self.report_end();
        }
        let part = match &exit {
            Exit::Panicked { part } | Exit::Hung { part } => part.clone(),
            Exit::Orphaned => "account".to_owned(),
        };
        self.house.metrics.restarts(&self.id, &part);
        let decision = Policy::default().decide(&mut seat.history, &exit, self.house.clock.now().moment);
        match decision {
            Decision::Restart { after } => {
                warn!(account.id = %self.id, bot.id = %bot, cause = exit.words(), after_ms = after.as_millis() as u64, "a bot restarts");
                self.house.board.update(&self.id, &bot, |status| status.restarts += 1);
                self.note(&bot, Happening::Restart, BotState::Waiting, &exit.words());
                self.show(&bot, BotState::Waiting, Some(format!("restarts: {}", exit.words())));
                ctx.run_later(after, move |account, ctx| account.start(&bot, ctx));
            }
            Decision::Quarantine { kind, because } => {
                let because = format!("{because}; mend what fails");
                let quarantine = Quarantine::of(&self.id, &bot, kind, &because);
                self.hold_off(&bot, quarantine, ctx);
                self.follow(&bot, ctx);
            }
        }
        self.report_end();
    }
}

/// A bot has ended as it was told to.
#[derive(Message)]
#[rtype(result = "()")]
pub struct BotEnded {
    /// Which.
    pub bot: BotId,
    /// Which life of it.
    pub life: u64,
}

impl Handler<BotEnded> for AccountActor {
    type Result = ();

    fn handle(&mut self, BotEnded { bot, life }: BotEnded, ctx: &mut Self::Context) {
        let Some(seat) = self.bots.get_mut(&bot).filter(|seat| seat.life == life) else { return };
        seat.ended = true;
        seat.running = None;
        info!(account.id = %self.id, bot.id = %bot, "a bot has ended");
        if self.renews(&bot) {
            self.pool_lost(&bot);
        } else {
            self.pool_without(&bot);
        }
        self.show(&bot, BotState::Parked, None);
        self.follow(&bot, ctx);
        self.report_end();
    }
}

impl Handler<Drain> for AccountActor {
    type Result = ();

    fn handle(&mut self, drain: Drain, _: &mut Self::Context) {
        self.draining = Some(drain);
        self.each(|bot| command(bot, drain));
        self.report_end();
    }
}

impl Handler<Fence> for AccountActor {
    type Result = ();

    fn handle(&mut self, fence: Fence, _: &mut Self::Context) {
        self.fence.clone_from(&fence.0);
        self.each(|bot| command(bot, fence.clone()));
    }
}

impl Handler<RecorderRestarted> for AccountActor {
    type Result = ();

    fn handle(&mut self, news: RecorderRestarted, _: &mut Self::Context) {
        self.each(|bot| command(bot, news));
    }
}

/// Passes a blast on to one bot or its socket, for tests.
#[derive(Message)]
#[rtype(result = "()")]
pub struct BlastBot {
    /// Which bot.
    pub bot: BotId,
    /// Its socket instead of itself.
    pub socket: bool,
    /// Where the panic happens.
    pub blast: Blast,
}

impl Handler<BlastBot> for AccountActor {
    type Result = ();

    fn handle(&mut self, BlastBot { bot, socket, blast }: BlastBot, _: &mut Self::Context) {
        let Some(Running(addr)) = self.bots.get(&bot).and_then(|seat| seat.running.as_ref()) else { return };
        let _ = if socket {
            addr.try_send(BlastSocket(blast)).map_err(drop)
        } else {
            addr.try_send(blast).map_err(drop)
        };
    }
}
