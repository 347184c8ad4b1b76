//! Every metric of muster, declared once, like a table of contents.
//!
//! Labels come from closed sets: an outcome, actor or close code that is not declared counts as `other`,
//! and no conversation, consumer, URL or error text is ever a label. A bot is a label on gauges alone, and
//! only in fleets small enough for that.

mod account;
mod declare;
mod labels;
mod scrape;

use std::time::Duration;

use liveperson_proto::AccountId;
use muster_core::quarantine::Kind;
use prometheus::{Error, GaugeVec, Histogram, HistogramVec, IntCounterVec, IntGaugeVec, Registry};

use declare::Declare;
use labels::{ACTORS, AGENT_STATES, CONNECTS, LOGINS, PRUNED, QUEUES, REFRESHES, TURNS, close_code, closed};

pub use account::AccountMetrics;

const COMMIT_SECONDS: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
const REPLY_SECONDS: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];
const RING_SECONDS: &[f64] = &[0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 70.0, 90.0, 120.0];
const GROUP_TURNS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0];

/// Every metric of muster.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    bots: IntGaugeVec,
    bots_paused: IntGaugeVec,
    bots_degraded: IntGaugeVec,
    oldest_owed_timestamp_seconds: IntGaugeVec,
    rings: IntCounterVec,
    ring_lead_seconds: HistogramVec,
    connects: IntCounterVec,
    closes: IntCounterVec,
    logins: IntCounterVec,
    logins_waiting: IntGaugeVec,
    login_trouble: IntGaugeVec,
    refreshes: IntCounterVec,
    sessions_taken: IntCounterVec,
    agent_states: IntCounterVec,
    token_refresh_timestamp_seconds: IntGaugeVec,
    turns: IntCounterVec,
    turn_commit_seconds: Histogram,
    message_commit_seconds: HistogramVec,
    reply_seconds: HistogramVec,
    claims: IntGaugeVec,
    claim_changes: IntCounterVec,
    outbox_depth: IntGaugeVec,
    dead_letters: IntCounterVec,
    dropped_actions: IntCounterVec,
    catch_ups: IntCounterVec,
    caught_up_messages: IntCounterVec,
    catch_up_holes: IntCounterVec,
    restarts: IntCounterVec,
    quarantines: IntCounterVec,
    store_group_turns: Histogram,
    store_commit_seconds: Histogram,
    store_pruned: IntCounterVec,
    mailbox_full: IntCounterVec,
    queue_full: IntCounterVec,
    logic_abandoned: IntCounterVec,
    arbiter_lag_seconds: GaugeVec,
    bot_online: IntGaugeVec,
    bot_claims: IntGaugeVec,
    bot_last_turn_timestamp_seconds: IntGaugeVec,
    bot_oldest_owed_timestamp_seconds: IntGaugeVec,
    series: IntGaugeVec,
}

