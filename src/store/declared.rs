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

/// A process that lost the fleet changes nothing; `$2` is empty in one that never acquired it.
macro_rules! unless_ousted {
    ($statement:literal) => {
        concat!($statement, " AND ($2 = '' OR EXISTS (SELECT 1 FROM node WHERE incarnation = $2))")
    };
}

macro_rules! unless_declared {
    ($statement:literal, $table:literal) => {
        concat!(
            $statement,
            " IN (SELECT t.value->>0, t.value->>1 FROM json_each($1) AS t) AND NOT EXISTS \
             (SELECT 1 FROM declared d WHERE d.header = $3 AND d.account_id = ",
            $table,
            ".account_id AND d.name = ",
            $table,
            ".bot_id) AND ($2 = '' OR EXISTS (SELECT 1 FROM node WHERE incarnation = $2))"
        )
    };
}

const FORGET: &str = unless_ousted!(
    "DELETE FROM declared WHERE (account_id, header, name) IN \
     (SELECT t.value->>0, t.value->>1, t.value->>2 FROM json_each($1) AS t)"
);
const COUNT: &str = concat!(
    unless_ousted!(
        "INSERT INTO declared_revision (account_id, revision, declared_at) SELECT $1, 1, ms FROM clock WHERE true"
    ),
    " ON CONFLICT (account_id) DO UPDATE SET revision = declared_revision.revision + 1, \
       declared_at = excluded.declared_at RETURNING revision"
);
const REVISION: &str =
    "SELECT revision, heard, refused, outcome FROM declared_revision WHERE account_id = ''";
const HEAR: &str = unless_ousted!(
    "UPDATE declared_revision SET heard = $1, outcome = $3, refused = $4 WHERE account_id = '' AND heard <= $1"
);
/// What goes with a bot that no table declares any more, in this order: its row, its session, its claims.
/// What it did not send waits for whoever of its pool takes the conversation up next.
const FORGET_BOTS: [&str; 3] = [
    unless_declared!("DELETE FROM bot WHERE (bot.account_id, bot.bot_id)", "bot"),
    unless_declared!("DELETE FROM session WHERE (session.account_id, session.bot_id)", "session"),
    unless_declared!(
        "UPDATE claim SET state = 'released', release_reason = 'its bot was removed', \
         updated_at = (SELECT ms FROM clock), released_at = (SELECT ms FROM clock) \
         WHERE claim.state = 'held' AND (claim.account_id, claim.bot_id)",
        "claim"
    ),
];

/// How far a running fleet has heard of what is declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    /// Counts what was declared; 0 before the first time.
    pub number: i64,
    /// The last number that a running fleet has looked at.
    pub heard: i64,
    /// The fleet goes on as it was.
    pub refused: bool,
    /// What came of it, in words.
    pub outcome: Option<String>,
}

type Row = (String, String, String, String);

impl Store {
    /// Writes what a fleet file declares over what was declared before, and forgets `gone`; all or nothing.
    /// Answers the revision that this made, or the one there is, once another process owns the fleet:
    /// then it changes nothing.
    ///
    /// No two tables may have the same key.
    pub async fn declare_tables(
        &self,
        tables: &[DeclaredTable],
        gone: &[DeclaredTable],
    ) -> Result<i64, StoreError> {
        let rows: Vec<_> = tables
            .iter()
            .map(|DeclaredTable { account, header, name, body }| {
                json!({ "account": account, "header": header, "name": name, "body": super::storable(body) })
            })
            .collect();
        let gone: Vec<_> = gone.iter().map(|t| json!([t.account, t.header, t.name])).collect();
        let (rows, gone) = (json!(rows).to_string(), json!(gone).to_string());
        let made: Option<(i64,)> = self
            .on_io(move |inner| async move {
                let me = inner.incarnation();
                each_dialect!(inner.engine, writer, db => {
                    let mut tx = db.begin().await?;
                    sqlx::query(WRITE).bind(rows).bind(&me).execute(&mut *tx).await?;
                    sqlx::query(FORGET).bind(gone).bind(&me).execute(&mut *tx).await?;
                    let made = sqlx::query_as(COUNT).bind("").bind(&me).fetch_optional(&mut *tx).await?;
                    tx.commit().await?;
                    Ok(made)
                })
            })
            .await?;
        match made {
            Some((number,)) => Ok(number),
            None => Ok(self.declared_revision().await?.number),
        }
    }

    /// How often something was declared, and how far a running fleet has heard of it.
    pub async fn declared_revision(&self) -> Result<Revision, StoreError> {
        let row: Option<(i64, i64, bool, Option<String>)> = self
            .on_io(|inner| async move {
                Ok(each_dialect!(inner.engine, reader, db => {
                    sqlx::query_as(REVISION).fetch_optional(db).await?
                }))
            })
            .await?;
        let revision = |(number, heard, refused, outcome)| Revision { number, heard, refused, outcome };
        Ok(row.map_or_else(Revision::default, revision))
    }

    /// Tells those who wait for it what the fleet made of a revision, or why it goes on as it was.
    pub async fn hear_revision(&self, number: i64, outcome: Result<&str, &str>) -> Result<(), StoreError> {
        let refused = outcome.is_err();
        let outcome = super::storable(outcome.unwrap_or_else(|refusal| refusal));
        self.on_io(move |inner| async move {
            let me = inner.incarnation();
            each_dialect!(inner.engine, writer, db => {
                sqlx::query(HEAR).bind(number).bind(me).bind(outcome).bind(refused).execute(db).await?;
            });
            Ok(())
        })
        .await
    }

    /// Forgets what was kept of bots that no table with this header declares (any more): rows and sessions
    /// go, claims are released, and unsent actions wait for whoever of the pool claims next. All or
    /// nothing; nothing once another process owns the fleet.
    pub async fn forget_bots(&self, header: &str, bots: &[(String, String)]) -> Result<(), StoreError> {
        let (bots, header) = (json!(bots).to_string(), header.to_owned());
        self.on_io(move |inner| async move {
            let me = inner.incarnation();
            each_dialect!(inner.engine, writer, db => {
                let mut tx = db.begin().await?;
                for statement in FORGET_BOTS {
                    sqlx::query(statement).bind(&bots).bind(&me).bind(&header).execute(&mut *tx).await?;
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
