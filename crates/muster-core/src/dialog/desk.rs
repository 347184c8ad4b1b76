//! What a conversation is lent while it decides, and what it hands out: effects.

use std::collections::HashMap;
use std::time::Duration;

use liveperson_proto::message::MessageEvent;
use liveperson_proto::request::{Availability, Request};
use liveperson_proto::{AccountId, AgentId, ConversationId, PersistentId, RingId, SubscriptionId};

use super::effect::{Effect, OutboxKey};
use super::inbox::Heard;
use super::note::Note;
use crate::duty::Duty;
use crate::tag::Tagger;
use crate::time::Now;
use crate::turn::{Action, OnFailure};
use crate::{BotId, PoolId};

/// The number of a request; never used twice in a bot's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Limits and periods of a conversation.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a part of the promise that sabotage tests switch off"
)]
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
    /// Subscribe to the messages of each dialog, where the platform tells only subscribers.
    pub subscribe_messages: bool,
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
            subscribe_messages: false,
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
    /// The subscription to the bot's own state.
    WatchState,
    SetBack,
    /// A person wants this state.
    StateAsked(Availability),
    Ring(RingId),
    /// Which reading of the conversation.
    History(ConversationId, Ticket),
    Messages(ConversationId),
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
#[expect(clippy::struct_excessive_bools, reason = "each is a leave of its own")]
pub(crate) struct Desk<'a> {
    pub(crate) now: Now,
    /// How far the platform's clock is ahead of ours, in milliseconds.
    pub(crate) clock_offset: i64,
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

    /// When a message reached us that the platform says was said at `said`, by its own clock.
    pub(crate) fn heard(&self, said: Option<i64>) -> Heard {
        let said = said.map(|at| at.saturating_sub(self.clock_offset));
        Heard { at: self.now.moment, said: said.unwrap_or(self.now.wall).min(self.now.wall) }
    }

    pub(crate) fn note(&mut self, note: Note) {
        self.out.push(Effect::Note(note));
    }
}
