//! Operations: a verb on many bots, and how far it has come. Whoever runs the fleet carries them out.

use std::time::Duration;

use liveperson_proto::AccountId;
use muster_core::operation::State;
use muster_core::wish::{Verb, Verdict};
use serde_json::json;

use super::quarantine::BotKey;
use super::{Store, StoreError, each_dialect, storable};

/// Operations under way at one time at most.
pub const OPEN_OPERATIONS: i64 = 16;
/// Items of an operation at most.
pub const OPERATION_ITEMS: usize = 100_000;

/// An operation before it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOperation {
    /// The account of all its bots; empty where they are of several.
    pub account: String,
    /// What is done.
    pub verb: Verb,
    /// By which filter its bots were found, in words.
    pub filter: String,
    /// Why.
    pub reason: String,
    /// Who wants it.
    pub who: String,
    /// Items a second at most.
    pub rate: u64,
    /// The failures that end it.
    pub stop_after: u64,
}

/// An operation, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name.
    pub id: String,
    /// What it is about.
    pub order: NewOperation,
    /// When it was asked for, epoch milliseconds by the database's clock.
    pub created_at: i64,
    /// Where it is.
    pub state: State,
    /// Its items, and how many of them are over in each way.
    pub total: u64,
    /// Done.
    pub done: u64,
    /// Failed.
    pub failed: u64,
    /// There was nothing to do, or they were not begun.
    pub skipped: u64,
    /// When it was over, likewise.
    pub ended_at: Option<i64>,
    /// How it ended, in words.
    pub outcome: Option<String>,
}

/// One bot of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationItem {
    /// Its place in the order, from 1.
    pub n: i64,
    /// The bot.
    pub bot: BotKey,
    /// `waiting`, `asked`, `done`, `failed` or `skipped`.
    pub state: String,
    /// What came of it, in words.
    pub outcome: Option<String>,
}

const CREATE: &str = "INSERT INTO operation \
       (account_id, operation_id, verb, argument, filter, reason, who, created_at, state, total, rate, stop_after) \
     SELECT $1, $2, $3, $4, $5, $6, $7, ms, 'running', $8, $9, $10 FROM clock \
     WHERE (SELECT count(*) FROM operation WHERE ended_at IS NULL) < $11";
const ADD_ITEMS: &str = "INSERT INTO operation_item (account_id, operation_id, bot_id, n, state) \
     SELECT t.value->>0, $2, t.value->>1, CAST(t.value->>2 AS bigint), 'waiting' FROM json_each($1) AS t";

macro_rules! operations {
    ($rest:literal) => {
        concat!(
            "SELECT account_id, operation_id, verb, argument, filter, reason, who, created_at, state, total, done, \
             failed, skipped, rate, stop_after, ended_at, outcome FROM operation ",
            $rest
        )
    };
}

const ONE: &str = operations!("WHERE operation_id = $1");
const OPEN: &str = operations!("WHERE ended_at IS NULL ORDER BY created_at, operation_id");
const LIST: &str = operations!(
    "WHERE ($1 = '' OR account_id = $1) AND ($2 = '' OR state = $2) AND (created_at, operation_id) < ($3, $4) \
     ORDER BY created_at DESC, operation_id DESC LIMIT $5"
);
const ITEMS: &str = "SELECT n, account_id, bot_id, state, outcome FROM operation_item \
     WHERE operation_id = $1 AND ($2 = '' OR state = $2) AND n > $3 ORDER BY n LIMIT $4";
const ACCOUNTS: &str = "SELECT DISTINCT account_id FROM operation_item WHERE operation_id = $1";
const ASKED: &str =
    "SELECT account_id, bot_id FROM operation_item WHERE operation_id = $1 AND state = 'asked' ORDER BY n";

macro_rules! if_ours {
    ($statement:literal) => {
        concat!($statement, " AND EXISTS (SELECT 1 FROM live_node WHERE incarnation = $2)")
    };
}