#[rustfmt::skip]
impl Metrics {
    /// Declares every metric.
    ///
    /// # Errors
    /// Only a mistake in a declaration; a test would have found it.
    pub fn new(version: &str) -> Result<Self, Error> {
        let declare = Declare(Registry::new());
        declare.gauge("muster_info", "The version of muster.", &["version"])?.with_label_values(&[version]).set(1);
        Ok(Self {
            bots: declare.gauge("muster_bots", "Bots by state.", &["account", "state"])?,
            bots_paused: declare.gauge("muster_bots_paused", "Bots that people hold still.", &["account"])?,
            bots_degraded: declare.gauge("muster_bots_degraded", "Bots that are not quite as they should be, by what it is; a bot may count in several.", &["account", "degraded"])?,
            oldest_owed_timestamp_seconds: declare.gauge("muster_oldest_owed_timestamp_seconds", "When the account's oldest consumer message was said that is owed an answer; no series while nothing is owed.", &["account"])?,
            rings: declare.counter("muster_rings_total", "Rings taken, lost to others after an acceptance, or expired unanswered.", &["account", "outcome"])?,
            ring_lead_seconds: declare.histograms("muster_ring_lead_seconds", "How long before its deadline a ring was taken.", &["account"], RING_SECONDS)?,
            connects: declare.counter("muster_connects_total", "Sockets opened, or not.", &["account", "outcome"])?,
            closes: declare.counter("muster_closes_total", "Sockets closed, by close code.", &["account", "code"])?,
            logins: declare.counter("muster_logins_total", "Login attempts.", &["account", "outcome"])?,
            logins_waiting: declare.gauge("muster_logins_waiting", "Bots that wait for their turn to log in.", &["account"])?,
            login_trouble: declare.gauge("muster_login_trouble", "Whether the login service is in trouble for the account, so that only a prober logs in.", &["account"])?,
            refreshes: declare.counter("muster_refreshes_total", "Token refreshes.", &["account", "outcome"])?,
            sessions_taken: declare.counter("muster_sessions_taken_total", "Sessions that a login elsewhere took, and whether the bot took them back.", &["account", "outcome"])?,
            agent_states: declare.counter("muster_agent_state_changes_total", "Bots that the platform set to another state by itself: set back, or left so after three times in ten minutes.", &["account", "outcome"])?,
            token_refresh_timestamp_seconds: declare.gauge("muster_token_refresh_timestamp_seconds", "When the account's oldest token was last refreshed.", &["account"])?,
            turns: declare.counter("muster_turns_total", "Turns.", &["account", "outcome"])?,
            turn_commit_seconds: declare.histogram("muster_turn_commit_seconds", "From the logic's answer to the committed turn.", COMMIT_SECONDS)?,
            message_commit_seconds: declare.histograms("muster_message_commit_seconds", "From a consumer's message to the committed turn.", &["account"], REPLY_SECONDS)?,
            reply_seconds: declare.histograms("muster_reply_seconds", "From a consumer's message to the confirmed reply.", &["account"], REPLY_SECONDS)?,
            claims: declare.gauge("muster_claims", "Conversations that the account's bots handle.", &["account"])?,
            claim_changes: declare.counter("muster_claim_changes_total", "Conversations taken up, and given up.", &["account", "outcome"])?,
            outbox_depth: declare.gauge("muster_outbox_depth", "Actions that the platform has not confirmed.", &["account"])?,
            dead_letters: declare.counter("muster_dead_letters_total", "Actions that can never succeed.", &["account"])?,
            dropped_actions: declare.counter("muster_dropped_actions_total", "Actions dropped unsent, since their conversation was closed or had left the pool.", &["account"])?,
            catch_ups: declare.counter("muster_catch_ups_total", "Histories read after the cursor, by what was owed in them.", &["account", "outcome"])?,
            caught_up_messages: declare.counter("muster_caught_up_messages_total", "Consumer messages found by reading a history.", &["account"])?,
            catch_up_holes: declare.counter("muster_catch_up_holes_total", "Places after the cursor where the platform's history has nothing.", &["account"])?,
            restarts: declare.counter("muster_restarts_total", "Actors restarted after a fault.", &["account", "actor"])?,
            quarantines: declare.counter("muster_quarantines_total", "Bots held off, by kind.", &["account", "kind"])?,
            store_group_turns: declare.histogram("muster_store_group_turns", "Turns written in one transaction.", GROUP_TURNS)?,
            store_commit_seconds: declare.histogram("muster_store_commit_seconds", "How long the store took to commit a group.", COMMIT_SECONDS)?,
            store_pruned: declare.counter("muster_store_pruned_total", "What was old and is forgotten: released claims, dropped dead letters.", &["what"])?,
            mailbox_full: declare.counter("muster_mailbox_full_total", "Messages that found a mailbox full.", &["actor"])?,
            queue_full: declare.counter("muster_queue_full_total", "How often something found no room, and was left to be asked for again.", &["queue"])?,
            logic_abandoned: declare.counter("muster_logic_abandoned_total", "Runs of logic that took too long and were abandoned.", &["account"])?,
            arbiter_lag_seconds: declare.seconds("muster_arbiter_lag_seconds", "How late an arbiter runs what is due: measured a second ago at most, or growing while it hangs.", &["arbiter"])?,
            bot_online: declare.gauge("muster_bot_online", "Whether the bot is online; in fleets of up to 2,000 bots.", &["account", "bot"])?,
            bot_claims: declare.gauge("muster_bot_claims", "Conversations that the bot handles; in fleets of up to 2,000 bots.", &["account", "bot"])?,
            bot_last_turn_timestamp_seconds: declare.gauge("muster_bot_last_turn_timestamp_seconds", "When the bot's last turn was committed; in fleets of up to 2,000 bots.", &["account", "bot"])?,
            bot_oldest_owed_timestamp_seconds: declare.gauge("muster_bot_oldest_owed_timestamp_seconds", "When the oldest message was said that the bot owes an answer; in fleets of up to 2,000 bots, and no series while it owes none.", &["account", "bot"])?,
            series: declare.gauge("muster_series", "How many series this text has, a histogram counted as one.", &[])?,
            registry: { declare.process()?; declare.0 },
        })
    }
}

