//! What fleet files declared, one row a table of theirs. What a row means is not the store's concern.

use serde_json::json;

use super::{Store, StoreError, each_dialect};

/// A table of a fleet file, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredTable {
    /// Its account; empty for what the whole fleet shares.
    pub account: String,
    /// The header that a fleet file begins it with.
    pub header: String,
    /// Its name among those with the same header.
    pub name: String,
    /// Its keys and values, with references to secrets and never a secret.
    pub body: String,
}

/// More rows than any fleet file of its largest size has.
const LIMIT: i64 = 200_000;

const WRITE: &str = "INSERT INTO declared (account_id, header, name, body, declared_at) \
     SELECT t.value->>'account', t.value->>'header', t.value->>'name', t.value->>'body', (SELECT ms FROM clock) \
     FROM json_each($1) AS t WHERE $2 = '' OR EXISTS (SELECT 1 FROM node WHERE incarnation = $2) \
     ON CONFLICT (account_id, header, name) DO UPDATE SET body = excluded.body, declared_at = excluded.declared_at \
     WHERE declared.body <> excluded.body";
const READ: &str = "SELECT account_id, header, name, body FROM declared \
     ORDER BY account_id, header, name LIMIT $1";

/// A process that lost the fleet forgets nothing; `$2` is empty in one that never acquired it.
macro_rules! unless_ousted {
    ($statement:literal) => {
        concat!($statement, " AND ($2 = '' OR EXISTS (SELECT 1 FROM node WHERE incarnation = $2))")
    };
}

const FORGET: &str = unless_ousted!(
    "DELETE FROM declared WHERE (account_id, header, name) IN \
     (SELECT t.value->>0, t.value->>1, t.value->>2 FROM json_each($1) AS t)"
);
/// What goes with a bot, in this order: its row, its session, its claims. What it did not send waits for
/// whoever of its pool takes the conversation up next.
const FORGET_BOTS: [&str; 3] = [
    unless_ousted!(
        "DELETE FROM bot WHERE (account_id, bot_id) IN \
         (SELECT t.value->>0, t.value->>1 FROM json_each($1) AS t)"
    ),
    unless_ousted!(
        "DELETE FROM session WHERE (account_id, bot_id) IN \
         (SELECT t.value->>0, t.value->>1 FROM json_each($1) AS t)"
    ),
    unless_ousted!(
        "UPDATE claim SET state = 'released', release_reason = 'its bot was removed', \
         updated_at = (SELECT ms FROM clock), released_at = (SELECT ms FROM clock) WHERE state = 'held' AND (account_id, bot_id) IN \
         (SELECT t.value->>0, t.value->>1 FROM json_each($1) AS t)"
    ),
];

type Row = (String, String, String, String);

impl Store {
    /// Writes what a fleet file declares over what was declared before; removes nothing.
    ///
    /// Does nothing once another process owns the fleet. No two tables may have the same key.
    pub async fn declare_tables(&self, tables: &[DeclaredTable]) -> Result<(), StoreError> {
        let rows: Vec<_> = tables
            .iter()
            .map(|DeclaredTable { account, header, name, body }| {
                json!({ "account": account, "header": header, "name": name, "body": super::storable(body) })
            })
            .collect();
        let rows = json!(rows).to_string();
        self.on_io(move |inner| async move {
            let me = inner.incarnation();
            each_dialect!(inner.engine, writer, db => {
                sqlx::query(WRITE).bind(rows).bind(me).execute(db).await?;
            });
            Ok(())
        })
        .await
    }

    /// Forgets declared tables, and of `bots` (account and name) what was kept of them: sessions go,
    /// claims are released, and unsent actions wait for whoever of the pool claims next. All or nothing;
    /// nothing once another process owns the fleet.
    pub async fn forget_tables(
        &self,
        tables: &[DeclaredTable],
        bots: &[(String, String)],
    ) -> Result<(), StoreError> {
        let keys: Vec<_> = tables.iter().map(|t| json!([t.account, t.header, t.name])).collect();
        let (keys, bots) = (json!(keys).to_string(), json!(bots).to_string());
        self.on_io(move |inner| async move {
            let me = inner.incarnation();
            each_dialect!(inner.engine, writer, db => {
                let mut tx = db.begin().await?;
                sqlx::query(FORGET).bind(keys).bind(&me).execute(&mut *tx).await?;
                for statement in FORGET_BOTS {
                    sqlx::query(statement).bind(&bots).bind(&me).execute(&mut *tx).await?;
                }
                tx.commit().await?;
            });
            Ok(())
        })
        .await
    }

    /// All that was ever declared, by account, header and name.
    ///
    /// # Errors
    /// [`StoreError::Rule`] where there is more than a fleet file could declare.
    pub async fn declared_tables(&self) -> Result<Vec<DeclaredTable>, StoreError> {
        self.on_io(|inner| async move {
            let rows: Vec<Row> = each_dialect!(inner.engine, reader, db => {
                sqlx::query_as(READ).bind(LIMIT + 1).fetch_all(db).await?
            });
            if rows.len() as i64 > LIMIT {
                return Err(StoreError::Rule(format!("the store declares more than {LIMIT} tables")));
            }
            let table = |(account, header, name, body)| DeclaredTable { account, header, name, body };
            Ok(rows.into_iter().map(table).collect())
        })
        .await
    }
}
