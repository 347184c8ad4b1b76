//! Taking conversations up: the claim moves to a bot, with all that its pool remembers.

use liveperson_proto::{AccountId, ConversationId, Sequence};
use muster_core::dialog::Cursor;
use muster_core::{BotId, PoolId};
use serde_json::json;

use super::{Engine, HeldConversation, OutboxRow, Store, StoreError};

/// A bot that wants to handle a conversation.
#[derive(Clone, Debug)]
pub struct NewClaim {
    /// The account.
    pub account: AccountId,
    /// The pool.
    pub pool: PoolId,
    /// The bot.
    pub bot: BotId,
    /// The process that runs it.
    pub incarnation: String,
    /// The epoch under which that process owns the bot.
    pub owner_epoch: i64,
    /// The conversation.
    pub conversation: ConversationId,
    /// The bot would join by itself: not where its pool has done with the conversation.
    pub joins: bool,
}

/// What came of one claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is the bot's, whoever held it before.
    Held(Box<HeldConversation>),
    /// The pool has done with the conversation.
    Done,
    /// This process does not own the bot under that epoch, or its lease has expired.
    Fenced,
}

// A take-over of the fleet waits for this transaction; renewals do not.
const STAY: &str = "SELECT incarnation FROM node WHERE incarnation = $1 FOR KEY SHARE";

const CLAIM: &str = "INSERT INTO claim \
       (account_id, pool_id, conversation_id, bot_id, epoch, turns, state, variables, updated_at) \
     SELECT t.value->>'account', t.value->>'pool', t.value->>'conversation', t.value->>'bot', 1, 0, 'held', '{}', \
       (SELECT ms FROM clock) \
     FROM json_each($1) AS t \
     JOIN live_node l ON l.incarnation = t.value->>'incarnation' \
     JOIN bot_owner o ON o.account_id = t.value->>'account' AND o.bot_id = t.value->>'bot' \
       AND o.incarnation = t.value->>'incarnation' AND o.epoch = CAST(t.value->>'epoch' AS bigint) \
     WHERE NOT EXISTS (SELECT 1 FROM claim c WHERE c.account_id = t.value->>'account' \
       AND c.pool_id = t.value->>'pool' AND c.conversation_id = t.value->>'conversation' AND c.done \
       AND CAST(t.value->>'joins' AS boolean)) \
     ON CONFLICT (account_id, pool_id, conversation_id) DO UPDATE SET \
       epoch = claim.epoch + CASE WHEN claim.state = 'held' AND claim.bot_id = excluded.bot_id THEN 0 ELSE 1 END, \
       bot_id = excluded.bot_id, state = 'held', release_reason = NULL, done = false, \
       updated_at = excluded.updated_at \
     RETURNING account_id, pool_id, conversation_id, epoch, variables";

// What the former holder committed and did not see confirmed is the new one's to finish.
const MOVE_ACTIONS: &str = "UPDATE outbox SET bot_id = t.value->>'bot' FROM json_each($1) AS t \
     WHERE outbox.account_id = t.value->>'account' AND outbox.pool_id = t.value->>'pool' \
       AND outbox.conversation_id = t.value->>'conversation' AND outbox.state = 'sending' \
       AND outbox.bot_id <> t.value->>'bot' \
       AND EXISTS (SELECT 1 FROM claim c WHERE c.account_id = outbox.account_id AND c.pool_id = outbox.pool_id \
         AND c.conversation_id = outbox.conversation_id AND c.state = 'held' AND c.bot_id = t.value->>'bot')";

const CURSORS: &str = "SELECT t.key, k.dialog_id, k.sequence, k.step, k.turn_id FROM json_each($1) AS t \
     CROSS JOIN cursor k WHERE k.account_id = t.value->>'account' AND k.pool_id = t.value->>'pool' \
       AND k.conversation_id = t.value->>'conversation' ORDER BY k.dialog_id";

const ACTIONS: &str = "SELECT t.key, o.turn_id, o.n, o.dialog_id, o.tag, o.body, o.created_at \
     FROM json_each($1) AS t CROSS JOIN outbox o WHERE o.account_id = t.value->>'account' \
       AND o.pool_id = t.value->>'pool' AND o.conversation_id = t.value->>'conversation' AND o.state = 'sending' \
     ORDER BY o.turn_no, o.turn_id, o.n";

