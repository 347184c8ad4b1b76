//! The life of a bot: an event and the time go in, effects come out.
//!
//! - [`event`]: what can happen to a bot
//! - `lifecycle`: domains, login, socket, and the waits between tries
//! - `reconnect`: close codes, backoff, refresh
//! - [`theft`]: a login elsewhere took the session
//! - `presence`: what the platform takes the bot's state for
//! - `intake`: rings and conversations
//! - `membership`: what a bot of a pool with intake `all` does for its pool
//! - `index`: what is known of all conversations without looking at each
//! - `finding`: conversations read by their ids
//! - `drain`: the two endings
//! - `hold`: a bot that people hold still, or want the platform to take for something else
//! - [`view`]: what people see

pub mod event;
pub mod theft;
pub mod view;

mod drain;
mod finding;
mod hold;
mod index;
mod intake;
mod lifecycle;
mod membership;
mod presence;
mod reconnect;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use liveperson_proto::conversation::Conversation as Shown;
use liveperson_proto::request::Availability;
use liveperson_proto::{AgentId, ConversationId, PersistentId, RingId, SubscriptionId};

pub use event::{Bystanders, Ending, Event, Identity, LoginFault, RefreshFault, Sealed};
pub use theft::{OnTheft, TheftRules};
pub use view::{State, View};

use crate::dialog::desk::{Desk, Me, Purpose, Tickets};
use crate::dialog::{Conversation, Effect, Means, Outcome, Restored, Rules};
use crate::duty::Duty;
use crate::pool::{Parting, PoolNews};
use crate::quarantine::Quarantine;
use crate::tag::Tagger;
use crate::time::{Moment, Now};
use crate::{BotId, PoolId};
use drain::Drain;
use index::Index;
use lifecycle::{Domains, Errand, Socket, Token, Waiting};
use liveperson_proto::AccountId;
use membership::Membership;
use presence::Presence;
use reconnect::Backoff;
use theft::Thefts;

/// Conversations that the bot left itself, remembered at most until the platform shows them as gone.
/// Past it one that is still shown as ours is taken up again, and the store says that it is done with.
const PARTED: usize = 1_000;

/// Periods of a bot's connection.
#[derive(Clone, Debug)]
pub struct Rhythm {
    /// The token is refreshed this often; jitter only shortens it.
    pub refresh_every: Duration,
    /// The first reconnect comes within this time.
    pub reconnect_first: Duration,
    /// The longest wait between two tries.
    pub reconnect_max: Duration,
    /// A socket online for this long was healthy: the next wait is short again.
    pub healthy_after: Duration,
    /// The shortest wait after a failed login; it grows by the vendor's advice.
    pub login_pause: Duration,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self {
            refresh_every: Duration::from_mins(5),
            reconnect_first: Duration::from_secs(1),
            reconnect_max: Duration::from_mins(2),
            healthy_after: Duration::from_mins(1),
            login_pause: Duration::from_secs(5),
        }
    }
}

/// Everything a bot is told before it starts.
#[derive(Clone, Debug)]
pub struct Charter {
    /// The brand's account.
    pub account: AccountId,
    /// The bot.
    pub bot: BotId,
    /// Its pool.
    pub pool: PoolId,
    /// What its pool is for.
    pub duty: Duty,
    /// Conversations at most at one time.
    pub capacity: usize,
    /// Limits and periods of its conversations.
    pub rules: Rules,
    /// Periods of its connection.
    pub rhythm: Rhythm,
    /// Where its tokens come from.
    pub tokens: TokenSource,
    /// What it does about a login elsewhere.
    pub theft: TheftRules,
    /// The seed of its jitter.
    pub seed: u64,
}

/// Where a bot's tokens come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TokenSource {
    /// A login brings one, and a refresh keeps it alive.
    #[default]
    Login,
    /// Somebody handed one in: it is neither refreshed nor replaced.
    HandedIn,
}

/// One bot: its connection and its conversations.
#[derive(Debug)]
pub struct Bot {
    me: Me,
    duty: Duty,
    capacity: usize,
    rules: Rules,
    rhythm: Rhythm,
    tokens: TokenSource,
    theft_rules: TheftRules,
    tagger: Tagger,
    chance: fastrand::Rng,

    state: State,
    /// When this life began, in milliseconds since 1970.
    born: i64,
    since: i64,
    cause: Option<String>,

