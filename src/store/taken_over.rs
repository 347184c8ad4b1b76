//! Conversations that people have taken over from their bots.

use liveperson_proto::{AccountId, ConversationId};
use muster_core::PoolId;

use super::{ClaimKey, Store, StoreError, each_dialect, storable};

/// A conversation that a person has, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenOverRow {
    /// The account.
    pub account: AccountId,
    /// The pool whose bots keep silent.
    pub pool: PoolId,
    /// The conversation.
    pub conversation: ConversationId,
    /// Who has it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when, epoch milliseconds by the database's clock.
    pub since: i64,
}

/// What came of taking a conversation over, or giving it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handed {
    /// It is done.
    Done,
    /// It was so before: taken over by this person, or by nobody.
    Before {
        /// Who had it; empty for nobody.
        by: String,
    },
    /// The pool has done with the conversation.
    Over,
    /// No pool has had such a conversation, or it is forgotten.
    Unknown,
}

impl Handed {
    /// Whether it is as it was wanted, and what came of it in words.
    pub fn outcome(&self) -> (bool, &'static str) {
        match self {
            Self::Done => (true, "done"),
            Self::Before { .. } => (true, "it was so before"),
            Self::Over => (false, "the pool has done with the conversation"),
            Self::Unknown => (false, "no such conversation is known"),
        }
    }
}

const WHO: &str =
    "SELECT taken_by FROM taken_over WHERE account_id = $1 AND pool_id = $2 AND conversation_id = $3";
const TAKE: &str = "INSERT INTO taken_over (account_id, pool_id, conversation_id, taken_by, reason, taken_at) \
     SELECT account_id, pool_id, conversation_id, $4, $5, (SELECT ms FROM clock) FROM claim \
     WHERE account_id = $1 AND pool_id = $2 AND conversation_id = $3 AND (state = 'held' OR NOT done) \
     ON CONFLICT (account_id, pool_id, conversation_id) DO UPDATE SET \
       taken_by = excluded.taken_by, reason = excluded.reason";
const GIVE_BACK: &str = "DELETE FROM taken_over WHERE account_id = $1 AND pool_id = $2 AND conversation_id = $3 \
     RETURNING taken_by";
pub(super) const IS_OVER: &str = "SELECT state = 'released' AND done FROM claim \
     WHERE account_id = $1 AND pool_id = $2 AND conversation_id = $3";
const LIST: &str = "SELECT t.account_id, t.pool_id, t.conversation_id, t.taken_by, t.reason, t.taken_at \
     FROM taken_over t JOIN claim c ON c.account_id = t.account_id AND c.pool_id = t.pool_id \
       AND c.conversation_id = t.conversation_id \
     WHERE c.state = 'held' OR NOT c.done \
     ORDER BY t.account_id, t.pool_id, t.conversation_id LIMIT 100000";

type Row = (String, String, String, String, String, i64);

impl Store {
    /// Keeps a pool's bots silent in a conversation until [`give_back`](Self::give_back). Whoever takes over
    /// what somebody else has, has it from then on.
    pub async fn take_over(&self, key: &ClaimKey, by: &str, reason: &str) -> Result<Handed, StoreError> {
        let ClaimKey { account, pool, conversation } = key.clone();
        let (by, reason) = (storable(by), storable(reason));
        self.on_io(move |inner| async move {
            let (before, over, rows): (Option<(String,)>, Option<(bool,)>, u64) =
                each_dialect!(inner.engine, writer, db => {
                    let mut tx = db.begin().await?;
                    let taken = sqlx::query(TAKE).bind(&account).bind(&pool).bind(&conversation);
                    let before = sqlx::query_as(WHO).bind(&account).bind(&pool).bind(&conversation);
                    let before = before.fetch_optional(&mut *tx).await?;
                    let rows = taken.bind(&by).bind(&reason).execute(&mut *tx).await?.rows_affected();
                    let over = sqlx::query_as(IS_OVER).bind(&account).bind(&pool).bind(&conversation);
                    let over = over.fetch_optional(&mut *tx).await?;
                    tx.commit().await?;
                    (before, over, rows)
                });
            Ok(match (rows, before, over) {
                (0, _, None) => Handed::Unknown,
                (0, ..) => Handed::Over,
                (_, Some((before,)), _) if before == by => Handed::Before { by },
                _ => Handed::Done,
            })
        })
        .await
    }

    /// Lets the pool's bots go on in a conversation, first with what is owed.
    pub async fn give_back(&self, key: &ClaimKey) -> Result<Handed, StoreError> {
        let ClaimKey { account, pool, conversation } = key.clone();
        self.on_io(move |inner| async move {
            let (gone, over): (Option<(String,)>, Option<(bool,)>) =
                each_dialect!(inner.engine, writer, db => {
                    let gone = sqlx::query_as(GIVE_BACK).bind(&account).bind(&pool).bind(&conversation);
                    let gone = gone.fetch_optional(db).await?;
                    let over = sqlx::query_as(IS_OVER).bind(&account).bind(&pool).bind(&conversation);
                    (gone, over.fetch_optional(db).await?)
                });
            Ok(match (gone, over) {
                (Some(_), _) => Handed::Done,
                (None, None) => Handed::Unknown,
                (None, Some((true,))) => Handed::Over,
                (None, Some((false,))) => Handed::Before { by: String::new() },
            })
        })
        .await
    }

    /// Every conversation that a person has, at most 100,000.
    pub async fn taken_over(&self) -> Result<Vec<TakenOverRow>, StoreError> {
        let rows: Vec<Row> = self
            .on_io(|inner| async move {
                Ok(each_dialect!(inner.engine, reader, db => sqlx::query_as(LIST).fetch_all(db).await?))
            })
            .await?;
        let row = |(account, pool, conversation, by, reason, since): Row| TakenOverRow {
            account: account.into(),
            pool: pool.as_str().into(),
            conversation: conversation.into(),
            by,
            reason,
            since,
        };
        Ok(rows.into_iter().map(row).collect())
    }
}
