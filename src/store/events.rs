//! The stream of the fleet's events: what happened to bots, accounts and the fleet, and what people did.
//!
//! Whoever writes events holds the one row of `event_stream` from taking their ids until they are
//! committed, so ids become visible in order; a writer that dies takes its ids back with it.

use std::collections::BTreeSet;

use liveperson_proto::AccountId;
use muster_core::BotId;
use serde_json::json;

use super::event_filter::EventFilter;
use super::{Store, StoreError, each_dialect, storable};
use crate::happening::Happening;

/// Events kept of a bot, of what concerns an account and of what concerns the fleet; older ones go when newer
/// ones are written.
pub const EVENTS_KEPT: u32 = 1_000;
/// The most events of one page of the stream.
pub const STREAM_PAGE: u32 = 1_000;

/// Something that happened, not yet written. Holds no secret, and nothing that consumers or bots wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// The account; empty for the fleet.
    pub account: AccountId,
    /// The bot; empty for the account.
    pub bot: BotId,
    /// When, in milliseconds since 1970 by the clock of the process that saw it.
    pub at: i64,
    /// What kind of thing.
    pub kind: Happening,
    /// The bot's state from then on, where that changed.
    pub state: Option<String>,
    /// Why, in words.
    pub cause: Option<String>,
    /// Who did it, where it was a person.
    pub who: Option<String>,
}

/// An event of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEvent {
    /// Its place in the stream, which grows; gaps mean nothing.
    pub id: i64,
    /// The account; empty for the fleet.
    pub account: String,
    /// The bot; empty for the account.
    pub bot: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// What kind of thing: a word of [`Happening`], or one that a newer muster wrote.
    pub kind: String,
    /// The bot's state from then on, where that changed.
    pub state: Option<String>,
    /// Why, in words.
    pub cause: Option<String>,
    /// Who did it, where it was a person.
    pub who: Option<String>,
}

/// Where the stream begins and ends at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamBounds {
    /// The last event's id; 0 before the first.
    pub last: i64,
    /// From this id on nothing is missing: of earlier events some were forgotten.
    pub whole_from: i64,
}

impl StreamBounds {
    /// Whether somebody who has read up to `after` may have missed what was forgotten since.
    pub fn gap_after(&self, after: i64) -> bool {
        after.saturating_add(1) < self.whole_from
    }
}

/// What follows a place in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPage {
    /// The events that fit, in order.
    pub events: Vec<StreamEvent>,
    /// Up to here everything was read, whether it fits or not.
    pub through: i64,
    /// Whether there was more at that moment.
    pub more: bool,
    /// The stream at that moment.
    pub bounds: StreamBounds,
}

/// Takes part in the order of writers without an event of one's own.
pub(super) const LOCK: &str = "UPDATE event_stream SET last_id = last_id WHERE account_id = ''";
/// Takes so many ids, and says the last of them.
pub(super) const TAKE: &str =
    "UPDATE event_stream SET last_id = last_id + $1 WHERE account_id = '' RETURNING last_id";
// One statement for all bots of a batch: each goes on counting where its own last event stands.
pub(super) const ADD: &str = "INSERT INTO event (account_id, bot_id, seq, id, at, kind, state, cause, who) \
     SELECT x.account_id, x.bot_id, \
       COALESCE((SELECT max(e.seq) FROM event e WHERE e.account_id = x.account_id AND e.bot_id = x.bot_id), 0) \
         + row_number() OVER (PARTITION BY x.account_id, x.bot_id ORDER BY x.n), \
       $2 + x.n, COALESCE(x.at, (SELECT ms FROM clock)), x.kind, x.state, x.cause, x.who \
     FROM (SELECT t.value->>0 AS account_id, t.value->>1 AS bot_id, CAST(t.value->>2 AS bigint) AS n, \
         CAST(t.value->>3 AS bigint) AS at, t.value->>4 AS kind, t.value->>5 AS state, t.value->>6 AS cause, \
         t.value->>7 AS who \
       FROM json_each($1) AS t) x";
pub(super) const KEEP: &str = "DELETE FROM event WHERE (account_id, bot_id) IN \
       (SELECT t.value->>0, t.value->>1 FROM json_each($1) AS t) \
     AND seq <= (SELECT max(e.seq) FROM event e \
       WHERE e.account_id = event.account_id AND e.bot_id = event.bot_id) - $2 RETURNING id";
pub(super) const FORGET: &str =
    "UPDATE event_stream SET forgotten_id = $1 WHERE account_id = '' AND forgotten_id < $1";

const BOUNDS: &str = "SELECT last_id, forgotten_id FROM event_stream WHERE account_id = ''";
/// What a filter's word is about.
macro_rules! value {
    () => {
        "CASE w.value->>0 WHEN 'account' THEN account_id WHEN 'bot' THEN bot_id WHEN 'kind' THEN kind \
         ELSE COALESCE(state, '') END"
    };
}
macro_rules! that_fit {
    ($start:literal, $end:literal) => {
        concat!(
            "SELECT id, account_id, bot_id, at, kind, state, cause, who FROM event WHERE ",
            $start,
            // No word fails: one of its values fits, or none of them where it says so.
            " AND NOT EXISTS (SELECT 1 FROM json_each($4) AS w WHERE EXISTS ( \
                SELECT 1 FROM json_each(w.value->>2) AS v WHERE ",
            value!(),
            " = v.value->>0 OR (v.value->>1 = '*' AND substr(",
            value!(),
            ", 1, length(v.value->>0)) = v.value->>0)) = (w.value->>1 = 'not')) ",
            $end
        )
    };
}
const AFTER: &str = that_fit!("id > $1 AND id <= $2", "ORDER BY id LIMIT $3");
const LATEST: &str = that_fit!("at >= $1 AND id < $2", "ORDER BY id DESC LIMIT $3");

