//! What people ask of the store: bots and conversations, filtered, a page at a time.
//!
//! Pages follow the primary key, so that each costs what it shows, whatever lies before it.

use liveperson_proto::{AccountId, ConversationId, DialogId, Sequence};
use muster_core::{BotId, PoolId, TurnId};

use super::bots::{Declared, declared_row};
use super::{ClaimState, DeclaredRow, Store, StoreError, each_dialect};

/// The largest page.
pub const PAGE_LIMIT: u32 = 10_000;
/// The most dialogs and the most actions shown of one conversation.
const DETAILS: i64 = 200;

/// Which bots are asked for; `None` means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BotFilter {
    /// Bots of this account.
    pub account: Option<String>,
    /// Bots of this pool.
    pub pool: Option<String>,
    /// The bot of this name, in whichever account.
    pub bot: Option<String>,
}

/// A declared bot, and what the store knows of its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedBot {
    /// What is declared of it, and what people decided.
    pub row: DeclaredRow,
    /// The process that owned it last, and under which epoch.
    pub owner: Option<(String, i64)>,
    /// When its session was stored, epoch milliseconds; `None` if none is kept.
    pub session_saved_at: Option<i64>,
    /// How many conversations it holds.
    pub held: i64,
}

/// Which conversations are asked for; `None` means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConversationFilter {
    /// Conversations of this account.
    pub account: Option<String>,
    /// Claims of this pool.
    pub pool: Option<String>,
    /// Claims that this bot holds or held last.
    pub bot: Option<String>,
    /// `held` or `released`.
    pub state: Option<String>,
    /// This conversation alone.
    pub conversation: Option<String>,
}

/// A claim's key, by which pages go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimKey {
    /// The account.
    pub account: String,
    /// The pool.
    pub pool: String,
    /// The conversation.
    pub conversation: String,
}

/// A pool's claim on a conversation, and what is left to do in it. Holds nothing that people wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedConversation {
    /// The account.
    pub account: AccountId,
    /// The pool.
    pub pool: PoolId,
    /// The conversation.
    pub conversation: ConversationId,
    /// Who holds the claim, or held it last.
    pub bot: BotId,
    /// The claim's epoch.
    pub epoch: i64,
    /// Whether it is in force.
    pub state: ClaimState,
    /// How many turns were committed.
    pub turns: i64,
    /// The last committed sequence of the main dialog, or else of any.
    pub cursor: Option<Sequence>,
    /// Actions committed and not confirmed.
    pub outbox: i64,
    /// Actions that will not be sent again.
    pub dead_letters: i64,
    /// When the claim last changed, epoch milliseconds by the database's clock.
    pub updated_at: i64,
}

impl ListedConversation {
    /// Where the page after this row begins.
    pub fn key(&self) -> ClaimKey {
        ClaimKey {
            account: self.account.to_string(),
            pool: self.pool.to_string(),
            conversation: self.conversation.to_string(),
        }
    }
}

/// A conversation's cursors, and its actions without their content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConversationDetails {
    /// Each dialog's last committed sequence, and the turn that committed it.
    pub cursors: Vec<(DialogId, Sequence, TurnId)>,
    /// Actions that are not confirmed, the oldest first, at most 200.
    pub actions: Vec<ListedAction>,
}

/// An action of the outbox without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedAction {
    /// The turn that committed it.
    pub turn_id: TurnId,
    /// Its place in the turn.
    pub n: i64,
    /// Whose action it is.
    pub bot: BotId,
    /// Why it is dead; `None` while it is on its way.
    pub dead: Option<String>,
    /// When it was committed, epoch milliseconds by the database's clock.
    pub created_at: i64,
}

const BOTS: &str = "SELECT b.account_id, b.bot_id, b.pool_id, b.declared, b.wanted, b.quarantine_kind, b.quarantine, \
       b.quarantined_at,        o.incarnation, o.epoch, s.saved_at, \
       (SELECT count(*) FROM claim c WHERE c.account_id = b.account_id AND c.bot_id = b.bot_id AND c.state = 'held') \
     FROM bot b \
       LEFT JOIN bot_owner o ON o.account_id = b.account_id AND o.bot_id = b.bot_id \
       LEFT JOIN session s ON s.account_id = b.account_id AND s.bot_id = b.bot_id \
     WHERE ($1 = '' OR b.account_id = $1) AND ($2 = '' OR b.pool_id = $2) AND ($3 = '' OR b.bot_id = $3) \
       AND (b.account_id, b.bot_id) > ($4, $5) \
     ORDER BY b.account_id, b.bot_id LIMIT $6";

const CONVERSATIONS: &str = "SELECT c.account_id, c.pool_id, c.conversation_id, c.bot_id, c.epoch, c.state, \
       COALESCE(c.release_reason, ''), c.turns, \
       COALESCE((SELECT k.sequence FROM cursor k WHERE k.account_id = c.account_id AND k.pool_id = c.pool_id \
           AND k.conversation_id = c.conversation_id AND k.dialog_id = c.conversation_id), \
         (SELECT max(k.sequence) FROM cursor k WHERE k.account_id = c.account_id AND k.pool_id = c.pool_id \
           AND k.conversation_id = c.conversation_id)), \
       (SELECT count(*) FROM outbox o WHERE o.account_id = c.account_id AND o.pool_id = c.pool_id \
         AND o.conversation_id = c.conversation_id AND o.state = 'sending'), \
       (SELECT count(*) FROM outbox o WHERE o.account_id = c.account_id AND o.pool_id = c.pool_id \
         AND o.conversation_id = c.conversation_id AND o.state = 'dead'), \
       c.updated_at \
     FROM claim c \
     WHERE ($1 = '' OR c.account_id = $1) AND ($2 = '' OR c.pool_id = $2) AND ($3 = '' OR c.bot_id = $3) \
       AND ($4 = '' OR c.state = $4) AND ($5 = '' OR c.conversation_id = $5) \
       AND (c.account_id, c.pool_id, c.conversation_id) > ($6, $7, $8) \
     ORDER BY c.account_id, c.pool_id, c.conversation_id LIMIT $9";

