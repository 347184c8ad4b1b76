//! Asks why turns lost, for the losers alone.

use liveperson_proto::Sequence;
use muster_core::dialog::Cursor;
use serde_json::json;

use crate::store::{Refusal, TurnCommit, TurnOutcome};

pub(super) const WHY: &str = "SELECT t.key, o.incarnation, o.epoch, l.incarnation IS NOT NULL, c.bot_id, c.state, \
       k.sequence, k.step, k.turn_id \
     FROM json_each($1) AS t \
     LEFT JOIN bot_owner o ON o.account_id = t.value->>'account' AND o.bot_id = t.value->>'bot' \
     LEFT JOIN live_node l ON l.incarnation = t.value->>'incarnation' \
     LEFT JOIN claim c ON c.account_id = t.value->>'account' AND c.pool_id = t.value->>'pool' \
       AND c.conversation_id = t.value->>'conversation' \
     LEFT JOIN cursor k ON k.account_id = t.value->>'account' AND k.pool_id = t.value->>'pool' \
       AND k.conversation_id = t.value->>'conversation' AND k.dialog_id = t.value->>'dialog'";

/// The loser's place in the question, then its owner, claim and cursor rows where they exist.
pub(super) type Why = (
    i64,
    Option<String>,
    Option<i64>,
    bool,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<i64>,
    Option<String>,
);

/// The question about `losers`, for [`WHY`].
pub(super) fn question(losers: &[&TurnCommit]) -> String {
    let rows: Vec<_> = losers
        .iter()
        .map(|turn| {
            json!({
                "account": turn.account, "pool": turn.pool, "bot": turn.bot, "incarnation": turn.incarnation,
                "conversation": turn.conversation, "dialog": turn.dialog,
            })
        })
        .collect();
    json!(rows).to_string()
}

/// What `why` says of `turn`; none if nothing stands against it any more.
///
/// Ownership comes first and the claim second: whoever lost either must not publish, not even what
/// it committed earlier.
pub(super) fn verdict(turn: &TurnCommit, why: Why) -> Option<TurnOutcome> {
    let (_, owner, epoch, lease_live, holder, state, sequence, step, committed) = why;
    let ours = owner.as_deref() == Some(&*turn.incarnation) && epoch == Some(turn.owner_epoch);
    if !ours || !lease_live {
        return Some(TurnOutcome::Refused(Refusal::Fenced { owner, epoch, lease_live }));
    }
    let is_held = state.as_deref() == Some("held");
    if let Some(holder) = holder.filter(|holder| !is_held || holder != turn.bot.as_str()) {
        return Some(TurnOutcome::Refused(Refusal::ClaimHeldBy { bot: holder.as_str().into() }));
    }
    if committed.as_deref() == Some(turn.turn_id.as_str()) {
        return Some(TurnOutcome::AlreadyCommitted);
    }
    let at = Cursor { sequence: Sequence(sequence?), step: step? };
    (at >= turn.cursor).then_some(TurnOutcome::Refused(Refusal::StaleCursor { at }))
}
