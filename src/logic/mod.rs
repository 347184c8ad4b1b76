//! What runs bot logic.
//!
//! - [`Logic`]: the trait that a bot in Rust implements
//! - [`webhook`]: logic in any language, over HTTP
//! - [`Logics`]: the logics by name: `echo`, `greeting`, those of the fleet file, and those a program
//!   brings along
//! - `thinker`: the bounded threads that logic inside muster runs on

mod echo;
mod greeting;
mod thinker;
pub mod webhook;

use std::collections::HashMap;
use std::sync::Arc;

use muster_core::turn::{Action, Turn};

use crate::settings::{Failing, LogicKind, LogicSettings};

pub use echo::Echo;
pub use greeting::Greeting;
pub use thinker::{LOST, Share, Thinker, Thought};
use webhook::{Means, SetupError, Webhook};

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
    /// The turn is tried again, three times in all unless declared otherwise; then the message gets
    /// what `on_failure` declares, or no answer.
    fn decide(&self, turn: &Turn) -> Result<Vec<Action>, LogicError>;

    /// Whether it decides any turn within microseconds: no I/O, no lock, no loop without a bound.
    ///
    /// Such logic is asked on the bot's own thread, which saves the way to another and back. A wrong
    /// yes holds up every bot of that thread, and no time limit helps; no is always right.
    fn is_instant(&self) -> bool {
        false
    }
}

/// What decides, and where it runs.
#[derive(Clone)]
pub enum Decider {
    /// Inside muster, on bounded threads.
    Inside(Arc<dyn Logic>),
    /// Behind a URL.
    Webhook(Arc<Webhook>),
}

/// A logic, and what is done when it fails.
#[derive(Clone)]
pub struct Declared {
    /// What decides.
    pub decider: Decider,
    /// What is done when it fails.
    pub failing: Failing,
}

/// Why a declared logic cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeclareError {
    /// Its kind is one that this program does not bring along.
    #[error("the logic {name} is of a kind that is not there: {kind}")]
    NoKind {
        /// Which logic.
        name: String,
        /// Which kind.
        kind: String,
    },
    /// It is a webhook that cannot be set up.
    #[error("the logic {name} cannot be set up")]
    Webhook {
        /// Which logic.
        name: String,
        /// Why.
        source: SetupError,
    },
}

/// The logics by name.
#[derive(Clone)]
pub struct Logics(HashMap<String, Declared>);

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
        self.insert(name, Decider::Inside(logic), Failing::default());
    }

    /// Adds what the fleet file declares.
    ///
    /// # Errors
    /// A kind is not there, or a webhook's certificates are of no use.
    pub fn declare(&mut self, logics: &[LogicSettings], means: &Means) -> Result<(), DeclareError> {
        for LogicSettings { name, kind, failing } in logics {
            let name = name.as_str();
            let decider = match kind {
                LogicKind::BuiltIn(kind) => self
                    .chosen(kind.as_str())
                    .map(|found| found.decider)
                    .ok_or_else(|| DeclareError::NoKind { name: name.to_owned(), kind: kind.to_string() })?,
                LogicKind::Webhook(settings) => Webhook::new(settings, means)
                    .map(|webhook| Decider::Webhook(Arc::new(webhook)))
                    .map_err(|source| DeclareError::Webhook { name: name.to_owned(), source })?,
            };
            self.insert(name, decider, failing.clone());
        }
        Ok(())
    }

    /// Takes over what decides under a name.
    pub fn keep(&mut self, name: &str, declared: Declared) {
        self.0.insert(name.to_owned(), declared);
    }

    /// The logic inside muster of a name.
    pub fn find(&self, name: &str) -> Option<Arc<dyn Logic>> {
        match self.chosen(name)?.decider {
            Decider::Inside(logic) => Some(logic),
            Decider::Webhook(_) => None,
        }
    }

    /// Whatever decides under a name.
    pub fn chosen(&self, name: &str) -> Option<Declared> {
        self.0.get(name).cloned()
    }

    fn insert(&mut self, name: &str, decider: Decider, failing: Failing) {
        self.0.insert(name.to_owned(), Declared { decider, failing });
    }
}
