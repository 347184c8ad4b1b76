//! Bots a page at a time: filtered, sorted, and no more of them copied than are shown.

use std::borrow::Cow;
use std::cmp::Ordering;

use liveperson_proto::AccountId;
use muster_core::BotId;
use muster_core::rights::Grant;
use serde::{Deserialize, Serialize};

use super::{Board, BotStatus};
use crate::filter::Filter;

/// What bots are filtered by.
pub const BOT_KEYS: [&str; 8] =
    ["state", "account", "pool", "bot", "logic", "quarantine", "degraded", "paused"];
/// What bots are sorted by; the same stand by account and name.
pub const BOT_ORDERS: [&str; 5] = ["name", "state", "since", "owed", "conversations"];

/// Which bots are asked for.
#[derive(Clone, Debug)]
pub struct BotsAsked {
    /// Those that fit, by [`BOT_KEYS`].
    pub filter: Filter,
    /// One of [`BOT_ORDERS`].
    pub order: &'static str,
    /// The greatest first.
    pub descends: bool,
    /// Only behind this place.
    pub after: Option<BotPlace>,
    /// How many at most.
    pub limit: usize,
    /// Who asks sees no others.
    pub grant: Grant,
}

/// A bot's place in a sorted list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BotPlace(i64, AccountId, BotId);

impl BotsAsked {
    /// A bot's place in the list asked for.
    pub fn place(&self, bot: &BotStatus) -> BotPlace {
        BotPlace(self.value(bot), bot.account.clone(), bot.bot.clone())
    }

    fn value(&self, bot: &BotStatus) -> i64 {
        match self.order {
            "state" => bot.state as i64,
            "since" => bot.since_ms,
            "owed" => bot.oldest_owed_ms.unwrap_or(i64::MAX),
            "conversations" => bot.open_conversations as i64,
            _ => 0,
        }
    }

    fn takes(&self, bot: &BotStatus) -> bool {
        self.grant.sees(&bot.account) && takes(&self.filter, bot)
    }

    fn compare(&self, one: (i64, &AccountId, &BotId), other: (i64, &AccountId, &BotId)) -> Ordering {
        let order = one.cmp(&other);
        if self.descends { order.reverse() } else { order }
    }
}

/// Whether a bot fits a filter over [`BOT_KEYS`].
pub fn takes(filter: &Filter, bot: &BotStatus) -> bool {
    filter.takes(|key| match key {
        "state" => vec![bot.state.word()],
        "account" => vec![bot.account.as_str()],
        "pool" => vec![bot.pool.as_str()],
        "bot" => vec![bot.bot.as_str()],
        "logic" => vec![bot.logic.as_str()],
        "quarantine" => bot.quarantine.into_iter().collect(),
        "degraded" => bot.degraded.iter().map(|what| what.word()).collect(),
        "paused" => vec![if bot.paused.is_some() { "yes" } else { "no" }],
        _ => Vec::new(),
    })
}

impl Board {
    /// The bots asked for, in order, at most one more than asked for.
    pub fn page(&self, asked: &BotsAsked) -> Vec<BotStatus> {
        let shown = self.read();
        let look = shown.look();
        let key = |bot: &Cow<'_, BotStatus>| asked.value(bot);
        let seen = shown.bots.values().map(|status| look.at(status)).filter(|bot| asked.takes(bot));
        let mut found: Vec<(i64, Cow<'_, BotStatus>)> = seen
            .map(|bot| (key(&bot), bot))
            .filter(|(value, bot)| {
                asked.after.as_ref().is_none_or(|BotPlace(at, account, name)| {
                    asked.compare((*value, &bot.account, &bot.bot), (*at, account, name)).is_gt()
                })
            })
            .collect();
        let by = |one: &(i64, Cow<'_, BotStatus>), other: &(i64, Cow<'_, BotStatus>)| {
            asked.compare((one.0, &one.1.account, &one.1.bot), (other.0, &other.1.account, &other.1.bot))
        };
        if found.len() > asked.limit + 1 {
            found.select_nth_unstable_by(asked.limit + 1, by);
            found.truncate(asked.limit + 1);
        }
        found.sort_unstable_by(by);
        found.into_iter().map(|(_, bot)| bot.into_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::BotState;
    use muster_core::rights::Role;

    fn board() -> Board {
        let board = Board::default();
        for n in 0..200_usize {
            let account = (n % 3).to_string();
            let name = format!("bot-{n}");
            let bot = BotStatus::parked(
                &account.as_str().into(),
                &name.as_str().into(),
                &"p".into(),
                "echo",
                (n % 7) as i64,
            );
            let state = if n % 2 == 0 { BotState::Online } else { BotState::Waiting };
            board.put(BotStatus { state, open_conversations: n % 5, ..bot });
        }
        board
    }

    fn all_pages(board: &Board, mut asked: BotsAsked) -> Vec<BotPlace> {
        let mut places = Vec::new();
        loop {
            let page = board.page(&asked);
            let more = page.len() > asked.limit;
            places.extend(page.iter().take(asked.limit).map(|bot| asked.place(bot)));
            if !more {
                return places;
            }
            asked.after = places.last().cloned();
        }
    }

    #[test]
    fn pages_show_each_bot_once_and_in_order() {
        let board = board();
        for order in BOT_ORDERS {
            for (descends, limit) in [(false, 7), (true, 7), (false, 1_000)] {
                let grant = Grant::everywhere(Role::Viewer);
                let filter = Filter::parse("state=online account!=2", &BOT_KEYS).unwrap();
                let places =
                    all_pages(&board, BotsAsked { filter, order, descends, after: None, limit, grant });
                let mut sorted = places.clone();
                sorted.sort();
                sorted.dedup();
                if descends {
                    sorted.reverse();
                }
                assert_eq!((places.len(), &places), (67, &sorted), "{order} {descends} {limit}");
            }
        }
    }

    #[test]
    fn who_is_limited_sees_the_accounts_within_reach() {
        let grant = Grant { role: Role::Admin, accounts: Some(["1".into()].into()) };
        let asked = BotsAsked {
            filter: Filter::default(),
            order: "name",
            descends: false,
            after: None,
            limit: 1_000,
            grant,
        };
        let bots = board().page(&asked);
        assert!(
            bots.len() == 67 && bots.iter().all(|bot| bot.account == AccountId::from("1")),
            "{}",
            bots.len()
        );
    }
}
