//! The account's pools with intake `all`: reports of their members go in, wishes go out.

use std::collections::BTreeMap;

use actix::{Context, Handler, Message};
use liveperson_proto::ConversationId;
use muster_core::bot::Event;
use muster_core::duty::Intake;
use muster_core::pool::{Pool, PoolEffect, PoolNews};
use muster_core::{BotId, PoolId};

use super::super::bot::FromPool;
use super::super::command;
use super::{AccountActor, CAPACITY, Place, Running};
use crate::settings::Wanted;

/// The pools by name; those with intake `rings` need none, since the platform places conversations.
#[derive(Default)]
pub(super) struct Pools(BTreeMap<PoolId, Pool>);

impl Pools {
    pub(super) fn of(places: &[Place]) -> Self {
        let mut pools = Self::default();
        for place in places {
            pools.enrol(place);
        }
        pools
    }

    /// A bot that is to run joins its pool, unless it is a member.
    pub(super) fn enrol(&mut self, Place { settings, duty, .. }: &Place) {
        if duty.intake == Intake::All && settings.wanted == Wanted::Running {
            let capacity = settings.capacity.map_or(CAPACITY, |capacity| capacity as usize);
            self.0.entry(settings.pool.clone()).or_default().enrol(settings.name.clone(), capacity);
        }
    }

    /// A bot leaves its pool, which has taken back what it held.
    pub(super) fn dismiss(&mut self, Place { settings, .. }: &Place) {
        if let Some(pool) = self.0.get_mut(&settings.pool) {
            pool.dismiss(&settings.name);
        }
    }

    /// A member may hold so many conversations from now on.
    pub(super) fn resize(&mut self, Place { settings, .. }: &Place, capacity: usize) {
        if let Some(pool) = self.0.get_mut(&settings.pool) {
            pool.resize(&settings.name, capacity);
        }
    }
}

impl AccountActor {
    fn pool_of(&mut self, bot: &BotId) -> Option<&mut Pool> {
        let pool = &self.bots.get(bot)?.place.settings.pool;
        self.pools.0.get_mut(pool)
    }

    /// A bot's life begins, with what the store says it holds.
    pub(super) fn pool_begins(&mut self, bot: &BotId, held: Vec<ConversationId>) {
        let effects = self.pool_of(bot).map(|pool| pool.begins(bot, held)).unwrap_or_default();
        self.carry_out(effects);
    }

    /// A bot's life ended; the next one says what it holds.
    pub(super) fn pool_lost(&mut self, bot: &BotId) {
        let effects = self.pool_of(bot).map(|pool| pool.lost(bot)).unwrap_or_default();
        self.carry_out(effects);
    }

    /// A bot is held off, or has ended: what it held goes to others.
    pub(super) fn pool_without(&mut self, bot: &BotId) {
        let effects = self.pool_of(bot).map(|pool| pool.take(bot, PoolNews::Out)).unwrap_or_default();
        self.carry_out(effects);
    }

    // Downward and rare: one message for all that is placed at one time.
    fn carry_out(&self, effects: Vec<PoolEffect>) {
        for effect in effects {
            let (bot, event) = match effect {
                PoolEffect::Watch { bot, spell } => (bot, Event::Watch { spell }),
                PoolEffect::Place { bot, placement, conversations } => {
                    (bot, Event::Placed { placement, conversations })
                }
            };
            if let Some(Running(addr)) = self.bots.get(&bot).and_then(|seat| seat.running.as_ref()) {
                command(addr, FromPool(event));
            }
        }
    }
}

/// A bot tells its pool something.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PoolReport {
    /// Which bot.
    pub bot: BotId,
    /// Which life of it.
    pub life: u64,
    /// What.
    pub news: PoolNews,
}

impl Handler<PoolReport> for AccountActor {
    type Result = ();

    fn handle(&mut self, PoolReport { bot, life, news }: PoolReport, _: &mut Context<Self>) {
        if self.bots.get(&bot).is_none_or(|seat| seat.life != life) {
            return;
        }
        let effects = self.pool_of(&bot).map(|pool| pool.take(&bot, news)).unwrap_or_default();
        self.carry_out(effects);
    }
}
