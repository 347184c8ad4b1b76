//! Bots whose start has not been survived yet: what a process that died leaves behind.

use std::collections::BTreeMap;

use muster_core::starts::Past;
use serde_json::json;

use super::{BotKey, NodeIdentity, Store, StoreError, each_dialect};

/// Turns of the conversations that a bot of `bot_start` holds.
macro_rules! turns_of {
    ($account:literal, $bot:literal) => {
        concat!(
            "(SELECT CAST(COALESCE(sum(c.turns), 0) AS bigint) FROM claim c WHERE c.account_id = ",
            $account,
            " AND c.bot_id = ",
            $bot,
            " AND c.state = 'held')"
        )
    };
}

// A bot that committed a turn has survived its start, even if its process had no time to say so.
const WORKED: &str = concat!(
    "DELETE FROM bot_start WHERE incarnation <> '' AND incarnation <> $1 AND turns < ",
    turns_of!("bot_start.account_id", "bot_start.bot_id")
);
const COUNT: &str = "UPDATE bot_start SET deaths = deaths + 1, incarnation = '' \
     WHERE incarnation <> '' AND incarnation <> $1";
const FORGET: &str = "DELETE FROM bot_start WHERE NOT EXISTS \
     (SELECT 1 FROM bot b WHERE b.account_id = bot_start.account_id AND b.bot_id = bot_start.bot_id)";
const PASTS: &str = "SELECT account_id, bot_id, deaths, alone FROM bot_start";
const START: &str = concat!(
    "INSERT INTO bot_start (account_id, bot_id, incarnation, alone, deaths, turns) \
     SELECT t.value->>'account', t.value->>'bot', $2, $3, 0, ",
    turns_of!("t.value->>'account'", "t.value->>'bot'"),
    " FROM json_each($1) AS t WHERE true \
     ON CONFLICT (account_id, bot_id) DO UPDATE SET incarnation = excluded.incarnation, alone = excluded.alone, \
       turns = excluded.turns"
);
const SURVIVED: &str = "DELETE FROM bot_start WHERE (account_id, bot_id) IN \
     (SELECT t.value->>'account', t.value->>'bot' FROM json_each($1) AS t)";
const ENDED: &str = "DELETE FROM bot_start WHERE incarnation = $1";

impl Store {
    /// Counts the deaths of other processes against the bots that they were starting; answers the past of each.
    pub async fn pasts(&self, me: &NodeIdentity) -> Result<BTreeMap<BotKey, Past>, StoreError> {
        let me = me.incarnation.clone();
        self.on_io(move |inner| async move {
            let rows: Vec<(String, String, i64, bool)> = each_dialect!(inner.engine, writer, db => {
                sqlx::query(WORKED).bind(&me).execute(db).await?;
                sqlx::query(COUNT).bind(me).execute(db).await?;
                sqlx::query(FORGET).execute(db).await?;
                sqlx::query_as(PASTS).fetch_all(db).await?
            });
            let past = |(account, bot, deaths, alone): (String, String, i64, bool)| {
                let deaths = u32::try_from(deaths).unwrap_or(u32::MAX);
                ((account.into(), bot.as_str().into()), Past { deaths, alone })
            };
            Ok(rows.into_iter().map(past).collect())
        })
        .await
    }

    /// This process is about to start these bots, and no others meanwhile.
    pub async fn starting(&self, me: &NodeIdentity, bots: &[BotKey]) -> Result<(), StoreError> {
        let (rows, me, alone) = (keys(bots), me.incarnation.clone(), bots.len() == 1);
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                sqlx::query(START).bind(rows).bind(me).bind(alone).execute(db).await?;
            });
            Ok(())
        })
        .await
    }

    /// Nothing stands against these bots any more.
    pub async fn survived(&self, bots: &[BotKey]) -> Result<(), StoreError> {
        let rows = keys(bots);
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => { sqlx::query(SURVIVED).bind(rows).execute(db).await?; });
            Ok(())
        })
        .await
    }

    /// This process ends in order: it killed nobody, and nobody it.
    pub async fn starts_ended(&self, me: &NodeIdentity) -> Result<(), StoreError> {
        let me = me.incarnation.clone();
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => { sqlx::query(ENDED).bind(me).execute(db).await?; });
            Ok(())
        })
        .await
    }
}

fn keys(bots: &[BotKey]) -> String {
    let row = |(account, bot): &BotKey| json!({ "account": account, "bot": bot });
    json!(bots.iter().map(row).collect::<Vec<_>>()).to_string()
}
