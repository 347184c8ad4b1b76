//! The group on Postgres: one statement and one round trip, rows as arrays.

use sqlx::PgConnection;

use super::refusal::{self, WHY, Why};
use crate::store::outbox::{DEAD, DROP, RELEASE, Settled};
use crate::store::postgres::Postgres;
use crate::store::{Inner, TurnCommit, TurnOutcome};

// The parts of one statement all see the tables as they were before it, so the turns are judged on
// that snapshot, and the rest is chained through what each part returns. `claimed` writes only
// where the claim is still the one that was judged; if it is not, the division by zero at the end
// undoes the whole statement, which is then tried again.
//
// Written for a planner that knows nothing of the arrays: what looks rows up in a table is a subquery,
// which can only go through the key; the series and the flags keep its guess of the number of rows
// high, and `IS TRUE` keeps the search in `moved` a hash, so that nothing is compared pair by pair.
//
// The lock in `live` makes a take-over wait for this statement; renewals do not wait for it.
const WRITE: &str = "\
WITH t AS MATERIALIZED ( \
  SELECT * FROM ROWS FROM (generate_series(0, $1 - 1), unnest($2::text[]), unnest($3::text[]), unnest($4::text[]), \
    unnest($5::text[]), unnest($6::bigint[]), unnest($7::text[]), unnest($8::text[]), unnest($9::text[]), \
    unnest($10::bigint[]), unnest($11::text[]), unnest($22::bigint[])) \
  AS t(place, account_id, pool_id, bot_id, incarnation, owner_epoch, conversation_id, dialog_id, turn_id, \
    sequence, variables, step) \
), live AS MATERIALIZED ( \
  SELECT incarnation FROM node \
  WHERE incarnation = ANY ($5::text[]) AND expires_at > (SELECT ms FROM clock) FOR KEY SHARE \
), judged AS MATERIALIZED ( \
  SELECT t.*, COALESCE(c.turns, 0) + 1 AS turn_no, \
    CASE WHEN c.state = 'held' AND c.bot_id = t.bot_id THEN c.epoch ELSE COALESCE(c.epoch, 0) + 1 END AS claim_epoch, \
    t.incarnation IN (SELECT incarnation FROM live) \
      AND t.owner_epoch = (SELECT o.epoch FROM bot_owner o WHERE o.account_id = t.account_id \
        AND o.bot_id = t.bot_id AND o.incarnation = t.incarnation) \
      AND (c.bot_id IS NULL OR (c.state = 'held' AND c.bot_id = t.bot_id)) AS allowed \
  FROM t LEFT JOIN LATERAL ( \
    SELECT * FROM claim WHERE claim.account_id = t.account_id AND claim.pool_id = t.pool_id \
      AND claim.conversation_id = t.conversation_id LIMIT 1 \
  ) AS c ON true \
), moved AS ( \
  INSERT INTO cursor AS k (account_id, pool_id, conversation_id, dialog_id, sequence, step, turn_id) \
  SELECT account_id, pool_id, conversation_id, dialog_id, sequence, step, turn_id FROM judged WHERE allowed \
  ON CONFLICT (account_id, pool_id, conversation_id, dialog_id) \
  DO UPDATE SET sequence = excluded.sequence, step = excluded.step, turn_id = excluded.turn_id \
  WHERE (k.sequence, k.step) < (excluded.sequence, excluded.step) AND k.turn_id <> excluded.turn_id \
  RETURNING k.account_id, k.pool_id, k.conversation_id \
), won AS MATERIALIZED ( \
  SELECT judged.*, (SELECT ms FROM clock) AS ms FROM judged WHERE \
    ((account_id, pool_id, conversation_id) IN (SELECT account_id, pool_id, conversation_id FROM moved)) IS TRUE \
), claimed AS ( \
  INSERT INTO claim AS c (account_id, pool_id, conversation_id, bot_id, epoch, turns, state, variables, updated_at) \
  SELECT account_id, pool_id, conversation_id, bot_id, claim_epoch, turn_no, 'held', variables, ms FROM won \
  ON CONFLICT (account_id, pool_id, conversation_id) DO UPDATE SET bot_id = excluded.bot_id, \
    epoch = excluded.epoch, turns = excluded.turns, state = 'held', release_reason = NULL, \
    variables = excluded.variables, updated_at = excluded.updated_at \
  WHERE c.turns = excluded.turns - 1 AND c.epoch = excluded.epoch - \
    CASE WHEN c.state = 'held' AND c.bot_id = excluded.bot_id THEN 0 ELSE 1 END \
  RETURNING c.epoch \
), sent AS ( \
  INSERT INTO outbox (account_id, pool_id, conversation_id, turn_id, n, turn_no, bot_id, dialog_id, tag, body, \
    state, created_at) \
  SELECT won.account_id, won.pool_id, won.conversation_id, won.turn_id, a.n, won.turn_no, won.bot_id, \
    won.dialog_id, a.tag, a.body, 'sending', won.ms \
  FROM ROWS FROM (generate_series(1, $12), unnest($13::bigint[]), unnest($14::bigint[]), unnest($15::text[]), \
    unnest($16::text[])) AS a(i, place, n, tag, body) JOIN won USING (place) \
), gone AS ( \
  DELETE FROM outbox WHERE ctid = ANY (ARRAY( \
    SELECT (SELECT o.ctid FROM outbox o WHERE o.account_id = d.account_id AND o.pool_id = d.pool_id \
      AND o.conversation_id = d.conversation_id AND o.turn_id = d.turn_id AND o.n = d.n) \
    FROM unnest($17::text[], $18::text[], $19::text[], $20::text[], $21::bigint[]) \
      AS d(account_id, pool_id, conversation_id, turn_id, n))) \
) \
SELECT place, claim_epoch, 1 / CASE WHEN (SELECT count(*) FROM claimed) = (SELECT count(*) FROM won) \
  THEN 1 ELSE 0 END FROM won";