const OWNED: &str = "SELECT t.key FROM json_each($1) AS t \
     JOIN live_node l ON l.incarnation = t.value->>'incarnation' \
     JOIN bot_owner o ON o.account_id = t.value->>'account' AND o.bot_id = t.value->>'bot' \
       AND o.incarnation = t.value->>'incarnation' AND o.epoch = CAST(t.value->>'epoch' AS bigint)";

type Claimed = (String, String, String, i64, String);
type CursorRow = (i64, String, i64, i64, String);
type Action = (i64, String, i64, String, String, String, i64);

/// What the statements said.
struct Rows {
    claimed: Vec<Claimed>,
    cursors: Vec<CursorRow>,
    actions: Vec<Action>,
    owned: Vec<(i64,)>,
}

macro_rules! take_up {
    ($tx:expr, $wanted:expr) => {{
        let claimed: Vec<Claimed> = sqlx::query_as(CLAIM).bind($wanted).fetch_all(&mut *$tx).await?;
        sqlx::query(MOVE_ACTIONS).bind($wanted).execute(&mut *$tx).await?;
        let cursors: Vec<CursorRow> = sqlx::query_as(CURSORS).bind($wanted).fetch_all(&mut *$tx).await?;
        let actions: Vec<Action> = sqlx::query_as(ACTIONS).bind($wanted).fetch_all(&mut *$tx).await?;
        let owned: Vec<(i64,)> = sqlx::query_as(OWNED).bind($wanted).fetch_all(&mut *$tx).await?;
        Rows { claimed, cursors, actions, owned }
    }};
}

impl Store {
    /// Claims conversations for bots, each conversation of a pool at most once; one outcome a claim, in order.
    ///
    /// # Errors
    /// After an error some claims may have landed; claim the same again.
    pub async fn take_up(&self, claims: Vec<NewClaim>) -> Result<Vec<Taken>, StoreError> {
        self.on_io(move |inner| async move {
            let wanted = json!(claims.iter().map(wanted).collect::<Vec<_>>()).to_string();
            let rows = match &inner.engine {
                Engine::Sqlite(sqlite) => {
                    let mut tx = sqlite.writer().begin_with("BEGIN IMMEDIATE").await?;
                    let rows = take_up!(tx, &wanted);
                    tx.commit().await?;
                    rows
                }
                Engine::Postgres(postgres) => {
                    let mut tx = postgres.writer().begin().await?;
                    sqlx::query(STAY).bind(inner.incarnation()).execute(&mut *tx).await?;
                    let rows = take_up!(tx, &wanted);
                    tx.commit().await?;
                    rows
                }
            };
            Ok(assembled(&claims, rows))
        })
        .await
    }
}

fn wanted(claim: &NewClaim) -> serde_json::Value {
    json!({
        "account": claim.account, "pool": claim.pool, "bot": claim.bot, "incarnation": claim.incarnation,
        "epoch": claim.owner_epoch, "conversation": claim.conversation, "joins": claim.joins,
    })
}

fn assembled(claims: &[NewClaim], rows: Rows) -> Vec<Taken> {
    let owned: std::collections::HashSet<_> = rows.owned.into_iter().map(|(place,)| place as usize).collect();
    let mut taken: Vec<_> = (0..claims.len())
        .map(|place| if owned.contains(&place) { Taken::Done } else { Taken::Fenced })
        .collect();
    for (account, pool, conversation, claim_epoch, variables) in rows.claimed {
        let is_it = |claim: &NewClaim| {
            (claim.account.as_str(), claim.pool.as_str(), claim.conversation.as_str())
                == (&*account, &*pool, &*conversation)
        };
        if let Some(place) = claims.iter().position(is_it) {
            taken[place] = Taken::Held(Box::new(HeldConversation {
                pool: claims[place].pool.clone(),
                conversation: claims[place].conversation.clone(),
                claim_epoch,
                variables,
                cursors: Vec::new(),
                outbox: Vec::new(),
            }));
        }
    }
    for (place, dialog, sequence, step, turn_id) in rows.cursors {
        if let Some(Taken::Held(held)) = taken.get_mut(place as usize) {
            let cursor = Cursor { sequence: Sequence(sequence), step };
            held.cursors.push((dialog.into(), cursor, turn_id.as_str().into()));
        }
    }
    for (place, turn_id, n, dialog, tag, body, created_at) in rows.actions {
        if let Some(Taken::Held(held)) = taken.get_mut(place as usize) {
            let (turn_id, dialog) = (turn_id.as_str().into(), dialog.into());
            held.outbox.push(OutboxRow { turn_id, n, dialog, tag, body, created_at });
        }
    }
    taken
}
