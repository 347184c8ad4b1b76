//! Dead letters: actions that the platform refused for good, until a person resolves them.

use std::fmt;
use std::str::FromStr;

use liveperson_proto::{AccountId, ConversationId};
use muster_core::{BotId, PoolId, TurnId};
use serde_json::json;

use super::{OutboxKey, OutboxRow, Store, StoreError, each_dialect, storable};

/// An action that was never confirmed and will not be sent again by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its key.
    pub key: OutboxKey,
    /// Whose action it was.
    pub bot: BotId,
    /// Where it should have gone.
    pub dialog: liveperson_proto::DialogId,
    /// What it said; empty where it was dropped.
    pub body: String,
    /// Why it is dead: the platform's words, or why its claim ended.
    pub reason: String,
    /// When it was committed, epoch milliseconds by the database's clock.
    pub created_at: i64,
    /// When it died, likewise.
    pub died_at: i64,
    /// Who dropped it, if somebody did.
    pub dropped: Option<Dropped>,
}

/// A person's decision that an action is not needed any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// When, epoch milliseconds by the database's clock.
    pub at: i64,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// What people call a dead letter: its turn and its place in the turn, `TURN.N`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LetterId {
    /// The turn that committed it.
    pub turn: TurnId,
    /// Its place in the turn.
    pub n: i64,
}

impl From<&OutboxKey> for LetterId {
    fn from(key: &OutboxKey) -> Self {
        Self { turn: key.turn_id.clone(), n: key.n }
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.turn, self.n)
    }
}

impl FromStr for LetterId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.rsplit_once('.').filter(|(turn, _)| !turn.is_empty());
        let id = parts.and_then(|(turn, n)| Some(Self { turn: turn.into(), n: n.parse().ok()? }));
        id.ok_or("an id is a turn, a dot and a number, as `muster dead-letters list` shows it")
    }
}

/// Which dead letters are asked for; `None` means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetterFilter {
    /// Letters of this account.
    pub account: Option<String>,
    /// Letters of this bot.
    pub bot: Option<String>,
    /// Also those that nobody needs to look at any more: dropped by a person, or with their claim.
    pub resolved: bool,
}

/// What came of a wish to resolve a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// It is done. Of a retry: this bot holds the conversation, and looks for the action before it sends it.
    Done {
        /// The bot.
        bot: BotId,
    },
    /// It will be: nobody of the pool holds the conversation at the moment.
    Waits,
    /// The pool has done with the conversation: nothing can be sent there any more.
    Over,
    /// Its text is gone: it was dropped before.
    Dropped,
    /// There is no such dead letter.
    Unknown,
}

/// An action that a person has revived, for the bot that holds its conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevivedRow {
    /// The account.
    pub account: AccountId,
    /// The bot that holds the conversation.
    pub bot: BotId,
    /// The conversation.
    pub conversation: ConversationId,
    /// The action.
    pub row: OutboxRow,
}

/// How long a revived action is told of: a bot that was not there meanwhile reads it when it starts.
const TOLD_FOR: std::time::Duration = std::time::Duration::from_mins(10);
/// Revived actions told of at one time; the others follow once these are confirmed.
const TOLD_AT_ONCE: i64 = 500;

const LIST: &str = "SELECT account_id, pool_id, conversation_id, turn_id, n, bot_id, dialog_id, body, \
       COALESCE(reason, ''), created_at, COALESCE(died_at, created_at), dropped_at, \
       COALESCE(dropped_by, ''), COALESCE(drop_reason, '') \
     FROM outbox WHERE state = 'dead' AND ($1 = '' OR account_id = $1) AND ($2 = '' OR bot_id = $2) \
       AND ($3 OR body <> '') ORDER BY COALESCE(died_at, created_at) DESC, turn_no, n LIMIT $4";

macro_rules! of_dead {
    ($alias:literal) => {
        concat!(
            $alias,
            ".state = 'dead' AND ",
            $alias,
            ".turn_id = t.value->>0 AND ",
            $alias,
            ".n = CAST(t.value->>1 AS bigint)"
        )
    };
}