const TAKE: &str = concat!(
    if_ours!(
        "UPDATE operation_item SET state = 'asked' WHERE operation_id = $1 AND state = 'waiting' AND n IN ( \
           SELECT n FROM operation_item WHERE operation_id = $1 AND state = 'waiting' ORDER BY n LIMIT $3) \
         AND EXISTS (SELECT 1 FROM operation o WHERE o.operation_id = $1 AND o.state = 'running')"
    ),
    " RETURNING n, account_id, bot_id"
);
const SETTLE: &str = concat!(
    if_ours!(
        "UPDATE operation_item SET state = t.value->>2, outcome = t.value->>3 FROM json_each($3) AS t \
         WHERE operation_item.operation_id = $1 AND operation_item.account_id = t.value->>0 \
           AND operation_item.bot_id = t.value->>1 AND operation_item.state IN ('waiting', 'asked')"
    ),
    " RETURNING state"
);
const COUNT: &str = "UPDATE operation SET done = done + $2, failed = failed + $3, skipped = skipped + $4 \
     WHERE operation_id = $1";
const LEAVE_OUT: &str = if_ours!(
    "UPDATE operation_item SET state = 'skipped', outcome = $3 WHERE operation_id = $1 AND state = 'waiting'"
);
const END: &str = if_ours!(
    "UPDATE operation SET state = $3, outcome = COALESCE(outcome, $4), ended_at = (SELECT ms FROM clock), \
       skipped = skipped + $5 WHERE operation_id = $1 AND ended_at IS NULL"
);
const CANCEL: &str = "UPDATE operation SET state = 'cancelling', outcome = $2 \
     WHERE operation_id = $1 AND state = 'running'";
const OLD: &str = "DELETE FROM operation WHERE operation_id IN ( \
       SELECT operation_id FROM operation WHERE ended_at < (SELECT ms FROM clock) - $1 ORDER BY ended_at LIMIT 1) \
     AND ($2 = '' OR EXISTS (SELECT 1 FROM live_node WHERE incarnation = $2)) RETURNING operation_id";
const OLD_ITEMS: &str = "DELETE FROM operation_item WHERE operation_id = $1";

type Item = (i64, String, String, String, Option<String>);

#[derive(sqlx::FromRow)]
struct OperationRow {
    account_id: String,
    operation_id: String,
    verb: String,
    argument: String,
    filter: String,
    reason: String,
    who: String,
    created_at: i64,
    state: String,
    total: i64,
    done: i64,
    failed: i64,
    skipped: i64,
    rate: i64,
    stop_after: i64,
    ended_at: Option<i64>,
    outcome: Option<String>,
}

impl Store {
    /// Fixes the items of an operation, in their order; whoever runs the fleet begins with it. Answers its id.
    ///
    /// # Errors
    /// [`StoreError::Rule`] for more than [`OPERATION_ITEMS`], and while [`OPEN_OPERATIONS`] are under way.
    pub async fn create_operation(
        &self,
        order: &NewOperation,
        bots: &[BotKey],
    ) -> Result<String, StoreError> {
        if bots.len() > OPERATION_ITEMS {
            return Err(StoreError::Rule(format!(
                "an operation has at most {OPERATION_ITEMS} bots: narrow the filter"
            )));
        }
        let id = uuid::Uuid::new_v4().to_string();
        let items: Vec<_> =
            bots.iter().zip(1i64..).map(|((account, bot), n)| json!([account, bot, n])).collect();
        let (total, items, order, name) =
            (bots.len() as i64, json!(items).to_string(), order.clone(), id.clone());
        let created = self
            .on_io(move |inner| async move {
                let NewOperation { account, verb, filter, reason, who, rate, stop_after } = order;
                each_dialect!(inner.engine, writer, db => {
                    let mut tx = db.begin().await?;
                    let made = sqlx::query(CREATE)
                        .bind(account).bind(&name).bind(verb.word()).bind(verb.argument()).bind(storable(&filter))
                        .bind(storable(&reason)).bind(storable(&who)).bind(total).bind(rate as i64)
                        .bind(stop_after as i64).bind(OPEN_OPERATIONS)
                        .execute(&mut *tx).await?.rows_affected();
                    if made > 0 {
                        sqlx::query(ADD_ITEMS).bind(items).bind(&name).execute(&mut *tx).await?;
                    }
                    tx.commit().await?;
                    Ok(made > 0)
                })
            })
            .await?;
        let full = || {
            StoreError::Rule(format!(
                "{OPEN_OPERATIONS} operations are under way: wait for one to end, or cancel one"
            ))
        };
        if created { Ok(id) } else { Err(full()) }
    }

