//! What people want of bots, and what came of it.

use std::time::Duration;

use liveperson_proto::AccountId;
use muster_core::BotId;
use muster_core::wish::{Verb, Verdict};
use serde_json::json;

use super::quarantine::BotKey;
use super::{NodeIdentity, Store, StoreError, each_dialect, storable};

/// A wish that nobody has answered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotWish {
    /// The account.
    pub account: AccountId,
    /// The bot.
    pub bot: BotId,
    /// Which wish; the same for all bots that were asked together.
    pub id: String,
    /// What is wanted.
    pub verb: Verb,
    /// Who wants it, and why.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Somebody began to carry it out.
    pub begun: bool,
    /// It is older than the process that asks.
    pub older: bool,
}

/// What came of a wish for one bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotWishOutcome {
    /// The bot.
    pub bot: BotKey,
    /// `None` while nobody has answered.
    pub verdict: Option<Verdict>,
}

/// Wishes that are told of at one time; the others follow once these are answered.
const TOLD_AT_ONCE: i64 = 10_000;

const ASK: &str = "INSERT INTO bot_wish (account_id, bot_id, wish_id, verb, argument, asked_at, asked_by, reason) \
     SELECT t.value->>0, t.value->>1, $2, $3, $4, (SELECT ms FROM clock), $5, $6 FROM json_each($1) AS t \
     JOIN bot b ON b.account_id = t.value->>0 AND b.bot_id = t.value->>1 WHERE true \
     ON CONFLICT (account_id, bot_id, wish_id) DO NOTHING RETURNING account_id, bot_id";
const WANT: &str = "UPDATE bot SET wanted = $2 FROM json_each($1) AS t \
     WHERE bot.account_id = t.value->>0 AND bot.bot_id = t.value->>1";
const OPEN: &str = "SELECT account_id, bot_id, wish_id, verb, argument, asked_by, reason, begun_at IS NOT NULL, \
       asked_at < COALESCE((SELECT started_at FROM node WHERE incarnation = $1), 0) \
     FROM bot_wish WHERE answered_at IS NULL ORDER BY asked_at, wish_id, account_id, bot_id LIMIT $2";
const BEGIN: &str = "UPDATE bot_wish SET begun_at = COALESCE(begun_at, (SELECT ms FROM clock)) \
     WHERE account_id = $1 AND bot_id = $2 AND wish_id = $3";
const FORGET_SESSION: &str = "DELETE FROM session WHERE account_id = $1 AND bot_id = $2";
const ANSWER: &str = "UPDATE bot_wish SET answered_at = (SELECT ms FROM clock), verdict = $4, outcome = $5 \
     WHERE account_id = $1 AND bot_id = $2 AND wish_id = $3 AND answered_at IS NULL";
const OUTCOMES: &str = "SELECT w.account_id, w.bot_id, w.verdict, w.outcome FROM json_each($1) AS t \
     JOIN bot_wish w ON w.account_id = t.value->>0 AND w.bot_id = t.value->>1 AND w.wish_id = $2 \
     ORDER BY w.account_id, w.bot_id";
const PARKED: &str = "SELECT account_id, bot_id FROM bot WHERE wanted = 'parked'";
const OLD: &str = "DELETE FROM bot_wish WHERE (account_id, bot_id, wish_id) IN ( \
       SELECT account_id, bot_id, wish_id FROM bot_wish WHERE answered_at < (SELECT ms FROM clock) - $1 \
       ORDER BY answered_at LIMIT $3) \
     AND ($2 = '' OR EXISTS (SELECT 1 FROM live_node WHERE incarnation = $2))";

type Open = (String, String, String, String, String, String, String, bool, bool);
type Outcome = (String, String, Option<String>, Option<String>);

