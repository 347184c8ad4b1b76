//! The bounded threads that in-process logic runs on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use muster_core::turn::{Action, Turn};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Logic, LogicError};
use crate::telemetry;

/// What came of asking logic.
#[derive(Debug)]
pub enum Thought {
    /// It decided.
    Actions(Vec<Action>),
    /// It failed, or took too long; the words are for the bot's author.
    Failed(String),
    /// It panicked.
    Panicked,
}

/// Runs logic: never on a bot's thread, never more at one time than there are places.
///
/// Logic that blocks cannot be cancelled: a run that takes too long is abandoned and keeps its
/// place until it returns.
#[derive(Clone)]
pub struct Thinker {
    io: Handle,
    places: Arc<Semaphore>,
    count: usize,
    patience: Duration,
}

/// One bot's share of the places.
#[derive(Clone)]
pub struct Share(Arc<Semaphore>);

impl Thinker {
    /// With so many places; a run may take `patience`.
    pub fn new(io: Handle, places: usize, patience: Duration) -> Self {
        Self { io, places: Arc::new(Semaphore::new(places)), count: places, patience }
    }

    /// One bot's share of the places: a logic that hangs takes no more than a quarter of them.
    pub fn share(&self) -> Share {
        Share(Arc::new(Semaphore::new((self.count / 4).max(1))))
    }

    /// Asks logic for one turn. The wait for a place is not the logic's fault and has no limit.
    ///
    /// Cancel safe: a run goes on unheard.
    pub async fn think(&self, share: &Share, logic: Arc<dyn Logic>, turn: Turn) -> Thought {
        let Ok(mine) = share.0.clone().acquire_owned().await else { return closed() };
        let Ok(place) = self.places.clone().acquire_owned().await else { return closed() };
        let run = self.io.spawn_blocking(move || {
            let _kept = (mine, place);
            decide(logic.as_ref(), &turn)
        });
        // The timer is the I/O runtime's: logic's time limit holds even where an arbiter lags.
        match self.io.spawn(timeout(self.patience, run)).await {
            Ok(Ok(Ok(thought))) => thought,
            Ok(Err(_)) => Thought::Failed(format!("logic took longer than {:?}", self.patience)),
            Ok(Ok(Err(_))) | Err(_) => Thought::Panicked,
        }
    }
}

fn decide(logic: &dyn Logic, turn: &Turn) -> Thought {
    let decided =
        telemetry::in_bot(&turn.account, &turn.bot, || catch_unwind(AssertUnwindSafe(|| logic.decide(turn))));
    match decided {
        Ok(Ok(actions)) => Thought::Actions(actions),
        Ok(Err(LogicError(words))) => Thought::Failed(words),
        Err(_) => Thought::Panicked,
    }
}

fn closed() -> Thought {
    Thought::Failed("muster is stopping".to_owned())
}