/// A winner's place in the group, its claim's epoch, and the guard's one.
type Won = (i64, i64, i32);

pub(super) async fn write(
    inner: &Inner,
    postgres: &Postgres,
    turns: &[&TurnCommit],
    settled: &Settled<'_>,
) -> sqlx::Result<Vec<Option<TurnOutcome>>> {
    let mut connection = postgres.writer().acquire().await?;
    let won = if settled.needs_more_than_one_statement() {
        let mut tx = sqlx::Connection::begin(&mut *connection).await?;
        let won = write_turns(&mut tx, turns, settled).await?;
        settle(inner, &mut tx, settled).await?;
        tx.commit().await?;
        won
    } else {
        write_turns(&mut connection, turns, settled).await?
    };
    let mut outcomes = vec![None; turns.len()];
    for (place, claim_epoch, _) in won {
        outcomes[place as usize] = Some(TurnOutcome::Committed { claim_epoch });
    }
    explain_losses(&mut connection, turns, &mut outcomes).await?;
    Ok(outcomes)
}

async fn write_turns(
    connection: &mut PgConnection,
    turns: &[&TurnCommit],
    settled: &Settled<'_>,
) -> sqlx::Result<Vec<Won>> {
    macro_rules! column {
        ($rows:expr, $row:ident => $value:expr) => {
            $rows.iter().map(|$row| $value).collect::<Vec<_>>()
        };
    }
    let actions: Vec<_> = turns
        .iter()
        .enumerate()
        .flat_map(|(place, turn)| turn.actions.iter().map(move |action| (place as i64, action)))
        .collect();
    sqlx::query_as(WRITE)
        .bind(turns.len() as i64)
        .bind(column!(turns, turn => turn.account.as_str()))
        .bind(column!(turns, turn => turn.pool.as_str()))
        .bind(column!(turns, turn => turn.bot.as_str()))
        .bind(column!(turns, turn => turn.incarnation.as_str()))
        .bind(column!(turns, turn => turn.owner_epoch))
        .bind(column!(turns, turn => turn.conversation.as_str()))
        .bind(column!(turns, turn => turn.dialog.as_str()))
        .bind(column!(turns, turn => turn.turn_id.as_str()))
        .bind(column!(turns, turn => turn.cursor.sequence.0))
        .bind(column!(turns, turn => turn.variables.as_str()))
        .bind(actions.len() as i64)
        .bind(column!(actions, action => action.0))
        .bind(column!(actions, action => action.1.n))
        .bind(column!(actions, action => action.1.tag.as_str()))
        .bind(column!(actions, action => action.1.body.as_str()))
        .bind(column!(settled.done, key => key.account.as_str()))
        .bind(column!(settled.done, key => key.pool.as_str()))
        .bind(column!(settled.done, key => key.conversation.as_str()))
        .bind(column!(settled.done, key => key.turn_id.as_str()))
        .bind(column!(settled.done, key => key.n))
        .bind(column!(turns, turn => turn.cursor.step))
        .fetch_all(connection)
        .await
}

async fn settle(inner: &Inner, connection: &mut PgConnection, settled: &Settled<'_>) -> sqlx::Result<()> {
    if let Some(dead) = &settled.dead {
        sqlx::query(DEAD).bind(dead).bind(inner.incarnation()).execute(&mut *connection).await?;
    }
    if let Some(releases) = &settled.releases {
        for statement in [RELEASE, DROP] {
            sqlx::query(statement).bind(releases).bind(inner.incarnation()).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

async fn explain_losses(
    connection: &mut PgConnection,
    turns: &[&TurnCommit],
    outcomes: &mut [Option<TurnOutcome>],
) -> sqlx::Result<()> {
    let losers: Vec<_> = (0..turns.len()).filter(|place| outcomes[*place].is_none()).collect();
    if losers.is_empty() {
        return Ok(());
    }
    let lost: Vec<_> = losers.iter().map(|place| turns[*place]).collect();
    let whys: Vec<Why> = sqlx::query_as(WHY).bind(refusal::question(&lost)).fetch_all(connection).await?;
    for why in whys {
        let place = losers[why.0 as usize];
        outcomes[place] = refusal::verdict(turns[place], why);
    }
    Ok(())
}
