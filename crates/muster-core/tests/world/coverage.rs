//! Which state has met which event.

use std::collections::BTreeMap;

use liveperson_proto::ConversationId;
use liveperson_proto::conversation::ConversationChange;
use liveperson_proto::message::{EventBody, MessageEvent, Role};
use liveperson_proto::request::{FieldChange, Request};
use muster_core::bot::{Ending, Event, LoginFault, RefreshFault, State};
use muster_core::dialog::{ClaimOutcome, CommitOutcome, Decided, Joint, Outcome, Work};

use super::platform::WATCH;
use super::{HUMAN, World, agent};

/// What a state belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Machine {
    /// A bot's life.
    Bot,
    /// How a conversation is joined to the platform.
    Joint,
    /// What is under way in a conversation.
    Work,
}

/// A state of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Bot(State),
    Joint(Joint),
    Work(Work),
}

impl Place {
    pub(crate) fn machine(self) -> Machine {
        match self {
            Self::Bot(_) => Machine::Bot,
            Self::Joint(_) => Machine::Joint,
            Self::Work(_) => Machine::Work,
        }
    }

    pub(crate) fn name(self) -> String {
        match self {
            Self::Bot(state) => format!("{state:?}"),
            Self::Joint(joint) => format!("{joint:?}"),
            Self::Work(work) => format!("{work:?}"),
        }
    }
}

type Pair = (Place, &'static str);

/// How often each pair of state and event came up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage {
    pairs: BTreeMap<Pair, u64>,
}

impl Coverage {
    fn add(&mut self, pair: Pair) {
        *self.pairs.entry(pair).or_default() += 1;
    }

    pub(crate) fn absorb(&mut self, other: Self) {
        for (pair, times) in other.pairs {
            *self.pairs.entry(pair).or_default() += times;
        }
    }

    pub(crate) fn times(&self, state: Place, event: &'static str) -> u64 {
        self.pairs.get(&(state, event)).copied().unwrap_or(0)
    }

    pub(crate) fn has(&self, machine: Machine, state: &str, event: &str) -> bool {
        let is_it =
            |(place, what): &Pair| place.machine() == machine && *what == event && place.name() == state;
        self.pairs.keys().any(is_it)
    }

    pub(crate) fn states(&self, machine: Machine) -> Vec<Place> {
        let mut states: Vec<_> = self.of(machine).map(|(state, _)| *state).collect();
        states.dedup();
        states
    }

    fn of(&self, machine: Machine) -> impl Iterator<Item = &Pair> {
        self.pairs.keys().filter(move |(state, _)| state.machine() == machine)
    }

    pub(crate) fn events(&self, machine: Machine) -> Vec<&'static str> {
        let mut events: Vec<_> = self.of(machine).map(|(_, event)| *event).collect();
        events.sort_unstable();
        events.dedup();
        events
    }

    /// A table: a line an event, a column a state.
    pub(crate) fn table(&self, machine: Machine) -> String {
        use std::fmt::Write as _;
        let states = self.states(machine);
        let mut table = format!("{:<26}", format!("{machine:?}"));
        for state in &states {
            let _ = write!(table, "{:>13}", state.name());
        }
        for event in self.events(machine) {
            let _ = write!(table, "\n{event:<26}");
            for state in &states {
                let _ = write!(table, "{:>13}", self.times(*state, event));
            }
        }
        table
    }
}

impl World {
    /// Counts what is about to be told, with the state in which it is met.
    pub(super) fn note_coverage(&mut self, bot: usize, event: &Event) {
        let Some(mut coverage) = self.coverage.take() else { return };
        let asked = match event {
            Event::Answered { ticket, .. } => self.last_answered.as_ref().filter(|(t, _)| t == ticket),
            _ => None,
        };
        for pair in self.pairs(bot, event, asked.map(|(_, request)| request)) {
            coverage.add(pair);
        }
        self.coverage = Some(coverage);
    }

    /// Whether it would meet a state that it has not met in this run.
    pub(super) fn is_new(&self, bot: usize, event: &Event, asked: Option<&Request>) -> bool {
        let Some(coverage) = &self.coverage else { return false };
        let mut pairs = self.pairs(bot, event, asked).into_iter();
        pairs.any(|(state, what)| coverage.times(state, what) == 0)
    }

