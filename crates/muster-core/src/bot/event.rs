//! What can happen to a bot.

use std::collections::BTreeSet;
use std::time::Duration;

use liveperson_proto::agent_state::AgentState;
use liveperson_proto::close_code::CloseCode;
use liveperson_proto::conversation::{Conversation, ConversationChange};
use liveperson_proto::message::MessageEvent;
use liveperson_proto::ring::Ring;
use liveperson_proto::{AgentId, ConversationId, PersistentId, SubscriptionId};

use crate::TurnId;
use crate::dialog::{ClaimOutcome, CommitOutcome, Decided, Outcome, RestoredDeed, Ticket};
use crate::quarantine::Quarantine;
use crate::turn::OnFailure;

/// Who a login made of the bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The old id.
    pub agent: AgentId,
    /// The persistent id, if the login told one.
    pub persistent: Option<PersistentId>,
}

/// What a sealed session says of a bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Who it logs in.
    pub identity: Identity,
    /// When its login was, in milliseconds since 1970, if that is known.
    pub logged_in: Option<i64>,
    /// When it was last refreshed, or logged in, in milliseconds since 1970, if that is known.
    pub refreshed: Option<i64>,
}

impl From<Identity> for Sealed {
    fn from(identity: Identity) -> Self {
        Self { identity, logged_in: None, refreshed: None }
    }
}

/// Who else may be the cause of a token's death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bystanders {
    /// Nobody that we know of.
    Nobody,
    /// Many of the account lost theirs at the same time: the platform took them.
    Many,
    /// Another life or process of this fleet has logged in as the bot.
    Ourselves,
}

/// Why a login failed, as far as what follows differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginFault {
    /// The credentials are wrong.
    Refused,
    /// Too many logins.
    TooMany {
        /// The platform's wish.
        retry_after: Option<Duration>,
    },
    /// The platform blocks the account or user.
    Blocked,
    /// The service is in trouble or did not answer.
    Unwell {
        /// In words.
        words: String,
    },
}

/// Why a refresh failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshFault {
    /// The session is gone.
    Unauthorized,
    /// The service is in trouble or did not answer.
    Unwell,
    /// This session cannot be refreshed at all.
    Impossible,
}

/// How a bot ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The process goes and comes again: no hand-back, no logout, the session is kept.
    Restart,
    /// The bot leaves: AWAY, conversations handed back to the queue, logout.
    Retire,
}

/// What can happen to a bot.
#[derive(Debug)]
pub enum Event {
    /// The bot may begin.
    Started,
    /// The moment it asked for has come.
    Tick,
    /// The account's domains are known.
    Resolved,
    /// They could not be found.
    ResolveFailed {
        /// In words.
        words: String,
    },
    /// A login succeeded.
    LoggedIn(Identity),
    /// A login failed.
    LoginFailed(LoginFault),
    /// The login waits for its turn, or (with no reason) waits no longer.
    AtTheDoor {
        /// In words.
        why: Option<String>,
    },
    /// The token was refreshed.
    Refreshed,
    /// It was not.
    RefreshFailed(RefreshFault),
    /// Whoever may be the cause of the token's death was asked for.
    LookedAround(Bystanders),
    /// The platform shows what it takes agents' states for.
    AgentStates {
        /// As in `Effect::Open`.
        generation: u64,
        /// In order.
        states: Vec<AgentState>,
    },
    /// The socket is open.
    SocketOpened {
        /// As in `Effect::Open`.
        generation: u64,
    },
    /// It could not be opened.
    SocketFailed {
        /// As in `Effect::Open`.
        generation: u64,
        /// The platform refused the token.
        unauthorized: bool,
        /// In words.
        words: String,
    },
    /// It closed.
    SocketClosed {
        /// As in `Effect::Open`.
        generation: u64,
        /// Why.
        code: CloseCode,
        /// The peer's or our own words.
        words: String,
    },
    /// Many bots of the account lost their sockets together: this one comes back at some time within this span.
    ReturnSpread {
        /// How long.
        within: Duration,
    },
    /// A request has an outcome.
    Answered {
        /// As in `Effect::Ask`.
        ticket: Ticket,
        /// What came of it.
        outcome: Outcome,
    },
    /// Conversations changed; the first of a subscription is the whole truth.
    Conversations {
        /// As in `Effect::Open`.
        generation: u64,
        /// Which subscription tells.
        subscription: Option<SubscriptionId>,
        /// In order.
        changes: Vec<ConversationChange>,
        /// How many changes could not be read.
        lost: usize,
    },
    /// Rings changed.
    Rings {
        /// As in `Effect::Open`.
        generation: u64,
        /// In order.
        rings: Vec<Ring>,
    },
    /// Something was said.
    Message {
        /// As in `Effect::Open`.
        generation: u64,
        /// What.
        event: Box<MessageEvent>,
    },
    /// The platform's clock is this far ahead of ours.
    ClockOffset {
        /// In milliseconds.
        millis: i64,
    },
    /// Logic decided a turn.
    Decided {
        /// Its conversation.
        conversation: ConversationId,
        /// The turn.
        turn: TurnId,
        /// What it decided.
        decided: Decided,
    },
    /// The store decided a commit.
    Committed {
        /// Its conversation.
        conversation: ConversationId,
        /// The turn.
        turn: TurnId,
        /// What it decided.
        outcome: CommitOutcome,
    },
    /// The store decided a claim.
    ClaimAnswered {
        /// Its conversation.
        conversation: ConversationId,
        /// As in `Effect::Claim`.
        number: Ticket,
        /// What it decided.
        outcome: ClaimOutcome,
    },
    /// A person wants deeds done that were given up; they may come again until they are confirmed.
    Revived {
        /// Their conversation.
        conversation: ConversationId,
        /// The deeds, in order.
        deeds: Vec<RestoredDeed>,
    },
    /// People wish these deeds done; they may come again until they are confirmed.
    Wished {
        /// Their conversation.
        conversation: ConversationId,
        /// All that are not confirmed, in order.
        deeds: Vec<RestoredDeed>,
        /// Nobody has sent those from this place on.
        unsent: usize,
    },
    /// These conversations of the pool are taken over by people, and no others.
    TakenOver(BTreeSet<ConversationId>),
    /// The pool wants this bot to watch the account, as long as the socket in hand lasts.
    Watch {
        /// The time online that the pool means.
        spell: u64,
    },
    /// The pool gives conversations to this bot.
    Placed {
        /// Counts the placements of this bot's life.
        placement: u64,
        /// The conversations, as the watcher saw them.
        conversations: Vec<Conversation>,
    },
    /// Ownership is in doubt or the store is away.
    Fenced {
        /// In words.
        why: String,
    },
    /// Ownership is certain again.
    Unfenced,
    /// Supervision or a person holds the bot off. No event lifts it: what the bot held may be another's since, so a
    /// new life begins with what the store knows.
    Quarantined(Quarantine),
    /// People hold the bot still.
    Paused {
        /// Who, and why, in words.
        why: String,
    },
    /// They do not any more.
    Resumed,
    /// Somebody wants the token refreshed now.
    RefreshAsked,
    /// It is declared anew, in a way that needs no new life: what begins from now on goes by it.
    Adjusted {
        /// Conversations at most at one time.
        capacity: usize,
        /// How often logic is asked for one turn.
        attempts: u32,
        /// What is done when it fails.
        on_failure: OnFailure,
    },
    /// The bot is to end.
    Drain {
        /// How.
        ending: Ending,
        /// After this time it ends as it is.
        within: Duration,
    },
}