    domains: Domains,
    token: Token,
    errand: Option<Errand>,
    refused_logins: u32,
    /// Why the bot waits for its turn to log in, while it does.
    at_the_door: Option<String>,
    refresh_at: Option<Moment>,
    refreshed_wall: Option<i64>,
    thefts: Thefts,
    presence: Presence,
    waiting: Option<Waiting>,
    backoff: Backoff,
    /// The last socket closed because a frame was too big.
    too_big: bool,
    socket: Option<Socket>,
    generation: u64,
    clock_offset: i64,

    fenced: Option<String>,
    /// Why people hold it still, while they do.
    paused: Option<String>,
    /// What people want the platform to take it for, and why, where that is not ONLINE.
    wanted_state: Option<(Availability, String)>,
    /// The conversations of its pool that people have taken over, whoever holds them.
    taken_over: BTreeSet<ConversationId>,
    quarantined: Option<Quarantine>,
    drain: Option<Drain>,

    rings: BTreeMap<RingId, intake::Offer>,
    conversations: BTreeMap<ConversationId, Conversation>,
    parted: HashSet<ConversationId>,
    /// Subscriptions to one conversation each, on the socket in hand.
    sought: HashMap<SubscriptionId, ConversationId>,
    index: Index,
    membership: Membership,
    /// Conversations that show the bot inside although its pool has not given them to it: a former holder's.
    inside: BTreeMap<ConversationId, Shown>,
    tickets: Tickets,

    last_turn: Option<i64>,
    turns: u64,
}

impl Bot {
    /// A bot before its first event, with what its sealed session says.
    pub fn new(charter: Charter, session: Option<Sealed>, held: Vec<Restored>, now: Now) -> Self {
        let Charter { account, bot, pool, duty, capacity, rules, rhythm, tokens, theft, seed } = charter;
        let (refreshed, logged_in) = session.as_ref().map_or((None, None), |s| (s.refreshed, s.logged_in));
        let (agent, persistent) =
            session.map_or((None, None), |s| (Some(s.identity.agent), s.identity.persistent));
        let token = if agent.is_some() { Token::Good } else { Token::Dead };
        let restore = |held: Restored| Conversation::restored(held, duty.intake, now.moment);
        let conversations = held.into_iter().map(|held| (held.conversation.clone(), restore(held)));
        let mut chance = fastrand::Rng::with_seed(seed);
        let can_refresh = agent.is_some() && tokens == TokenSource::Login;
        let refresh_at =
            can_refresh.then(|| now.moment + rhythm.first_refresh(refreshed, now.wall, &mut chance));
        Self {
            tagger: Tagger::new(account.clone(), pool.clone()),
            me: Me { account, bot, pool, agent, persistent },
            duty,
            capacity,
            tokens,
            chance,
            backoff: Backoff::default(),
            state: State::Parked,
            born: now.wall,
            since: now.wall,
            cause: None,
            domains: Domains::Unknown,
            token,
            errand: None,
            refused_logins: 0,
            at_the_door: None,
            refresh_at,
            refreshed_wall: refreshed,
            theft_rules: theft,
            thefts: Thefts::since(logged_in),
            presence: Presence::default(),
            waiting: None,
            too_big: false,
            socket: None,
            generation: 0,
            clock_offset: 0,
            fenced: None,
            paused: None,
            wanted_state: None,
            taken_over: BTreeSet::new(),
            quarantined: None,
            drain: None,
            rings: BTreeMap::new(),
            conversations: conversations.collect(),
            parted: HashSet::new(),
            sought: HashMap::new(),
            index: Index::default(),
            membership: Membership::default(),
            inside: BTreeMap::new(),
            tickets: Tickets::default(),
            last_turn: None,
            turns: 0,
            rules,
            rhythm,
        }
    }

    /// Takes an event and pushes what is to be done onto `out`, in order.
    pub fn on(&mut self, event: Event, now: Now, out: &mut Vec<Effect>) {
        let first = out.len();
        self.take(event, now, out);
        self.sweep(now, out);
        self.pursue(now, out);
        self.pursue_presence(now, out);
        self.pursue_drain(now, out);
        self.pursue_membership(now, out);
        self.reindex();
        self.observe(&out[first..], now);
    }

