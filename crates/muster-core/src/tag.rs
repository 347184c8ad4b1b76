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
    /// A person of the brand wished it.
    Person {
        /// It was wished while the person had taken the conversation over: what came before it is answered.
        answers: bool,
        /// It stands after this sequence, where the cursor stood when it was wished.
        after: Sequence,
    },
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened => f.write_str("opened"),
            Self::Message(sequence) => write!(f, "s{sequence}"),
            Self::Closed => f.write_str("closed"),
            Self::Person { answers: true, after } => write!(f, "a{after}"),
            Self::Person { answers: false, after } => write!(f, "b{after}"),
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

    /// The tag of what a person wished as the `n`th of its conversation. The key keeps it from being taken for
    /// another, should a database that went back in time count the same number again.
    pub fn wish_tag(&self, trigger: Trigger, n: usize, key: &str) -> String {
        format!("{}{trigger}.{n}-{}", self.prefix, &hash(&[key])[..8])
    }

    /// The trigger that a tag of this pool names.
    pub fn trigger(&self, tag: &str) -> Option<Trigger> {
        parse(tag.strip_prefix(&self.prefix)?)
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

    /// The one id that everything has which people wish of a conversation; each wish has its place in it.
    pub fn wishes(&self, conversation: &ConversationId) -> TurnId {
        let parts = [self.account.as_str(), self.pool.as_str(), conversation.as_str(), "wishes"];
        TurnId::new(&hash(&parts)[..32])
    }
}

/// The trigger that a tag names, whichever pool made it.
pub fn trigger_of_any_pool(tag: &str) -> Option<Trigger> {
    let (pool, rest) = tag.strip_prefix("mu1.")?.split_once('.')?;
    let is_hash = pool.len() == 12 && pool.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| parse(rest))?
}

fn parse(rest: &str) -> Option<Trigger> {
    let (trigger, _n) = rest.split_once('.')?;
    if trigger == "opened" {
        return Some(Trigger::Opened);
    }
    let (kind, sequence) = trigger.split_at_checked(1)?;
    let sequence = Sequence(sequence.parse().ok()?);
    match kind {
        "s" => Some(Trigger::Message(sequence)),
        "a" => Some(Trigger::Person { answers: true, after: sequence }),
        "b" => Some(Trigger::Person { answers: false, after: sequence }),
        _ => None,
    }
}

/// The SHA-256 of several parts in hexadecimal digits.
///
/// Each part's length goes first, so that no two lists of parts hash alike.
pub fn hash(parts: &[&str]) -> String {
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
        let person = |answers, after| Trigger::Person { answers, after: Sequence(after) };
        for trigger in [
            Trigger::Opened,
            Trigger::Message(Sequence(0)),
            Trigger::Message(Sequence(i64::MAX)),
            person(true, -1),
            person(false, i64::MAX),
        ] {
            let tag = tagger("greeters").tag(trigger, 31);
            assert!(tag.len() <= 64, "{tag}");
            assert_eq!(tag, tagger("greeters").tag(trigger, 31));
            assert_eq!(tagger("greeters").trigger(&tag), Some(trigger));
            assert_eq!(tagger("others").trigger(&tag), None);
            assert_eq!(trigger_of_any_pool(&tag), Some(trigger));
            let wish = tagger("greeters").wish_tag(trigger, 1_000_000, "a key");
            assert!(wish.len() <= 64, "{wish}");
            assert_eq!(tagger("greeters").trigger(&wish), Some(trigger));
            assert_ne!(wish, tagger("greeters").wish_tag(trigger, 1_000_000, "another"));
        }
    }

    #[test]
    fn foreign_ids_are_not_tags() {
        for id in ["", "order-17", "mu1.", "mu1.abc.s1.0", "mu1.0123456789ab.x1.0", "mu1.0123456789ab..0"] {
            assert_eq!(tagger("greeters").trigger(id), None, "{id}");
            assert_eq!(trigger_of_any_pool(id), None, "{id}");
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
