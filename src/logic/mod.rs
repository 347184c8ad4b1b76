//! What runs bot logic.
//!
//! - [`Logic`]: the trait that a bot in Rust implements
//! - [`Logics`]: the logics by name: `echo`, `greeting`, and those a program brings along
//! - `thinker`: the bounded threads they run on

mod echo;
mod greeting;
mod thinker;

use std::collections::HashMap;
use std::sync::Arc;

use muster_core::turn::{Action, Turn};

pub use echo::Echo;
pub use greeting::Greeting;
pub use thinker::{Share, Thinker, Thought};

/// Why logic did not decide; the words are for the bot's author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LogicError(pub String);

/// Decides a bot's replies.
///
/// It runs on threads of its own and may block for as long as `timing.logic_timeout` allows. After
/// a crash or time-out it is asked again with the same [`Turn::id`]: logic with side effects of its
/// own tells a repeat by that id. What it answers is committed once.
pub trait Logic: Send + Sync {
    /// Decides one turn.
    ///
    /// # Errors
    /// The turn is tried again, at most three times; then the message is passed without an answer.
    fn decide(&self, turn: &Turn) -> Result<Vec<Action>, LogicError>;

    /// Whether it decides any turn within microseconds: no I/O, no lock, no loop without a bound.
    ///
    /// Such logic is asked on the bot's own thread, which saves the way to another and back. A wrong
    /// yes holds up every bot of that thread, and no time limit helps; no is always right.
    fn is_instant(&self) -> bool {
        false
    }
}

/// The logics by name.
#[derive(Clone)]
pub struct Logics(HashMap<String, Arc<dyn Logic>>);

impl Default for Logics {
    fn default() -> Self {
        let mut logics = Self(HashMap::new());
        logics.add("echo", Arc::new(Echo));
        logics.add("greeting", Arc::new(Greeting));
        logics
    }
}

impl Logics {
    /// Adds a logic, or puts it in place of another.
    pub fn add(&mut self, name: &str, logic: Arc<dyn Logic>) {
        self.0.insert(name.to_owned(), logic);
    }

    /// The logic of a name.
    pub fn find(&self, name: &str) -> Option<Arc<dyn Logic>> {
        self.0.get(name).cloned()
    }
}
