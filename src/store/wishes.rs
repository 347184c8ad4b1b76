//! What people wish of a conversation: it stands in the outbox like a bot's own actions, and is done once.

use std::collections::{BTreeMap, HashSet};

use liveperson_proto::{AccountId, ConversationId, DialogId, Sequence};
use muster_core::BotId;
use muster_core::tag::{Tagger, Trigger, hash};
use muster_core::turn::Deed;

use super::taken_over::IS_OVER;
use super::{ClaimKey, Inner, OutboxRow, Store, StoreError, each_dialect, storable};

/// What came of a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WishOutcome {
    /// It stands in the outbox.
    Written {
        /// Who holds the conversation and does it; nobody at the moment, where it waits for whoever does next.
        bot: Option<BotId>,
    },
    /// It was wished before under this key, and is not done twice.
    Before,
    /// Something else was wished under this key.
    OtherBefore,
    /// The pool has done with the conversation: nothing can be done there any more.
    Over,
    /// No pool has had such a conversation, or it is forgotten.
    Unknown,
}

impl WishOutcome {
    /// Whether it is, or will be, done, and what came of it in words.
    pub fn outcome(&self) -> (bool, &'static str) {
        match self {
            Self::Written { .. } => (true, "written into the outbox"),
            Self::Before => (true, "it was wished before under this key"),
            Self::OtherBefore => (false, "something else was wished under this key"),
            Self::Over => (false, "the pool has done with the conversation"),
            Self::Unknown => (false, "no such conversation is known"),
        }
    }
}

/// What people wish of a conversation and is not done yet, for the bot that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WishedRows {
    /// The account.
    pub account: AccountId,
    /// The bot that holds the conversation.
    pub bot: BotId,
    /// The conversation.
    pub conversation: ConversationId,
    /// The wishes, in order.
    pub rows: Vec<OutboxRow>,
    /// Nobody has heard of those from this place on.
    pub unsent: i64,
}

/// Wishes told of at one time; the others follow once these are done.
const TOLD_AT_ONCE: i64 = 500;

// Also the lock that puts the wishes of a conversation in order.
const COUNT: &str = "UPDATE claim SET wishes = wishes + 1 \
     WHERE account_id = $1 AND pool_id = $2 AND conversation_id = $3 AND (state = 'held' OR NOT done) \
     RETURNING wishes - 1, CASE WHEN state = 'held' THEN bot_id ELSE '' END";
const BEFORE: &str = "SELECT print FROM conversation_wish \
     WHERE account_id = $1 AND pool_id = $2 AND conversation_id = $3 AND key = $4";
const REMEMBER: &str = "INSERT INTO conversation_wish (account_id, pool_id, conversation_id, key, print, n) \
     VALUES ($1, $2, $3, $4, $5, $6)";
const PLACE: &str = "SELECT dialog_id, sequence FROM cursor \
     WHERE account_id = $1 AND pool_id = $2 AND conversation_id = $3 ORDER BY dialog_id";
const IS_TAKEN: &str = "SELECT count(*) FROM taken_over \
     WHERE account_id = $1 AND pool_id = $2 AND conversation_id = $3";
const WRITE: &str = "INSERT INTO outbox (account_id, pool_id, conversation_id, turn_id, n, turn_no, bot_id, \
       dialog_id, tag, body, state, created_at, wished_at) \
     SELECT account_id, pool_id, conversation_id, $4, $5, turns, bot_id, $6, $7, $8, 'sending', \
       (SELECT ms FROM clock), (SELECT ms FROM clock) \
     FROM claim WHERE account_id = $1 AND pool_id = $2 AND conversation_id = $3";

// CROSS JOIN keeps SQLite from starting with the larger table; Postgres reads it like any join.
const PENDING: &str = "SELECT o.account_id, c.bot_id, o.conversation_id, o.turn_id, o.n, o.dialog_id, o.tag, o.body, \
       o.created_at, o.told_at IS NULL \
     FROM outbox o CROSS JOIN claim c \
     WHERE o.wished_at IS NOT NULL AND o.state = 'sending' AND c.account_id = o.account_id \
       AND c.pool_id = o.pool_id AND c.conversation_id = o.conversation_id AND c.state = 'held' \
     ORDER BY o.wished_at, o.n LIMIT $1";
// Once a process has taken a wish, it may have been sent. What was wished before the process began is in doubt
// all the same: the database may be an older copy of itself.
const TAKE: &str = "UPDATE outbox SET told_at = (SELECT ms FROM clock) \
     WHERE wished_at IS NOT NULL AND told_at IS NULL AND state = 'sending' AND EXISTS ( \
       SELECT 1 FROM claim c \
       JOIN bot_owner b ON b.account_id = c.account_id AND b.bot_id = c.bot_id AND b.incarnation = $1 \
       JOIN live_node l ON l.incarnation = b.incarnation \
       WHERE c.account_id = outbox.account_id AND c.pool_id = outbox.pool_id \
         AND c.conversation_id = outbox.conversation_id AND c.state = 'held') \
     RETURNING account_id, conversation_id, turn_id, n, \
       COALESCE(wished_at > (SELECT started_at FROM node WHERE incarnation = $1), false)";

type Pending = (String, String, String, String, i64, String, String, String, i64, bool);
type Took = (String, String, String, i64, bool);

/// A wish before it has its place.
struct NewWish {
    key: ClaimKey,
    once: String,
    body: String,
    print: String,
    tagger: Tagger,
}

