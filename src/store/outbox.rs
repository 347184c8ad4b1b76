//! Actions on their way to the platform: confirmed, dead, or dropped with their claim.

use liveperson_proto::{AccountId, ConversationId, DialogId};
use muster_core::{BotId, PoolId, TurnId};
use serde::Serialize;
use serde_json::json;

use super::{Group, OutboxKey, Release, Store, StoreError, each_dialect, storable};

/// An action committed and not yet confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// The turn that committed it.
    pub turn_id: TurnId,
    /// Its place in the turn.
    pub n: i64,
    /// Where it goes.
    pub dialog: DialogId,
    /// The tag by which the platform's history proves it.
    pub tag: String,
    /// What to publish.
    pub body: String,
    /// When it was committed, epoch milliseconds by the database's clock.
    pub created_at: i64,
}

/// An action that was never confirmed and will not be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its key.
    pub key: OutboxKey,
    /// Whose action it was.
    pub bot: BotId,
    /// Where it should have gone.
    pub dialog: DialogId,
    /// What it said; empty where it was dropped with its claim.
    pub body: String,
    /// Why it is dead.
    pub reason: String,
    /// When it was committed, epoch milliseconds by the database's clock.
    pub created_at: i64,
}

/// A process that lost the fleet changes nothing; `$2` is empty in one that never acquired it.
macro_rules! unless_ousted {
    ($statement:literal) => {
        concat!($statement, " AND ($2 = '' OR EXISTS (SELECT 1 FROM node WHERE incarnation = $2))")
    };
}

pub(super) const DEAD: &str = unless_ousted!(
    "UPDATE outbox SET state = 'dead', reason = t.value->>'reason' FROM json_each($1) AS t \
     WHERE outbox.account_id = t.value->>'account' AND outbox.pool_id = t.value->>'pool' \
       AND outbox.conversation_id = t.value->>'conversation' AND outbox.turn_id = t.value->>'turn' \
       AND outbox.n = CAST(t.value->>'n' AS bigint)"
);
pub(super) const RELEASE: &str = unless_ousted!(
    "UPDATE claim SET state = 'released', release_reason = t.value->>'reason', \
       done = CAST(t.value->>'done' AS boolean), \
       updated_at = (SELECT ms FROM clock) FROM json_each($1) AS t \
     WHERE claim.account_id = t.value->>'account' AND claim.pool_id = t.value->>'pool' \
       AND claim.conversation_id = t.value->>'conversation' AND claim.bot_id = t.value->>'bot' \
       AND claim.state = 'held'"
);
pub(super) const DROP: &str = unless_ousted!(
    "UPDATE outbox SET state = 'dead', body = '', \
       reason = c.release_reason \
     FROM json_each($1) AS t JOIN claim c ON c.account_id = t.value->>'account' AND c.done \
       AND c.pool_id = t.value->>'pool' AND c.conversation_id = t.value->>'conversation' \
     WHERE outbox.account_id = c.account_id AND outbox.pool_id = c.pool_id \
       AND outbox.conversation_id = c.conversation_id AND outbox.state = 'sending' \
       AND c.state = 'released'"
);

const DEAD_LETTERS: &str = "SELECT account_id, pool_id, conversation_id, turn_id, n, bot_id, dialog_id, body, \
       COALESCE(reason, ''), created_at \
     FROM outbox WHERE state = 'dead' ORDER BY created_at DESC, turn_no, n LIMIT $1";
const PRUNE_DEAD: &str =
    "DELETE FROM outbox WHERE state = 'dead' AND created_at < (SELECT ms FROM clock) - $1";
const PRUNE_CLAIMS: &str = "DELETE FROM claim WHERE state = 'released' AND updated_at < (SELECT ms FROM clock) - $1 \
     RETURNING account_id, pool_id, conversation_id";
const PRUNE_ACTIONS: &str = "DELETE FROM outbox WHERE (account_id, pool_id, conversation_id) IN \
     (SELECT t.value->>0, t.value->>1, t.value->>2 FROM json_each($1) AS t)";
const PRUNE_CURSORS: &str = "DELETE FROM cursor WHERE (account_id, pool_id, conversation_id) IN \
     (SELECT t.value->>0, t.value->>1, t.value->>2 FROM json_each($1) AS t)";

