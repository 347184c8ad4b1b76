//! What is worth counting or telling.

use liveperson_proto::request::Availability;
use liveperson_proto::{ConversationId, RingId};

use super::proof::GapProof;
use crate::bot::Bystanders;
use crate::wish::Verdict;

/// Something worth counting or telling; never an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A ring was accepted.
    RingAccepted(RingId),
    /// The platform gave us what the ring offered.
    RingTaken {
        /// The ring.
        ring: RingId,
        /// How long before its deadline, in milliseconds; none if it had no deadline.
        lead: Option<u64>,
    },
    /// A ring went elsewhere although we accepted it.
    RingLost(RingId),
    /// A ring lapsed and we never accepted it, or the platform could not take the acceptance.
    RingExpired(RingId),
    /// A conversation is handled from here on.
    Attached(ConversationId),
    /// A conversation was read again after a connect.
    CaughtUp {
        /// The conversation.
        conversation: ConversationId,
        /// What was found.
        proof: GapProof,
    },
    /// A message came again and changed nothing.
    Duplicate,
    /// Sequences were missing and are read again.
    Hole {
        /// The conversation.
        conversation: ConversationId,
    },
    /// A message was found answered in the platform's history.
    AnsweredAlready,
    /// A turn is durable.
    TurnCommitted {
        /// From hearing its message to the commit, in milliseconds; none for other causes.
        millis: Option<u64>,
    },
    /// Logic failed for good; the cursor passed the message.
    TurnFailed {
        /// The conversation.
        conversation: ConversationId,
        /// In words, for the bot's author.
        words: String,
    },
    /// Logic failed and will be asked again.
    TurnRetried {
        /// The conversation.
        conversation: ConversationId,
        /// In words, for the bot's author.
        words: String,
    },
    /// A deed's outcome is unknown.
    Doubted,
    /// A deed in doubt was found done.
    Reconciled,
    /// A deed in doubt was not found after `settle` and is sent again.
    Resent,
    /// A message is answered: its first deed is confirmed.
    Replied {
        /// From hearing the message to the confirmation, in milliseconds.
        millis: u64,
    },
    /// The platform does not let the bot join.
    JoinRefused {
        /// The conversation.
        conversation: ConversationId,
        /// The platform's words.
        words: String,
    },
    /// Somebody else answered first: a deed that was not sent is dropped.
    Superseded {
        /// The conversation.
        conversation: ConversationId,
    },
    /// A deed became a dead letter.
    DeadLetter {
        /// The conversation.
        conversation: ConversationId,
        /// The platform's words.
        words: String,
    },
    /// Actions that were not sent are dropped with the claim.
    Dropped {
        /// The conversation.
        conversation: ConversationId,
        /// How many.
        actions: usize,
        /// Why, in words.
        reason: &'static str,
    },
    /// The consumer has another id from here on.
    SteppedUp {
        /// The conversation.
        conversation: ConversationId,
    },
    /// Somebody asked for a refresh, and there is nothing to refresh.
    NotRefreshed {
        /// Why, in words.
        words: &'static str,
    },
    /// What came of a state that a person wanted.
    StateAnswered(Verdict),
    /// The store was away for a commit.
    StoreAway,
    /// A login elsewhere took the bot's session.
    SessionTaken {
        /// How often that was within the rules' window, this time included.
        times: usize,
        /// Whether the bot takes it back.
        taken_back: bool,
    },
    /// The token died before its time, and nobody elsewhere is to blame.
    TokenLost(Bystanders),
    /// The platform does not say what it takes the bot's state for.
    StateUnwatched {
        /// Its words.
        words: String,
    },
    /// The platform changed the bot's state by itself, and it is set back.
    SetBack {
        /// What the platform made of it.
        availability: Availability,
        /// How often that was within the window, this time included.
        times: usize,
    },
    /// The platform changed the bot's state by itself once too often: it stays so for now.
    StaysAway {
        /// What the platform made of it.
        availability: Availability,
    },
    /// There was no room for something; it is asked for again, or comes again by itself.
    Full {
        /// What was full: `rings`, `inbox`, `news` or `history`.
        queue: &'static str,
    },
}
