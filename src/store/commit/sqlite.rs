//! The group on SQLite: one transaction, one statement a table, rows as JSON.

use std::collections::HashMap;

use serde_json::json;
use sqlx::SqliteConnection;

use super::refusal::{self, WHY, Why};
use crate::store::outbox::{DEAD, DROP, RELEASE, Settled};
use crate::store::sqlite::Sqlite;
use crate::store::{Inner, TurnCommit, TurnOutcome};

const MOVE_CURSORS: &str = "INSERT INTO cursor (account_id, pool_id, conversation_id, dialog_id, sequence, turn_id) \
     SELECT t.value->>'account', t.value->>'pool', t.value->>'conversation', t.value->>'dialog', \
       t.value->>'sequence', t.value->>'turn' \
     FROM json_each($1) AS t \
     JOIN live_node l ON l.incarnation = t.value->>'incarnation' \
     JOIN bot_owner o ON o.account_id = t.value->>'account' AND o.bot_id = t.value->>'bot' \
       AND o.incarnation = t.value->>'incarnation' AND o.epoch = t.value->>'epoch' \
     LEFT JOIN claim c ON c.account_id = t.value->>'account' AND c.pool_id = t.value->>'pool' \
       AND c.conversation_id = t.value->>'conversation' \
     WHERE c.bot_id IS NULL OR c.state = 'released' OR c.bot_id = t.value->>'bot' \
     ON CONFLICT (account_id, pool_id, conversation_id, dialog_id) \
     DO UPDATE SET sequence = excluded.sequence, turn_id = excluded.turn_id \
     WHERE cursor.sequence < excluded.sequence \
     RETURNING account_id, pool_id, conversation_id";

const WRITE_CLAIMS: &str = "INSERT INTO claim \
       (account_id, pool_id, conversation_id, bot_id, epoch, turns, state, variables, updated_at) \
     SELECT t.value->>'account', t.value->>'pool', t.value->>'conversation', t.value->>'bot', 1, 1, 'held', \
       t.value->>'variables', (SELECT ms FROM clock) \
     FROM json_each($1) AS t WHERE true \
     ON CONFLICT (account_id, pool_id, conversation_id) DO UPDATE SET \
       epoch = claim.epoch + CASE WHEN claim.state = 'held' AND claim.bot_id = excluded.bot_id THEN 0 ELSE 1 END, \
       bot_id = excluded.bot_id, turns = claim.turns + 1, state = 'held', release_reason = NULL, \
       variables = excluded.variables, updated_at = excluded.updated_at \
     RETURNING account_id, pool_id, conversation_id, epoch";

const WRITE_ACTIONS: &str = "INSERT INTO outbox (account_id, pool_id, conversation_id, turn_id, n, turn_no, bot_id, \
       dialog_id, tag, body, state, created_at) \
     SELECT c.account_id, c.pool_id, c.conversation_id, t.value->>'turn', t.value->>'n', c.turns, c.bot_id, \
       t.value->>'dialog', t.value->>'tag', t.value->>'body', 'sending', c.updated_at \
     FROM json_each($1) AS t JOIN claim c ON c.account_id = t.value->>'account' \
       AND c.pool_id = t.value->>'pool' AND c.conversation_id = t.value->>'conversation'";

const FORGET_DONE: &str = "DELETE FROM outbox WHERE rowid IN ( \
     SELECT o.rowid FROM json_each($1) AS t JOIN outbox o ON o.account_id = t.value->>'account' \
       AND o.pool_id = t.value->>'pool' AND o.conversation_id = t.value->>'conversation' \
       AND o.turn_id = t.value->>'turn' AND o.n = t.value->>'n')";

/// A round holds a conversation once, so its key names the turn.
type Key = (String, String, String);

pub(super) async fn write(
    inner: &Inner,
    sqlite: &Sqlite,
    turns: &[&TurnCommit],
    settled: &Settled,
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
    let moved: Vec<Key> = sqlx::query_as(MOVE_CURSORS).bind(rows(turns)).fetch_all(&mut *tx).await?;
    let mut won = vec![false; turns.len()];
    for place in moved.iter().filter_map(|key| places.get(key)) {
        won[*place] = true;
    }
    let (winners, losers): (Vec<_>, Vec<_>) = (0..turns.len()).partition(|place| won[*place]);
    let mut outcomes = vec![None; turns.len()];
    if !winners.is_empty() {
        let winners: Vec<_> = winners.iter().map(|place| turns[*place]).collect();
        for (account, pool, conversation, claim_epoch) in write_winners(tx, &winners).await? {
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
    winners: &[&TurnCommit],
) -> sqlx::Result<Vec<(String, String, String, i64)>> {
    let claims = sqlx::query_as(WRITE_CLAIMS).bind(rows(winners)).fetch_all(&mut *tx).await?;
    if let Some(actions) = actions(winners) {
        sqlx::query(WRITE_ACTIONS).bind(actions).execute(&mut *tx).await?;
    }
    Ok(claims)
}

async fn settle(inner: &Inner, tx: &mut SqliteConnection, settled: &Settled) -> sqlx::Result<()> {
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
    let rows: Vec<_> = turns
        .iter()
        .map(|turn| {
            json!({
                "account": turn.account, "pool": turn.pool, "bot": turn.bot, "incarnation": turn.incarnation,
                "epoch": turn.owner_epoch, "conversation": turn.conversation, "dialog": turn.dialog,
                "turn": turn.turn_id, "sequence": turn.sequence, "variables": turn.variables,
            })
        })
        .collect();
    json!(rows).to_string()
}

fn actions(turns: &[&TurnCommit]) -> Option<String> {
    let rows: Vec<_> = turns
        .iter()
        .flat_map(|turn| turn.actions.iter().map(move |action| (turn, action)))
        .map(|(turn, action)| {
            json!({
                "account": turn.account, "pool": turn.pool, "conversation": turn.conversation,
                "dialog": turn.dialog, "turn": turn.turn_id, "n": action.n, "tag": action.tag, "body": action.body,
            })
        })
        .collect();
    (!rows.is_empty()).then(|| json!(rows).to_string())
}