impl Store {
    /// Asks something of bots. A wish that was asked before is asked no second time, so that whoever was
    /// interrupted may ask again; what is not declared is not asked. A start and a stop also say from now on whether the bot should run.
    pub async fn ask(
        &self,
        wish: &str,
        verb: Verb,
        bots: &[BotKey],
        (by, reason): (&str, &str),
    ) -> Result<(), StoreError> {
        let bots = json!(bots).to_string();
        let (wish, by, reason) = (storable(wish), storable(by), storable(reason));
        let wanted = match verb {
            Verb::Start => Some("running"),
            Verb::Stop => Some("parked"),
            _ => None,
        };
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                let mut tx = db.begin().await?;
                let asked: Vec<(String, String)> = sqlx::query_as(ASK)
                    .bind(bots).bind(wish).bind(verb.word()).bind(verb.argument()).bind(by).bind(reason)
                    .fetch_all(&mut *tx).await?;
                if let Some(wanted) = wanted {
                    sqlx::query(WANT).bind(json!(asked).to_string()).bind(wanted).execute(&mut *tx).await?;
                }
                tx.commit().await?;
            });
            Ok(())
        })
        .await
    }

    /// The wishes that nobody has answered, oldest first, at most 10,000.
    pub async fn open_wishes(&self, me: &NodeIdentity) -> Result<Vec<BotWish>, StoreError> {
        let me = me.incarnation.clone();
        self.on_io(|inner| async move {
            let rows: Vec<Open> = each_dialect!(inner.engine, reader, db => {
                sqlx::query_as(OPEN).bind(me).bind(TOLD_AT_ONCE).fetch_all(db).await?
            });
            Ok(rows.into_iter().filter_map(wish_row).collect())
        })
        .await
    }

    /// Says that a wish is being carried out. With `forgetting` the bot's session goes in the same step:
    /// its next life needs a login, and whoever comes after knows that.
    pub async fn begin_wish(
        &self,
        (account, bot): &BotKey,
        wish: &str,
        forgetting: bool,
    ) -> Result<(), StoreError> {
        let (account, bot, wish) = (account.to_string(), bot.to_string(), wish.to_owned());
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                let mut tx = db.begin().await?;
                sqlx::query(BEGIN).bind(&account).bind(&bot).bind(wish).execute(&mut *tx).await?;
                if forgetting {
                    sqlx::query(FORGET_SESSION).bind(&account).bind(&bot).execute(&mut *tx).await?;
                }
                tx.commit().await?;
            });
            Ok(())
        })
        .await
    }

    /// Tells what came of a wish; the first answer stays.
    pub async fn answer_wish(
        &self,
        (account, bot): &BotKey,
        wish: &str,
        verdict: &Verdict,
    ) -> Result<(), StoreError> {
        let (account, bot, wish) = (account.to_string(), bot.to_string(), wish.to_owned());
        let (word, words) = (verdict.word(), storable(verdict.words()));
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                let statement = sqlx::query(ANSWER).bind(account).bind(bot).bind(wish);
                statement.bind(word).bind(words).execute(db).await?;
            });
            Ok(())
        })
        .await
    }

    /// What came of a wish for these bots, by account and name; those that were not asked are left out.
    pub async fn wish_outcomes(
        &self,
        wish: &str,
        bots: &[BotKey],
    ) -> Result<Vec<BotWishOutcome>, StoreError> {
        let (bots, wish) = (json!(bots).to_string(), wish.to_owned());
        self.on_io(move |inner| async move {
            let rows: Vec<Outcome> = each_dialect!(inner.engine, reader, db => {
                sqlx::query_as(OUTCOMES).bind(bots).bind(wish).fetch_all(db).await?
            });
            let outcome = |(account, bot, verdict, words): Outcome| BotWishOutcome {
                bot: (account.into(), bot.as_str().into()),
                verdict: verdict.map(|word| Verdict::of_words(&word, words.unwrap_or_default())),
            };
            Ok(rows.into_iter().map(outcome).collect())
        })
        .await
    }

    /// The bots that people parked, whatever is declared of them.
    pub async fn parked(&self) -> Result<std::collections::BTreeSet<BotKey>, StoreError> {
        self.on_io(|inner| async move {
            let rows: Vec<(String, String)> =
                each_dialect!(inner.engine, reader, db => sqlx::query_as(PARKED).fetch_all(db).await?);
            Ok(rows.into_iter().map(|(account, bot)| (account.into(), bot.as_str().into())).collect())
        })
        .await
    }

    /// Forgets wishes that were answered longer than `age` ago, at most `most`; says how many. Only the
    /// owner of the fleet does.
    pub async fn prune_wishes(&self, age: Duration, most: u32) -> Result<u64, StoreError> {
        let (age, most) = (i64::try_from(age.as_millis()).unwrap_or(i64::MAX / 2), i64::from(most));
        self.on_io(move |inner| async move {
            let me = inner.incarnation();
            each_dialect!(inner.engine, writer, db => {
                Ok(sqlx::query(OLD).bind(age).bind(&me).bind(most).execute(db).await?.rows_affected())
            })
        })
        .await
    }
}

/// A verb of a later muster is left to that one.
fn wish_row((account, bot, id, verb, argument, by, reason, begun, older): Open) -> Option<BotWish> {
    let verb = Verb::of_words(&verb, &argument).ok()?;
    let (account, bot) = (account.into(), bot.as_str().into());
    Some(BotWish { account, bot, id, verb, by, reason, begun, older })
}
