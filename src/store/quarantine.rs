//! Bots that are held off: why, since when, by whom; and how people let them go.

use liveperson_proto::AccountId;
use muster_core::BotId;
use muster_core::quarantine::{Kind, Quarantine};
use serde_json::json;

use super::{Store, StoreError, each_dialect, storable};

/// Why a bot is held off, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldOff {
    /// Kind and words.
    pub quarantine: Quarantine,
    /// Epoch milliseconds by the database's clock.
    pub since: i64,
}

/// What names a bot.
pub type BotKey = (AccountId, BotId);

const HOLD: &str = "UPDATE bot SET quarantine = t.value->>'words', quarantine_kind = t.value->>'kind', \
       quarantined_at = (SELECT ms FROM clock), quarantined_by = $2 FROM json_each($1) AS t \
     WHERE bot.account_id = t.value->>'account' AND bot.bot_id = t.value->>'bot' AND bot.quarantine_kind IS NULL \
     RETURNING account_id, bot_id";
const RELEASE: &str = "UPDATE bot SET quarantine = NULL, quarantine_kind = NULL, quarantined_at = NULL, \
       quarantined_by = NULL, released_at = (SELECT ms FROM clock), released_by = $2, release_reason = $3 \
     FROM json_each($1) AS t \
     WHERE bot.account_id = t.value->>'account' AND bot.bot_id = t.value->>'bot' AND bot.quarantine_kind IS NOT NULL \
     RETURNING account_id, bot_id";
const HELD_OFF: &str = "SELECT account_id, bot_id, quarantine_kind, quarantine, quarantined_at FROM bot \
     WHERE quarantine_kind IS NOT NULL AND ($1 = '' OR account_id = $1) AND ($2 = '' OR bot_id = $2)";

type Row = (String, String, Option<String>, Option<String>, Option<i64>);

impl Store {
    /// Holds bots off, each in its own words; `by` names the person, if one does it.
    /// Answers those that were not held off already: the first reason stays.
    pub async fn hold_off(
        &self,
        bots: &[(BotKey, Quarantine)],
        by: Option<&str>,
    ) -> Result<Vec<BotKey>, StoreError> {
        let row = |((account, bot), Quarantine { kind, words }): &(BotKey, Quarantine)| json!({ "account": account, "bot": bot, "kind": kind.word(), "words": storable(words) });
        let rows = json!(bots.iter().map(row).collect::<Vec<_>>()).to_string();
        let by = by.map(storable);
        self.on_io(move |inner| async move {
            let held: Vec<(String, String)> = each_dialect!(inner.engine, writer, db => {
                sqlx::query_as(HOLD).bind(rows).bind(by).fetch_all(db).await?
            });
            Ok(held.into_iter().map(key).collect())
        })
        .await
    }

    /// Lets bots go; answers those that were held off.
    pub async fn let_go(&self, bots: &[BotKey], by: &str, reason: &str) -> Result<Vec<BotKey>, StoreError> {
        let row = |(account, bot): &BotKey| json!({ "account": account, "bot": bot });
        let rows = json!(bots.iter().map(row).collect::<Vec<_>>()).to_string();
        let (by, reason) = (storable(by), storable(reason));
        self.on_io(move |inner| async move {
            let gone: Vec<(String, String)> = each_dialect!(inner.engine, writer, db => {
                sqlx::query_as(RELEASE).bind(rows).bind(by).bind(reason).fetch_all(db).await?
            });
            Ok(gone.into_iter().map(key).collect())
        })
        .await
    }

    /// Every bot that is held off.
    pub async fn held_off(&self) -> Result<Vec<(BotKey, HeldOff)>, StoreError> {
        self.read_held_off(String::new(), String::new()).await
    }

    /// Whether this bot is held off.
    pub async fn is_held_off(&self, account: &AccountId, bot: &BotId) -> Result<Option<HeldOff>, StoreError> {
        let rows = self.read_held_off(account.to_string(), bot.to_string()).await?;
        Ok(rows.into_iter().next().map(|(_, held)| held))
    }

    /// An empty text stands for any.
    async fn read_held_off(
        &self,
        account: String,
        bot: String,
    ) -> Result<Vec<(BotKey, HeldOff)>, StoreError> {
        self.on_io(move |inner| async move {
            let rows: Vec<Row> = each_dialect!(inner.engine, reader, db => {
                sqlx::query_as(HELD_OFF).bind(account).bind(bot).fetch_all(db).await?
            });
            let row = |(account, bot, kind, words, since): Row| {
                Some((key((account, bot)), held_off(kind, words, since)?))
            };
            Ok(rows.into_iter().filter_map(row).collect())
        })
        .await
    }
}

/// What the columns say; a kind of a later muster is a person's matter.
pub(super) fn held_off(kind: Option<String>, words: Option<String>, since: Option<i64>) -> Option<HeldOff> {
    let kind = Kind::of_word(&kind?).unwrap_or(Kind::Suspended);
    let quarantine = Quarantine { kind, words: words.unwrap_or_default() };
    Some(HeldOff { quarantine, since: since.unwrap_or_default() })
}

fn key((account, bot): (String, String)) -> BotKey {
    (account.into(), bot.as_str().into())
}
