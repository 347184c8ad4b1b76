//! Every id has its own type; none converts into another.
//!
//! An id sheds its type only at the wire, in the store and in the log.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares opaque text ids: cheap to clone, never parsed.
#[macro_export]
macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// Takes the text as it is.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(text.as_ref().into())
            }

            /// The id as the wire, the store and the log write it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }
    )+};
}

id! {
    /// A brand's account on the platform, such as `12345678`.
    AccountId,
    /// The number of a user inside its account, such as `1234567890`.
    UserId,
    /// The "old" agent id, `{account}.{user}`: requests and raw notifications speak it.
    AgentId,
    /// The persistent id (UUID) of an agent: message originators carry it too.
    PersistentId,
    /// A consumer; it may change in mid-conversation (step-up).
    ConsumerId,
    /// A conversation (UUID).
    ConversationId,
    /// A dialog; the MAIN dialog has its conversation's id.
    DialogId,
    /// A skill (decimal text); `-1` means none.
    SkillId,
    /// A ring, `{conversation}_{account}_{milliseconds}`.
    RingId,
    /// A subscription of one socket.
    SubscriptionId,
}

impl AgentId {
    /// Builds the old id, the one id that clients may put together themselves.
    pub fn of(account: &AccountId, user: &UserId) -> Self {
        Self::from(format!("{account}.{user}"))
    }
}

impl ConversationId {
    /// The conversation's MAIN dialog has the same id.
    pub fn main_dialog(&self) -> DialogId {
        DialogId::new(self.as_str())
    }
}

/// The place of an event in its dialog; the server counts from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequence(pub i64);

impl Sequence {
    /// The place before the first event: the cursor of a dialog not yet read.
    pub const START: Self = Self(-1);

    /// The place after it. The last one that can be told has none after it: the wire may say anything.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_agent_id_joins_account_and_user() {
        assert_eq!(AgentId::of(&"12345678".into(), &"99".into()).as_str(), "12345678.99");
    }

    #[test]
    fn the_main_dialog_has_the_conversations_id() {
        assert_eq!(ConversationId::from("C1").main_dialog(), DialogId::from("C1"));
    }
}
