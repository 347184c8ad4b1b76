//! What happened to each bot, for people: kept over restarts, bounded in number and age.

use std::time::Duration;

use liveperson_proto::AccountId;
use muster_core::BotId;

use super::events::{LOCK, forget};
use super::{Store, StoreError, each_dialect};

/// The most events of one page.
pub const EVENT_PAGE: u32 = 1_000;

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

const PAGE: &str = "SELECT seq, at, kind, state, cause FROM event \
     WHERE account_id = $1 AND bot_id = $2 AND seq < $3 ORDER BY seq DESC LIMIT $4";
const OLD: &str = "DELETE FROM event WHERE (account_id, bot_id, seq) IN ( \
       SELECT account_id, bot_id, seq FROM event WHERE at < (SELECT ms FROM clock) - $1 \
       ORDER BY at LIMIT $3) \
     AND ($2 = '' OR EXISTS (SELECT 1 FROM live_node WHERE incarnation = $2)) RETURNING id";

type Event = (i64, i64, String, Option<String>, Option<String>);

impl Store {
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
                let mut tx = db.begin().await?;
                sqlx::query(LOCK).execute(&mut *tx).await?;
                let gone = sqlx::query_scalar(OLD).bind(age).bind(&me).bind(most).fetch_all(&mut *tx).await?;
                forget!(tx, gone);
                tx.commit().await?;
                Ok(gone.len() as u64)
            })
        })
        .await
    }
}

fn event((seq, at, kind, state, cause): Event) -> BotEvent {
    BotEvent { seq, at, kind, state, cause }
}
