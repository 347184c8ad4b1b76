//! Deterministic names: the turn's id, and the tag each published event carries.
//!
//! The same trigger always yields the same names, so the platform's history alone proves that a
//! message was answered, even to a store that lost its last commits.

use std::fmt::{self, Write as _};

use liveperson_proto::{AccountId, ConversationId, DialogId, Sequence};
use sha2::{Digest, Sha256};

use crate::{PoolId, TurnId};

/// What a turn answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trigger {
    /// The conversation came to this pool.
    Opened,
    /// A consumer's message.
    Message(Sequence),
    /// The conversation was closed.
    Closed,
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened => f.write_str("opened"),
            Self::Message(sequence) => write!(f, "s{sequence}"),
            Self::Closed => f.write_str("closed"),
        }
    }
}

/// Makes the tags of one pool.
#[derive(Clone, Debug)]
pub struct Tagger {
    account: AccountId,
    pool: PoolId,
    prefix: String,
}

impl Tagger {
    /// For a pool of an account.
    pub fn new(account: AccountId, pool: PoolId) -> Self {
        let prefix = format!("mu1.{}.", &hash(&[account.as_str(), pool.as_str()])[..12]);
        Self { account, pool, prefix }
    }

    /// The tag of a turn's action `n`; at most 64 characters.
    pub fn tag(&self, trigger: Trigger, n: usize) -> String {
        format!("{}{trigger}.{n}", self.prefix)
    }

    /// The trigger that a tag of this pool names.
    pub fn trigger(&self, tag: &str) -> Option<Trigger> {
        let (trigger, _n) = tag.strip_prefix(&self.prefix)?.split_once('.')?;
        match trigger.strip_prefix('s') {
            Some(sequence) => sequence.parse().ok().map(|s| Trigger::Message(Sequence(s))),
            None => (trigger == "opened").then_some(Trigger::Opened),
        }
    }

    /// The turn's id.
    pub fn turn(&self, conversation: &ConversationId, dialog: &DialogId, trigger: Trigger) -> TurnId {
        let parts = [
            self.account.as_str(),
            self.pool.as_str(),
            conversation.as_str(),
            dialog.as_str(),
            &trigger.to_string(),
        ];
        TurnId::new(&hash(&parts)[..32])
    }
}

// Each part's length goes first, so that no two lists of parts hash alike.
fn hash(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagger(pool: &str) -> Tagger {
        Tagger::new("12345678".into(), pool.into())
    }

    #[test]
    fn a_tag_is_short_deterministic_and_read_back() {
        for trigger in [Trigger::Opened, Trigger::Message(Sequence(0)), Trigger::Message(Sequence(i64::MAX))]
        {
            let tag = tagger("greeters").tag(trigger, 31);
            assert!(tag.len() <= 64, "{tag}");
            assert_eq!(tag, tagger("greeters").tag(trigger, 31));
            assert_eq!(tagger("greeters").trigger(&tag), Some(trigger));
            assert_eq!(tagger("others").trigger(&tag), None);
        }
    }

    #[test]
    fn foreign_ids_are_not_tags() {
        for id in ["", "order-17", "mu1.", "mu1.abc.s1.0"] {
            assert_eq!(tagger("greeters").trigger(id), None, "{id}");
        }
    }

    #[test]
    fn turns_differ_by_every_part() {
        let t = tagger("a");
        let base = t.turn(&"C1".into(), &"C1".into(), Trigger::Message(Sequence(1)));
        assert_eq!(base, t.turn(&"C1".into(), &"C1".into(), Trigger::Message(Sequence(1))));
        for other in [
            t.turn(&"C2".into(), &"C1".into(), Trigger::Message(Sequence(1))),
            t.turn(&"C1".into(), &"C2".into(), Trigger::Message(Sequence(1))),
            t.turn(&"C1".into(), &"C1".into(), Trigger::Message(Sequence(2))),
            t.turn(&"C1".into(), &"C1".into(), Trigger::Opened),
            tagger("b").turn(&"C1".into(), &"C1".into(), Trigger::Message(Sequence(1))),
        ] {
            assert_ne!(base, other);
        }
    }
}
