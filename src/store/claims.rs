//! Who handles a conversation, and what a bot takes up again when it starts.

use std::collections::HashMap;

use liveperson_proto::{AccountId, ConversationId, DialogId, Sequence};
use muster_core::dialog::Cursor;
use muster_core::{BotId, PoolId, TurnId};

use super::{Engine, OutboxRow, Store, StoreError, each_dialect};

/// Whether a claim is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimState {
    /// Its bot handles the conversation.
    Held,
    /// Its bot is done with it.
    Released {
        /// Why.
        reason: String,
    },
}

/// A pool's claim on a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRow {
    /// Who holds it, or held it last.
    pub bot: BotId,
    /// Grows when the holder changes and when a released claim is taken anew.
    pub epoch: i64,
    /// Whether it is in force.
    pub state: ClaimState,
    /// The conversation's variables, a JSON object.
    pub variables: String,
    /// How many turns were committed in the conversation.
    pub turns: i64,
    /// When the claim last changed, epoch milliseconds by the database's clock.
    pub updated_at: i64,
}

/// A conversation that a bot holds, with all that it needs to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldConversation {
    /// The pool.
    pub pool: PoolId,
    /// The conversation.
    pub conversation: ConversationId,
    /// The claim's epoch.
    pub claim_epoch: i64,
    /// The conversation's variables, a JSON object.
    pub variables: String,
    /// Its dialogs: where each stands, and the turn that brought it there.
    pub cursors: Vec<(DialogId, Cursor, TurnId)>,
    /// Actions committed and not confirmed, in the order of their turns.
    pub outbox: Vec<OutboxRow>,
}

const CLAIM: &str = "SELECT bot_id, epoch, state, release_reason, variables, turns, updated_at FROM claim \
     WHERE account_id = $1 AND pool_id = $2 AND conversation_id = $3";
const HELD: &str = "SELECT pool_id, conversation_id, epoch, variables FROM claim \
     WHERE account_id = $1 AND bot_id = $2 AND state = 'held' ORDER BY pool_id, conversation_id";
// CROSS JOIN keeps SQLite from starting with the larger table; Postgres reads it like any join.
const CURSORS: &str = "SELECT k.pool_id, k.conversation_id, k.dialog_id, k.sequence, k.step, k.turn_id \
     FROM claim c CROSS JOIN cursor k \
     WHERE c.account_id = $1 AND c.bot_id = $2 AND c.state = 'held' AND k.account_id = c.account_id \
       AND k.pool_id = c.pool_id AND k.conversation_id = c.conversation_id ORDER BY k.dialog_id";
const OUTBOX: &str = "SELECT o.pool_id, o.conversation_id, o.turn_id, o.n, o.dialog_id, o.tag, o.body, o.created_at \
     FROM claim c CROSS JOIN outbox o \
     WHERE c.account_id = $1 AND c.bot_id = $2 AND c.state = 'held' AND o.account_id = c.account_id \
       AND o.pool_id = c.pool_id AND o.conversation_id = c.conversation_id AND o.state = 'sending' \
     ORDER BY o.turn_no, o.turn_id, o.n";

type Claim = (String, i64, String, Option<String>, String, i64, i64);
type Held = (String, String, i64, String);
type CursorRow = (String, String, String, i64, i64, String);
type Unsent = (String, String, String, i64, String, String, String, i64);

macro_rules! read_held {
    ($engine:expr, $begin:expr, $key:expr) => {{
        let mut tx = $engine.reader().begin_with($begin).await?;
        let held: Vec<Held> = sqlx::query_as(HELD).bind(&$key.0).bind(&$key.1).fetch_all(&mut *tx).await?;
        let cursors: Vec<CursorRow> =
            sqlx::query_as(CURSORS).bind(&$key.0).bind(&$key.1).fetch_all(&mut *tx).await?;
        let outbox: Vec<Unsent> =
            sqlx::query_as(OUTBOX).bind(&$key.0).bind(&$key.1).fetch_all(&mut *tx).await?;
        tx.rollback().await?;
        (held, cursors, outbox)
    }};
}

impl Store {
    /// A pool's claim on a conversation, held or released.
    pub async fn claim(
        &self,
        account: &AccountId,
        pool: &PoolId,
        conversation: &ConversationId,
    ) -> Result<Option<ClaimRow>, StoreError> {
        let key = (account.to_string(), pool.to_string(), conversation.to_string());
        self.on_io(move |inner| async move {
            let row: Option<Claim> = each_dialect!(inner.engine, reader, db => {
                sqlx::query_as(CLAIM).bind(key.0).bind(key.1).bind(key.2).fetch_optional(db).await?
            });
            Ok(row.map(|(bot, epoch, state, reason, variables, turns, updated_at)| ClaimRow {
                bot: bot.as_str().into(),
                epoch,
                state: match state.as_str() {
                    "held" => ClaimState::Held,
                    _ => ClaimState::Released { reason: reason.unwrap_or_default() },
                },
                variables,
                turns,
                updated_at,
            }))
        })
        .await
    }

    /// All that a bot holds, as one moment of the store.
    pub async fn held(&self, account: &AccountId, bot: &BotId) -> Result<Vec<HeldConversation>, StoreError> {
        let key = (account.to_string(), bot.to_string());
        self.on_io(move |inner| async move {
            let rows = match &inner.engine {
                Engine::Sqlite(sqlite) => read_held!(sqlite, "BEGIN", key),
                Engine::Postgres(postgres) => {
                    read_held!(postgres, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", key)
                }
            };
            Ok(assembled(rows))
        })
        .await
    }
}

fn assembled((held, cursors, outbox): (Vec<Held>, Vec<CursorRow>, Vec<Unsent>)) -> Vec<HeldConversation> {
    let mut places = HashMap::new();
    let mut conversations = Vec::with_capacity(held.len());
    for (pool, conversation, claim_epoch, variables) in held {
        conversations.push(HeldConversation {
            pool: pool.as_str().into(),
            conversation: conversation.as_str().into(),
            claim_epoch,
            variables,
            cursors: Vec::new(),
            outbox: Vec::new(),
        });
        places.insert((pool, conversation), conversations.len() - 1);
    }
    for (pool, conversation, dialog, sequence, step, turn_id) in cursors {
        if let Some(place) = places.get(&(pool, conversation)) {
            let cursor = Cursor { sequence: Sequence(sequence), step };
            conversations[*place].cursors.push((dialog.into(), cursor, turn_id.as_str().into()));
        }
    }
    for (pool, conversation, turn_id, n, dialog, tag, body, created_at) in outbox {
        if let Some(place) = places.get(&(pool, conversation)) {
            let turn_id = turn_id.as_str().into();
            conversations[*place].outbox.push(OutboxRow {
                turn_id,
                n,
                dialog: dialog.into(),
                tag,
                body,
                created_at,
            });
        }
    }
    conversations
}
