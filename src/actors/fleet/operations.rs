//! Operations that people began: this process carries out what its store holds, each in a task of its own.

use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use tracing::{info, warn};

use super::{AskNow, FleetActor};
use crate::steering::operations::{Runner, Stepped};
use crate::store::Operation;
use crate::telemetry::Chain;

/// How often the store is asked for operations.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// How often one goes on.
const STEP_EVERY: Duration = Duration::from_millis(100);
/// The wait before a store that failed is asked again.
const PAUSE: Duration = Duration::from_secs(1);

impl FleetActor {
    /// Asks the store for operations, and again after a while. A store that is away is noticed elsewhere.
    pub(super) fn ask_for_operations(&mut self, ctx: &mut Context<Self>) {
        let store = self.house.store.clone();
        let asking = async move { store.open_operations().await };
        ctx.spawn(asking.into_actor(self).map(|open, fleet, ctx| {
            for operation in open.unwrap_or_default() {
                fleet.go_on_with(&operation, ctx);
            }
            ctx.run_later(ASK_EVERY, Self::ask_for_operations);
        }));
    }

    fn go_on_with(&mut self, operation: &Operation, ctx: &mut Context<Self>) {
        if self.ending.is_some() || !self.operations.insert(operation.id.clone()) {
            return;
        }
        let (verb, total) = (operation.order.verb, operation.total);
        info!(operation.id = operation.id, %verb, total, by = operation.order.who, "an operation goes on");
        let runner = Runner::new(&operation.id, self.house.clock.now().moment);
        self.step(operation.id.clone(), runner, ctx);
    }

    fn step(&mut self, id: String, mut runner: Runner, ctx: &mut Context<Self>) {
        if self.ending.is_some() {
            return;
        }
        let house = self.house.clone();
        // While the ownership is in doubt somebody else may be at it.
        let ours = self.fence.is_none() && house.right.holds(house.clock.now().moment);
        let stepping = async move {
            let stepped = if ours {
                runner.step(&house.store, house.clock.now().moment).await
            } else {
                Ok(Stepped::Waits)
            };
            (stepped, runner)
        };
        ctx.spawn(stepping.into_actor(self).map(move |(stepped, runner), fleet, ctx| {
            let wait = match stepped {
                Ok(Stepped::Over) => {
                    info!(operation.id = id, "an operation is over");
                    fleet.operations.remove(&id);
                    return;
                }
                Ok(Stepped::Asked) => {
                    ctx.notify(AskNow);
                    STEP_EVERY
                }
                Ok(Stepped::Waits) => STEP_EVERY,
                Err(error) => {
                    warn!(operation.id = id, error = %Chain(&error), "an operation does not go on; tries again");
                    PAUSE
                }
            };
            ctx.run_later(wait, |fleet, ctx| fleet.step(id, runner, ctx));
        }));
    }
}
