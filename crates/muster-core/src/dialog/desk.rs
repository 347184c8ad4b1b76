//! What a conversation is lent while it decides, and what it hands out: effects.

use std::collections::HashMap;
use std::time::Duration;

use liveperson_proto::message::MessageEvent;
use liveperson_proto::request::Request;
use liveperson_proto::{AccountId, AgentId, ConversationId, DialogId, PersistentId, RingId, SubscriptionId};

use super::cursor::Cursor;
use super::proof::GapProof;
use crate::duty::Duty;
use crate::pool::PoolNews;
use crate::tag::Tagger;
use crate::time::Now;
use crate::turn::{Action, OnFailure, Turn};
use crate::{BotId, PoolId, TurnId};

/// The number of a request; never used twice in a bot's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Limits and periods of a conversation.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How long a request of unknown outcome may still take effect, counted from the doubt.
    pub settle: Duration,
    /// How often logic is asked for one turn before it counts as failed.
    pub attempts: u32,
    /// What is done then.
    pub on_failure: OnFailure,
    /// The wait before logic is asked again; it doubles.
    pub logic_pause: Duration,
    /// The wait before a refused or unanswered request or commit is tried again.
    pub pause: Duration,
    /// Messages that wait in memory at most; more are read again from the platform.
    pub inbox: usize,
    /// A history page of at least this many events may be capped, so reading goes on.
    pub page: usize,
    /// Whether published events carry tags.
    pub tagging: Tagging,
    /// Look for what is in doubt before it is sent again. Off only in sabotage tests.
    pub reconcile: bool,
    /// Read the history after each connect. Off only in sabotage tests.
    pub catch_up: bool,
    /// Pass over what the cursor has passed. Off only in sabotage tests.
    pub dedupe: bool,
    /// Answer messages in their order. Off only in sabotage tests.
    pub in_order: bool,
}

/// Whether published events carry tags, by which the platform's history proves them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tagging {
    /// They do.
    #[default]
    On,
    /// They do not: own words are known by their content and their place after the cursor.
    Off,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(10),
            attempts: 3,
            on_failure: OnFailure::default(),
            logic_pause: Duration::from_millis(500),
            pause: Duration::from_secs(1),
            inbox: 50,
            page: 20,
            tagging: Tagging::On,
            reconcile: true,
            catch_up: true,
            dedupe: true,
            in_order: true,
        }
    }
}

/// What the platform made of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Done.
    Done,
    /// Done, and these events were read.
    History(Vec<MessageEvent>),
    /// Done, and what there is comes under this id.
    Subscribed(SubscriptionId),
    /// Refused, in the platform's words.
    Refused {
        /// 400 or more.
        code: u16,
        /// At most 128 characters.
        words: String,
    },
    /// No answer came: it may have been done, may still be done, or never.
    Unknown,
}

/// What logic made of a turn.
#[derive(Clone, Debug, PartialEq)]
pub enum Decided {
    /// What to do.
    Actions(Vec<Action>),
    /// It failed; the words are for the bot's author.
    Failed(String),
}

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
    /// The bot is held off for people to see, until the process restarts.
    Quarantine {
        /// Why, in words.
        because: String,
    },
    /// The bot is where drain wanted it; nothing of it is open any more.
    Drained,
    /// Something worth counting or telling.
    Note(Note),
}

/// Something worth counting or telling; never an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A ring was accepted.
    RingAccepted(RingId),
    /// A ring lapsed or went elsewhere although we answered it.
    RingLost(RingId),
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
    /// The store was away for a commit.
    StoreAway,
}

/// Who decides.
#[derive(Clone, Debug)]
pub struct Me {
    /// The brand's account.
    pub account: AccountId,
    /// The bot.
    pub bot: BotId,
    /// Its pool.
    pub pool: PoolId,
    /// The old id, once a login told it.
    pub agent: Option<AgentId>,
    /// The persistent id, once a login told it.
    pub persistent: Option<PersistentId>,
}

impl Me {
    /// Whether an event was written by this bot, by either id.
    pub fn wrote(&self, event: &MessageEvent) -> bool {
        event.is_from(
            self.agent.as_ref().map_or("", AgentId::as_str),
            self.persistent.as_ref().map_or("", PersistentId::as_str),
        )
    }

    /// Whether an id is this bot's, by either id.
    pub fn is(&self, id: &str) -> bool {
        self.agent.as_ref().is_some_and(|a| a.as_str() == id)
            || self.persistent.as_ref().is_some_and(|p| p.as_str() == id)
    }
}

/// Why a request was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    SubscribeConversations,
    SubscribeRings,
    AgentState,
    Ring(RingId),
    /// Which reading of the conversation.
    History(ConversationId, u64),
    Find(ConversationId),
    Deed(OutboxKey),
    HandBack(ConversationId),
    Join(ConversationId),
    Look(ConversationId),
    Watch,
    Courtesy,
}

/// Requests on the way.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    last: u64,
    open: HashMap<Ticket, Purpose>,
}

impl Tickets {
    pub(crate) fn take(&mut self, purpose: Purpose) -> Ticket {
        self.last += 1;
        let ticket = Ticket(self.last);
        self.open.insert(ticket, purpose);
        ticket
    }

    /// The number of a question that somebody else answers.
    pub(crate) fn number(&mut self) -> Ticket {
        self.last += 1;
        Ticket(self.last)
    }

    pub(crate) fn redeem(&mut self, ticket: Ticket) -> Option<Purpose> {
        self.open.remove(&ticket)
    }

    pub(crate) fn void_all(&mut self) {
        self.open.clear();
    }
}

/// What a conversation is lent while it decides.
pub(crate) struct Desk<'a> {
    pub(crate) now: Now,
    pub(crate) rules: &'a Rules,
    pub(crate) duty: &'a Duty,
    pub(crate) tagger: &'a Tagger,
    pub(crate) me: &'a Me,
    pub(crate) tickets: &'a mut Tickets,
    pub(crate) out: &'a mut Vec<Effect>,
    /// New turns may start.
    pub(crate) may_think: bool,
    /// The last turn of a closed conversation may start.
    pub(crate) may_close: bool,
    /// Deeds may be sent.
    pub(crate) may_act: bool,
    /// A socket has shown what is ours.
    pub(crate) connected: bool,
}

impl Desk<'_> {
    pub(crate) fn ask(&mut self, purpose: Purpose, request: Request) -> Ticket {
        let ticket = self.tickets.take(purpose);
        self.out.push(Effect::Ask(ticket, request));
        ticket
    }

    pub(crate) fn note(&mut self, note: Note) {
        self.out.push(Effect::Note(note));
    }
}
