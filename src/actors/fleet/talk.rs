//! What people do to single conversations, as the store tells it: taken over and given back, and wishes.

use std::collections::BTreeMap;
use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use liveperson_proto::AccountId;
use tracing::info;

use super::super::account::{TakenOver, Wished};
use super::super::command;
use super::FleetActor;
use crate::store::{TakenOverRow, WishedRows};

/// How often the store is asked.
const ASK_EVERY: Duration = Duration::from_secs(2);

impl FleetActor {
    /// Asks the store, and again after a while. A store that is away is noticed elsewhere.
    pub(super) fn ask_for_talk(&mut self, ctx: &mut Context<Self>) {
        let store = self.house.store.clone();
        let fenced = self.fence.is_some();
        let asking = async move {
            let taken = store.taken_over().await;
            // Whoever may send nothing leaves what is wished to whoever may.
            let wished = if fenced { Ok(Vec::new()) } else { store.wished().await };
            (taken, wished)
        };
        ctx.spawn(asking.into_actor(self).map(|(taken, wished), fleet, ctx| {
            if let Ok(taken) = taken {
                fleet.hear_who_took_over(taken);
            }
            fleet.hand_on_wishes(wished.unwrap_or_default());
            ctx.run_later(ASK_EVERY, Self::ask_for_talk);
        }));
    }

    fn hear_who_took_over(&self, rows: Vec<TakenOverRow>) {
        let conversations = rows.len();
        if self.house.taken_over.put(rows) {
            info!(conversations, "people have taken over other conversations than before");
            self.each(|account| command(account, TakenOver));
        }
    }

    fn hand_on_wishes(&self, wished: Vec<WishedRows>) {
        let mut accounts: BTreeMap<AccountId, Vec<WishedRows>> = BTreeMap::new();
        for of in wished {
            accounts.entry(of.account.clone()).or_default().push(of);
        }
        for (account, wished) in accounts {
            if let Some(running) = self.accounts.get(&account).and_then(|account| account.running.as_ref()) {
                command(running, Wished(wished));
            }
        }
    }
}
