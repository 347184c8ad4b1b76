//! Why a bot is held off until a person releases it.

use std::fmt;

use liveperson_proto::AccountId;

use crate::BotId;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $word:literal),+ $(,)?) => {
        /// What kind of trouble holds a bot off.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind { $($(#[$doc])* $kind),+ }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// The word for it, the same in the store, the API and the metrics.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$kind => $word),+ }
            }
        }
    };
}

kinds! {
    /// The platform refuses its login, or the token that was handed in.
    BadCredentials = "bad-credentials",
    /// Somebody else logs in with its identity, again and again.
    StolenSession = "stolen-session",
    /// It panicked too often.
    CrashLoop = "crash-loop",
    /// It makes no progress while work waits.
    Stuck = "stuck",
    /// The platform sends frames over the limit.
    OversizeFrames = "oversize-frames",
    /// Its start took the whole process down.
    KillsProcess = "kills-process",
    /// A person holds it off.
    Suspended = "suspended",
}

impl Kind {
    /// The kind with this word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.word() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Why a bot is held off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// What kind of trouble.
    pub kind: Kind,
    /// Its cause and its cure, for an operator.
    pub words: String,
}

impl Quarantine {
    /// `because` names the cause and what to do about it; how the bot is released is added.
    pub fn of(account: &AccountId, bot: &BotId, kind: Kind, because: &str) -> Self {
        Self { kind, words: format!("{because}, then `muster bots release {account}/{bot} --reason WHY`") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_by_the_word_it_is_written_with() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of_word(kind.word()), Some(*kind));
        }
        assert_eq!(Kind::of_word("bored"), None);
    }

    #[test]
    fn the_words_name_cause_cure_and_release() {
        let quarantine =
            Quarantine::of(&"1".into(), &"a".into(), Kind::Stuck, "its logic hangs; mend its logic");
        assert_eq!(
            quarantine.words,
            "its logic hangs; mend its logic, then `muster bots release 1/a --reason WHY`"
        );
    }
}
