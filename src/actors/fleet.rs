//! The fleet: starts accounts and the recorder, and keeps the ownership of the store alive.

mod arranged;
mod starts;
mod talk;
mod upkeep;
mod wishes;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, Addr, ArbiterHandle, AsyncContext, Context, Handler, Message, WrapFuture,
};
use liveperson_proto::AccountId;
use muster_core::BotId;
use muster_core::starts::Plan;
use muster_core::supervision::{Decision, Exit, History, Policy};
use muster_core::time::Moment;
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use super::account::{AccountActor, BlastBot, Place};
use super::blast::{Blast, blastable};
use super::bot::{Drain, Fence, RecorderRestarted};
use super::command;
use super::front_door::FrontDoor;
use super::guard::Guard;
use super::house::House;
use super::recorder::Recorder;
use super::tray::{Desk, Tray};
use crate::happening::Happening;
use crate::protection::Protection;
use crate::store::{BotKey, Renewal, StoreError};
use crate::telemetry::Chain;
use starts::Starts;

pub use arranged::Arranged;

/// Faults of accounts and the recorder touch many bots: they are always restarted, ever more slowly.
const POLICY: Policy = Policy {
    restarts: usize::MAX,
    window: Duration::from_mins(1),
    first: Duration::from_millis(50),
    longest: Duration::from_secs(5),
};

/// One account's place, which outlives its actor.
pub struct AccountPlace {
    /// The account.
    pub id: AccountId,
    /// Its domains and login budget.
    pub front_door: Arc<FrontDoor>,
    /// Its bots.
    pub bots: Vec<Place>,
}

struct Supervised {
    place: AccountPlace,
    life: u64,
    running: Option<Addr<AccountActor>>,
    history: History,
}

/// The root of all actors.
pub struct FleetActor {
    house: Arc<House>,
    accounts: BTreeMap<AccountId, Supervised>,
    recorder_arbiter: ArbiterHandle,
    recorder_history: History,
    starts: Starts,
    fence: Option<String>,
    lost: Option<oneshot::Sender<String>>,
    ending: Option<(HashSet<AccountId>, Vec<oneshot::Sender<()>>)>,
    drain: Option<Drain>,
}

impl FleetActor {
    /// A fleet that starts when the actor starts; `lost` is told when another process takes it.
    pub fn new(
        house: Arc<House>,
        places: Vec<AccountPlace>,
        recorder_arbiter: ArbiterHandle,
        starts: Plan<BotKey>,
        lost: oneshot::Sender<String>,
    ) -> Self {
        let supervised = |place: AccountPlace| {
            (place.id.clone(), Supervised { place, life: 0, running: None, history: History::default() })
        };
        Self {
            starts: Starts::new(starts, house.clock.now().moment),
            house,
            accounts: places.into_iter().map(supervised).collect(),
            recorder_arbiter,
            recorder_history: History::default(),
            fence: None,
            lost: Some(lost),
            ending: None,
            drain: None,
        }
    }

    fn start_recorder(&mut self, ctx: &mut Context<Self>) {
        let (me, house) = (ctx.address(), self.house.clone());
        let guard = Guard::new("recorder", move |exit| {
            command(&me, RecorderExited { exit });
        });
        let tray = Arc::new(Tray::default());
        let its = tray.clone();
        let recorder =
            Recorder::start_in_arbiter(&self.recorder_arbiter, move |_| Recorder::new(house, its, guard));
        self.house.recorder.put(Desk { recorder, tray });
    }

    fn start_account(&mut self, id: &AccountId, ctx: &mut Context<Self>) {
        let Some(account) = self.accounts.get_mut(id) else { return };
        account.life += 1;
        let life = account.life;
        let (me, name) = (ctx.address(), id.clone());
        let guard = Guard::new("account", move |exit| {
            command(&me, AccountExited { account: name, life, exit });
        });
        let AccountPlace { front_door, bots, .. } = &account.place;
        let (house, door, bots) = (self.house.clone(), front_door.clone(), bots.clone());
        let addr = AccountActor::new(house, id.clone(), door, ctx.address(), bots, guard).start();
        if let Some(why) = &self.fence {
            command(&addr, Fence(Some(why.clone())));
        }
        if let Some(drain) = self.drain {
            command(&addr, drain);
        }
        account.running = Some(addr);
    }

    fn each(&self, tell: impl Fn(&Addr<AccountActor>)) {
        self.accounts.values().filter_map(|account| account.running.as_ref()).for_each(tell);
    }

    /// Renews the ownership; while the store is away nothing new is begun.
    fn renew(&mut self, ctx: &mut Context<Self>) {
        let house = self.house.clone();
        // The right is counted from before the request: the store cannot have granted it later.
        let asked = house.clock.now().moment;
        let renewal = async move { house.store.renew(&house.me).await };
        ctx.spawn(renewal.into_actor(self).map(move |renewal, fleet, ctx| {
            fleet.renewed(renewal, asked);
            let again = fleet.house.node_lease / 3;
            ctx.run_later(again, Self::renew);
        }));
    }

    /// Fences by itself when a renewal takes too long.
    fn watch_right(&mut self) {
        if self.fence.is_none() && !self.house.right.holds(self.house.clock.now().moment) {
            self.set_fence(Some("the ownership was not renewed in time"));
        }
    }

