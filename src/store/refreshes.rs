//! Tokens that people want refreshed now, and what came of it.

use liveperson_proto::AccountId;
use muster_core::BotId;
use serde_json::json;

use super::{Store, StoreError, each_dialect, storable};

/// A wish that nobody has answered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshRequest {
    /// The account.
    pub account: AccountId,
    /// The bot.
    pub bot: BotId,
    /// Counts the wishes for this bot.
    pub number: i64,
}

/// What came of the last wish for a bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshOutcome {
    /// The wish.
    pub request: RefreshRequest,
    /// In words; `None` while nobody has answered.
    pub words: Option<String>,
}

const ASK: &str = "INSERT INTO refresh_request (account_id, bot_id, number, asked_at, asked_by) \
     SELECT t.value->>0, t.value->>1, 1, (SELECT ms FROM clock), $2 FROM json_each($1) AS t WHERE true \
     ON CONFLICT (account_id, bot_id) DO UPDATE SET number = refresh_request.number + 1, \
       asked_at = excluded.asked_at, asked_by = excluded.asked_by";
const OPEN: &str = "SELECT account_id, bot_id, number FROM refresh_request WHERE answered < number \
     ORDER BY account_id, bot_id LIMIT 10000";
const ANSWER: &str = "UPDATE refresh_request SET answered = number, outcome = $3 \
     WHERE account_id = $1 AND bot_id = $2";
const OUTCOMES: &str = "SELECT r.account_id, r.bot_id, r.number, CASE WHEN r.answered < r.number THEN NULL ELSE r.outcome END \
     FROM json_each($1) AS t JOIN refresh_request r ON r.account_id = t.value->>0 AND r.bot_id = t.value->>1 \
     ORDER BY r.account_id, r.bot_id";

type Row = (String, String, i64);

fn request((account, bot, number): Row) -> RefreshRequest {
    RefreshRequest { account: account.into(), bot: bot.as_str().into(), number }
}

impl Store {
    /// Asks for fresh tokens of these bots (account and name).
    pub async fn ask_for_refresh(&self, bots: &[(String, String)], by: &str) -> Result<(), StoreError> {
        let (bots, by) = (json!(bots).to_string(), storable(by));
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => { sqlx::query(ASK).bind(bots).bind(by).execute(db).await?; });
            Ok(())
        })
        .await
    }

    /// The wishes that nobody has answered, at most 10,000.
    pub async fn refresh_requests(&self) -> Result<Vec<RefreshRequest>, StoreError> {
        self.on_io(|inner| async move {
            let rows: Vec<Row> =
                each_dialect!(inner.engine, reader, db => sqlx::query_as(OPEN).fetch_all(db).await?);
            Ok(rows.into_iter().map(request).collect())
        })
        .await
    }

    /// Tells what came of every wish for a bot so far.
    pub async fn answer_refresh(
        &self,
        account: &AccountId,
        bot: &BotId,
        words: &str,
    ) -> Result<(), StoreError> {
        let (account, bot, words) = (account.to_string(), bot.to_string(), storable(words));
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                sqlx::query(ANSWER).bind(account).bind(bot).bind(words).execute(db).await?;
            });
            Ok(())
        })
        .await
    }

    /// What came of the last wishes for these bots.
    pub async fn refresh_outcomes(
        &self,
        bots: &[(String, String)],
    ) -> Result<Vec<RefreshOutcome>, StoreError> {
        let bots = json!(bots).to_string();
        self.on_io(move |inner| async move {
            let rows: Vec<(String, String, i64, Option<String>)> = each_dialect!(inner.engine, reader, db => {
                sqlx::query_as(OUTCOMES).bind(bots).fetch_all(db).await?
            });
            let outcome = |(account, bot, number, words)| RefreshOutcome {
                request: request((account, bot, number)),
                words,
            };
            Ok(rows.into_iter().map(outcome).collect())
        })
        .await
    }
}
