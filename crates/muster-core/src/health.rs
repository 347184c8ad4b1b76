//! What is not as it should be about a bot, whatever state it is in: named, so that people and alerts can
//! tell one from another. An online bot may be degraded.
//!
//! Some of it a bot knows by what happened to it ([`crate::bot::View::degraded`]); some is only a matter of
//! time passing, and whoever shows the bot asks [`by_time`] at that moment: a bot that is stuck cannot say so.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::{Moment, Now};

macro_rules! degraded {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $words:literal;)+) => {
        /// One thing that is not as it should be.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Degraded { $($(#[$doc])* $name),+ }

        impl Degraded {
            /// Every one, the gravest first.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The word for it, the same in the API, the console, the time line and the metrics.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }

            /// What it means, for a person.
            pub const fn words(self) -> &'static str {
                match self { $(Self::$name => $words),+ }
            }
        }
    };
}

degraded! {
    /// Its ownership is in doubt, or the store is away.
    Fenced = "fenced", "holds still: the ownership is in doubt or the store is away";
    /// It waits before its next try.
    Waiting = "waiting", "waits before the next try, or for its turn to log in";
    /// The platform has not answered in time.
    Silent = "silent", "the platform has not answered in time, so nobody knows whether the bot is there";
    /// Nothing is routed to it although it should be.
    Away = "away", "the platform shows it as away, so that nothing is routed to it";
    /// It does not see its account's conversations although its pool counts on it.
    Blind = "blind", "the platform does not let it watch its account's conversations";
    /// A refresh or a login has to bring a new token; the socket is kept meanwhile.
    TokenInDoubt = "token-in-doubt", "its token is being renewed";
    /// A login elsewhere took its session.
    SessionTaken = "session-taken", "a login elsewhere took its session lately; it was taken back";
    /// The token was not refreshed for long.
    TokenOld = "token-old", "its token was not refreshed for too long: it may end at any moment";
    /// A consumer has waited for long.
    Behind = "behind", "a consumer's message has waited too long for its answer";
    /// The store takes long to commit.
    StoreSlow = "store-slow", "the store takes too long to commit its turns";
}

impl fmt::Display for Degraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// From when on time alone makes a bot degraded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A proof of life counts for so long.
    pub silent_after: Duration,
    /// A message may wait so long for its answer.
    pub behind_after: Duration,
    /// A token may go so long without a refresh.
    pub token_old_after: Duration,
}

/// The times of a bot that tell, as it last showed them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    /// The last proof that the platform hears and answers it; none without an open socket.
    pub heard: Option<Moment>,
    /// When the oldest message was said that is owed an answer, in milliseconds since 1970.
    pub oldest_owed: Option<i64>,
    /// Since when the token was not refreshed, in milliseconds since 1970; none where it never is.
    pub token_since: Option<i64>,
}

/// What the passing of time alone has made of a bot.
pub fn by_time(vitals: &Vitals, limits: &Limits, now: Now) -> impl Iterator<Item = Degraded> {
    let longer = |since: i64, limit: Duration| {
        i128::from(now.wall) - i128::from(since) > i128::try_from(limit.as_millis()).unwrap_or(i128::MAX)
    };
    let silent = vitals.heard.is_some_and(|at| now.moment.since(at) > limits.silent_after);
    let token_old = vitals.token_since.is_some_and(|since| longer(since, limits.token_old_after));
    let behind = vitals.oldest_owed.is_some_and(|since| longer(since, limits.behind_after));
    let facts = [(Degraded::Silent, silent), (Degraded::TokenOld, token_old), (Degraded::Behind, behind)];
    facts.into_iter().filter_map(|(what, is_so)| is_so.then_some(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000;
    const LIMITS: Limits = Limits {
        silent_after: Duration::from_secs(10),
        behind_after: Duration::from_secs(20),
        token_old_after: Duration::from_secs(30),
    };

    #[test]
    fn the_words_are_the_words_of_the_json_and_no_two_are_the_same() {
        let mut seen = std::collections::BTreeSet::new();
        for what in Degraded::ALL {
            assert_eq!(serde_json::to_value(what).unwrap(), what.word());
            assert!(seen.insert(what.word()) && !what.words().is_empty());
        }
        assert!(Degraded::ALL.is_sorted());
    }

    #[test]
    fn each_limit_makes_its_own_and_only_once_it_is_past() {
        let began = 1_700_000_000_000;
        let vitals =
            Vitals { heard: Some(Moment(5_000)), oldest_owed: Some(began), token_since: Some(began) };
        for (seconds, expected) in [
            (0, vec![]),
            (10, vec![]),
            (11, vec![Degraded::Silent]),
            (20, vec![Degraded::Silent]),
            (21, vec![Degraded::Silent, Degraded::Behind]),
            (31, vec![Degraded::Silent, Degraded::TokenOld, Degraded::Behind]),
        ] {
            let now = Now { moment: Moment(5_000 + seconds * 1_000), wall: began + seconds as i64 * SECOND };
            let found: Vec<_> = by_time(&vitals, &LIMITS, now).collect();
            assert_eq!(found, expected, "after {seconds} s");
            assert_eq!(
                by_time(&Vitals::default(), &LIMITS, now).count(),
                0,
                "nothing is known, nothing said"
            );
        }
    }

    #[test]
    fn clocks_that_were_set_make_nothing_overflow() {
        let vitals = Vitals { heard: None, oldest_owed: Some(i64::MAX), token_since: Some(i64::MIN) };
        for wall in [i64::MIN, 0, i64::MAX] {
            let _ = by_time(&vitals, &LIMITS, Now { moment: Moment(0), wall }).count();
        }
    }
}
