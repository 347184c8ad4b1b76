//! Whom people hold still, and why.

use muster_core::pause::{Pause, Scope};
use serde_json::json;

use super::{Store, StoreError, each_dialect, storable};

/// A pause, and since when it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PauseRow {
    /// Whom, by whom and why.
    pub pause: Pause,
    /// Since when, epoch milliseconds by the database's clock.
    pub since: i64,
}

const PAUSE: &str = "INSERT INTO pause (account_id, bot_id, reason, paused_by, paused_at) \
     SELECT t.value->>0, t.value->>1, $2, $3, (SELECT ms FROM clock) FROM json_each($1) AS t WHERE true \
     ON CONFLICT (account_id, bot_id) DO UPDATE SET reason = excluded.reason, paused_by = excluded.paused_by";
const RESUME: &str = "DELETE FROM pause WHERE (account_id, bot_id) IN \
     (SELECT t.value->>0, t.value->>1 FROM json_each($1) AS t) RETURNING account_id, bot_id";
const LIST: &str = "SELECT account_id, bot_id, reason, paused_by, paused_at FROM pause \
     ORDER BY account_id, bot_id LIMIT 100000";

type Row = (String, String, String, String, i64);

fn keys(scopes: &[Scope]) -> String {
    json!(scopes.iter().map(|scope| [scope.account(), scope.bot()]).collect::<Vec<_>>()).to_string()
}

impl Store {
    /// Holds bots still until [`resume`](Self::resume). A pause that holds already keeps its time and gets
    /// the new words.
    pub async fn pause(&self, scopes: &[Scope], reason: &str, by: &str) -> Result<(), StoreError> {
        let (keys, reason, by) = (keys(scopes), storable(reason), storable(by));
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                sqlx::query(PAUSE).bind(keys).bind(reason).bind(by).execute(db).await?;
            });
            Ok(())
        })
        .await
    }

    /// Lifts pauses as they were made; answers those that there were.
    pub async fn resume(&self, scopes: &[Scope]) -> Result<Vec<Scope>, StoreError> {
        let keys = keys(scopes);
        let lifted: Vec<(String, String)> = self
            .on_io(move |inner| async move {
                Ok(each_dialect!(inner.engine, writer, db => {
                    sqlx::query_as(RESUME).bind(keys).fetch_all(db).await?
                }))
            })
            .await?;
        Ok(lifted.iter().map(|(account, bot)| Scope::of(account, bot)).collect())
    }

    /// Every pause, the widest of an account first.
    pub async fn pauses(&self) -> Result<Vec<PauseRow>, StoreError> {
        let rows: Vec<Row> = self
            .on_io(|inner| async move {
                Ok(each_dialect!(inner.engine, reader, db => sqlx::query_as(LIST).fetch_all(db).await?))
            })
            .await?;
        let row = |(account, bot, reason, by, since): Row| PauseRow {
            pause: Pause { scope: Scope::of(&account, &bot), reason, by },
            since,
        };
        Ok(rows.into_iter().map(row).collect())
    }
}