type Row = (i64, String, String, i64, String, Option<String>, Option<String>, Option<String>);

/// Writes down that these events are no more: what was read before them may have missed them.
macro_rules! forget {
    ($tx:expr, $gone:expr) => {
        let last: Option<i64> = $gone.iter().copied().max();
        if let Some(last) = last {
            sqlx::query($crate::store::events::FORGET).bind(last).execute(&mut *$tx).await?;
        }
    };
}
pub(super) use forget;

/// Writes events in a transaction, in order, and lets go of what is beyond [`EVENTS_KEPT`]. It comes before
/// whatever else the transaction locks.
macro_rules! write_events {
    ($tx:expr, $events:expr) => {
        let events: &[$crate::store::events::NewEvent] = $events;
        let (rows, places) = $crate::store::events::texts(events);
        let count = events.len() as i64;
        let last: i64 =
            sqlx::query_scalar($crate::store::events::TAKE).bind(count).fetch_one(&mut *$tx).await?;
        let add = sqlx::query($crate::store::events::ADD).bind(rows).bind(last - count);
        add.execute(&mut *$tx).await?;
        let keep = sqlx::query_scalar($crate::store::events::KEEP).bind(places);
        let gone: Vec<i64> =
            keep.bind(i64::from($crate::store::events::EVENTS_KEPT)).fetch_all(&mut *$tx).await?;
        $crate::store::events::forget!($tx, gone);
    };
}
pub(super) use write_events;

/// The rows of events, and the bots they are about, as the statements take them.
pub(super) fn texts(events: &[NewEvent]) -> (String, String) {
    let rows: Vec<_> = events.iter().enumerate().map(row).collect();
    let bots: BTreeSet<_> = events.iter().map(|event| (event.account.as_str(), event.bot.as_str())).collect();
    (json!(rows).to_string(), json!(bots).to_string())
}

fn row((n, event): (usize, &NewEvent)) -> serde_json::Value {
    let NewEvent { account, bot, at, kind, state, cause, who } = event;
    let (account, bot) = (storable(account.as_str()), storable(bot.as_str()));
    let [state, cause, who] = [state, cause, who].map(|text| text.as_deref().map(storable));
    // By the database's clock where no process saw it.
    let at = (*at != 0).then_some(at);
    json!([account, bot, n + 1, at, kind.word(), state, cause, who])
}

impl Store {
    /// Writes events in one transaction, in order, and lets go of what is beyond [`EVENTS_KEPT`].
    ///
    /// Whoever sees something happen may write it, whether it owns the fleet or not: a process that was
    /// ousted has a story too.
    pub async fn add_events(&self, events: &[NewEvent]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let events = events.to_vec();
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                let mut tx = db.begin().await?;
                write_events!(tx, &events);
                tx.commit().await?;
            });
            Ok(())
        })
        .await
    }

    /// Where the stream begins and ends now.
    pub async fn stream_bounds(&self) -> Result<StreamBounds, StoreError> {
        self.on_io(|inner| async move {
            let row = each_dialect!(inner.engine, reader, db => sqlx::query_as(BOUNDS).fetch_one(db).await?);
            Ok(bounds(row))
        })
        .await
    }

    /// What follows `after` in the stream and fits, at most `limit` and [`STREAM_PAGE`].
    ///
    /// Whoever goes on after `through` of each page misses nothing and reads nothing twice.
    pub async fn events_after(
        &self,
        after: i64,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<StreamPage, StoreError> {
        let limit = limit.clamp(1, STREAM_PAGE);
        let words = filter.text();
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, reader, db => {
                // The end comes first: what is committed up to it is there for the next statement.
                let bounds = bounds(sqlx::query_as(BOUNDS).fetch_one(db).await?);
                let page = sqlx::query_as(AFTER).bind(after).bind(bounds.last).bind(i64::from(limit));
                let rows: Vec<Row> = page.bind(words).fetch_all(db).await?;
                let events: Vec<_> = rows.into_iter().map(event).collect();
                let more = events.len() == limit as usize;
                let through = events.last().filter(|_| more).map_or(bounds.last.max(after), |event| event.id);
                Ok(StreamPage { events, through, more, bounds })
            })
        })
        .await
    }

    /// The latest events that fit and happened at `since` or later, the latest first, from the one before
    /// `before` on; at most `limit` and [`STREAM_PAGE`].
    pub async fn latest_events(
        &self,
        since: i64,
        before: Option<i64>,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<Vec<StreamEvent>, StoreError> {
        let limit = limit.clamp(1, STREAM_PAGE);
        let words = filter.text();
        self.on_io(move |inner| async move {
            let rows: Vec<Row> = each_dialect!(inner.engine, reader, db => {
                let page = sqlx::query_as(LATEST).bind(since).bind(before.unwrap_or(i64::MAX));
                page.bind(i64::from(limit)).bind(words).fetch_all(db).await?
            });
            Ok(rows.into_iter().map(event).collect())
        })
        .await
    }
}

fn bounds((last, forgotten): (i64, i64)) -> StreamBounds {
    StreamBounds { last, whole_from: forgotten + 1 }
}

fn event((id, account, bot, at, kind, state, cause, who): Row) -> StreamEvent {
    StreamEvent { id, account, bot, at, kind, state, cause, who }
}
