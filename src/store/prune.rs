//! What nobody needs any more is forgotten: a batch at a time, by the process that owns the fleet.

use std::time::Duration;

use serde_json::json;

use super::{Store, StoreError, each_dialect};

/// What one batch has forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Released claims, with their cursors and all that was left of their actions.
    pub claims: u64,
    /// Dead letters that were dropped, of claims that are kept.
    pub letters: u64,
    /// The batch was full: there may be more.
    pub more: bool,
}

/// A process that does not own the fleet (any more) forgets nothing; `$2` is empty in one that never acquired it.
macro_rules! if_ours {
    ($statement:literal) => {
        concat!($statement, " AND ($2 = '' OR EXISTS (SELECT 1 FROM live_node WHERE incarnation = $2))")
    };
}

// The state stands outside too: a claim that was taken up meanwhile is looked at again there, and stays.
const CLAIMS: &str = concat!(
    if_ours!(
        "DELETE FROM claim WHERE (account_id, pool_id, conversation_id) IN ( \
           SELECT account_id, pool_id, conversation_id FROM claim \
           WHERE released_at < (SELECT ms FROM clock) - $1 AND state = 'released' ORDER BY released_at LIMIT $3) \
         AND state = 'released'"
    ),
    " RETURNING account_id, pool_id, conversation_id"
);
const ACTIONS: &str = "DELETE FROM outbox WHERE (account_id, pool_id, conversation_id) IN \
     (SELECT t.value->>0, t.value->>1, t.value->>2 FROM json_each($1) AS t)";
const CURSORS: &str = "DELETE FROM cursor WHERE (account_id, pool_id, conversation_id) IN \
     (SELECT t.value->>0, t.value->>1, t.value->>2 FROM json_each($1) AS t)";
const TAKEN_OVER: &str = "DELETE FROM taken_over WHERE (account_id, pool_id, conversation_id) IN \
     (SELECT t.value->>0, t.value->>1, t.value->>2 FROM json_each($1) AS t)";
const WISHES: &str = "DELETE FROM conversation_wish WHERE (account_id, pool_id, conversation_id) IN \
     (SELECT t.value->>0, t.value->>1, t.value->>2 FROM json_each($1) AS t)";
// Letters with a text wait for a person, as long as their claim is kept.
const LETTERS: &str = if_ours!(
    "DELETE FROM outbox WHERE (account_id, pool_id, conversation_id, turn_id, n) IN ( \
       SELECT account_id, pool_id, conversation_id, turn_id, n FROM outbox \
       WHERE state = 'dead' AND body = '' \
         AND COALESCE(dropped_at, died_at, created_at) < (SELECT ms FROM clock) - $1 LIMIT $3)"
);

impl Store {
    /// Forgets claims released longer than `age` ago with all that belongs to them, and letters dropped
    /// longer ago; of each at most `most`. Never a claim that is held.
    pub async fn prune(&self, age: Duration, most: u32) -> Result<Pruned, StoreError> {
        let (age, most) = (i64::try_from(age.as_millis()).unwrap_or(i64::MAX / 2), i64::from(most));
        self.on_io(move |inner| async move {
            let me = inner.incarnation();
            each_dialect!(inner.engine, writer, db => {
                let mut tx = db.begin().await?;
                let gone: Vec<(String, String, String)> =
                    sqlx::query_as(CLAIMS).bind(age).bind(&me).bind(most).fetch_all(&mut *tx).await?;
                let keys = json!(gone).to_string();
                for statement in [CURSORS, ACTIONS, TAKEN_OVER, WISHES] {
                    sqlx::query(statement).bind(&keys).execute(&mut *tx).await?;
                }
                let letters = sqlx::query(LETTERS).bind(age).bind(&me).bind(most).execute(&mut *tx).await?;
                tx.commit().await?;
                let (claims, letters) = (gone.len() as u64, letters.rows_affected());
                Ok(Pruned { claims, letters, more: claims.max(letters) >= most as u64 })
            })
        })
        .await
    }
}
