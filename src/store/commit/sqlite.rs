//! The group on SQLite: one transaction, one statement a table, rows as JSON.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::refusal::{self, WHY, Why};
use crate::store::outbox::{DEAD, DROP, RELEASE, Settled, json_rows};
use crate::store::sqlite::Sqlite;
use crate::store::{Inner, NewAction, TurnCommit, TurnOutcome};

// Rows come as JSON arrays, their values by place: a key would be looked for in every row, and
// `jsonb_each` hands each row on parsed. What is looked at more than once is taken out once.

const MOVE_CURSORS: &str = "WITH t AS MATERIALIZED ( \
       SELECT value->>0 AS account_id, value->>1 AS pool_id, value->>2 AS conversation_id, \
         value->>3 AS dialog_id, value->>4 AS turn_id, value->>5 AS sequence, value->>6 AS bot_id, \
         value->>8 AS incarnation, value->>9 AS epoch, value->>10 AS moves FROM jsonb_each($1)) \
     INSERT INTO cursor (account_id, pool_id, conversation_id, dialog_id, sequence, turn_id) \
     SELECT t.account_id, t.pool_id, t.conversation_id, t.dialog_id, t.sequence, t.turn_id \
     FROM t \
     JOIN live_node l ON l.incarnation = t.incarnation \
     JOIN bot_owner o ON o.account_id = t.account_id AND o.bot_id = t.bot_id \
       AND o.incarnation = t.incarnation AND o.epoch = t.epoch \
     LEFT JOIN claim c ON c.account_id = t.account_id AND c.pool_id = t.pool_id \
       AND c.conversation_id = t.conversation_id \
     WHERE c.bot_id IS NULL OR c.state = 'released' OR c.bot_id = t.bot_id OR t.moves \
     ON CONFLICT (account_id, pool_id, conversation_id, dialog_id) \
     DO UPDATE SET sequence = excluded.sequence, turn_id = excluded.turn_id \
     WHERE cursor.sequence < excluded.sequence \
     RETURNING account_id, pool_id, conversation_id";

const WRITE_CLAIMS: &str = "INSERT INTO claim \
       (account_id, pool_id, conversation_id, bot_id, epoch, turns, state, variables, updated_at) \
     SELECT t.value->>0, t.value->>1, t.value->>2, t.value->>6, 1, 1, 'held', t.value->>7, \
       (SELECT ms FROM clock) \
     FROM jsonb_each($1) AS t WHERE true \
     ON CONFLICT (account_id, pool_id, conversation_id) DO UPDATE SET \
       epoch = claim.epoch + CASE WHEN claim.state = 'held' AND claim.bot_id = excluded.bot_id THEN 0 ELSE 1 END, \
       bot_id = excluded.bot_id, turns = claim.turns + 1, state = 'held', release_reason = NULL, \
       variables = excluded.variables, updated_at = excluded.updated_at \
     RETURNING account_id, pool_id, conversation_id, epoch";

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
    let outcomes = if turns.is_empty() { Vec::new() } else { write_turns(&mut tx, turns).await? };
    settle(inner, &mut tx, settled).await?;
    tx.commit().await?;
    Ok(outcomes)
}

async fn write_turns(
    tx: &mut SqliteConnection,
    turns: &[&TurnCommit],
) -> sqlx::Result<Vec<Option<TurnOutcome>>> {
    let places: HashMap<Key, usize> =
        turns.iter().enumerate().map(|(place, turn)| (key(turn), place)).collect();
    let all = rows(turns);
    let moved: Vec<Key> = sqlx::query_as(MOVE_CURSORS).bind(all.as_str()).fetch_all(&mut *tx).await?;
    let mut won = vec![false; turns.len()];
    for place in moved.iter().filter_map(|key| places.get(key)) {
        won[*place] = true;
    }
    let (winners, losers): (Vec<_>, Vec<_>) = (0..turns.len()).partition(|place| won[*place]);
    let mut outcomes = vec![None; turns.len()];
    if !winners.is_empty() {
        let winners: Vec<_> = winners.iter().map(|place| turns[*place]).collect();
        let rows = if losers.is_empty() { all } else { rows(&winners) };
        for (account, pool, conversation, claim_epoch) in write_winners(tx, &rows, &winners).await? {
            if let Some(place) = places.get(&(account, pool, conversation)) {
                outcomes[*place] = Some(TurnOutcome::Committed { claim_epoch });
            }
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

async fn write_winners(
    tx: &mut SqliteConnection,
    rows: &str,
    winners: &[&TurnCommit],
) -> sqlx::Result<Vec<(String, String, String, i64)>> {
    let claims = sqlx::query_as(WRITE_CLAIMS).bind(rows).fetch_all(&mut *tx).await?;
    if let Some(actions) = actions(winners) {
        sqlx::query(WRITE_ACTIONS).bind(actions).execute(&mut *tx).await?;
    }
    Ok(claims)
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
             sequence,
             bot,
             variables,
             incarnation,
             owner_epoch,
             moves_claim,
             ..
         }| {
            (
                account,
                pool,
                conversation,
                dialog,
                turn_id,
                sequence,
                bot,
                variables,
                incarnation,
                owner_epoch,
                moves_claim,
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