const REVIVE: &str = concat!(
    "UPDATE outbox SET state = 'sending', reason = NULL, died_at = NULL, revived_at = (SELECT ms FROM clock) \
     FROM json_each($1) AS t WHERE ",
    of_dead!("outbox"),
    " AND outbox.body <> '' AND EXISTS (SELECT 1 FROM claim c WHERE c.account_id = outbox.account_id \
       AND c.pool_id = outbox.pool_id AND c.conversation_id = outbox.conversation_id \
       AND (c.state = 'held' OR NOT c.done)) \
     RETURNING turn_id, n, (SELECT c.bot_id FROM claim c WHERE c.account_id = outbox.account_id \
       AND c.pool_id = outbox.pool_id AND c.conversation_id = outbox.conversation_id AND c.state = 'held')"
);
const DROP: &str = concat!(
    "UPDATE outbox SET body = '', dropped_at = (SELECT ms FROM clock), dropped_by = $2, drop_reason = $3 \
     FROM json_each($1) AS t WHERE ",
    of_dead!("outbox"),
    " AND outbox.body <> '' RETURNING turn_id, n, bot_id"
);
const LEFT: &str = concat!(
    "SELECT o.turn_id, o.n, o.body = '' FROM json_each($1) AS t CROSS JOIN outbox o WHERE ",
    of_dead!("o")
);

// CROSS JOIN keeps SQLite from starting with the larger table; Postgres reads it like any join.
const REVIVED: &str = "SELECT o.account_id, c.bot_id, o.conversation_id, o.turn_id, o.n, o.dialog_id, o.tag, o.body, \
       o.created_at \
     FROM outbox o CROSS JOIN claim c \
     WHERE o.revived_at > (SELECT ms FROM clock) - $1 AND o.state = 'sending' AND c.account_id = o.account_id \
       AND c.pool_id = o.pool_id AND c.conversation_id = o.conversation_id AND c.state = 'held' \
     ORDER BY o.revived_at, o.turn_no, o.n LIMIT $2";

type Revived = (String, String, String, String, i64, String, String, String, i64);

/// A letter as the database gives it.
type Letter = (
    String,
    String,
    String,
    String,
    i64,
    String,
    String,
    String,
    String,
    i64,
    i64,
    Option<i64>,
    String,
    String,
);

impl Store {
    /// Dead letters, the latest first.
    pub async fn dead_letters(
        &self,
        filter: &LetterFilter,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let LetterFilter { account, bot, resolved } = filter.clone();
        self.on_io(move |inner| async move {
            let rows: Vec<Letter> = each_dialect!(inner.engine, reader, db => {
                sqlx::query_as(LIST)
                    .bind(account.unwrap_or_default()).bind(bot.unwrap_or_default()).bind(resolved)
                    .bind(i64::from(limit))
                    .fetch_all(db).await?
            });
            Ok(rows.into_iter().map(letter).collect())
        })
        .await
    }

    /// Makes dead letters actions on their way again, of unknown outcome; one answer an id, in order.
    ///
    /// Any process may ask for it: the bot that holds the conversation hears of it by [`Store::revived`].
    pub async fn revive_letters(&self, ids: &[LetterId]) -> Result<Vec<Resolution>, StoreError> {
        let (ids, rows) = (ids.to_vec(), rows(ids));
        self.on_io(move |inner| async move {
            let (done, left) = each_dialect!(inner.engine, writer, db => {
                let mut tx = db.begin().await?;
                let done: Vec<(String, i64, Option<String>)> =
                    sqlx::query_as(REVIVE).bind(&rows).fetch_all(&mut *tx).await?;
                let left: Vec<(String, i64, bool)> =
                    sqlx::query_as(LEFT).bind(&rows).fetch_all(&mut *tx).await?;
                tx.commit().await?;
                (done, left)
            });
            Ok(resolutions(&ids, &done, &left))
        })
        .await
    }

