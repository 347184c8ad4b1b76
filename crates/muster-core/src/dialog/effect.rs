//! What a bot wants done.

use liveperson_proto::request::Request;
use liveperson_proto::{ConversationId, DialogId};

use super::cursor::Cursor;
use super::desk::Ticket;
use super::note::Note;
use crate::TurnId;
use crate::pool::PoolNews;
use crate::quarantine::Quarantine;
use crate::turn::Turn;

/// What the store made of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitOutcome {
    /// It is durable.
    Committed,
    /// An earlier try of the same turn is durable already.
    AlreadyCommitted,
    /// The cursor stands at or past this turn.
    StaleCursor(Cursor),
    /// Another bot of the pool holds the claim.
    ClaimLost,
    /// Another process owns this bot.
    Fenced,
    /// The store refuses this turn's content for ever.
    Rejected(String),
    /// The store is away; the outcome may be either.
    Unavailable,
}

/// An action as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAction {
    /// Its place in the turn, from 0.
    pub n: usize,
    /// The tag its event carries.
    pub tag: String,
    /// The deed as JSON.
    pub body: String,
}

/// A turn to be committed in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitTurn {
    /// The turn.
    pub turn: TurnId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// Its dialog.
    pub dialog: DialogId,
    /// Where the cursor stands after it.
    pub cursor: Cursor,
    /// The variables after it, a JSON object.
    pub variables: String,
    /// What is to be done.
    pub actions: Vec<NewAction>,
}

/// Names one row of the outbox within its bot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OutboxKey {
    /// The conversation.
    pub conversation: ConversationId,
    /// The turn.
    pub turn: TurnId,
    /// The action's place in the turn.
    pub n: usize,
}

/// What a bot wants done; performed in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Find the account's domains.
    Resolve,
    /// Log in, when the account's budget allows.
    Login,
    /// Refresh the session's token.
    Refresh,
    /// The token died before its time: whoever looks around later shall know of it.
    TokenDied,
    /// Find out who else may be the cause of a token's death; deaths are looked into in their order.
    LookAround,
    /// End the session on the platform.
    Logout,
    /// Open a socket; what it says carries this generation.
    Open {
        /// Counts the bot's sockets.
        generation: u64,
    },
    /// Close the socket in hand.
    CloseSocket,
    /// Send a request on the socket.
    Ask(Ticket, Request),
    /// Let logic decide a turn.
    Think(Box<Turn>),
    /// Claim a conversation for this bot, whoever holds it; the store says what the pool remembers.
    Claim {
        /// The question's number, which its answer carries.
        number: Ticket,
        /// The conversation.
        conversation: ConversationId,
    },
    /// Commit a turn.
    Commit(Box<CommitTurn>),
    /// A deed is confirmed: its row can go.
    Done(OutboxKey),
    /// A deed can never succeed: keep it as a dead letter with the platform's words.
    Dead(OutboxKey, String),
    /// The claim on a conversation ends.
    Release {
        /// The conversation.
        conversation: ConversationId,
        /// Why, in words.
        reason: String,
        /// The pool has done with it: no bot of it joins it again.
        done: bool,
    },
    /// Tell the pool.
    Report(PoolNews),
    /// The bot is held off for people to see, until one of them releases it.
    Quarantine(Quarantine),
    /// The bot is where drain wanted it; nothing of it is open any more.
    Drained,
    /// Something worth counting or telling.
    Note(Note),
}
