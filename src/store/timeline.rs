//! What happened to each bot, for people: kept over restarts, bounded in number and age.

use std::time::Duration;

use liveperson_proto::AccountId;
use muster_core::BotId;
use serde_json::json;

use super::{Store, StoreError, each_dialect, storable};

/// Events kept of a bot; older ones go when newer ones are written.
pub const EVENTS_KEPT: u32 = 1_000;
/// The most events of one page.
pub const EVENT_PAGE: u32 = 1_000;

/// Something that happened to a bot, not yet written. Holds no secret, and nothing that people wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Its account.
    pub account: AccountId,
    /// The bot.
    pub bot: BotId,
    /// When, in milliseconds since 1970 by the clock of the process that saw it.
    pub at: i64,
    /// What kind of thing, one of a closed set of words.
    pub kind: String,
    /// The bot's state from then on, where that changed.
    pub state: Option<String>,
    /// Why, in words.
    pub cause: Option<String>,
}

/// Something that happened to a bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotEvent {
    /// Its place among the events of its bot, which grows; gaps mean nothing.
    pub seq: i64,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// What kind of thing.
    pub kind: String,
    /// The bot's state from then on, where that changed.
    pub state: Option<String>,
    /// Why, in words.
    pub cause: Option<String>,
}

// One statement for all bots of a batch: each goes on counting where its own last event stands.
const ADD: &str = "INSERT INTO bot_event (account_id, bot_id, seq, at, kind, state, cause) \
     SELECT x.account_id, x.bot_id, \
       COALESCE((SELECT max(e.seq) FROM bot_event e WHERE e.account_id = x.account_id AND e.bot_id = x.bot_id), 0) \
         + row_number() OVER (PARTITION BY x.account_id, x.bot_id ORDER BY x.n), \
       x.at, x.kind, x.state, x.cause \
     FROM (SELECT t.value->>0 AS account_id, t.value->>1 AS bot_id, CAST(t.value->>2 AS bigint) AS n, \
         CAST(t.value->>3 AS bigint) AS at, t.value->>4 AS kind, t.value->>5 AS state, t.value->>6 AS cause \
       FROM json_each($1) AS t) x";
const KEEP: &str = "DELETE FROM bot_event WHERE (account_id, bot_id) IN \
       (SELECT t.value->>0, t.value->>1 FROM json_each($1) AS t) \
     AND seq <= (SELECT max(e.seq) FROM bot_event e \
       WHERE e.account_id = bot_event.account_id AND e.bot_id = bot_event.bot_id) - $2";
const PAGE: &str = "SELECT seq, at, kind, state, cause FROM bot_event \
     WHERE account_id = $1 AND bot_id = $2 AND seq < $3 ORDER BY seq DESC LIMIT $4";
const OLD: &str = "DELETE FROM bot_event WHERE (account_id, bot_id, seq) IN ( \
       SELECT account_id, bot_id, seq FROM bot_event WHERE at < (SELECT ms FROM clock) - $1 \
       ORDER BY at LIMIT $3) \
     AND ($2 = '' OR EXISTS (SELECT 1 FROM live_node WHERE incarnation = $2))";

type Event = (i64, i64, String, Option<String>, Option<String>);

impl Store {
    /// Writes events in one transaction, in order, and lets go of what a bot has beyond [`EVENTS_KEPT`].
    ///
    /// Whoever sees something happen may write it, whether it owns the fleet or not: a process that was
    /// ousted has a story too.
    pub async fn add_events(&self, events: &[NewEvent]) -> Result<(), StoreError> {
        let rows: Vec<_> = events.iter().enumerate().map(row).collect();
        let bots: std::collections::BTreeSet<_> =
            events.iter().map(|event| (event.account.to_string(), event.bot.to_string())).collect();
        let (rows, bots) = (json!(rows).to_string(), json!(bots).to_string());
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                let mut tx = db.begin().await?;
                sqlx::query(ADD).bind(&rows).execute(&mut *tx).await?;
                sqlx::query(KEEP).bind(&bots).bind(i64::from(EVENTS_KEPT)).execute(&mut *tx).await?;
                tx.commit().await?;
            });
            Ok(())
        })
        .await
    }

    /// A bot's events, the latest first, from the one before `before` on; at most [`EVENT_PAGE`].
    pub async fn events(
        &self,
        account: &AccountId,
        bot: &BotId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<BotEvent>, StoreError> {
        let (account, bot) = (account.to_string(), bot.to_string());
        self.on_io(move |inner| async move {
            let rows: Vec<Event> = each_dialect!(inner.engine, reader, db => {
                sqlx::query_as(PAGE)
                    .bind(account).bind(bot).bind(before.unwrap_or(i64::MAX))
                    // One more tells whether there are more.
                    .bind(i64::from(limit.min(EVENT_PAGE + 1)))
                    .fetch_all(db).await?
            });
            Ok(rows.into_iter().map(event).collect())
        })
        .await
    }

    /// Forgets events older than `age`, at most `most`; says how many. Only the owner of the fleet does.
    pub async fn prune_events(&self, age: Duration, most: u32) -> Result<u64, StoreError> {
        let (age, most) = (i64::try_from(age.as_millis()).unwrap_or(i64::MAX / 2), i64::from(most));
        self.on_io(move |inner| async move {
            let me = inner.incarnation();
            each_dialect!(inner.engine, writer, db => {
                let done = sqlx::query(OLD).bind(age).bind(&me).bind(most).execute(db).await?;
                Ok(done.rows_affected())
            })
        })
        .await
    }
}

fn row((n, event): (usize, &NewEvent)) -> serde_json::Value {
    let NewEvent { account, bot, at, kind, state, cause } = event;
    let (account, bot) = (storable(account.as_str()), storable(bot.as_str()));
    json!([
        account,
        bot,
        n,
        at,
        storable(kind),
        state.as_deref().map(storable),
        cause.as_deref().map(storable)
    ])
}

fn event((seq, at, kind, state, cause): Event) -> BotEvent {
    BotEvent { seq, at, kind, state, cause }
}