    /// Drops dead letters for good and forgets their texts; one answer an id, in order.
    ///
    /// Who, when and why are kept until the letter is pruned.
    pub async fn drop_letters(
        &self,
        ids: &[LetterId],
        by: &str,
        reason: &str,
    ) -> Result<Vec<Resolution>, StoreError> {
        let (ids, rows) = (ids.to_vec(), rows(ids));
        let (by, reason) = (storable(by), storable(reason));
        self.on_io(move |inner| async move {
            let (done, left) = each_dialect!(inner.engine, writer, db => {
                let mut tx = db.begin().await?;
                let done: Vec<(String, i64, Option<String>)> =
                    sqlx::query_as(DROP).bind(&rows).bind(by).bind(reason).fetch_all(&mut *tx).await?;
                let left: Vec<(String, i64, bool)> =
                    sqlx::query_as(LEFT).bind(&rows).fetch_all(&mut *tx).await?;
                tx.commit().await?;
                (done, left)
            });
            Ok(resolutions(&ids, &done, &left))
        })
        .await
    }

    /// Actions that people revived lately and that are not confirmed yet, for all bots, oldest first.
    pub async fn revived(&self) -> Result<Vec<RevivedRow>, StoreError> {
        self.on_io(|inner| async move {
            let rows: Vec<Revived> = each_dialect!(inner.engine, reader, db => {
                sqlx::query_as(REVIVED).bind(TOLD_FOR.as_millis() as i64).bind(TOLD_AT_ONCE).fetch_all(db).await?
            });
            Ok(rows.into_iter().map(revived).collect())
        })
        .await
    }
}

fn rows(ids: &[LetterId]) -> String {
    // A letter named twice would be written twice in one statement, which Postgres refuses.
    let ids: std::collections::BTreeSet<_> = ids.iter().map(|id| (id.turn.as_str(), id.n)).collect();
    json!(ids).to_string()
}

fn resolutions(
    ids: &[LetterId],
    done: &[(String, i64, Option<String>)],
    left: &[(String, i64, bool)],
) -> Vec<Resolution> {
    let of = |id: &LetterId| {
        let is_it = |turn: &str, n: i64| id.turn.as_str() == turn && id.n == n;
        if let Some((.., bot)) = done.iter().find(|(turn, n, _)| is_it(turn, *n)) {
            return bot.as_deref().map_or(Resolution::Waits, |bot| Resolution::Done { bot: bot.into() });
        }
        match left.iter().find(|(turn, n, _)| is_it(turn, *n)) {
            Some((.., true)) => Resolution::Dropped,
            Some((.., false)) => Resolution::Over,
            None => Resolution::Unknown,
        }
    };
    ids.iter().map(of).collect()
}

fn letter(row: Letter) -> DeadLetter {
    let (account, pool, conversation, turn, n, bot, dialog, body, reason, created_at, died_at, at, by, why) =
        row;
    let key = OutboxKey {
        account: account.into(),
        pool: PoolId::from(pool.as_str()),
        conversation: conversation.into(),
        turn_id: turn.as_str().into(),
        n,
    };
    let dropped = at.map(|at| Dropped { at, by, reason: why });
    DeadLetter {
        key,
        bot: bot.as_str().into(),
        dialog: dialog.into(),
        body,
        reason,
        created_at,
        died_at,
        dropped,
    }
}

fn revived((account, bot, conversation, turn_id, n, dialog, tag, body, created_at): Revived) -> RevivedRow {
    let turn_id = turn_id.as_str().into();
    RevivedRow {
        account: account.into(),
        bot: bot.as_str().into(),
        conversation: conversation.into(),
        row: OutboxRow { turn_id, n, dialog: dialog.into(), tag, body, created_at },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_shown() {
        let id = LetterId { turn: "ab12".into(), n: 3 };
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in ["", "ab12", ".1", "ab12.", "ab12.x"] {
            assert!(wrong.parse::<LetterId>().is_err(), "{wrong:?}");
        }
    }
}