    /// The operation of this id.
    pub async fn operation(&self, id: &str) -> Result<Option<Operation>, StoreError> {
        let id = id.to_owned();
        let row: Option<OperationRow> = self
            .on_io(move |inner| async move {
                Ok(each_dialect!(inner.engine, reader, db => sqlx::query_as(ONE).bind(id).fetch_optional(db).await?))
            })
            .await?;
        Ok(row.and_then(operation))
    }

    /// Those that are not over, oldest first.
    pub async fn open_operations(&self) -> Result<Vec<Operation>, StoreError> {
        let rows: Vec<OperationRow> = self
            .on_io(|inner| async move {
                Ok(each_dialect!(inner.engine, reader, db => sqlx::query_as(OPEN).fetch_all(db).await?))
            })
            .await?;
        Ok(rows.into_iter().filter_map(operation).collect())
    }

    /// A page of operations, the latest first, from the one after `after` (its time and id) on; of one
    /// account and in one state, each any where it is empty.
    pub async fn operations(
        &self,
        (account, state): (&str, &str),
        after: Option<(i64, String)>,
        limit: u32,
    ) -> Result<Vec<Operation>, StoreError> {
        let (account, state) = (account.to_owned(), state.to_owned());
        let (at, id) = after.unwrap_or((i64::MAX, String::new()));
        let rows: Vec<OperationRow> = self
            .on_io(move |inner| async move {
                Ok(each_dialect!(inner.engine, reader, db => {
                    let statement = sqlx::query_as(LIST).bind(account).bind(state).bind(at).bind(id);
                    statement.bind(i64::from(limit)).fetch_all(db).await?
                }))
            })
            .await?;
        Ok(rows.into_iter().filter_map(operation).collect())
    }

