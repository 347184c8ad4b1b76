//! Pauses: whom people hold still.
//!
//! A paused bot stays connected and AWAY: it takes no ring, joins nothing and begins no turn. What is under
//! way is finished, and what consumers write meanwhile waits until the bot resumes.

use std::fmt;

use liveperson_proto::AccountId;

use crate::BotId;

/// Whom a pause concerns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Every bot of the fleet.
    All,
    /// Every bot of an account.
    Account(AccountId),
    /// One bot.
    Bot(AccountId, BotId),
}

impl Scope {
    /// The scope of an account and a bot, where an empty name means all of them.
    pub fn of(account: &str, bot: &str) -> Self {
        match (account, bot) {
            ("", _) => Self::All,
            (account, "") => Self::Account(account.into()),
            (account, bot) => Self::Bot(account.into(), bot.into()),
        }
    }

    /// The account; empty for all.
    pub fn account(&self) -> &str {
        match self {
            Self::All => "",
            Self::Account(account) | Self::Bot(account, _) => account.as_str(),
        }
    }

    /// The bot; empty for all of the account.
    pub fn bot(&self) -> &str {
        match self {
            Self::All | Self::Account(_) => "",
            Self::Bot(_, bot) => bot.as_str(),
        }
    }

    /// Whether it concerns this bot.
    pub fn takes(&self, account: &AccountId, bot: &BotId) -> bool {
        match self {
            Self::All => true,
            Self::Account(of) => of == account,
            Self::Bot(of, one) => of == account && one == bot,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all bots"),
            Self::Account(account) => write!(f, "account {account}"),
            Self::Bot(account, bot) => write!(f, "{account}/{bot}"),
        }
    }
}

/// A person's wish that bots hold still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Whom.
    pub scope: Scope,
    /// Why.
    pub reason: String,
    /// Who wants it.
    pub by: String,
}

impl Pause {
    /// The pause in words, for the bots that it concerns.
    pub fn words(&self) -> String {
        let Self { scope, reason, by } = self;
        match scope {
            Scope::Bot(..) => format!("paused by {by}: {reason}"),
            scope => format!("paused by {by} ({scope}): {reason}"),
        }
    }
}

/// The pause that holds a bot, if any does: the widest, since lifting a narrower one alone lets nobody go.
pub fn holding<'a>(pauses: &'a [Pause], account: &AccountId, bot: &BotId) -> Option<&'a Pause> {
    pauses.iter().filter(|pause| pause.scope.takes(account, bot)).min_by_key(|pause| &pause.scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(account: &str, bot: &str) -> Pause {
        Pause { scope: Scope::of(account, bot), reason: "a rollout".to_owned(), by: "bea".to_owned() }
    }

    #[test]
    fn a_bot_is_held_by_the_widest_pause_that_concerns_it() {
        let words = |pauses: &[Pause], bot: &str| {
            holding(pauses, &"1".into(), &bot.into()).map(|pause| pause.scope.to_string())
        };
        for (pauses, held) in [
            (vec![], None),
            (vec![pause("1", "b")], None),
            (vec![pause("2", "")], None),
            (vec![pause("2", "a")], None),
            (vec![pause("1", "a")], Some("1/a")),
            (vec![pause("1", "a"), pause("1", "")], Some("account 1")),
            (vec![pause("1", "a"), pause("", ""), pause("1", "")], Some("all bots")),
        ] {
            assert_eq!(words(&pauses, "a").as_deref(), held, "{pauses:?}");
        }
        assert_eq!(pause("1", "a").words(), "paused by bea: a rollout");
        assert_eq!(pause("", "").words(), "paused by bea (all bots): a rollout");
    }
}
