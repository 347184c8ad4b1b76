//! One account's metrics for the hot path.

use std::time::Duration;

use liveperson_proto::AccountId;
use prometheus::{Histogram, IntCounter};

use super::Metrics;
use super::labels::{CLAIM_CHANGES, TURNS, closed};

/// One account's metrics: a bot gets them once and counts without looking anything up.
#[derive(Clone, Debug)]
pub struct AccountMetrics {
    turns: Vec<(&'static str, IntCounter)>,
    claim_changes: [IntCounter; 2],
    turn_commit_seconds: Histogram,
    message_commit_seconds: Histogram,
    reply_seconds: Histogram,
    dead_letters: IntCounter,
}

impl AccountMetrics {
    pub(super) fn of(metrics: &Metrics, account: &AccountId) -> Self {
        let account = account.as_str();
        let turns = |outcome| metrics.turns.with_label_values(&[account, outcome]);
        Self {
            turns: TURNS.iter().chain(&["other"]).map(|outcome| (*outcome, turns(outcome))).collect(),
            claim_changes: [0, 1]
                .map(|change| metrics.claim_changes.with_label_values(&[account, CLAIM_CHANGES[change]])),
            message_commit_seconds: metrics.message_commit_seconds.with_label_values(&[account]),
            turn_commit_seconds: metrics.turn_commit_seconds.clone(),
            reply_seconds: metrics.reply_seconds.with_label_values(&[account]),
            dead_letters: metrics.dead_letters.with_label_values(&[account]),
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

    /// Counts an action that can never succeed.
    pub fn dead_letter(&self) {
        self.dead_letters.inc();
    }
}
