//! The group on SQLite: one transaction, one statement a table, rows as JSON.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::refusal::{self, WHY, Why};
use crate::store::outbox::{DEAD, DROP, RELEASE, Settled, json_rows};
use crate::store::sqlite::Sqlite;
use crate::store::{Inner, NewAction, TurnCommit, TurnOutcome};

// Rows come as JSON arrays, their values by place: a key would be looked for in every row, and
// `jsonb_each` hands each row on parsed. What is looked at more than once is taken out once.

macro_rules! move_cursors {
    ($end:literal) => {
        concat!(
            "WITH t AS MATERIALIZED ( \
       SELECT value->>0 AS account_id, value->>1 AS pool_id, value->>2 AS conversation_id, \
         value->>3 AS dialog_id, value->>4 AS turn_id, value->>5 AS sequence, value->>6 AS bot_id, \
         value->>8 AS incarnation, value->>9 AS epoch, value->>10 AS step FROM jsonb_each($1)) \
     INSERT INTO cursor (account_id, pool_id, conversation_id, dialog_id, sequence, step, turn_id) \
     SELECT t.account_id, t.pool_id, t.conversation_id, t.dialog_id, t.sequence, t.step, t.turn_id \
     FROM t \
     JOIN live_node l ON l.incarnation = t.incarnation \
     JOIN bot_owner o ON o.account_id = t.account_id AND o.bot_id = t.bot_id \
       AND o.incarnation = t.incarnation AND o.epoch = t.epoch \
     LEFT JOIN claim c ON c.account_id = t.account_id AND c.pool_id = t.pool_id \
       AND c.conversation_id = t.conversation_id \
     WHERE (c.bot_id IS NULL OR (c.state = 'held' AND c.bot_id = t.bot_id)) \
     ON CONFLICT (account_id, pool_id, conversation_id, dialog_id) \
     DO UPDATE SET sequence = excluded.sequence, step = excluded.step, turn_id = excluded.turn_id \
     WHERE (cursor.sequence, cursor.step) < (excluded.sequence, excluded.step) \
       AND cursor.turn_id <> excluded.turn_id",
            $end
        )
    };
}

const MOVE_CURSORS: &str = move_cursors!("");
const MOVE_CURSORS_AND_TELL: &str = move_cursors!(" RETURNING account_id, pool_id, conversation_id");

const WRITE_CLAIMS: &str = "INSERT INTO claim \
       (account_id, pool_id, conversation_id, bot_id, epoch, turns, state, variables, updated_at) \
     SELECT t.value->>0, t.value->>1, t.value->>2, t.value->>6, 1, 1, 'held', t.value->>7, \
       (SELECT ms FROM clock) \
     FROM jsonb_each($1) AS t WHERE true \
     ON CONFLICT (account_id, pool_id, conversation_id) DO UPDATE SET \
       epoch = claim.epoch + CASE WHEN claim.state = 'held' AND claim.bot_id = excluded.bot_id THEN 0 ELSE 1 END, \
       bot_id = excluded.bot_id, turns = claim.turns + 1, state = 'held', release_reason = NULL, \
       variables = excluded.variables, updated_at = excluded.updated_at";

const CLAIM_EPOCHS: &str = "SELECT json_group_array(c.epoch ORDER BY t.key) FROM jsonb_each($1) AS t \
     JOIN claim c ON c.account_id = t.value->>0 AND c.pool_id = t.value->>1 AND c.conversation_id = t.value->>2";

const WRITE_ACTIONS: &str = "INSERT INTO outbox (account_id, pool_id, conversation_id, turn_id, n, turn_no, bot_id, \
       dialog_id, tag, body, state, created_at) \
     SELECT c.account_id, c.pool_id, c.conversation_id, t.value->>4, t.value->>5, c.turns, c.bot_id, \
       t.value->>3, t.value->>6, t.value->>7, 'sending', c.updated_at \
     FROM jsonb_each($1) AS t JOIN claim c ON c.account_id = t.value->>0 \
       AND c.pool_id = t.value->>1 AND c.conversation_id = t.value->>2";

const FORGET_DONE: &str = "DELETE FROM outbox WHERE rowid IN ( \
     SELECT o.rowid FROM jsonb_each($1) AS t JOIN outbox o ON o.account_id = t.value->>0 \
       AND o.pool_id = t.value->>1 AND o.conversation_id = t.value->>2 \
       AND o.turn_id = t.value->>3 AND o.n = t.value->>4)";

/// A round holds a conversation once, so its key names the turn.
type Key = (String, String, String);

pub(super) async fn write(
    inner: &Inner,
    sqlite: &Sqlite,
    turns: &[&TurnCommit],
    settled: &Settled<'_>,
) -> sqlx::Result<Vec<Option<TurnOutcome>>> {
    let mut tx = sqlite.writer().begin_with("BEGIN IMMEDIATE").await?;
    let outcomes = if let Some(outcomes) = write_all(&mut tx, turns).await? {
        outcomes
    } else {
        tx.rollback().await?;
        tx = sqlite.writer().begin_with("BEGIN IMMEDIATE").await?;
        write_some(&mut tx, turns).await?
    };
    settle(inner, &mut tx, settled).await?;
    tx.commit().await?;
    Ok(outcomes)
}

