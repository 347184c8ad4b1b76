//! What people want of running bots, as the store tells it: pauses, and wishes.

use std::collections::BTreeMap;
use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};
use liveperson_proto::AccountId;
use muster_core::pause::Pause;
use muster_core::wish::Verdict;
use tracing::{info, warn};

use super::super::account::{Held, Wanting};
use super::super::command;
use super::FleetActor;
use crate::happening::Happening;
use crate::store::{BotWish, PauseRow};
use crate::telemetry::Chain;

/// How often the store is asked what people want.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// Somebody in this process wrote wishes: the store is asked before its time.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AskNow;

impl Handler<AskNow> for FleetActor {
    type Result = ();

    fn handle(&mut self, _: AskNow, ctx: &mut Context<Self>) {
        self.ask_for_open_wishes(ctx);
    }
}

impl FleetActor {
    /// Asks the store, and again after a while. A store that is away is noticed elsewhere.
    pub(super) fn ask_for_wishes(&mut self, ctx: &mut Context<Self>) {
        let store = self.house.store.clone();
        let asking = async move { store.pauses().await };
        ctx.spawn(asking.into_actor(self).map(|pauses, fleet, ctx| {
            if let Ok(pauses) = pauses {
                fleet.hold(pauses);
            }
            fleet.ask_for_open_wishes(ctx);
            ctx.run_later(ASK_EVERY, Self::ask_for_wishes);
        }));
    }

    fn ask_for_open_wishes(&mut self, ctx: &mut Context<Self>) {
        let house = self.house.clone();
        let asking = async move { house.store.open_wishes(&house.me).await };
        ctx.spawn(asking.into_actor(self).map(|wishes, fleet, _| {
            fleet.tell_accounts(wishes.unwrap_or_default());
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

    fn tell_accounts(&self, wishes: Vec<BotWish>) {
        // While the ownership is in doubt somebody else may be at them.
        if self.fence.is_some() || self.ending.is_some() {
            return;
        }
        let mut accounts: BTreeMap<AccountId, Vec<BotWish>> = BTreeMap::new();
        for row in wishes {
            accounts.entry(row.account.clone()).or_default().push(row);
        }
        for (id, rows) in accounts {
            match self.accounts.get(&id) {
                Some(account) => {
                    account.running.as_ref().inspect(|running| command(running, Wanting(rows)));
                }
                None => self.turn_away(rows),
            }
        }
    }

    fn turn_away(&self, rows: Vec<BotWish>) {
        let store = self.house.store.clone();
        self.house.io.spawn(async move {
            for BotWish { account, bot, id, .. } in rows {
                let verdict = Verdict::Failed("no bot of its account runs here".to_owned());
                let key = (account, bot);
                if let Err(error) = store.answer_wish(&key, &id, &verdict).await {
                    warn!(account.id = %key.0, bot.id = %key.1, error = %Chain(&error), "nobody was told what came of a wish");
                }
            }
        });
    }
}
