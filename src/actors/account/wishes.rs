//! What people want of this account's bots: that they hold still, or refresh their tokens now.

use actix::{Context, Handler, Message};
use muster_core::BotId;
use tracing::warn;

use super::super::bot::{Hold, RefreshNow};
use super::super::command;
use super::{AccountActor, Running};
use crate::telemetry::Chain;

/// People hold other bots still than before.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Held;

impl Handler<Held> for AccountActor {
    type Result = ();

    fn handle(&mut self, _: Held, _: &mut Context<Self>) {
        for (bot, seat) in &self.bots {
            if let Some(Running(addr)) = &seat.running {
                command(addr, Hold(self.house.pauses.words(&self.id, bot)));
            }
        }
    }
}

/// Somebody wants a token refreshed now.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RefreshWanted {
    /// Whose.
    pub bot: BotId,
}

impl Handler<RefreshWanted> for AccountActor {
    type Result = ();

    fn handle(&mut self, RefreshWanted { bot }: RefreshWanted, _: &mut Context<Self>) {
        let running = self.bots.get(&bot).and_then(|seat| seat.running.as_ref());
        if let Some(Running(addr)) = running {
            return command(addr, RefreshNow);
        }
        let (store, account) = (self.house.store.clone(), self.id.clone());
        self.house.io.spawn(async move {
            let words = "it does not run now: there is nothing to refresh";
            if let Err(error) = store.answer_refresh(&account, &bot, words).await {
                warn!(account.id = %account, bot.id = %bot, error = %Chain(&error), "nobody was told what came of a refresh");
            }
        });
    }
}