impl NewWish {
    fn new(key: &ClaimKey, once: &str, deed: &Deed) -> Self {
        let body = storable(&serde_json::to_string(deed).unwrap_or_default());
        let once = storable(once);
        let print = hash(&[once.as_str(), body.as_str()]);
        let tagger = Tagger::new(key.account.as_str().into(), key.pool.as_str().into());
        Self { key: key.clone(), once, body, print, tagger }
    }

    fn place(&self, cursors: Vec<(String, i64)>) -> (DialogId, Sequence) {
        let main = ConversationId::from(self.key.conversation.as_str()).main_dialog();
        let of_main = cursors.iter().position(|(dialog, _)| dialog == main.as_str());
        let known = cursors.into_iter().nth(of_main.unwrap_or(0));
        known.map_or((main, Sequence::START), |(dialog, sequence)| (dialog.into(), Sequence(sequence)))
    }
}

impl Store {
    /// Writes into the outbox what a person wishes of a conversation, each key of whoever wishes once; the bot
    /// that holds the conversation hears of it by [`Store::wished`].
    pub async fn wish(&self, key: &ClaimKey, once: &str, deed: &Deed) -> Result<WishOutcome, StoreError> {
        let wish = NewWish::new(key, once, deed);
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                let ClaimKey { account, pool, conversation } = &wish.key;
                macro_rules! of_conversation {
                    ($statement:expr) => {
                        sqlx::query_as($statement).bind(account).bind(pool).bind(conversation)
                    };
                }
                let mut tx = db.begin().await?;
                let counted: Option<(i64, String)> = of_conversation!(COUNT).fetch_optional(&mut *tx).await?;
                let before: Option<(String,)> =
                    of_conversation!(BEFORE).bind(&wish.once).fetch_optional(&mut *tx).await?;
                if let Some((print,)) = before {
                    let same = print == wish.print;
                    return Ok(if same { WishOutcome::Before } else { WishOutcome::OtherBefore });
                }
                let Some((n, bot)) = counted else {
                    let over: Option<(bool,)> = of_conversation!(IS_OVER).fetch_optional(&mut *tx).await?;
                    return Ok(if over.is_some() { WishOutcome::Over } else { WishOutcome::Unknown });
                };
                let cursors: Vec<(String, i64)> = of_conversation!(PLACE).fetch_all(&mut *tx).await?;
                let (taken,): (i64,) = of_conversation!(IS_TAKEN).fetch_one(&mut *tx).await?;
                let (dialog, after) = wish.place(cursors);
                let trigger = Trigger::Person { answers: taken > 0, after };
                let place = usize::try_from(n).unwrap_or_default();
                sqlx::query(REMEMBER).bind(account).bind(pool).bind(conversation)
                    .bind(&wish.once).bind(&wish.print).bind(n).execute(&mut *tx).await?;
                sqlx::query(WRITE).bind(account).bind(pool).bind(conversation)
                    .bind(wish.tagger.wishes(&conversation.as_str().into()).as_str()).bind(n)
                    .bind(dialog.as_str()).bind(wish.tagger.wish_tag(trigger, place, &wish.once)).bind(&wish.body)
                    .execute(&mut *tx).await?;
                tx.commit().await?;
                Ok(WishOutcome::Written { bot: (!bot.is_empty()).then(|| bot.as_str().into()) })
            })
        })
        .await
    }

    /// What people wish and is not done, for bots that this process owns. From then on it may have been sent.
    pub async fn wished(&self) -> Result<Vec<WishedRows>, StoreError> {
        self.on_io(|inner| async move {
            let pending = pending(&inner).await?;
            if pending.iter().all(|row| !row.9) {
                return Ok(told(pending, &[]));
            }
            let me = inner.incarnation();
            let took: Vec<Took> = each_dialect!(inner.engine, writer, db => {
                sqlx::query_as(TAKE).bind(me).fetch_all(db).await?
            });
            Ok(told(self::pending(&inner).await?, &took))
        })
        .await
    }
}

async fn pending(inner: &Inner) -> Result<Vec<Pending>, StoreError> {
    Ok(each_dialect!(inner.engine, reader, db => {
        sqlx::query_as(PENDING).bind(TOLD_AT_ONCE).fetch_all(db).await?
    }))
}

/// What this process has not taken yet, or another owns, is not told of.
fn told(pending: Vec<Pending>, took: &[Took]) -> Vec<WishedRows> {
    let fresh = took.iter().filter(|row| row.4);
    let fresh: HashSet<_> =
        fresh.map(|(account, of, turn, n, _)| (account.clone(), of.clone(), turn.clone(), *n)).collect();
    let mut rows: BTreeMap<(String, String, String), WishedRows> = BTreeMap::new();
    for (account, bot, conversation, turn, n, dialog, tag, body, created_at, untold) in pending {
        if untold {
            continue;
        }
        let key = (account.clone(), conversation.clone(), turn.clone(), n);
        let place = (account.clone(), bot.clone(), conversation.clone());
        let of = rows.entry(place).or_insert_with(|| WishedRows {
            account: account.into(),
            bot: bot.as_str().into(),
            conversation: conversation.into(),
            rows: Vec::new(),
            unsent: i64::MAX,
        });
        if fresh.contains(&key) {
            of.unsent = of.unsent.min(n);
        }
        let turn_id = turn.as_str().into();
        of.rows.push(OutboxRow { turn_id, n, dialog: dialog.into(), tag, body, created_at });
    }
    rows.into_values().collect()
}