type Letter = (String, String, String, String, i64, String, String, String, String, i64);

/// What a group settles besides its turns, as the statements take it.
#[derive(Default)]
pub(super) struct Settled<'a> {
    pub(super) done: &'a [OutboxKey],
    pub(super) dead: Option<String>,
    pub(super) releases: Option<String>,
}

impl<'a> Settled<'a> {
    pub(super) fn of(group: &'a Group) -> Self {
        Self {
            done: &group.done,
            dead: array(group.dead.iter().map(|(key, reason)| dead(key, reason))),
            releases: array(group.releases.iter().map(released)),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.done.is_empty() && !self.needs_more_than_one_statement()
    }

    pub(super) fn needs_more_than_one_statement(&self) -> bool {
        self.dead.is_some() || self.releases.is_some()
    }

    /// The confirmed actions as SQLite takes them.
    pub(super) fn done_json(&self) -> Option<String> {
        let row = |OutboxKey { account, pool, conversation, turn_id, n }: &'a OutboxKey| {
            (account, pool, conversation, turn_id, n)
        };
        (!self.done.is_empty()).then(|| json_rows(self.done.iter().map(row)))
    }
}

/// Rows as `jsonb_each` takes them.
pub(super) fn json_rows(rows: impl Iterator<Item = impl Serialize>) -> String {
    let rows: Vec<_> = rows.collect();
    serde_json::to_string(&rows).expect("texts, numbers and flags can be written as JSON")
}

fn array(rows: impl Iterator<Item = serde_json::Value>) -> Option<String> {
    let rows: Vec<_> = rows.collect();
    (!rows.is_empty()).then(|| json!(rows).to_string())
}

fn key(OutboxKey { account, pool, conversation, turn_id, n }: &OutboxKey) -> serde_json::Value {
    json!({ "account": account, "pool": pool, "conversation": conversation, "turn": turn_id, "n": n })
}

fn dead(row: &OutboxKey, reason: &str) -> serde_json::Value {
    let mut row = key(row);
    row["reason"] = storable(reason).into();
    row
}

fn released(Release { account, pool, conversation, bot, reason, done }: &Release) -> serde_json::Value {
    let reason = storable(reason);
    json!({
        "account": account, "pool": pool, "conversation": conversation, "bot": bot, "reason": reason, "done": done,
    })
}

impl Store {
    /// The latest actions that were never confirmed, newest first.
    pub async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
        self.on_io(move |inner| async move {
            let rows: Vec<Letter> = each_dialect!(inner.engine, reader, db => {
                sqlx::query_as(DEAD_LETTERS).bind(i64::from(limit)).fetch_all(db).await?
            });
            Ok(rows.into_iter().map(letter).collect())
        })
        .await
    }

    /// Forgets released claims, their cursors, and dead letters older than `age`; says how many claims.
    pub async fn prune(&self, age: std::time::Duration) -> Result<usize, StoreError> {
        let age = age.as_millis() as i64;
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                let mut tx = db.begin().await?;
                sqlx::query(PRUNE_DEAD).bind(age).execute(&mut *tx).await?;
                let gone: Vec<(String, String, String)> =
                    sqlx::query_as(PRUNE_CLAIMS).bind(age).fetch_all(&mut *tx).await?;
                let keys = json!(gone).to_string();
                for statement in [PRUNE_CURSORS, PRUNE_ACTIONS] {
                    sqlx::query(statement).bind(&keys).execute(&mut *tx).await?;
                }
                tx.commit().await?;
                Ok(gone.len())
            })
        })
        .await
    }
}

fn letter(
    (account, pool, conversation, turn_id, n, bot, dialog, body, reason, created_at): Letter,
) -> DeadLetter {
    let conversation = ConversationId::from(conversation);
    let (account, turn_id) = (AccountId::from(account), turn_id.as_str().into());
    let key = OutboxKey { account, pool: PoolId::from(pool.as_str()), conversation, turn_id, n };
    DeadLetter { key, bot: bot.as_str().into(), dialog: dialog.into(), body, reason, created_at }
}
