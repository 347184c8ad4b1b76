//! Where a dialog stands: the last sequence that was handed to the logic, and the steps taken there.

use std::fmt;

use liveperson_proto::Sequence;
use serde::{Deserialize, Serialize};

/// Where a dialog stands; only ever grows. Compared by the sequence first.
///
/// A turn that answers a message moves the sequence. One that answers none (the conversation came, was
/// closed) leaves it where it is and takes a step there, so that it can be committed after others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cursor {
    /// The last sequence handed to the logic and committed.
    pub sequence: Sequence,
    /// Turns without a message of their own that were committed there.
    pub step: i64,
}

impl Cursor {
    /// Before anything.
    pub const START: Self = Self::at(Sequence::START);

    /// At a message, before any step.
    pub const fn at(sequence: Sequence) -> Self {
        Self { sequence, step: 0 }
    }

    /// One step further, at the same sequence or a later one.
    #[must_use]
    pub fn step_to(self, sequence: Sequence) -> Self {
        if sequence > self.sequence {
            return Self { sequence, step: 1 };
        }
        Self { sequence: self.sequence, step: self.step.saturating_add(1) }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            0 => write!(f, "{}", self.sequence),
            step => write!(f, "{}+{step}", self.sequence),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_after_its_message_and_before_the_next() {
        let at = Cursor::at(Sequence(4));
        let step = at.step_to(Sequence(2));
        assert_eq!(step.to_string(), "4+1");
        assert!(at < step && step < step.step_to(Sequence(4)));
        assert!(step.step_to(Sequence(4)) < Cursor::at(Sequence(5)));
        assert_eq!(step.step_to(Sequence(9)), Cursor { sequence: Sequence(9), step: 1 });
        assert_eq!(Cursor::START.step_to(Sequence::START).sequence, Sequence::START);
    }
}
