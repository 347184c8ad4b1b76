//! What people want of running bots, as the store tells it: pauses, and tokens refreshed now.

use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use muster_core::pause::Pause;
use tracing::info;

use super::super::account::{Held, RefreshWanted};
use super::super::command;
use super::FleetActor;
use crate::happening::Happening;
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
        let before = self.house.pauses.all();
        if self.house.pauses.put(pauses.clone()) {
            self.note_pauses(&before, &pauses);
            info!(pauses = words.join("; "), "people hold other bots still than before");
            self.each(|account| command(account, Held));
        }
    }

    /// Tells of pauses that are new, and of those that are no more.
    fn note_pauses(&self, before: &[Pause], now: &[Pause]) {
        let fresh =
            now.iter().filter(|pause| !before.contains(pause)).map(|pause| (Happening::Paused, pause));
        let is_lifted = |pause: &&Pause| now.iter().all(|other| other.scope != pause.scope);
        let lifted = before.iter().filter(is_lifted).map(|pause| (Happening::Resumed, pause));
        for (what, pause) in fresh.chain(lifted) {
            let scope = (&pause.scope.account().into(), &pause.scope.bot().into());
            let words = (what == Happening::Paused).then(|| pause.words());
            self.house.note(scope, what, None, words.as_deref());
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
