//! The barrier that says when nothing is in flight, so that absence is proven and not waited for.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};

use super::Platform;

/// What is still in flight.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsettled {
    /// Scripted consumers who still want to say something.
    pub scripts: usize,
    /// Scripted humans who hold a conversation that they will give back.
    #[serde(default)]
    pub humans: usize,
    /// Messages not answered yet.
    pub owed: usize,
    /// The tokens of some of them.
    pub tokens: Vec<String>,
    /// Rings that wait for an answer.
    pub rings: usize,
    /// Open conversations that wait for an agent; told for information, not waited for.
    pub queued: usize,
    /// Requests that travel or wait to be applied late.
    pub in_flight: usize,
}

impl Unsettled {
    fn is_nothing(&self) -> bool {
        self.scripts + self.humans + self.owed + self.rings + self.in_flight == 0
    }
}

impl fmt::Display for Unsettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "not settled: {} messages owed {:?}, {} scripts running, {} conversations in human hands, {} rings \
             waiting, {} conversations queued, {} requests in flight",
            self.owed, self.tokens, self.scripts, self.humans, self.rings, self.queued, self.in_flight
        )
    }
}

impl std::error::Error for Unsettled {}

impl Platform {
    /// Waits until every message is answered, no script has anything left to say, no
    /// scripted human holds a conversation, no ring waits and no
    /// request is in flight or to be applied late, and then until nothing happened for a quiet moment.
    ///
    /// # Errors
    /// The time is up; the error says what is in flight.
    pub async fn settled(&self, within: Duration) -> Result<(), Unsettled> {
        let deadline = Instant::now() + within;
        let quiet = self.shared().settings().quiet;
        let mut activity = self.shared().activity();
        loop {
            let left = self.in_flight();
            let still = left.is_nothing();
            let until = if still { Instant::now() + quiet } else { deadline };
            match timeout_at(until, activity.changed()).await {
                Ok(_) if Instant::now() < deadline => {}
                Err(_) if still => return Ok(()),
                _ => return Err(left),
            }
        }
    }

    fn in_flight(&self) -> Unsettled {
        self.shared().enter(|world| Unsettled {
            scripts: world.scripts_running(),
            humans: world.humans_holding(),
            owed: world.ledger.owed(),
            tokens: world.ledger.owed_tokens(),
            rings: world.rings_waiting(),
            queued: world.queued(),
            in_flight: world.in_flight(),
        })
    }
}
