//! Who may do what: roles, and the accounts that they reach.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use liveperson_proto::AccountId;
use serde::{Deserialize, Serialize};

/// What a caller was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks, and sees nothing that consumers wrote.
    Viewer,
    /// Acts on bots and conversations, and reads what is said in them.
    Operator,
    /// Also declares bots, and says who may do what.
    Admin,
}

/// What an action asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// See the fleet's state.
    Look,
    /// Read what people wrote in conversations.
    ReadText,
    /// Act on bots and conversations.
    Act,
    /// Declare, read bearers, and say who may do what.
    Govern,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// Whether it may.
    pub fn may(self, right: Right) -> bool {
        self >= right.least()
    }
}

impl Right {
    /// The least role that has it.
    pub const fn least(self) -> Role {
        match self {
            Self::Look => Role::Viewer,
            Self::ReadText | Self::Act => Role::Operator,
            Self::Govern => Role::Admin,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let role = Self::ALL.into_iter().find(|role| role.word() == text);
        role.ok_or_else(|| format!("{text:?} is no role: write viewer, operator or admin"))
    }
}

/// A role, and where it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What it is for.
    pub role: Role,
    /// The accounts that it reaches; `None` for all, and for what belongs to no account.
    pub accounts: Option<BTreeSet<AccountId>>,
}

impl Grant {
    /// A role that reaches everything.
    pub fn everywhere(role: Role) -> Self {
        Self { role, accounts: None }
    }

    /// Whether an account is within its reach: what is not is as if it were not there.
    pub fn sees(&self, account: &AccountId) -> bool {
        self.accounts.as_ref().is_none_or(|accounts| accounts.contains(account))
    }

    /// Whether it may hand this one on: nobody gives more than they have.
    pub fn covers(&self, other: &Self) -> bool {
        let reaches = match (&self.accounts, &other.accounts) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(theirs)) => theirs.is_subset(mine),
        };
        reaches && self.role >= other.role
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(role: Role, accounts: &[&str]) -> Grant {
        Grant { role, accounts: Some(accounts.iter().map(|id| AccountId::from(*id)).collect()) }
    }

    #[test]
    fn each_role_has_the_rights_of_the_lesser_ones() {
        use Right::{Act, Govern, Look, ReadText};
        for (role, rights) in [
            (Role::Viewer, &[Look][..]),
            (Role::Operator, &[Look, ReadText, Act]),
            (Role::Admin, &[Look, ReadText, Act, Govern]),
        ] {
            for right in [Look, ReadText, Act, Govern] {
                assert_eq!(role.may(right), rights.contains(&right), "{role} {right:?}");
            }
            assert_eq!(role.word().parse(), Ok(role));
        }
        assert!("root".parse::<Role>().is_err());
    }

    #[test]
    fn a_grant_reaches_its_accounts_and_is_handed_on_by_who_has_as_much() {
        let all = Grant::everywhere(Role::Admin);
        let some = grant(Role::Admin, &["1", "2"]);
        assert!(all.sees(&"3".into()) && some.sees(&"1".into()) && !some.sees(&"3".into()));
        assert!(all.covers(&some) && !some.covers(&all) && some.covers(&some));
        assert!(some.covers(&grant(Role::Viewer, &["2"])) && !some.covers(&grant(Role::Viewer, &["2", "3"])));
        assert!(!grant(Role::Operator, &["1"]).covers(&grant(Role::Admin, &["1"])));
        assert!(!grant(Role::Operator, &[]).sees(&"1".into()), "no account is none, not all");
    }
}
