//! What people do to one conversation.

use liveperson_proto::{AccountId, SkillId};
use muster_core::tag::hash;
use muster_core::turn::{Action, ContractFault, Deed, Variables, check};

use crate::store::{Act, ClaimKey, Erased, Handed, Store, StoreError, WishOutcome};

/// Who does something, and why.
#[derive(Clone, Copy, Debug)]
pub struct Why<'a> {
    /// Who.
    pub who: &'a str,
    /// Why.
    pub reason: &'a str,
    /// From where, for the audit.
    pub origin: &'a str,
}

impl Why<'_> {
    fn act(self, of: (&str, &str), what: &str) -> Act {
        Act::new(of, self.who, what, self.reason).from(self.origin)
    }
}

/// What a person wishes of a conversation.
#[derive(Clone, PartialEq, Eq)]
pub enum Wish {
    /// Says this, as the bot.
    Say(String),
    /// Hands the conversation to a skill.
    Transfer(SkillId),
    /// Closes it.
    Close,
}

impl Wish {
    /// As the outbox keeps it; a text has the bounds of a bot's own.
    pub fn deed(&self) -> Result<Deed, ContractFault> {
        let action = match self {
            Self::Say(text) => Action::Say { text: text.clone() },
            Self::Transfer(skill) => Action::TransferToSkill { skill: skill.clone() },
            Self::Close => Action::Close,
        };
        let checked = check(vec![action], Variables::new())?;
        Ok(checked.deeds.into_iter().next().unwrap_or(Deed::Close))
    }

    /// As the audit names it, without what is said.
    fn name(&self) -> &'static str {
        match self {
            Self::Say(_) => "say as the bot in",
            Self::Transfer(_) => "transfer",
            Self::Close => "close",
        }
    }
}

/// Takes a conversation over from its bot.
pub async fn take_over(store: &Store, key: &ClaimKey, why: Why<'_>) -> Result<Handed, StoreError> {
    let act = note(store, key, "take over", why).await?;
    let handed = store.take_over(key, why.who, why.reason).await?;
    tell(store, &act, handed.outcome()).await?;
    Ok(handed)
}

/// Gives a conversation back to its bot.
pub async fn give_back(store: &Store, key: &ClaimKey, why: Why<'_>) -> Result<Handed, StoreError> {
    let act = note(store, key, "give back", why).await?;
    let handed = store.give_back(key).await?;
    tell(store, &act, handed.outcome()).await?;
    Ok(handed)
}

/// Has something done in a conversation through its bot, once for each key of whoever wishes.
pub async fn wish(
    store: &Store,
    key: &ClaimKey,
    once: &str,
    (wish, deed): (&Wish, &Deed),
    why: Why<'_>,
) -> Result<WishOutcome, StoreError> {
    let act = note(store, key, wish.name(), why).await?;
    let outcome = store.wish(key, once, deed).await?;
    tell(store, &act, outcome.outcome()).await?;
    Ok(outcome)
}

/// Whose data is to be erased.
#[derive(Clone, Debug, Default)]
pub struct Erasure {
    /// Every id that the consumer has had.
    pub consumers: Vec<String>,
    /// Conversations of the consumer, which the store cannot find by itself.
    pub conversations: Vec<String>,
}

/// Erases what is kept of a consumer. The audit knows the consumer by a hash alone.
pub async fn erase(
    store: &Store,
    account: &AccountId,
    erasure: &Erasure,
    why: Why<'_>,
) -> Result<Erased, StoreError> {
    let hashes: Vec<_> = erasure.consumers.iter().map(|id| hash_of(account, id)).collect();
    let what = match hashes.as_slice() {
        [] => "erase a consumer's conversations".to_owned(),
        hashes => format!("erase the consumer {}", hashes.join(" ")),
    };
    let act = store.audit(&why.act((account.as_str(), ""), &what)).await?;
    let erased = store.erase(account, &erasure.consumers, &erasure.conversations).await?;
    tell(store, &act, (true, "erased")).await?;
    Ok(erased)
}

/// What the audit calls a consumer: whoever knows the id finds the entry, and nobody finds the id.
pub fn hash_of(account: &AccountId, consumer: &str) -> String {
    hash(&["muster-erased", account.as_str(), consumer])[..16].to_owned()
}

/// Writes down what came of an act.
async fn tell(store: &Store, act: &str, (done, words): (bool, &str)) -> Result<(), StoreError> {
    store.audit_outcome(act, done, words).await
}

/// Writes an act down before it is done; answers its id.
async fn note(store: &Store, key: &ClaimKey, what: &str, why: Why<'_>) -> Result<String, StoreError> {
    let ClaimKey { account, pool, conversation } = key;
    let of = (account.as_str().into(), pool.as_str().into(), conversation.as_str().into());
    let claim = store.claim(&of.0, &of.1, &of.2).await?;
    let bot = claim.map_or(String::new(), |claim| claim.bot.to_string());
    let what = format!("{what} the conversation {conversation} of {pool}");
    store.audit(&why.act((account, &bot), &what)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_the_bounds_of_a_bots_own() {
        assert!(Wish::Say(String::new()).deed().is_err());
        assert!(Wish::Say("x".repeat(8_001)).deed().is_err());
        assert_eq!(Wish::Say("hi".to_owned()).deed(), Ok(Deed::Text { text: "hi".to_owned() }));
        assert_eq!(Wish::Transfer("7".into()).deed(), Ok(Deed::Transfer { skill: "7".into() }));
        assert_eq!(Wish::Close.deed(), Ok(Deed::Close));
    }

    #[test]
    fn a_consumers_hash_is_of_its_account() {
        let of = |account: &str, consumer| hash_of(&account.into(), consumer);
        assert_eq!(of("1", "cons"), of("1", "cons"));
        assert_ne!(of("1", "cons"), of("2", "cons"));
        assert_ne!(of("1", "cons"), of("1", "cons2"));
        assert_eq!(of("1", "cons").len(), 16);
    }
}
