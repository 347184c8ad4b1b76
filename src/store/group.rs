//! What a group commits, and what came of each of its turns.

use liveperson_proto::{AccountId, ConversationId, DialogId};
use muster_core::dialog::Cursor;
use muster_core::{BotId, PoolId, TurnId};

/// Work that is committed together; each turn wins or is refused by itself.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// New turns, each dialog at most once.
    pub turns: Vec<TurnCommit>,
    /// Actions that the platform confirmed: their rows and texts are deleted.
    pub done: Vec<OutboxKey>,
    /// Actions that can never succeed, with the platform's words: kept as dead letters.
    pub dead: Vec<(OutboxKey, String)>,
    /// Conversations that a bot is done with.
    pub releases: Vec<Release>,
}

impl Group {
    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty() && self.done.is_empty() && self.dead.is_empty() && self.releases.is_empty()
    }
}

/// One turn of the logic.
#[derive(Clone, Debug)]
pub struct TurnCommit {
    /// The bot's account.
    pub account: AccountId,
    /// The bot's pool.
    pub pool: PoolId,
    /// Who answers.
    pub bot: BotId,
    /// The process that ran the turn.
    pub incarnation: String,
    /// The epoch under which that process owns the bot.
    pub owner_epoch: i64,
    /// The conversation, whose variables change.
    pub conversation: ConversationId,
    /// The dialog, whose cursor moves.
    pub dialog: DialogId,
    /// The turn.
    pub turn_id: TurnId,
    /// Where the dialog stands after this turn.
    pub cursor: Cursor,
    /// The conversation's variables after this turn, a JSON object.
    pub variables: String,
    /// What to publish, in order of `n`.
    pub actions: Vec<NewAction>,
}

/// One action of a turn, to be published.
#[derive(Clone, Debug)]
pub struct NewAction {
    /// Its place in the turn.
    pub n: i64,
    /// The tag by which the platform's history proves it.
    pub tag: String,
    /// What to publish.
    pub body: String,
}

/// The key of one outbox row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OutboxKey {
    /// The account.
    pub account: AccountId,
    /// The pool.
    pub pool: PoolId,
    /// The conversation.
    pub conversation: ConversationId,
    /// The turn that committed it.
    pub turn_id: TurnId,
    /// Its place in the turn.
    pub n: i64,
}

/// The end of a claim. What its bot did not send is dropped: a dead letter without its text.
#[derive(Clone, Debug)]
pub struct Release {
    /// The account.
    pub account: AccountId,
    /// The pool.
    pub pool: PoolId,
    /// The conversation.
    pub conversation: ConversationId,
    /// The bot that holds it; nothing happens if it does not (any more).
    pub bot: BotId,
    /// Why.
    pub reason: String,
    /// The pool has done with the conversation: no bot of it joins it again.
    pub done: bool,
}

/// What came of one turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TurnOutcome {
    /// Committed now: its actions may be published.
    Committed {
        /// The epoch of the conversation's claim.
        claim_epoch: i64,
    },
    /// An earlier try of this very turn landed: its actions are in the outbox, or done.
    AlreadyCommitted,
    /// Nothing of it was written.
    Refused(Refusal),
}

/// Why a turn was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// This process does not own the bot under that epoch, or its lease has expired.
    Fenced {
        /// The incarnation that owns the bot, if any ever did.
        owner: Option<String>,
        /// The epoch under which it does.
        epoch: Option<i64>,
        /// Whether the turn's own process still holds its lease.
        lease_live: bool,
    },
    /// The dialog's cursor stands at or past the turn's.
    StaleCursor {
        /// Where it stands.
        at: Cursor,
    },
    /// The bot does not hold the conversation: another one does, or it was released.
    ClaimHeldBy {
        /// Who holds it, or held it last.
        bot: BotId,
    },
    /// The database cannot hold one of the turn's values; in its words.
    Rejected(String),
}