const CURSORS: &str = "SELECT dialog_id, sequence, turn_id FROM cursor \
     WHERE account_id = $1 AND pool_id = $2 AND conversation_id = $3 ORDER BY dialog_id LIMIT $4";
const ACTIONS: &str = "SELECT turn_id, n, bot_id, state, COALESCE(reason, ''), created_at FROM outbox \
     WHERE account_id = $1 AND pool_id = $2 AND conversation_id = $3 ORDER BY turn_no, turn_id, n LIMIT $4";

type Bot = (
    String,
    String,
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<String>,
    Option<i64>,
    Option<i64>,
    i64,
);
type Conversation = (String, String, String, String, i64, String, String, i64, Option<i64>, i64, i64, i64);
type Cursor = (String, i64, String);
type Action = (String, i64, String, String, String, i64);

impl Store {
    /// A page of declared bots by account and name, from the one after `after` on.
    ///
    /// At most `limit`, and at most [`PAGE_LIMIT`].
    pub async fn list_bots(
        &self,
        filter: &BotFilter,
        after: &(String, String),
        limit: u32,
    ) -> Result<Vec<ListedBot>, StoreError> {
        let (filter, after) = (filter.clone(), after.clone());
        self.on_io(move |inner| async move {
            let rows: Vec<Bot> = each_dialect!(inner.engine, reader, db => {
                sqlx::query_as(BOTS)
                    .bind(any(filter.account)).bind(any(filter.pool)).bind(any(filter.bot))
                    .bind(after.0).bind(after.1).bind(page(limit))
                    .fetch_all(db).await?
            });
            Ok(rows.into_iter().map(bot).collect())
        })
        .await
    }

    /// A page of claims by account, pool and conversation, from the one after `after` on.
    ///
    /// At most `limit`, and at most [`PAGE_LIMIT`].
    pub async fn list_conversations(
        &self,
        filter: &ConversationFilter,
        after: &ClaimKey,
        limit: u32,
    ) -> Result<Vec<ListedConversation>, StoreError> {
        let (filter, after) = (filter.clone(), after.clone());
        self.on_io(move |inner| async move {
            let rows: Vec<Conversation> = each_dialect!(inner.engine, reader, db => {
                sqlx::query_as(CONVERSATIONS)
                    .bind(any(filter.account)).bind(any(filter.pool)).bind(any(filter.bot))
                    .bind(any(filter.state)).bind(any(filter.conversation))
                    .bind(after.account).bind(after.pool).bind(after.conversation).bind(page(limit))
                    .fetch_all(db).await?
            });
            Ok(rows.into_iter().map(conversation).collect())
        })
        .await
    }

    /// A conversation's cursors and unconfirmed actions.
    pub async fn conversation_details(&self, of: &ClaimKey) -> Result<ConversationDetails, StoreError> {
        let of = of.clone();
        self.on_io(move |inner| async move {
            let (cursors, actions): (Vec<Cursor>, Vec<Action>) = each_dialect!(inner.engine, reader, db => {
                let cursors = sqlx::query_as(CURSORS).bind(&of.account).bind(&of.pool).bind(&of.conversation);
                let actions = sqlx::query_as(ACTIONS).bind(&of.account).bind(&of.pool).bind(&of.conversation);
                (cursors.bind(DETAILS).fetch_all(db).await?, actions.bind(DETAILS).fetch_all(db).await?)
            });
            let cursor =
                |(dialog, sequence, turn): Cursor| (dialog.into(), Sequence(sequence), turn.as_str().into());
            Ok(ConversationDetails {
                cursors: cursors.into_iter().map(cursor).collect(),
                actions: actions.into_iter().map(action).collect(),
            })
        })
        .await
    }
}

/// No id is empty, so that the empty text may stand for any.
fn any(wanted: Option<String>) -> String {
    wanted.unwrap_or_default()
}

fn page(limit: u32) -> i64 {
    // One more tells whether there are more.
    i64::from(limit.min(PAGE_LIMIT + 1))
}

fn bot(row: Bot) -> ListedBot {
    let (
        account,
        bot,
        pool,
        declared,
        wanted,
        kind,
        words,
        since,
        incarnation,
        epoch,
        session_saved_at,
        held,
    ) = row;
    let declared: Declared = (account, bot, pool, declared, wanted, kind, words, since);
    ListedBot { row: declared_row(declared), owner: incarnation.zip(epoch), session_saved_at, held }
}

fn conversation(row: Conversation) -> ListedConversation {
    let (
        account,
        pool,
        conversation,
        bot,
        epoch,
        state,
        reason,
        turns,
        cursor,
        outbox,
        dead_letters,
        updated_at,
    ) = row;
    ListedConversation {
        account: account.into(),
        pool: pool.as_str().into(),
        conversation: conversation.into(),
        bot: bot.as_str().into(),
        epoch,
        state: if state == "held" { ClaimState::Held } else { ClaimState::Released { reason } },
        turns,
        cursor: cursor.map(Sequence),
        outbox,
        dead_letters,
        updated_at,
    }
}

fn action((turn_id, n, bot, state, reason, created_at): Action) -> ListedAction {
    let dead = (state == "dead").then_some(reason);
    ListedAction { turn_id: turn_id.as_str().into(), n, bot: bot.as_str().into(), dead, created_at }
}
