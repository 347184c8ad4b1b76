//! What people wrote, and what bots remember of it, is erased on request.

use std::collections::BTreeSet;

use liveperson_proto::AccountId;
use serde_json::json;

use super::{Store, StoreError, each_dialect};

/// What was erased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// The conversations that something is kept of, by id.
    pub conversations: BTreeSet<String>,
    /// Actions that were not sent, and will not be, and dead letters: their texts are forgotten.
    pub texts: u64,
}

/// The reason that an erased action is kept with.
const REASON: &str = "erased on request";

// A consumer's id is kept nowhere by itself; what names it in its variables or in a text was the logic's doing.
// Compared as text, so that no pattern can hide in an id.
const NAMING: &str = "SELECT conversation_id FROM claim WHERE account_id = $1 AND ( \
       REPLACE(variables, $2, '') <> variables) \
     UNION SELECT conversation_id FROM outbox WHERE account_id = $1 AND REPLACE(body, $2, '') <> body";
// A bot that holds it has to take it up anew, and remembers nothing then: a commit of what it knows is refused.
const CLAIMS: &str = "UPDATE claim SET variables = '{}', epoch = epoch + 1, \
       release_reason = CASE WHEN state = 'held' THEN $3 ELSE release_reason END, \
       released_at = CASE WHEN state = 'held' THEN (SELECT ms FROM clock) ELSE released_at END, \
       state = 'released', updated_at = (SELECT ms FROM clock) \
     WHERE account_id = $1 AND conversation_id IN (SELECT t.value->>0 FROM json_each($2) AS t) \
     RETURNING conversation_id";
const TEXTS: &str = "UPDATE outbox SET state = 'dead', body = '', reason = $3, revived_at = NULL, \
       died_at = COALESCE(died_at, (SELECT ms FROM clock)) \
     WHERE account_id = $1 AND body <> '' \
       AND conversation_id IN (SELECT t.value->>0 FROM json_each($2) AS t)";
const WISHES: &str = "UPDATE conversation_wish SET print = '' WHERE account_id = $1 \
       AND conversation_id IN (SELECT t.value->>0 FROM json_each($2) AS t)";

impl Store {
    /// Forgets what is kept of these conversations of an account, and of those whose variables or texts name one
    /// of the consumer's ids: variables, texts that were not sent, dead letters. Cursors stay, so that nothing is
    /// answered twice.
    ///
    /// A bot that holds one takes it up anew. A text that is on its way at this moment may still arrive.
    pub async fn erase(
        &self,
        account: &AccountId,
        ids: &[String],
        conversations: &[String],
    ) -> Result<Erased, StoreError> {
        let account = account.as_str().to_owned();
        let ids: Vec<_> = ids.iter().filter(|id| !id.is_empty()).cloned().collect();
        let mut wanted: BTreeSet<String> = conversations.iter().cloned().collect();
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                let mut tx = db.begin().await?;
                for id in &ids {
                    let naming: Vec<(String,)> =
                        sqlx::query_as(NAMING).bind(&account).bind(id).fetch_all(&mut *tx).await?;
                    wanted.extend(naming.into_iter().map(|(conversation,)| conversation));
                }
                let keys = json!(wanted.iter().map(|id| [id]).collect::<Vec<_>>()).to_string();
                let found: Vec<(String,)> = sqlx::query_as(CLAIMS).bind(&account).bind(&keys).bind(REASON)
                    .fetch_all(&mut *tx).await?;
                let texts = sqlx::query(TEXTS).bind(&account).bind(&keys).bind(REASON).execute(&mut *tx).await?;
                sqlx::query(WISHES).bind(&account).bind(&keys).execute(&mut *tx).await?;
                tx.commit().await?;
                let conversations = found.into_iter().map(|(conversation,)| conversation).collect();
                Ok(Erased { conversations, texts: texts.rows_affected() })
            })
        })
        .await
    }
}
