//! What people want of running bots, as the store tells it: pauses, and tokens refreshed now.

use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use tracing::info;

use super::super::account::{Held, RefreshWanted};
use super::super::command;
use super::FleetActor;
use crate::store::{PauseRow, RefreshRequest};

/// How often the store is asked what people want.
const ASK_EVERY: Duration = Duration::from_secs(2);

impl FleetActor {
    /// Asks the store, and again after a while. A store that is away is noticed elsewhere.
    pub(super) fn ask_for_wishes(&mut self, ctx: &mut Context<Self>) {
        let store = self.house.store.clone();
        let asking = async move { (store.pauses().await, store.refresh_requests().await) };
        ctx.spawn(asking.into_actor(self).map(|(pauses, requests), fleet, ctx| {
            if let Ok(pauses) = pauses {
                fleet.hold(pauses);
            }
            fleet.hand_on_requests(requests.unwrap_or_default());
            ctx.run_later(ASK_EVERY, Self::ask_for_wishes);
        }));
    }

    fn hold(&self, rows: Vec<PauseRow>) {
        let pauses: Vec<_> = rows.into_iter().map(|row| row.pause).collect();
        let words: Vec<_> = pauses.iter().map(|pause| format!("{} {}", pause.scope, pause.words())).collect();
        if self.house.pauses.put(pauses) {
            info!(pauses = words.join("; "), "people hold other bots still than before");
            self.each(|account| command(account, Held));
        }
    }

    fn hand_on_requests(&self, requests: Vec<RefreshRequest>) {
        for RefreshRequest { account, bot, .. } in requests {
            if let Some(running) = self.accounts.get(&account).and_then(|account| account.running.as_ref()) {
                command(running, RefreshWanted { bot });
            }
        }
    }
}
