//! Writes the metrics; what the board knows is read from it at that moment.

use std::collections::BTreeMap;

use muster_core::health::Degraded;
use prometheus::{Encoder, Error, TextEncoder};

use super::Metrics;
use crate::board::{Board, BotState, BotStatus};

/// Above so many bots there is no gauge for each one: the series would outnumber all others.
const BOTS_ONE_BY_ONE: usize = 2_000;

impl Metrics {
    /// Writes everything in the text format 0.0.4.
    ///
    /// # Errors
    /// The text could not be encoded.
    pub fn scrape(&self, board: &Board) -> Result<String, Error> {
        self.read(board);
        let mut families = self.registry.gather();
        let series: usize = families.iter().map(|family| family.get_metric().len()).sum();
        self.series.with_label_values::<&str>(&[]).set(series as i64);
        families = self.registry.gather();
        let mut text = Vec::new();
        TextEncoder::new().encode(&families, &mut text)?;
        String::from_utf8(text).map_err(|error| Error::Msg(error.to_string()))
    }

    fn read(&self, board: &Board) {
        // A bot or account that is gone must not linger.
        let of_the_board = [
            &self.bots,
            &self.bots_paused,
            &self.bots_degraded,
            &self.oldest_owed_timestamp_seconds,
            &self.bot_oldest_owed_timestamp_seconds,
            &self.outbox_depth,
            &self.claims,
            &self.logins_waiting,
            &self.login_trouble,
            &self.token_refresh_timestamp_seconds,
            &self.bot_online,
            &self.bot_claims,
            &self.bot_last_turn_timestamp_seconds,
        ];
        of_the_board.into_iter().for_each(prometheus::IntGaugeVec::reset);
        let mut bots = 0;
        for (account, counts) in board.counts() {
            for state in BotState::ALL {
                let count = counts.get(state).copied().unwrap_or_default();
                self.bots.with_label_values(&[account.as_str(), state.word()]).set(count as i64);
                bots += count;
            }
        }
        for account in board.accounts() {
            let name = account.account.as_str();
            for what in Degraded::ALL {
                let count = account.degraded.get(what).copied().unwrap_or_default();
                self.bots_degraded.with_label_values(&[name, what.word()]).set(count as i64);
            }
            if let Some(oldest_ms) = account.oldest_owed_ms {
                self.oldest_owed_timestamp_seconds.with_label_values(&[name]).set(oldest_ms / 1000);
            }
        }
        for (account, queue) in board.fleet().logins {
            self.logins_waiting.with_label_values(&[account.as_str()]).set(queue.waiting as i64);
            self.login_trouble.with_label_values(&[account.as_str()]).set(i64::from(queue.trouble.is_some()));
        }
        let one_by_one = bots <= BOTS_ONE_BY_ONE;
        let mut sums = BTreeMap::new();
        board.each(|status| {
            sums.entry(status.account.clone()).or_insert_with(Sums::default).add(status);
            if one_by_one {
                self.read_bot(status);
            }
        });
        for (account, sums) in sums {
            let account = &[account.as_str()];
            self.bots_paused.with_label_values(account).set(sums.paused as i64);
            self.outbox_depth.with_label_values(account).set(sums.outbox as i64);
            self.claims.with_label_values(account).set(sums.claims as i64);
            if let Some(oldest_ms) = sums.oldest_refresh_ms {
                self.token_refresh_timestamp_seconds.with_label_values(account).set(oldest_ms / 1000);
            }
        }
    }

    fn read_bot(&self, status: &BotStatus) {
        let bot = &[status.account.as_str(), status.bot.as_str()];
        self.bot_online.with_label_values(bot).set(i64::from(status.state == BotState::Online));
        self.bot_claims.with_label_values(bot).set(status.open_conversations as i64);
        if let Some(oldest_ms) = status.oldest_owed_ms {
            self.bot_oldest_owed_timestamp_seconds.with_label_values(bot).set(oldest_ms / 1000);
        }
        if let Some(last_turn_ms) = status.last_turn_ms {
            self.bot_last_turn_timestamp_seconds.with_label_values(bot).set(last_turn_ms / 1000);
        }
    }
}

/// What the bots of an account come to.
#[derive(Default)]
struct Sums {
    paused: usize,
    outbox: usize,
    claims: usize,
    oldest_refresh_ms: Option<i64>,
}

impl Sums {
    fn add(&mut self, status: &BotStatus) {
        self.paused += usize::from(status.paused.is_some());
        self.outbox += status.outbox;
        self.claims += status.open_conversations;
        let both = [self.oldest_refresh_ms, status.token_refreshed_ms];
        self.oldest_refresh_ms = both.into_iter().flatten().min();
    }
}
