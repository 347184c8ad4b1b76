//! What the bots of one account come to.

use std::collections::BTreeMap;

use liveperson_proto::AccountId;
use muster_core::health::Degraded;
use serde::Serialize;
use utoipa::ToSchema;

use super::status::{BotState, BotStatus, as_optional_text};

/// What is shown of one account. As JSON its times are RFC 3339 texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AccountStatus {
    /// The account.
    #[schema(value_type = String)]
    pub account: AccountId,
    /// How many bots are in each state.
    #[schema(value_type = HashMap<String, usize>)]
    pub states: BTreeMap<BotState, usize>,
    /// How many bots have each of these, the gravest first.
    #[schema(value_type = HashMap<String, usize>)]
    pub degraded: BTreeMap<Degraded, usize>,
    /// When the oldest consumer message was said that is owed an answer, as far as its bots know.
    #[serde(rename = "oldest_owed_at", serialize_with = "as_optional_text")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub oldest_owed_ms: Option<i64>,
    /// How many bots may owe older ones that they have not read yet.
    pub oldest_owed_unknown_to: usize,
}

impl AccountStatus {
    /// An account without bots.
    pub(super) fn empty(account: &AccountId) -> Self {
        Self {
            account: account.clone(),
            states: BTreeMap::new(),
            degraded: BTreeMap::new(),
            oldest_owed_ms: None,
            oldest_owed_unknown_to: 0,
        }
    }

    pub(super) fn add(&mut self, bot: &BotStatus) {
        *self.states.entry(bot.state).or_default() += 1;
        for what in &bot.degraded {
            *self.degraded.entry(*what).or_default() += 1;
        }
        self.oldest_owed_ms = [self.oldest_owed_ms, bot.oldest_owed_ms].into_iter().flatten().min();
        let unknown = !bot.oldest_owed_known && bot.state != BotState::Parked;
        self.oldest_owed_unknown_to += usize::from(unknown);
    }
}
