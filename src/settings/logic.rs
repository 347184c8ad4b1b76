//! The names of the logics that a bot may have.

use std::fmt;
use std::sync::Arc;

use super::nearest::nearest;

/// Every logic that a fleet file may name.
pub const LOGICS: &[&str] = &["echo", "greeting"];

/// The name of a logic that exists.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogicName(Arc<str>);

impl LogicName {
    /// The name, if it is one of [`LOGICS`] or of the extra ones that a caller brings along.
    pub fn known(name: &str, extra: &[&str]) -> Option<Self> {
        LOGICS.iter().chain(extra).find(|known| **known == name).map(|known| Self((*known).into()))
    }

    /// The name as the fleet file writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether muster itself brings a logic of this name along.
pub(super) fn is_built_in(name: &str) -> bool {
    LOGICS.contains(&name)
}

pub(super) fn cure(name: &str, extra: &[&str]) -> String {
    match nearest(name, LOGICS.iter().chain(extra).copied()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("known: {}", LOGICS.iter().chain(extra).copied().collect::<Vec<_>>().join(", ")),
    }
}