/// Writes turns that all win, as they nearly always do; `None`, and undo it, if one does not.
///
/// A row that comes back wakes a thread. So none does, but the one that tells all epochs.
async fn write_all(
    tx: &mut SqliteConnection,
    turns: &[&TurnCommit],
) -> sqlx::Result<Option<Vec<Option<TurnOutcome>>>> {
    if turns.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let rows = rows(turns);
    let moved = sqlx::query(MOVE_CURSORS).bind(rows.as_str()).execute(&mut *tx).await?;
    if moved.rows_affected() != turns.len() as u64 {
        return Ok(None);
    }
    let epochs = write_winners(tx, &rows, turns).await?;
    Ok(Some(epochs.into_iter().map(committed).map(Some).collect()))
}

async fn write_some(
    tx: &mut SqliteConnection,
    turns: &[&TurnCommit],
) -> sqlx::Result<Vec<Option<TurnOutcome>>> {
    let places: HashMap<Key, usize> =
        turns.iter().enumerate().map(|(place, turn)| (key(turn), place)).collect();
    let moved: Vec<Key> = sqlx::query_as(MOVE_CURSORS_AND_TELL).bind(rows(turns)).fetch_all(&mut *tx).await?;
    let mut won = vec![false; turns.len()];
    for place in moved.iter().filter_map(|key| places.get(key)) {
        won[*place] = true;
    }
    let (winners, losers): (Vec<_>, Vec<_>) = (0..turns.len()).partition(|place| won[*place]);
    let mut outcomes = vec![None; turns.len()];
    if !winners.is_empty() {
        let won: Vec<_> = winners.iter().map(|place| turns[*place]).collect();
        let epochs = write_winners(tx, &rows(&won), &won).await?;
        for (place, epoch) in winners.into_iter().zip(epochs) {
            outcomes[place] = Some(committed(epoch));
        }
    }
    if !losers.is_empty() {
        let lost: Vec<_> = losers.iter().map(|place| turns[*place]).collect();
        let whys: Vec<Why> = sqlx::query_as(WHY).bind(refusal::question(&lost)).fetch_all(&mut *tx).await?;
        for why in whys {
            let place = losers[why.0 as usize];
            outcomes[place] = refusal::verdict(turns[place], why);
        }
    }
    Ok(outcomes)
}

fn committed(claim_epoch: i64) -> TurnOutcome {
    TurnOutcome::Committed { claim_epoch }
}

/// Writes claims and actions of turns whose cursors have moved; returns the claims' epochs, in order.
async fn write_winners(
    tx: &mut SqliteConnection,
    rows: &str,
    winners: &[&TurnCommit],
) -> sqlx::Result<Vec<i64>> {
    sqlx::query(WRITE_CLAIMS).bind(rows).execute(&mut *tx).await?;
    let epochs: String = sqlx::query_scalar(CLAIM_EPOCHS).bind(rows).fetch_one(&mut *tx).await?;
    if let Some(actions) = actions(winners) {
        sqlx::query(WRITE_ACTIONS).bind(actions).execute(&mut *tx).await?;
    }
    serde_json::from_str(&epochs).map_err(|error| sqlx::Error::Decode(error.into()))
}

async fn settle(inner: &Inner, tx: &mut SqliteConnection, settled: &Settled<'_>) -> sqlx::Result<()> {
    if let Some(done) = settled.done_json() {
        sqlx::query(FORGET_DONE).bind(done).execute(&mut *tx).await?;
    }
    if let Some(dead) = &settled.dead {
        sqlx::query(DEAD).bind(dead).bind(inner.incarnation()).execute(&mut *tx).await?;
    }
    if let Some(releases) = &settled.releases {
        for statement in [RELEASE, DROP] {
            sqlx::query(statement).bind(releases).bind(inner.incarnation()).execute(&mut *tx).await?;
        }
    }
    Ok(())
}

fn key(turn: &TurnCommit) -> Key {
    (turn.account.to_string(), turn.pool.to_string(), turn.conversation.to_string())
}

fn rows(turns: &[&TurnCommit]) -> String {
    json_rows(turns.iter().map(
        |TurnCommit {
             account,
             pool,
             conversation,
             dialog,
             turn_id,
             cursor,
             bot,
             variables,
             incarnation,
             owner_epoch,
             ..
         }| {
            (
                account,
                pool,
                conversation,
                dialog,
                turn_id,
                cursor.sequence,
                bot,
                variables,
                incarnation,
                owner_epoch,
                cursor.step,
            )
        },
    ))
}

fn actions(turns: &[&TurnCommit]) -> Option<String> {
    let each = turns.iter().flat_map(|turn| turn.actions.iter().map(move |action| (turn, action)));
    let mut rows = each
        .map(|(turn, NewAction { n, tag, body })| {
            (&turn.account, &turn.pool, &turn.conversation, &turn.dialog, &turn.turn_id, n, tag, body)
        })
        .peekable();
    rows.peek().is_some().then(|| json_rows(rows))
}