    pub(super) fn pairs(&self, bot: usize, event: &Event, asked: Option<&Request>) -> Vec<Pair> {
        let member = &self.members[bot];
        let mut pairs = vec![(Place::Bot(member.bot.view().state), kind(event))];
        let mut of = |conversation: &ConversationId, what| {
            if let Some(standing) = member.bot.standing(conversation) {
                pairs.push((Place::Joint(standing.joint), what));
                pairs.push((Place::Work(standing.work), what));
            }
        };
        for (conversation, what) in addressed(bot, event, asked) {
            of(&conversation, what);
        }
        if let Some(what) = of_all(event) {
            for dialog in &self.platform.dialogs {
                of(&dialog.id, what);
            }
        }
        pairs
    }
}

/// Whether an event goes by this name.
pub(super) fn says(bot: usize, event: &Event, asked: Option<&Request>, name: &str) -> bool {
    kind(event) == name
        || of_all(event) == Some(name)
        || addressed(bot, event, asked).iter().any(|(_, what)| *what == name)
}

/// What concerns each conversation of a bot.
fn of_all(event: &Event) -> Option<&'static str> {
    Some(match event {
        Event::Tick => "tick",
        Event::SocketClosed { .. } => "socket closed",
        Event::Fenced { .. } => "fenced",
        Event::Unfenced => "unfenced",
        Event::Drain { ending: Ending::Restart, .. } => "restart",
        Event::Drain { ending: Ending::Retire, .. } => "retire",
        Event::Quarantined(_) => "quarantined",
        _ => return None,
    })
}

/// The conversations that an event names, and what it says of each.
fn addressed(bot: usize, event: &Event, asked: Option<&Request>) -> Vec<(ConversationId, &'static str)> {
    match event {
        Event::Message { event, .. } => {
            event.conversation.clone().map(|id| (id, said(bot, event))).into_iter().collect()
        }
        Event::Conversations { subscription, changes, .. } => {
            let of = |change: &ConversationChange| {
                let name = subscription.as_ref().map_or("", |s| s.as_str());
                (change.conversation.id.clone(), shown(bot, name, change))
            };
            changes.iter().map(of).collect()
        }
        Event::Decided { conversation, decided, .. } => {
            let failed = matches!(decided, Decided::Failed(_));
            vec![(conversation.clone(), if failed { "logic failed" } else { "decided" })]
        }
        Event::Committed { conversation, outcome, .. } => vec![(conversation.clone(), commit(outcome))],
        Event::ClaimAnswered { conversation, outcome, .. } => vec![(conversation.clone(), claim(outcome))],
        Event::Placed { conversations, .. } => {
            conversations.iter().map(|shown| (shown.id.clone(), "placed")).collect()
        }
        Event::Answered { outcome, .. } => {
            asked.and_then(|request| answered(request, outcome)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn said(bot: usize, event: &MessageEvent) -> &'static str {
    match (&event.body, event.role) {
        _ if event.dialog.as_str().ends_with("-survey") => "said elsewhere",
        (EventBody::AcceptStatus, _) => "receipt",
        (_, Role::Consumer) => "consumer wrote",
        _ if event.originator == agent(bot).as_str() => "own echo",
        _ if event.originator == HUMAN => "human wrote",
        (_, Role::Controller) => "controller wrote",
        _ => "mate wrote",
    }
}

fn shown(bot: usize, subscription: &str, change: &ConversationChange) -> &'static str {
    let shown = &change.conversation;
    let inside = shown.participants.iter().any(|(who, _)| who == agent(bot).as_str());
    let human = shown.participants.iter().any(|(who, _)| who == HUMAN);
    match (subscription, shown.main_open, inside) {
        (WATCH, ..) => "watched",
        (_, false, _) => "shown closed",
        (_, true, false) => "shown elsewhere",
        (_, true, true) if human => "shown beside human",
        (_, true, true) => "shown ours",
    }
}

fn commit(outcome: &CommitOutcome) -> &'static str {
    match outcome {
        CommitOutcome::Committed => "committed",
        CommitOutcome::AlreadyCommitted => "already committed",
        CommitOutcome::StaleCursor(_) => "stale cursor",
        CommitOutcome::ClaimLost => "claim lost",
        CommitOutcome::Rejected(_) => "commit rejected",
        CommitOutcome::Unavailable | CommitOutcome::Fenced => "store away",
    }
}

fn claim(outcome: &ClaimOutcome) -> &'static str {
    match outcome {
        ClaimOutcome::Held(_) => "claim held",
        ClaimOutcome::Done => "claim done",
        ClaimOutcome::Fenced => "claim fenced",
    }
}