    fn renewed(&mut self, renewal: Result<Renewal, StoreError>, asked: Moment) {
        match renewal {
            Ok(Renewal::Kept) => {
                self.house.right.renewed(asked, self.house.node_lease);
                self.set_fence(None);
            }
            // Without that protection it goes on as if nothing had happened.
            Ok(Renewal::Lost { .. }) if !Protection::Fence.is_on() => {}
            Ok(Renewal::Lost { to }) => {
                let why = format!("the fleet was taken over by {to}");
                self.house.right.end();
                self.set_fence(Some(&why));
                if let Some(lost) = self.lost.take() {
                    let _ = lost.send(why);
                }
            }
            Err(error) => {
                warn!(error = %Chain(&error), "the ownership could not be renewed");
                self.set_fence(Some("the store is away"));
            }
        }
    }

    fn set_fence(&mut self, why: Option<&str>) {
        if self.fence.as_deref() == why {
            return;
        }
        if let Some(why) = &why {
            error!(why, "the fleet is fenced");
            self.house.note_fleet(Happening::Fenced, Some(why));
        } else {
            info!("the fleet is not fenced any more");
            self.house.note_fleet(Happening::FenceLifted, None);
        }
        self.fence = why.map(str::to_owned);
        self.house.board.update_fleet(|fleet| {
            fleet.store_ok = why.is_none();
            fleet.fenced = why.map(str::to_owned);
        });
        self.each(|account| command(account, Fence(self.fence.clone())));
    }
}

impl Actor for FleetActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.start_recorder(ctx);
        for id in self.accounts.keys().cloned().collect::<Vec<_>>() {
            self.start_account(&id, ctx);
        }
        self.renew(ctx);
        ctx.run_interval(self.house.node_lease / 20, |fleet, _| fleet.watch_right());
        Self::start_upkeep(ctx);
        self.watch_starts(ctx);
        self.ask_for_wishes(ctx);
        self.ask_for_talk(ctx);
    }
}

blastable!(FleetActor);

/// The recorder went away.
#[derive(Message)]
#[rtype(result = "()")]
struct RecorderExited {
    exit: Exit,
}

impl Handler<RecorderExited> for FleetActor {
    type Result = ();

    fn handle(&mut self, RecorderExited { exit }: RecorderExited, ctx: &mut Self::Context) {
        if self.ending.is_some() && exit == Exit::Orphaned {
            return;
        }
        warn!(cause = exit.words(), "the recorder restarts");
        let now = self.house.clock.now().moment;
        let Decision::Restart { after } = POLICY.decide(&mut self.recorder_history, &exit, now) else {
            return;
        };
        ctx.run_later(after, |fleet, ctx| {
            fleet.start_recorder(ctx);
            fleet.each(|account| command(account, RecorderRestarted));
        });
    }
}

/// An account's actor went away; its bots leave with it.
#[derive(Message)]
#[rtype(result = "()")]
struct AccountExited {
    account: AccountId,
    life: u64,
    exit: Exit,
}

impl Handler<AccountExited> for FleetActor {
    type Result = ();

    fn handle(&mut self, AccountExited { account: id, life, exit }: AccountExited, ctx: &mut Self::Context) {
        let Some(account) = self.accounts.get_mut(&id).filter(|account| account.life == life) else { return };
        warn!(account.id = %id, cause = exit.words(), "an account restarts");
        account.running = None;
        self.house.metrics.restarts(&id, "account");
        let now = self.house.clock.now().moment;
        let Decision::Restart { after } = POLICY.decide(&mut account.history, &exit, now) else { return };
        ctx.run_later(after, move |fleet, ctx| fleet.start_account(&id, ctx));
    }
}

/// Every bot of an account has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AccountEnded {
    /// Which.
    pub account: AccountId,
}

impl Handler<AccountEnded> for FleetActor {
    type Result = ();

    fn handle(&mut self, AccountEnded { account }: AccountEnded, _: &mut Self::Context) {
        let Some((left, waiting)) = &mut self.ending else { return };
        left.remove(&account);
        if left.is_empty() {
            for ended in waiting.drain(..) {
                // Whoever waited may have gone.
                let _ = ended.send(());
            }
        }
    }
}

/// End every bot, and tell when the last has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct End {
    /// How.
    pub drain: Drain,
    /// Told when the last bot has ended.
    pub ended: oneshot::Sender<()>,
}

impl Handler<End> for FleetActor {
    type Result = ();

    fn handle(&mut self, End { drain, ended }: End, _: &mut Self::Context) {
        let left: HashSet<_> = self.accounts.keys().cloned().collect();
        if left.is_empty() {
            let _ = ended.send(());
            return;
        }
        self.drain = Some(drain);
        self.ending.get_or_insert_with(|| (left, Vec::new())).1.push(ended);
        self.each(|account| command(account, drain));
    }
}

/// A part of the fleet that tests may blast.
#[derive(Clone, Debug)]
pub enum Part {
    /// An account's actor.
    Account(AccountId),
    /// A bot's actor.
    Bot(AccountId, BotId),
    /// A bot's socket.
    Socket(AccountId, BotId),
    /// The recorder.
    Recorder,
}

/// Panic somewhere, for tests; release builds pass it over.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Detonate {
    /// Who panics.
    pub part: Part,
    /// Where in it.
    pub blast: Blast,
}

impl Handler<Detonate> for FleetActor {
    type Result = ();

    fn handle(&mut self, Detonate { part, blast }: Detonate, _: &mut Self::Context) {
        let account = |id: &AccountId| self.accounts.get(id).and_then(|account| account.running.clone());
        match part {
            Part::Recorder => drop(self.house.recorder.find().map(|desk| desk.recorder.try_send(blast))),
            Part::Account(id) => drop(account(&id).map(|account| account.try_send(blast))),
            Part::Bot(id, bot) => {
                drop(account(&id).map(|account| account.try_send(BlastBot { bot, socket: false, blast })));
            }
            Part::Socket(id, bot) => {
                drop(account(&id).map(|account| account.try_send(BlastBot { bot, socket: true, blast })));
            }
        }
    }
}
