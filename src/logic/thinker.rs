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
    patience: Duration,
}

impl Thinker {
    /// With so many places; a run may take `patience`, the wait for a place included.
    pub fn new(io: Handle, places: usize, patience: Duration) -> Self {
        Self { io, places: Arc::new(Semaphore::new(places)), patience }
    }

    /// Asks logic for one turn. Cancel safe: the run goes on unheard.
    pub async fn think(&self, logic: Arc<dyn Logic>, turn: Turn) -> Thought {
        let (io, places) = (self.io.clone(), self.places.clone());
        let run = async move {
            let Ok(place) = places.acquire_owned().await else { return closed() };
            let run = io.spawn_blocking(move || {
                let _place = place;
                decide(logic.as_ref(), &turn)
            });
            run.await.unwrap_or(Thought::Panicked)
        };
        // The timer is the I/O runtime's: logic's time limit holds even where an arbiter lags.
        let limited = self.io.spawn(timeout(self.patience, run));
        match limited.await {
            Ok(Ok(thought)) => thought,
            Ok(Err(_)) => Thought::Failed(format!("logic took longer than {:?}", self.patience)),
            Err(_) => Thought::Panicked,
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
