//! Bots that may kill the process start last, a group at a time; and what was survived is forgotten.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use liveperson_proto::AccountId;
use muster_core::BotId;
use muster_core::starts::Plan;
use muster_core::time::Moment;
use tracing::{info, warn};

use super::super::account::StartNow;
use super::super::command;
use super::FleetActor;
use crate::board::{BotState, BotStatus};
use crate::store::BotKey;
use crate::telemetry::Chain;

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A bot that was online for so long has survived its start.
const SURVIVED_MS: i64 = 3_000;
/// A bot that did nothing at all for so long, because the platform is away, killed nobody either.
const PATIENCE: Duration = Duration::from_mins(5);

/// Who is starting, and who comes next.
pub(super) struct Starts {
    /// Bots whose start the store knows of.
    noted: BTreeSet<BotKey>,
    since: Moment,
    groups: VecDeque<Vec<BotKey>>,
}

impl Starts {
    pub(super) fn new(plan: Plan<BotKey>, now: Moment) -> Self {
        Self { noted: plan.at_once.into_iter().collect(), since: now, groups: plan.groups.into() }
    }
}

impl FleetActor {
    pub(super) fn watch_starts(&mut self, ctx: &mut Context<Self>) {
        if self.starts.noted.is_empty() && self.starts.groups.is_empty() {
            return;
        }
        ctx.run_later(LOOK_EVERY, Self::look_at_starts);
    }

    fn look_at_starts(&mut self, ctx: &mut Context<Self>) {
        let survivors = self.survivors();
        if !survivors.is_empty() {
            return self.forget(survivors, ctx);
        }
        let next = self.starts.noted.is_empty() && self.ending.is_none();
        match next.then(|| self.starts.groups.pop_front()).flatten() {
            Some(group) => self.start_group(group, ctx),
            None => self.watch_starts(ctx),
        }
    }

    fn survivors(&self) -> Vec<BotKey> {
        let now = self.house.clock.now();
        let late = now.moment.since(self.starts.since) >= PATIENCE;
        let survived = |key: &&BotKey| {
            late || self.house.board.get(&key.0, &key.1).is_some_and(|bot| has_survived(&bot, now.wall))
        };
        self.starts.noted.iter().filter(survived).cloned().collect()
    }

    fn forget(&mut self, survivors: Vec<BotKey>, ctx: &mut Context<Self>) {
        let house = self.house.clone();
        let forgetting = async move { house.store.survived(&survivors).await.map(|()| survivors) };
        ctx.spawn(forgetting.into_actor(self).map(|forgotten, fleet, ctx| {
            match forgotten {
                Ok(survivors) => fleet.starts.noted.retain(|key| !survivors.contains(key)),
                Err(error) => warn!(error = %Chain(&error), "what bots survived is not noted; tries again"),
            }
            fleet.watch_starts(ctx);
        }));
    }

    /// The store knows before the group starts: that is all a process that dies leaves behind.
    fn start_group(&mut self, group: Vec<BotKey>, ctx: &mut Context<Self>) {
        let house = self.house.clone();
        let noting = async move { (house.store.starting(&house.me, &group).await, group) };
        ctx.spawn(noting.into_actor(self).map(|(noted, group), fleet, ctx| {
            match noted {
                Ok(()) => fleet.start_now(group),
                Err(error) => {
                    warn!(error = %Chain(&error), "a start cannot be noted; tries again");
                    fleet.starts.groups.push_front(group);
                }
            }
            fleet.watch_starts(ctx);
        }));
    }

    fn start_now(&mut self, group: Vec<BotKey>) {
        info!(count = group.len(), "starts bots that may have killed a process before");
        self.starts.since = self.house.clock.now().moment;
        let mut accounts: BTreeMap<AccountId, Vec<BotId>> = BTreeMap::new();
        for (account, bot) in &group {
            accounts.entry(account.clone()).or_default().push(bot.clone());
        }
        self.starts.noted.extend(group);
        for (id, bots) in accounts {
            let Some(account) = self.accounts.get_mut(&id) else { continue };
            let places = account.place.bots.iter_mut();
            places.filter(|place| bots.contains(&place.settings.name)).for_each(|place| place.later = false);
            if let Some(running) = &account.running {
                command(running, StartNow(bots));
            }
        }
    }
}

fn has_survived(bot: &BotStatus, now_ms: i64) -> bool {
    match bot.state {
        BotState::Online => bot.turns > 0 || now_ms - bot.since_ms >= SURVIVED_MS,
        BotState::Quarantined => true,
        _ => false,
    }
}