    fn take(&mut self, event: Event, now: Now, out: &mut Vec<Effect>) {
        self.note_proof_of_life(&event, now);
        match event {
            Event::Started => {}
            Event::Tick => self.wake_due(now, out),
            Event::Resolved => self.domains = Domains::Known,
            Event::ResolveFailed { words } => {
                self.domains = Domains::Unknown;
                self.wait_backoff(words, now);
            }
            Event::LoggedIn(identity) => self.logged_in(identity, now),
            Event::LookedAround(found) => self.looked_around(found, now, out),
            Event::AgentStates { generation, states } => {
                if self.is_current(generation) {
                    self.states_shown(states);
                }
            }
            Event::LoginFailed(fault) => self.login_failed(fault, now, out),
            Event::AtTheDoor { why } => self.at_the_door = why.filter(|_| self.errand.is_some()),
            Event::Refreshed => self.refreshed(now),
            Event::RefreshFailed(fault) => self.refresh_failed(fault, now, out),
            Event::SocketOpened { generation } => self.socket_opened(generation, now, out),
            Event::SocketFailed { generation, unauthorized, words } => {
                self.socket_failed(generation, unauthorized, words, now, out);
            }
            Event::SocketClosed { generation, code, words } => {
                self.socket_closed(generation, code, &words, now, out);
            }
            Event::ReturnSpread { within } => self.spread_return(within, now),
            Event::Answered { ticket, outcome } => {
                if let Some(purpose) = self.tickets.redeem(ticket) {
                    self.answered(purpose, outcome, now, out);
                }
            }
            Event::Conversations { generation, subscription, changes, lost } => {
                if self.is_current(generation) {
                    self.told_of_conversations(subscription.as_ref(), changes, lost, now, out);
                }
            }
            Event::Rings { generation, rings } => {
                if self.is_current(generation) {
                    for ring in rings {
                        self.ring_changed(ring, now, out);
                    }
                }
            }
            Event::Message { generation, event } => {
                if self.is_current(generation) {
                    let conversation = intake::conversation_of(&event);
                    self.with(&conversation, now, out, |c, desk| c.heard(*event, desk));
                }
            }
            Event::ClockOffset { millis } => self.clock_corrected(millis, now),
            Event::Decided { conversation, turn, decided } => {
                self.with(&conversation, now, out, |c, desk| c.decided(&turn, decided, desk));
            }
            Event::Committed { conversation, turn, outcome } => {
                self.with(&conversation, now, out, |c, desk| c.committed(&turn, outcome, desk));
            }
            Event::ClaimAnswered { conversation, number, outcome } => {
                self.with(&conversation, now, out, |c, desk| c.claim_answered(number, outcome, desk));
            }
            Event::Revived { conversation, deeds } => {
                self.with(&conversation, now, out, |c, desk| c.revived(deeds, desk));
            }
            Event::Wished { conversation, deeds, unsent } => {
                self.with(&conversation, now, out, |c, desk| c.wished(deeds, unsent, desk));
            }
            Event::TakenOver(conversations) => self.taken_over(conversations, now, out),
            Event::Watch { spell } => self.membership.watch(spell),
            Event::Placed { placement, conversations } => self.placed(placement, conversations, now, out),
            Event::Fenced { why } => self.fenced = Some(why),
            Event::Unfenced => {
                self.fenced = None;
                self.advance_all(now, out);
                self.answer_rings(now, out);
            }
            Event::Quarantined(quarantine) => self.quarantine(quarantine, now, out),
            Event::Paused { why } => self.pause(why, out),
            Event::Resumed => self.resume(now, out),
            Event::RefreshAsked => self.refresh_asked(now, out),
            Event::StateAsked { availability, why } => self.state_asked(availability, why, out),
            Event::Adjusted { capacity, attempts, on_failure } => {
                self.capacity = capacity;
                self.rules.attempts = attempts;
                self.rules.on_failure = on_failure;
                self.answer_rings(now, out);
            }
            Event::Drain { ending, within } => self.start_drain(ending, within, now, out),
        }
    }

