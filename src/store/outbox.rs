//! Actions on their way to the platform: confirmed, dead, or dropped with their claim.

use liveperson_proto::DialogId;
use muster_core::TurnId;
use serde::Serialize;
use serde_json::json;

use super::{Group, OutboxKey, Release, storable};

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

/// A process that lost the fleet changes nothing; `$2` is empty in one that never acquired it.
macro_rules! unless_ousted {
    ($statement:literal) => {
        concat!($statement, " AND ($2 = '' OR EXISTS (SELECT 1 FROM node WHERE incarnation = $2))")
    };
}

pub(super) const DEAD: &str = unless_ousted!(
    "UPDATE outbox SET state = 'dead', reason = t.value->>'reason', revived_at = NULL, \
       died_at = (SELECT ms FROM clock) FROM json_each($1) AS t \
     WHERE outbox.account_id = t.value->>'account' AND outbox.pool_id = t.value->>'pool' \
       AND outbox.conversation_id = t.value->>'conversation' AND outbox.turn_id = t.value->>'turn' \
       AND outbox.n = CAST(t.value->>'n' AS bigint)"
);
pub(super) const RELEASE: &str = unless_ousted!(
    "UPDATE claim SET state = 'released', release_reason = t.value->>'reason', \
       done = CAST(t.value->>'done' AS boolean), \
       updated_at = (SELECT ms FROM clock), released_at = (SELECT ms FROM clock) FROM json_each($1) AS t \
     WHERE claim.account_id = t.value->>'account' AND claim.pool_id = t.value->>'pool' \
       AND claim.conversation_id = t.value->>'conversation' AND claim.bot_id = t.value->>'bot' \
       AND claim.state = 'held'"
);
pub(super) const DROP: &str = unless_ousted!(
    "UPDATE outbox SET state = 'dead', body = '', \
       reason = c.release_reason, revived_at = NULL, died_at = (SELECT ms FROM clock) \
     FROM json_each($1) AS t JOIN claim c ON c.account_id = t.value->>'account' AND c.done \
       AND c.pool_id = t.value->>'pool' AND c.conversation_id = t.value->>'conversation' \
     WHERE outbox.account_id = c.account_id AND outbox.pool_id = c.pool_id \
       AND outbox.conversation_id = c.conversation_id AND outbox.state = 'sending' \
       AND c.state = 'released'"
);

/// What a group settles besides its turns, as the statements take it.
#[derive(Default)]
pub(super) struct Settled<'a> {
    pub(super) done: &'a [OutboxKey],
    pub(super) dead: Option<String>,
    pub(super) releases: Option<String>,
    of_dead: &'a [(OutboxKey, String)],
    of_releases: &'a [Release],
}

impl<'a> Settled<'a> {
    pub(super) fn of(group: &'a Group) -> Self {
        Self::of_parts(&group.done, &group.dead, &group.releases)
    }

    fn of_parts(done: &'a [OutboxKey], dead: &'a [(OutboxKey, String)], releases: &'a [Release]) -> Self {
        Self {
            done,
            dead: array(dead.iter().map(|(key, reason)| self::dead(key, reason))),
            releases: array(releases.iter().map(released)),
            of_dead: dead,
            of_releases: releases,
        }
    }

    /// Each entry by itself.
    pub(super) fn one_by_one(&self) -> impl Iterator<Item = Settled<'a>> {
        let done = self.done.chunks(1).map(|done| Self::of_parts(done, &[], &[]));
        let dead = self.of_dead.chunks(1).map(|dead| Self::of_parts(&[], dead, &[]));
        let releases = self.of_releases.chunks(1).map(|releases| Self::of_parts(&[], &[], releases));
        done.chain(dead).chain(releases)
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