/// What an answer says of a conversation.
pub(super) fn answered(request: &Request, outcome: &Outcome) -> Option<(ConversationId, &'static str)> {
    let [done, refused, busy, unwell] = match request {
        Request::Publish { .. } => ["publish done", "publish refused", "publish 429", "publish unknown"],
        Request::FindConversation { .. } => ["find answered", "find failed", "find failed", "find failed"],
        Request::UpdateConversation { changes, .. } => match changes[..] {
            [FieldChange::Add { .. }] => ["join done", "join refused", "join unknown", "join unknown"],
            [FieldChange::Remove { .. }] => {
                ["hand-back done", "hand-back done", "hand-back failed", "hand-back failed"]
            }
            _ => ["change done", "change refused", "change unknown", "change unknown"],
        },
        Request::ReadHistory { .. } => ["page", "page failed", "page failed", "page failed"],
        _ => return None,
    };
    let conversation = match request {
        Request::Publish { conversation, .. }
        | Request::FindConversation { conversation, .. }
        | Request::UpdateConversation { conversation, .. } => conversation.clone(),
        Request::ReadHistory { dialog, .. } => {
            ConversationId::from(dialog.as_str().trim_end_matches("-main"))
        }
        _ => return None,
    };
    let what = match outcome {
        Outcome::Done | Outcome::History(_) | Outcome::Subscribed(_) => done,
        Outcome::Refused { code: 429, .. } => busy,
        Outcome::Unknown | Outcome::Refused { code: 500.., .. } => unwell,
        Outcome::Refused { .. } => refused,
    };
    Some((conversation, what))
}

/// What happened to a bot.
fn kind(event: &Event) -> &'static str {
    match event {
        Event::Started => "started",
        Event::Tick => "tick",
        Event::Resolved => "resolved",
        Event::ResolveFailed { .. } => "resolve failed",
        Event::LoggedIn(_) => "logged in",
        Event::LoginFailed(LoginFault::Refused) => "login refused",
        Event::LoginFailed(_) => "login failed",
        Event::Refreshed => "refreshed",
        Event::RefreshFailed(RefreshFault::Unauthorized) => "refresh unauthorized",
        Event::RefreshFailed(_) => "refresh failed",
        Event::SocketOpened { .. } => "socket opened",
        Event::SocketFailed { .. } => "socket failed",
        Event::SocketClosed { code, .. } if code.renews_token() => "closed, token dead",
        Event::SocketClosed { code, .. } if code.doubts_token() => "closed, token doubted",
        Event::SocketClosed { .. } => "closed",
        Event::Answered { outcome: Outcome::Refused { code: 401, .. }, .. } => "answer 401",
        Event::Answered { outcome: Outcome::Refused { .. }, .. } => "answer refused",
        Event::Answered { outcome: Outcome::Unknown, .. } => "no answer",
        Event::Answered { .. } => "answered",
        Event::Conversations { .. } => "conversations",
        Event::Rings { .. } => "rings",
        Event::Message { .. } => "message",
        Event::Decided { .. } => "decided",
        Event::Committed { .. } => "committed",
        Event::ClaimAnswered { .. } => "claim answered",
        Event::Watch { .. } => "watch",
        Event::Placed { .. } => "placed",
        Event::Fenced { .. } => "fenced",
        Event::Unfenced => "unfenced",
        Event::Quarantined(_) => "quarantined",
        Event::Drain { ending: Ending::Restart, .. } => "drain restart",
        Event::Drain { ending: Ending::Retire, .. } => "drain retire",
        _ => "other",
    }
}
