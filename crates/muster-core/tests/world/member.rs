//! One bot of the pool with all that is under way around it.

use std::collections::{BTreeMap, VecDeque};

use liveperson_proto::request::Request;
use muster_core::bot::{Bot, Charter, Ending, Event, Identity, Rhythm, TheftRules, TokenSource};
use muster_core::dialog::{Restored, Rules, Ticket};
use muster_core::duty::Duty;
use muster_core::time::Now;
use muster_core::turn::Turn;

use super::platform::News;
use super::store::Record;
use super::{ACCOUNT, POOL, agent, name, persistent};

/// A request on its way.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) ticket: Ticket,
    pub(crate) request: Request,
    /// The bot held the claim when it sent this.
    pub(crate) held: bool,
}

/// How a bot ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// A restart: the next life follows.
    Restarts,
    /// It retired, or is held off: the next process starts it again.
    ForGood,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Member {
    pub(crate) number: usize,
    pub(crate) bot: Bot,
    pub(crate) life: u64,
    pub(crate) gone: Option<Gone>,
    /// The login service would still know its session.
    pub(crate) sealed: bool,
    pub(crate) fenced: bool,
    /// People hold it still, over its lives.
    pub(crate) paused: bool,
    /// It was told to end.
    pub(crate) ending: Option<Ending>,
    /// It is told nothing any more once its records are durable.
    pub(crate) drained: bool,
    pub(crate) retires: bool,
    /// The socket in hand.
    pub(crate) open: Option<u64>,
    /// Requests on the socket, in order.
    pub(crate) wire: VecDeque<InFlight>,
    /// What each open request asked.
    pub(crate) asked: BTreeMap<Ticket, Request>,
    /// What each answered request of this socket asked, in aimed runs.
    pub(crate) asked_before: BTreeMap<Ticket, Request>,
    /// Copies of what this socket told, in aimed runs.
    pub(crate) copies: Vec<News>,
    /// What the socket will tell, in order.
    pub(crate) incoming: VecDeque<News>,
    /// Something was lost on the socket in hand.
    pub(crate) lost_news: bool,
    /// What domains, login, new sockets and the store will answer.
    pub(crate) work: VecDeque<Event>,
    pub(crate) from_pool: VecDeque<Event>,
    pub(crate) thinking: Vec<Turn>,
    pub(crate) records: VecDeque<Record>,
}

impl Member {
    pub(crate) fn new(number: usize, bot: Bot, life: u64) -> Self {
        Self {
            number,
            bot,
            life,
            gone: None,
            sealed: false,
            fenced: false,
            paused: false,
            ending: None,
            drained: false,
            retires: false,
            open: None,
            wire: VecDeque::new(),
            asked: BTreeMap::new(),
            asked_before: BTreeMap::new(),
            copies: Vec::new(),
            incoming: VecDeque::new(),
            lost_news: false,
            work: VecDeque::new(),
            from_pool: VecDeque::new(),
            thinking: Vec::new(),
            records: VecDeque::new(),
        }
    }

    /// The request that news answers, if it is an answer.
    pub(crate) fn request_of(&self, news: &News) -> Option<&Request> {
        let News::Answer(ticket, _) = news else { return None };
        self.asked.get(ticket).or_else(|| self.asked_before.get(ticket))
    }

    pub(crate) fn runs(&self) -> bool {
        self.gone.is_none()
    }

    /// Whether something is under way that the bot will hear of.
    pub(crate) fn is_busy(&self) -> bool {
        !(self.wire.is_empty()
            && self.incoming.is_empty()
            && self.work.is_empty()
            && self.from_pool.is_empty()
            && self.thinking.is_empty()
            && self.records.is_empty())
    }
}

/// What every bot of a world is told.
#[derive(Clone)]
pub(crate) struct Terms {
    pub(crate) rules: Rules,
    pub(crate) duty: Duty,
    pub(crate) capacity: usize,
    pub(crate) rhythm: Rhythm,
    pub(crate) theft: TheftRules,
    pub(crate) tokens: TokenSource,
}

impl Terms {
    pub(crate) fn bot(&self, number: usize, seed: u64, sealed: bool, held: Vec<Restored>, now: Now) -> Bot {
        let charter = Charter {
            account: ACCOUNT.into(),
            bot: name(number),
            pool: POOL.into(),
            duty: self.duty,
            capacity: self.capacity,
            rules: self.rules.clone(),
            rhythm: self.rhythm.clone(),
            tokens: self.tokens,
            theft: self.theft,
            seed,
        };
        Bot::new(charter, sealed.then(|| identity(number).into()), held, now)
    }
}

pub(crate) fn identity(number: usize) -> Identity {
    Identity { agent: agent(number), persistent: Some(persistent(number)) }
}