impl Metrics {
    /// Counts a socket that opened, or did not.
    pub fn connects(&self, account: &AccountId, outcome: &str) {
        self.connects.with_label_values(&[account.as_str(), closed(outcome, CONNECTS)]).inc();
    }

    /// Counts a closed socket.
    pub fn closes(&self, account: &AccountId, code: u16) {
        self.closes.with_label_values(&[account.as_str(), close_code(code)]).inc();
    }

    /// Counts a login attempt.
    pub fn logins(&self, account: &AccountId, outcome: &str) {
        self.logins.with_label_values(&[account.as_str(), closed(outcome, LOGINS)]).inc();
    }

    /// Counts a token refresh.
    pub fn refreshes(&self, account: &AccountId, outcome: &str) {
        self.refreshes.with_label_values(&[account.as_str(), closed(outcome, REFRESHES)]).inc();
    }

    /// Counts a session that a login elsewhere took.
    pub fn session_taken(&self, account: &AccountId, taken_back: bool) {
        let outcome = if taken_back { "taken_back" } else { "quarantined" };
        self.sessions_taken.with_label_values(&[account.as_str(), outcome]).inc();
    }

    /// Counts a state that the platform changed by itself.
    pub fn agent_state(&self, account: &AccountId, outcome: &str) {
        self.agent_states.with_label_values(&[account.as_str(), closed(outcome, AGENT_STATES)]).inc();
    }

    /// Counts a turn; where turns are many, [`account`](Self::account) is cheaper.
    pub fn turns(&self, account: &AccountId, outcome: &str) {
        self.turns.with_label_values(&[account.as_str(), closed(outcome, TURNS)]).inc();
    }

    /// Counts an actor's restart.
    pub fn restarts(&self, account: &AccountId, actor: &str) {
        self.restarts.with_label_values(&[account.as_str(), closed(actor, ACTORS)]).inc();
    }

    /// Counts a bot that is held off.
    pub fn quarantined(&self, account: &AccountId, kind: Kind) {
        self.quarantines.with_label_values(&[account.as_str(), kind.word()]).inc();
    }

    /// Counts a message that found a mailbox full.
    pub fn mailbox_full(&self, actor: &str) {
        self.mailbox_full.with_label_values(&[closed(actor, ACTORS)]).inc();
    }

    /// Counts something that found no room, and is asked for again.
    pub fn queue_full(&self, queue: &str) {
        self.queue_full.with_label_values(&[closed(queue, QUEUES)]).inc();
    }

    /// Notes a group of turns that the store has committed, and how long that took.
    pub fn store_committed(&self, turns: usize, took: Duration) {
        self.store_group_turns.observe(turns as f64);
        self.store_commit_seconds.observe(took.as_secs_f64());
    }

    /// Counts what the store forgot.
    pub fn pruned(&self, what: &str, count: u64) {
        self.store_pruned.with_label_values(&[closed(what, PRUNED)]).inc_by(count);
    }

    /// An account's metrics for the hot path, looked up once.
    pub fn account(&self, account: &AccountId) -> AccountMetrics {
        AccountMetrics::of(self, account)
    }

    /// Counts a run of logic that was abandoned.
    pub fn logic_abandoned(&self, account: &AccountId) {
        self.logic_abandoned.with_label_values(&[account.as_str()]).inc();
    }

    /// Notes how late an arbiter runs what is due.
    pub fn arbiter_lag(&self, arbiter: &str, lag: Duration) {
        self.arbiter_lag_seconds.with_label_values(&[arbiter]).set(lag.as_secs_f64());
    }
}

#[cfg(test)]
mod tests;