    /// A page of an operation's items, in order, from the one after `after` on; `state` may be empty for any.
    pub async fn operation_items(
        &self,
        id: &str,
        state: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<OperationItem>, StoreError> {
        let (id, state) = (id.to_owned(), state.to_owned());
        let rows: Vec<Item> = self
            .on_io(move |inner| async move {
                Ok(each_dialect!(inner.engine, reader, db => {
                    let statement = sqlx::query_as(ITEMS).bind(id).bind(state).bind(after);
                    statement.bind(i64::from(limit)).fetch_all(db).await?
                }))
            })
            .await?;
        let item = |(n, account, bot, state, outcome): Item| OperationItem {
            n,
            bot: (account.into(), bot.as_str().into()),
            state,
            outcome,
        };
        Ok(rows.into_iter().map(item).collect())
    }

    /// The accounts of its bots.
    pub async fn operation_accounts(&self, id: &str) -> Result<Vec<AccountId>, StoreError> {
        let id = id.to_owned();
        let rows: Vec<(String,)> = self
            .on_io(move |inner| async move {
                Ok(each_dialect!(inner.engine, reader, db => sqlx::query_as(ACCOUNTS).bind(id).fetch_all(db).await?))
            })
            .await?;
        Ok(rows.into_iter().map(|(account,)| account.into()).collect())
    }

    /// The items that are on their way.
    pub async fn asked_items(&self, id: &str) -> Result<Vec<BotKey>, StoreError> {
        let id = id.to_owned();
        let rows: Vec<(String, String)> = self
            .on_io(move |inner| async move {
                Ok(each_dialect!(inner.engine, reader, db => sqlx::query_as(ASKED).bind(id).fetch_all(db).await?))
            })
            .await?;
        Ok(rows.into_iter().map(|(account, bot)| (account.into(), bot.as_str().into())).collect())
    }

    /// Takes the next items, in order: from now on they are on their way. None once the operation is
    /// cancelled, or for a process that does not own the fleet.
    pub async fn take_items(&self, id: &str, count: u64) -> Result<Vec<BotKey>, StoreError> {
        let id = id.to_owned();
        let mut taken: Vec<(i64, String, String)> = self
            .on_io(move |inner| async move {
                let me = inner.incarnation();
                Ok(each_dialect!(inner.engine, writer, db => {
                    sqlx::query_as(TAKE).bind(id).bind(me).bind(count as i64).fetch_all(db).await?
                }))
            })
            .await?;
        taken.sort_unstable();
        Ok(taken.into_iter().map(|(_, account, bot)| (account.into(), bot.as_str().into())).collect())
    }

    /// Writes down what came of items, and counts them; each is counted once.
    pub async fn settle_items(&self, id: &str, told: &[(BotKey, Verdict)]) -> Result<(), StoreError> {
        let row = |((account, bot), verdict): &(BotKey, Verdict)| {
            json!([account, bot, verdict.word(), storable(verdict.words())])
        };
        let (id, rows) = (id.to_owned(), json!(told.iter().map(row).collect::<Vec<_>>()).to_string());
        self.on_io(move |inner| async move {
            let me = inner.incarnation();
            each_dialect!(inner.engine, writer, db => {
                let mut tx = db.begin().await?;
                let settled: Vec<(String,)> =
                    sqlx::query_as(SETTLE).bind(&id).bind(&me).bind(rows).fetch_all(&mut *tx).await?;
                let count = |word: &str| settled.iter().filter(|(state,)| state == word).count() as i64;
                sqlx::query(COUNT)
                    .bind(&id).bind(count("done")).bind(count("failed")).bind(count("skipped"))
                    .execute(&mut *tx).await?;
                tx.commit().await?;
            });
            Ok(())
        })
        .await
    }

    /// Ends an operation: what was not begun is left out, with the same words.
    pub async fn end_operation(&self, id: &str, state: State, words: &str) -> Result<(), StoreError> {
        let (id, words) = (id.to_owned(), storable(words));
        self.on_io(move |inner| async move {
            let me = inner.incarnation();
            each_dialect!(inner.engine, writer, db => {
                let mut tx = db.begin().await?;
                let left = sqlx::query(LEAVE_OUT)
                    .bind(&id).bind(&me).bind(format!("not begun: {words}"))
                    .execute(&mut *tx).await?.rows_affected();
                sqlx::query(END)
                    .bind(&id).bind(&me).bind(state.word()).bind(&words).bind(left as i64)
                    .execute(&mut *tx).await?;
                tx.commit().await?;
            });
            Ok(())
        })
        .await
    }

    /// Ends an operation by hand; `false` if it is not running. What is on its way is waited for by whoever
    /// runs the fleet.
    pub async fn cancel_operation(&self, id: &str, words: &str) -> Result<bool, StoreError> {
        let (id, words) = (id.to_owned(), storable(words));
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                Ok(sqlx::query(CANCEL).bind(id).bind(words).execute(db).await?.rows_affected() > 0)
            })
        })
        .await
    }

    /// Forgets one operation that ended longer than `age` ago, with its items; says whether there was one.
    /// Only the owner of the fleet does.
    pub async fn prune_operation(&self, age: Duration) -> Result<bool, StoreError> {
        let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX / 2);
        self.on_io(move |inner| async move {
            let me = inner.incarnation();
            each_dialect!(inner.engine, writer, db => {
                let mut tx = db.begin().await?;
                let gone: Option<(String,)> =
                    sqlx::query_as(OLD).bind(age).bind(&me).fetch_optional(&mut *tx).await?;
                if let Some((id,)) = &gone {
                    sqlx::query(OLD_ITEMS).bind(id).execute(&mut *tx).await?;
                }
                tx.commit().await?;
                Ok(gone.is_some())
            })
        })
        .await
    }
}

/// A verb or state of a later muster is left to that one.
fn operation(row: OperationRow) -> Option<Operation> {
    let count = |number: i64| number.max(0).unsigned_abs();
    Some(Operation {
        state: State::of_word(&row.state)?,
        order: NewOperation {
            verb: Verb::of_words(&row.verb, &row.argument).ok()?,
            account: row.account_id,
            filter: row.filter,
            reason: row.reason,
            who: row.who,
            rate: count(row.rate),
            stop_after: count(row.stop_after),
        },
        id: row.operation_id,
        created_at: row.created_at,
        total: count(row.total),
        done: count(row.done),
        failed: count(row.failed),
        skipped: count(row.skipped),
        ended_at: row.ended_at,
        outcome: row.outcome,
    })
}
