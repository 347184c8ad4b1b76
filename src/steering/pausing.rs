//! Pauses by their scope: a bot, an account, or the whole fleet, also of bots that are declared later.

use muster_core::pause::Scope;

use crate::store::{Act, PauseRow, Store, StoreError};

/// What came of it for one scope.
#[derive(Clone, Debug)]
pub struct Paused {
    /// Whom it concerns.
    pub scope: Scope,
    /// Whether it is another than before.
    pub changed: bool,
    /// The pauses that still hold some of them.
    pub still: Vec<PauseRow>,
}

/// Holds these still.
pub async fn pause(
    store: &Store,
    scopes: &[Scope],
    by: &str,
    reason: &str,
) -> Result<Vec<Paused>, StoreError> {
    note(store, scopes, "pause", by, reason).await?;
    let before = store.pauses().await?;
    store.pause(scopes, reason, by).await?;
    let answer = |scope: &Scope| {
        let changed = !before.iter().any(|row| row.pause.scope == *scope);
        Paused { scope: scope.clone(), changed, still: Vec::new() }
    };
    Ok(scopes.iter().map(answer).collect())
}

/// Lifts the pauses of these scopes, as they were made.
pub async fn resume(
    store: &Store,
    scopes: &[Scope],
    by: &str,
    reason: &str,
) -> Result<Vec<Paused>, StoreError> {
    note(store, scopes, "resume", by, reason).await?;
    let lifted = store.resume(scopes).await?;
    let left = store.pauses().await?;
    let answer = |scope: &Scope| Paused {
        scope: scope.clone(),
        changed: lifted.contains(scope),
        still: left.iter().filter(|row| meet(scope, &row.pause.scope)).cloned().collect(),
    };
    Ok(scopes.iter().map(answer).collect())
}

async fn note(store: &Store, scopes: &[Scope], what: &str, by: &str, reason: &str) -> Result<(), StoreError> {
    for scope in scopes {
        store.audit(&Act::new((scope.account(), scope.bot()), by, what, reason)).await?;
    }
    Ok(())
}

/// Whether some bot may be of both.
fn meet(one: &Scope, other: &Scope) -> bool {
    let same = |a: &str, b: &str| a.is_empty() || b.is_empty() || a == b;
    same(one.account(), other.account()) && same(one.bot(), other.bot())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_meet_where_a_bot_may_be_of_both() {
        for (one, other, both) in [
            (("", ""), ("1", "a"), true),
            (("1", ""), ("1", "a"), true),
            (("1", ""), ("2", "a"), false),
            (("1", "a"), ("1", "b"), false),
            (("1", "a"), ("1", "a"), true),
        ] {
            let scopes = (Scope::of(one.0, one.1), Scope::of(other.0, other.1));
            assert_eq!(meet(&scopes.0, &scopes.1), both, "{scopes:?}");
        }
    }
}
