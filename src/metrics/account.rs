//! One account's metrics for the hot path.

use std::time::Duration;

use liveperson_proto::AccountId;
use prometheus::{Histogram, IntCounter};

use super::Metrics;
use super::labels::{CATCH_UPS, CLAIM_CHANGES, RINGS, TURNS, closed};

/// One account's metrics: a bot gets them once and counts without looking anything up.
#[derive(Clone, Debug)]
pub struct AccountMetrics {
    turns: Vec<(&'static str, IntCounter)>,
    claim_changes: [IntCounter; 2],
    rings: [IntCounter; 3],
    ring_lead_seconds: Histogram,
    turn_commit_seconds: Histogram,
    message_commit_seconds: Histogram,
    reply_seconds: Histogram,
    dead_letters: IntCounter,
    dropped_actions: IntCounter,
    catch_ups: [IntCounter; 2],
    caught_up_messages: IntCounter,
    catch_up_holes: IntCounter,
}

impl AccountMetrics {
    pub(super) fn of(metrics: &Metrics, account: &AccountId) -> Self {
        let account = account.as_str();
        let turns = |outcome| metrics.turns.with_label_values(&[account, outcome]);
        Self {
            turns: TURNS.iter().chain(&["other"]).map(|outcome| (*outcome, turns(outcome))).collect(),
            claim_changes: [0, 1]
                .map(|change| metrics.claim_changes.with_label_values(&[account, CLAIM_CHANGES[change]])),
            rings: [0, 1, 2].map(|outcome| metrics.rings.with_label_values(&[account, RINGS[outcome]])),
            ring_lead_seconds: metrics.ring_lead_seconds.with_label_values(&[account]),
            message_commit_seconds: metrics.message_commit_seconds.with_label_values(&[account]),
            turn_commit_seconds: metrics.turn_commit_seconds.clone(),
            reply_seconds: metrics.reply_seconds.with_label_values(&[account]),
            dead_letters: metrics.dead_letters.with_label_values(&[account]),
            dropped_actions: metrics.dropped_actions.with_label_values(&[account]),
            catch_ups: [0, 1].map(|found| metrics.catch_ups.with_label_values(&[account, CATCH_UPS[found]])),
            caught_up_messages: metrics.caught_up_messages.with_label_values(&[account]),
            catch_up_holes: metrics.catch_up_holes.with_label_values(&[account]),
        }
    }

    /// Counts a turn.
    pub fn turn(&self, outcome: &str) {
        let outcome = closed(outcome, TURNS);
        if let Some((_, turns)) = self.turns.iter().find(|(known, _)| *known == outcome) {
            turns.inc();
        }
    }

    /// Counts a committed turn, and how long its commit took.
    pub fn turn_committed(&self, took: Duration) {
        self.turn("committed");
        self.turn_commit_seconds.observe(took.as_secs_f64());
    }

    /// Notes how long a message took from being heard to its committed turn.
    pub fn message_committed(&self, after: Duration) {
        self.message_commit_seconds.observe(after.as_secs_f64());
    }

    /// Counts a ring that was taken so long before its deadline, where it had one.
    pub fn ring_taken(&self, lead: Option<Duration>) {
        self.rings[0].inc();
        lead.inspect(|lead| self.ring_lead_seconds.observe(lead.as_secs_f64()));
    }

    /// Counts a ring that was accepted and went elsewhere.
    pub fn ring_lost(&self) {
        self.rings[1].inc();
    }

    /// Counts a ring that nobody of the bots had room for in time.
    pub fn ring_expired(&self) {
        self.rings[2].inc();
    }

    /// Counts a conversation that is taken up.
    pub fn claim_taken(&self) {
        self.claim_changes[0].inc();
    }

    /// Counts a conversation that is given up.
    pub fn claim_released(&self) {
        self.claim_changes[1].inc();
    }

    /// Notes how long a consumer waited for a confirmed reply.
    pub fn replied(&self, after: Duration) {
        self.reply_seconds.observe(after.as_secs_f64());
    }

    /// Counts a history that was read: the messages owed in it, and the places where it has nothing.
    pub fn caught_up(&self, owed: usize, holes: usize) {
        self.catch_ups[usize::from(owed > 0)].inc();
        self.caught_up_messages.inc_by(owed as u64);
        self.catch_up_holes.inc_by(holes as u64);
    }

    /// Counts actions that were dropped with their claim.
    pub fn actions_dropped(&self, actions: usize) {
        self.dropped_actions.inc_by(actions as u64);
    }

    /// Counts an action that can never succeed.
    pub fn dead_letter(&self) {
        self.dead_letters.inc();
    }
}