    fn answered(&mut self, purpose: Purpose, outcome: Outcome, now: Now, out: &mut Vec<Effect>) {
        match purpose {
            Purpose::SubscribeConversations | Purpose::SubscribeRings | Purpose::AgentState => {
                self.subscribed(&purpose, &outcome, now, out);
            }
            Purpose::WatchState => self.state_watched(&outcome, now, out),
            Purpose::SetBack => self.set_back_answered(&outcome),
            Purpose::StateAsked(availability) => self.asked_state_answered(availability, &outcome, out),
            Purpose::Watch => self.watch_answered(&outcome, now, out),
            Purpose::Ring(ring) => self.ring_answered(ring, &outcome, now, out),
            Purpose::History(conversation, reading) => {
                self.with(&conversation, now, out, |c, desk| c.history(reading, outcome, desk));
            }
            Purpose::Messages(conversation) => {
                self.with(&conversation, now, out, |c, desk| c.messages_subscribed(&outcome, desk));
            }
            Purpose::Find(conversation) => self.find_answered(&conversation, &outcome, now, out),
            Purpose::Deed(key) => {
                let conversation = key.conversation.clone();
                self.with(&conversation, now, out, |c, desk| c.deed_answered(&key, &outcome, desk));
                if matches!(outcome, Outcome::Refused { code: 401, .. }) {
                    self.token_doubted_by(&conversation, now, out);
                }
            }
            Purpose::Join(conversation) => {
                self.with(&conversation, now, out, |c, desk| c.joined(&outcome, desk));
            }
            Purpose::Look(conversation) => {
                self.with(&conversation, now, out, |c, desk| c.looked(&outcome, desk));
            }
            Purpose::HandBack(conversation) => self.handed_back(&conversation, &outcome, now, out),
            Purpose::Courtesy => {}
        }
    }

    /// Lends a conversation the desk.
    fn with(
        &mut self,
        conversation: &ConversationId,
        now: Now,
        out: &mut Vec<Effect>,
        act: impl FnOnce(&mut Conversation, &mut Desk<'_>),
    ) {
        let Means { may_act, may_think, may_close, connected } = self.means();
        self.index.touch(conversation);
        let Some(conversation) = self.conversations.get_mut(conversation) else { return };
        let (rules, duty, tagger, me) = (&self.rules, &self.duty, &self.tagger, &self.me);
        let (tickets, clock_offset) = (&mut self.tickets, self.clock_offset);
        act(
            conversation,
            &mut Desk {
                now,
                clock_offset,
                rules,
                duty,
                tagger,
                me,
                tickets,
                out,
                may_think,
                may_close,
                may_act,
                connected,
            },
        );
    }

    fn means(&self) -> Means {
        let may_act = self.may_act();
        let may_think = may_act && self.drain.is_none() && self.paused.is_none();
        Means {
            may_act,
            may_think,
            may_close: may_think || (may_act && self.drain.as_ref().is_some_and(Drain::is_retiring)),
            connected: self.socket.as_ref().is_some_and(Socket::has_shown_ours),
        }
    }

    fn may_act(&self) -> bool {
        self.fenced.is_none() && self.quarantined.is_none()
    }

    fn advance_all(&mut self, now: Now, out: &mut Vec<Effect>) {
        for id in self.conversations.keys().cloned().collect::<Vec<_>>() {
            self.with(&id, now, out, Conversation::advance);
        }
    }

    /// Lets go of conversations that are over.
    fn sweep(&mut self, now: Now, out: &mut Vec<Effect>) {
        let is_over = |id: &ConversationId| self.conversations.get(id).is_some_and(Conversation::is_over);
        let over: Vec<_> = self.index.touched().into_iter().filter(is_over).collect();
        for id in over {
            self.with(&id, now, out, |c, desk| c.release(desk));
            let gone = self.conversations.remove(&id);
            // What we left ourselves the platform has not shown as gone yet: news on its way may still call it ours.
            let parting = gone.as_ref().map_or(Parting::Free, |gone| gone.parting(self.duty.intake));
            let left = gone.is_some_and(|gone| gone.left_unseen());
            if left && self.socket.is_some() && self.parted.len() < PARTED {
                self.parted.insert(id.clone());
            }
            self.report(PoolNews::Released { conversation: id, parting }, out);
            self.answer_rings(now, out);
        }
    }

    /// The next moment this bot wants [`Event::Tick`].
    pub fn deadline(&self) -> Option<Moment> {
        // Only moments at which something can be done: a moment that nothing acts on would come for ever.
        let refresh = self.refresh_at.filter(|_| self.may_refresh());
        let waiting = self.waiting.as_ref().filter(|_| self.may_act() && self.may_connect()).map(|w| w.until);
        let drain = self.drain.as_ref().and_then(Drain::deadline);
        let conversations = self.index.first_wanted();
        let watch = self.membership.deadline().filter(|_| self.may_act());
        let presence = self.presence_deadline();
        let theft = self.theft_deadline().filter(|_| self.may_act());
        let (look, ring) = (self.look_deadline(), self.ring_deadline());
        let others = [conversations, refresh, waiting, drain, watch, presence, theft, look, ring];
        others.into_iter().flatten().min()
    }

    fn identity(&self) -> (Option<AgentId>, Option<PersistentId>) {
        (self.me.agent.clone(), self.me.persistent.clone())
    }
}
