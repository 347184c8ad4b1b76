//! What a fleet does for its store in the background: forgets what is old, and hears what people decided.

use std::collections::BTreeMap;
use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use liveperson_proto::AccountId;
use muster_core::BotId;
use muster_core::time::Moment;
use tracing::{info, warn};

use super::super::account::{HeldInStore, Revived};
use super::super::command;
use super::FleetActor;
use crate::store::{BotKey, HeldOff, Pruned, RevivedRow, StoreError};
use crate::telemetry::Chain;

/// Claims, and letters, that one transaction forgets at most: a commit waits no longer than for these.
const BATCH: u32 = 500;
/// The wait before the next batch.
const BREATH: Duration = Duration::from_millis(200);
const PRUNE_EVERY: Duration = Duration::from_hours(1);
/// A start has other things to do.
const FIRST_PRUNE: Duration = Duration::from_mins(1);
/// How often the store is asked for what people decided: letters revived, bots held off or released.
/// How long what happened to a bot is told of.
const KEEP_EVENTS: Duration = Duration::from_hours(30 * 24);
/// How often what happened is written.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// How often the store is asked for revived letters.
const ASK_EVERY: Duration = Duration::from_secs(2);

impl FleetActor {
    pub(super) fn start_upkeep(ctx: &mut Context<Self>) {
        ctx.run_later(FIRST_PRUNE, Self::prune);
        ctx.run_later(ASK_EVERY, Self::ask_for_revived);
        ctx.run_later(ASK_EVERY, Self::ask_for_held);
        ctx.run_later(FIRST_PRUNE, Self::prune_events);
        ctx.run_later(FIRST_PRUNE, Self::prune_steering);
        ctx.run_later(WRITE_EVERY, Self::write_timeline);
    }

    /// Forgets a batch of what nobody needs any more, and the next one soon if there is more.
    fn prune(&mut self, ctx: &mut Context<Self>) {
        if self.fence.is_some() {
            ctx.run_later(FIRST_PRUNE, Self::prune);
            return;
        }
        let house = self.house.clone();
        let pruning = async move { house.store.prune(house.keep_released, BATCH).await };
        ctx.spawn(pruning.into_actor(self).map(|pruned, fleet, ctx| {
            let wait = fleet.pruned(pruned);
            ctx.run_later(wait, Self::prune);
        }));
    }

    /// Counts a batch; says when the next one is due.
    fn pruned(&self, pruned: Result<Pruned, StoreError>) -> Duration {
        match pruned {
            Ok(Pruned { claims, letters, more }) => {
                self.house.metrics.pruned("claims", claims);
                self.house.metrics.pruned("dead_letters", letters);
                if claims + letters > 0 {
                    info!(claims, letters, "forgot released claims and dropped dead letters");
                }
                if more { BREATH } else { PRUNE_EVERY }
            }
            Err(error) => {
                warn!(error = %Chain(&error), "old rows could not be forgotten; tries again");
                FIRST_PRUNE
            }
        }
    }

    /// Writes what happened to the bots; a store that is away gets it later.
    fn write_timeline(&mut self, ctx: &mut Context<Self>) {
        let house = self.house.clone();
        let writing = async move { house.write_timeline().await };
        ctx.spawn(writing.into_actor(self).map(|written, _, ctx| {
            let wait = match written {
                Ok(true) => BREATH,
                // A store that is away is noticed elsewhere.
                Ok(false) | Err(_) => WRITE_EVERY,
            };
            ctx.run_later(wait, Self::write_timeline);
        }));
    }

    /// Forgets a batch of what happened long ago, and the next one soon if there is more.
    fn prune_events(&mut self, ctx: &mut Context<Self>) {
        let house = self.house.clone();
        let pruning = async move { house.store.prune_events(KEEP_EVENTS, BATCH).await };
        ctx.spawn(pruning.into_actor(self).map(|pruned, fleet, ctx| {
            let wait = match pruned {
                Ok(events) => {
                    fleet.house.metrics.pruned("events", events);
                    if events >= u64::from(BATCH) { BREATH } else { PRUNE_EVERY }
                }
                Err(error) => {
                    warn!(error = %Chain(&error), "old events could not be forgotten; tries again");
                    FIRST_PRUNE
                }
            };
            ctx.run_later(wait, Self::prune_events);
        }));
    }

    /// Forgets what people wanted long ago: a batch of wishes and one operation, and more soon if there is more.
    fn prune_steering(&mut self, ctx: &mut Context<Self>) {
        let store = self.house.store.clone();
        let pruning = async move {
            let operation = store.prune_operation(KEEP_EVENTS).await?;
            Ok::<_, StoreError>((store.prune_wishes(KEEP_EVENTS, BATCH).await?, operation))
        };
        ctx.spawn(pruning.into_actor(self).map(|pruned, fleet, ctx| {
            let wait = match pruned {
                Ok((wishes, operation)) => {
                    fleet.house.metrics.pruned("wishes", wishes);
                    fleet.house.metrics.pruned("operations", u64::from(operation));
                    if operation || wishes >= u64::from(BATCH) { BREATH } else { PRUNE_EVERY }
                }
                Err(error) => {
                    warn!(error = %Chain(&error), "old wishes could not be forgotten; tries again");
                    FIRST_PRUNE
                }
            };
            ctx.run_later(wait, Self::prune_steering);
        }));
    }

    /// Hands what people revived to the accounts; told again until it is confirmed, which changes nothing.
    fn ask_for_revived(&mut self, ctx: &mut Context<Self>) {
        let house = self.house.clone();
        let asking = async move { house.store.revived().await };
        ctx.spawn(asking.into_actor(self).map(|revived, fleet, ctx| {
            // A store that is away is noticed elsewhere.
            fleet.hand_on(revived.unwrap_or_default());
            ctx.run_later(ASK_EVERY, Self::ask_for_revived);
        }));
    }

    /// Tells every account which of its bots are held off.
    fn ask_for_held(&mut self, ctx: &mut Context<Self>) {
        let house = self.house.clone();
        let asked = house.clock.now().moment;
        let asking = async move { house.store.held_off().await };
        ctx.spawn(asking.into_actor(self).map(move |held, fleet, ctx| {
            // A store that is away says nothing: nobody is released by that.
            if let Ok(held) = held {
                fleet.hold_off(asked, held);
            }
            ctx.run_later(ASK_EVERY, Self::ask_for_held);
        }));
    }

    fn hold_off(&self, asked: Moment, held: Vec<(BotKey, HeldOff)>) {
        let mut accounts: BTreeMap<AccountId, BTreeMap<BotId, HeldOff>> = BTreeMap::new();
        for ((account, bot), held) in held {
            accounts.entry(account).or_default().insert(bot, held);
        }
        for (id, account) in &self.accounts {
            let Some(running) = &account.running else { continue };
            command(running, HeldInStore { asked, bots: accounts.remove(id).unwrap_or_default() });
        }
    }

    fn hand_on(&self, revived: Vec<RevivedRow>) {
        let mut accounts: BTreeMap<AccountId, Vec<RevivedRow>> = BTreeMap::new();
        for row in revived {
            accounts.entry(row.account.clone()).or_default().push(row);
        }
        for (account, rows) in accounts {
            if let Some(account) = self.accounts.get(&account).and_then(|account| account.running.as_ref()) {
                command(account, Revived(rows));
            }
        }
    }
}
