//! Bots that are held off: the store keeps it, and people let them go there.

use std::collections::BTreeMap;

use actix::{ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};
use muster_core::BotId;
use muster_core::bot::Event;
use muster_core::quarantine::Quarantine;
use muster_core::supervision::History;
use muster_core::time::Moment;
use tracing::{error, info, warn};

use super::super::bot::FromStore;
use super::super::command;
use super::{AccountActor, Running};
use crate::board::BotState;
use crate::happening::Happening;
use crate::settings::Wanted;
use crate::store::HeldOff;
use crate::telemetry::Chain;

/// Why a bot is held off, as this process knows it.
pub(super) struct Hold {
    quarantine: Quarantine,
    since: i64,
    /// From this moment on the store knows, too: what it does not show then, a person released.
    kept: Option<Moment>,
}

impl Hold {
    pub(super) fn words(&self) -> String {
        self.quarantine.words.clone()
    }
}

impl AccountActor {
    /// Holds a bot off, and has the store keep it.
    pub(super) fn hold_off(&mut self, bot: &BotId, quarantine: Quarantine, ctx: &mut Context<Self>) {
        let now = self.house.clock.now().wall;
        let Some(seat) = self.bots.get_mut(bot).filter(|seat| seat.held.is_none()) else { return };
        error!(account.id = %self.id, bot.id = %bot, kind = %quarantine.kind, words = quarantine.words, "a bot is quarantined");
        self.house.metrics.quarantined(&self.id, quarantine.kind);
        let decided_here = seat.running.is_none().then(|| quarantine.words.clone());
        seat.held = Some(Hold { quarantine, since: now, kept: None });
        // A bot that runs tells of itself.
        if let Some(words) = decided_here {
            self.note(bot, Happening::Quarantine, BotState::Quarantined, &words);
        }
        self.pool_without(bot);
        self.show_held(bot);
        self.keep(bot, ctx);
    }

    /// The store says that a bot is held off.
    pub(super) fn is_held_off(&mut self, bot: &BotId, HeldOff { quarantine, since }: HeldOff, asked: Moment) {
        let Some(seat) = self.bots.get_mut(bot) else { return };
        if let Some(held) = seat.held.as_mut().filter(|held| held.quarantine == quarantine) {
            held.kept.get_or_insert(asked);
            return;
        }
        info!(account.id = %self.id, bot.id = %bot, kind = %quarantine.kind, words = quarantine.words, "a bot is held off");
        seat.held = Some(Hold { quarantine: quarantine.clone(), since, kept: Some(asked) });
        if let Some(Running(addr)) = &seat.running {
            command(addr, FromStore(Event::Quarantined(quarantine)));
        }
        self.pool_without(bot);
        self.show_held(bot);
    }

    fn keep(&mut self, bot: &BotId, ctx: &mut Context<Self>) {
        let Some(held) = self.bots.get(bot).and_then(|seat| seat.held.as_ref()) else { return };
        let (house, bot) = (self.house.clone(), bot.clone());
        let row = [((self.id.clone(), bot.clone()), held.quarantine.clone())];
        let keeping = async move { house.store.hold_off(&row, None).await };
        ctx.spawn(keeping.into_actor(self).map(move |kept, account, _| match kept {
            Ok(_) => {
                let now = account.house.clock.now().moment;
                let held = account.bots.get_mut(&bot).and_then(|seat| seat.held.as_mut());
                held.map(|held| held.kept.get_or_insert(now));
            }
            Err(error) => {
                warn!(account.id = %account.id, bot.id = %bot, error = %Chain(&error), "the store does not keep that the bot is held off; tries again");
            }
        }));
    }

    /// A person lets the bot go: a new life begins with what the store knows.
    fn release(&mut self, bot: &BotId, ctx: &mut Context<Self>) {
        let Some(seat) = self.bots.get_mut(bot) else { return };
        seat.held = None;
        seat.ended = false;
        seat.history = History::default();
        seat.running = None;
        let wanted = seat.place.settings.wanted == Wanted::Running;
        info!(account.id = %self.id, bot.id = %bot, "a bot is released");
        self.pool_lost(bot);
        self.show(bot, BotState::Parked, None);
        if wanted {
            self.start(bot, ctx);
        }
    }

    pub(super) fn show_held(&self, bot: &BotId) {
        let Some(held) = self.bots.get(bot).and_then(|seat| seat.held.as_ref()) else { return };
        self.show(bot, BotState::Quarantined, Some(held.quarantine.words.clone()));
        self.house.board.update(&self.id, bot, |status| {
            status.since_ms = held.since;
            status.quarantine = Some(held.quarantine.kind.word());
        });
    }
}

/// A bot holds itself off.
#[derive(Message)]
#[rtype(result = "()")]
pub struct HoldsOff {
    /// Which.
    pub bot: BotId,
    /// Which life of it.
    pub life: u64,
    /// Why.
    pub quarantine: Quarantine,
}

impl Handler<HoldsOff> for AccountActor {
    type Result = ();

    fn handle(&mut self, HoldsOff { bot, life, quarantine }: HoldsOff, ctx: &mut Self::Context) {
        if self.bots.get(&bot).is_some_and(|seat| seat.life == life) {
            self.hold_off(&bot, quarantine, ctx);
        }
    }
}

/// Which bots of the account the store says are held off: all of them.
#[derive(Message)]
#[rtype(result = "()")]
pub struct HeldInStore {
    /// From before the store was asked.
    pub asked: Moment,
    /// Which, and why.
    pub bots: BTreeMap<BotId, HeldOff>,
}

impl Handler<HeldInStore> for AccountActor {
    type Result = ();

    // Downward, at the pace of the fleet's upkeep.
    fn handle(&mut self, HeldInStore { asked, mut bots }: HeldInStore, ctx: &mut Self::Context) {
        for name in self.bots.keys().cloned().collect::<Vec<_>>() {
            if let Some(held) = bots.remove(&name) {
                self.is_held_off(&name, held, asked);
                continue;
            }
            let kept = self.bots.get(&name).and_then(|seat| seat.held.as_ref()).map(|held| held.kept);
            match kept {
                Some(Some(kept)) if kept < asked => self.release(&name, ctx),
                Some(None) => self.keep(&name, ctx),
                Some(Some(_)) | None => {}
            }
        }
    }
}
