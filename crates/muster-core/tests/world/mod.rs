//! A platform, a store and a logic as plain values around one bot.

mod platform;
mod store;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use liveperson_proto::ConversationId;
use liveperson_proto::close_code::CloseCode;
use liveperson_proto::conversation::Conversation as Shown;
use liveperson_proto::request::{Outgoing, Request};
use muster_core::bot::{Bot, Charter, Event, Identity, LoginFault, RefreshFault, Rhythm, TokenSource};
use muster_core::dialog::{ClaimOutcome, CommitOutcome, CommitTurn, Decided, Effect, Outcome, Rules, Ticket};
use muster_core::duty::{Duty, Intake};
use muster_core::pool::PoolNews;
use muster_core::time::{Moment, Now};
use muster_core::turn::{Action, Turn, TurnEvent};

use platform::{News, Platform};
use store::Store;

pub(crate) const ACCOUNT: &str = "1";
pub(crate) const AGENT: &str = "1.2";
pub(crate) const PID: &str = "pid-2";
const HUMAN: &str = "1.77";
const SETTLE: Duration = Duration::from_secs(5);

/// Whether things go wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Faults {
    All,
    None,
}

impl Faults {
    fn happen(self) -> bool {
        self == Self::All
    }
}

pub(crate) struct World {
    now: Now,
    chance: fastrand::Rng,
    faults: Faults,
    rules: Rules,
    platform: Platform,
    store: Store,
    bot: Bot,
    life: u64,
    /// Requests on the wire, in order.
    wire: VecDeque<(Ticket, Request)>,
    duty: Duty,
    /// Requests whose socket died before they were applied: applied later.
    late: Vec<(Moment, Request)>,
    thinking: Vec<Turn>,
    failures: HashMap<String, u32>,
    commits: VecDeque<CommitTurn>,
    claims: VecDeque<(Ticket, ConversationId)>,
    placement: u64,
    open: Option<u64>,
    work: VecDeque<Event>,
    reads: HashMap<(u64, String), usize>,
    breach: Option<String>,
    fenced: bool,
    /// Conversations that the bot was last shown with a human.
    beside_human: HashSet<ConversationId>,
    /// What humans were heard to say on the socket in hand.
    said_by_humans: HashSet<(ConversationId, String)>,
}

impl World {
    pub(crate) fn new(seed: u64, intake: Intake, faults: Faults) -> Self {
        Self::sabotaged(seed, intake, faults, |_| {})
    }

    pub(crate) fn sabotaged(seed: u64, intake: Intake, faults: Faults, sabotage: fn(&mut Rules)) -> Self {
        let duty = Duty { intake, ..Duty::default() };
        let mut rules = Rules { settle: SETTLE, ..Rules::default() };
        if faults.happen() {
            // Small bounds, so that schedules meet them.
            rules = Rules { inbox: 4, page: 6, ..rules };
        } else {
            rules = Rules { inbox: 1_000, page: 1_000, ..rules };
        }
        sabotage(&mut rules);
        let now = Now { moment: Moment(1_000), wall: 1_700_000_000_000 };
        let store = Store::default();
        let bot = Bot::new(charter(&rules, duty, seed), None, Vec::new(), now);
        let mut world = Self {
            duty,
            claims: VecDeque::new(),
            placement: 0,
            now,
            chance: fastrand::Rng::with_seed(seed),
            faults,
            rules,
            platform: Platform::new(intake, if faults.happen() { 8 } else { 1_000 }),
            store,
            bot,
            life: seed,
            wire: VecDeque::new(),
            late: Vec::new(),
            thinking: Vec::new(),
            failures: HashMap::new(),
            commits: VecDeque::new(),
            open: None,
            work: VecDeque::new(),
            reads: HashMap::new(),
            breach: None,
            fenced: false,
            beside_human: HashSet::new(),
            said_by_humans: HashSet::new(),
        };
        world.tell(Event::Started);
        world
    }

    /// One random thing happens.
    pub(crate) fn step(&mut self) {
        match self.chance.u32(0..100) {
            0..10 => self.platform.consumer_writes(&mut self.chance),
            10..14 => self.open_conversation(),
            14..40 => self.deliver(),
            40..60 => self.serve(),
            60..72 => self.think(),
            72..84 => self.commit(),
            84..90 => self.pass(self.chance.clone().u64(1..1500)),
            90..92 if self.faults.happen() => self.drop_socket(),
            92 if self.faults.happen() => self.crash(),
            93 if self.faults.happen() => self.fence(),
            95 if self.faults.happen() => self.requeue(),
            96..98 if self.duty.intake == Intake::All => self.platform.human_moves(&mut self.chance),
            94 => self.platform.noise(&mut self.chance),
            _ => self.pass(50),
        }
    }

    /// No more faults: everything owed gets done.
    pub(crate) fn quiesce(&mut self) {
        if self.fenced {
            self.fence();
        }
        let faults = std::mem::replace(&mut self.faults, Faults::None);
        for round in 0..4_000 {
            let busy = !self.platform.outgoing.is_empty()
                || !self.work.is_empty()
                || !self.wire.is_empty()
                || !self.thinking.is_empty()
                || !self.commits.is_empty()
                || !self.claims.is_empty();
            self.platform.humans_leave();
            self.deliver();
            self.serve();
            self.think();
            self.commit();
            if !busy {
                // A notification that was the last of its dialog and got lost shows at the next connect.
                if round > 20 && faults.happen() && self.bot.view().outbox == 0 && self.settled() {
                    break;
                }
                self.pass(200);
                if self.bot.deadline().is_none_or(|at| at > self.now.moment + Duration::from_secs(100))
                    && self.settled()
                {
                    break;
                }
            }
        }
    }

    fn settled(&self) -> bool {
        self.late.is_empty() && self.open.is_some() && self.bot.view().outbox == 0 && self.verdict().is_ok()
    }

    pub(crate) fn verdict(&self) -> Result<(), String> {
        match &self.breach {
            Some(breach) => Err(breach.clone()),
            None => self.platform.verdict(),
        }
    }

    pub(crate) fn reads_per_dialog_and_socket(&self) -> usize {
        self.reads.values().copied().max().unwrap_or(0)
    }

    fn tell(&mut self, event: Event) {
        let mut effects = Vec::new();
        self.bot.on(event, self.now, &mut effects);
        for effect in effects {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Resolve => self.work.push_back(Event::Resolved),
            Effect::Login => {
                let trouble = self.faults.happen() && self.chance.u32(0..4) == 0;
                let fault = LoginFault::TooMany { retry_after: None };
                let identity = Identity { agent: AGENT.into(), persistent: Some(PID.into()) };
                self.work.push_back(if trouble {
                    Event::LoginFailed(fault)
                } else {
                    Event::LoggedIn(identity)
                });
            }
            Effect::Refresh => {
                let fault = match self.chance.u32(0..6) {
                    0 => Some(RefreshFault::Unauthorized),
                    1 => Some(RefreshFault::Unwell),
                    _ => None,
                };
                let fault = fault.filter(|_| self.faults.happen());
                self.work.push_back(fault.map_or(Event::Refreshed, Event::RefreshFailed));
            }
            Effect::Open { generation } => self.open_socket(generation),
            Effect::CloseSocket => self.lose_wire(),
            Effect::Ask(ticket, request) => self.ask(ticket, request),
            Effect::Think(turn) => self.thinking.push(*turn),
            Effect::Commit(commit) => self.commits.push_back(*commit),
            Effect::Claim { number, conversation } => self.claims.push_back((number, conversation)),
            Effect::Dead(key, words) if words == "a human answered first" => self.store.done(&key),
            Effect::Report(news) => self.hear_report(news),
            Effect::Done(key) => self.store.done(&key),
            Effect::Dead(key, words) => self.breach = Some(format!("dead letter {key:?}: {words}")),
            Effect::Release { conversation, done, .. } => self.store.release(&conversation, done),
            Effect::Quarantine { because } => self.breach = Some(because),
            Effect::Logout | Effect::Drained | Effect::Note(_) => {}
        }
    }

    fn open_socket(&mut self, generation: u64) {
        if self.open.is_some() {
            self.breach = Some("two sockets of one bot".to_owned());
        }
        let refused = self.faults.happen() && self.chance.u32(0..6) == 0;
        if refused {
            let unauthorized = self.chance.bool();
            let words = "refused".to_owned();
            return self.work.push_back(Event::SocketFailed { generation, unauthorized, words });
        }
        self.open = Some(generation);
        self.platform.connected();
        self.work.push_back(Event::SocketOpened { generation });
    }

    fn ask(&mut self, ticket: Ticket, request: Request) {
        if let Request::Publish { conversation, external_ids, .. } = &request
            && !self.store.has_committed(conversation, &external_ids[0])
        {
            self.breach = Some(format!("{} was sent before its commit", external_ids[0]));
        }
        if let Request::Publish { conversation, content, .. } = &request {
            self.check_manners(conversation, content);
        }
        if let Request::MarkRead { conversation, sequences, .. } = &request
            && sequences.iter().any(|sequence| *sequence > self.store.cursor(conversation))
        {
            self.breach = Some(format!("{sequences:?} was marked read before its commit"));
        }
        if let (Request::ReadHistory { dialog, .. }, Some(generation)) = (&request, self.open) {
            *self.reads.entry((self.life << 20 | generation, dialog.to_string())).or_default() += 1;
        }
        if self.open.is_some() {
            self.wire.push_back((ticket, request));
        }
    }

    /// The bot hears the next thing.
    fn deliver(&mut self) {
        if let Some(event) = self.work.pop_front() {
            return self.tell(event);
        }
        let Some(generation) = self.open else { return };
        let Some(news) = self.platform.outgoing.pop_front() else { return };
        self.note_humans(&news);
        if self.faults.happen() && self.chance.u32(0..8) == 0 {
            self.tell(news.event(generation));
        }
        self.tell(news.event(generation));
    }

    fn note_humans(&mut self, news: &News) {
        match news {
            News::Conversations(changes) => {
                for Shown { id, participants, .. } in changes.iter().map(|change| &change.conversation) {
                    if participants.iter().any(|(who, _)| who == HUMAN) {
                        self.beside_human.insert(id.clone());
                    } else {
                        self.beside_human.remove(id);
                    }
                }
            }
            News::Message(event) if event.originator == HUMAN => {
                let conversation = event.conversation.clone().expect("the platform names it");
                self.said_by_humans.extend(platform::words(event).map(|words| (conversation, words)));
            }
            News::Found(..) | News::Message(_) | News::Answer(..) | News::Rings(_) => {}
        }
    }

    /// Beside a human the bot says nothing, and it never answers what it heard a human answer.
    fn check_manners(&mut self, conversation: &ConversationId, content: &Outgoing) {
        let Outgoing::Text { text } = content else { return };
        if self.duty.intake != Intake::All {
            return;
        }
        if self.beside_human.contains(conversation) {
            self.breach = Some(format!("{conversation}: {text} was said beside a human"));
        }
        let answered = text.strip_prefix("re:").map(|message| format!("human:{message}"));
        if answered.is_some_and(|said| self.said_by_humans.contains(&(conversation.clone(), said))) {
            self.breach = Some(format!("{conversation}: {text} was said after a human"));
        }
    }

    /// The platform takes the next request.
    fn serve(&mut self) {
        let Some((ticket, request)) = self.wire.pop_front() else { return };
        let busy = self.faults.happen() && self.chance.u32(0..10) == 0;
        let publishes = matches!(request, Request::Publish { .. });
        if busy && publishes {
            let (code, applied) = if self.chance.bool() { (429, false) } else { (500, self.chance.bool()) };
            if applied {
                self.platform.apply(&request, self.now.wall);
            }
            let outcome = Outcome::Refused { code, words: String::new() };
            return self.platform.answer(ticket, outcome);
        }
        let outcome = self.platform.apply(&request, self.now.wall);
        let subscribes = matches!(
            request,
            Request::SubscribeConversations { .. }
                | Request::SubscribeRings { .. }
                | Request::SetAgentState { .. }
        );
        if self.faults.happen() && !subscribes && self.chance.u32(0..8) == 0 {
            if publishes && self.chance.bool() {
                // Its echo is lost too: only a look at the history tells.
                self.platform.lose_news();
            }
            return self.platform.answer(ticket, Outcome::Unknown);
        }
        self.platform.answer(ticket, outcome);
        self.platform.flush();
    }

    fn think(&mut self) {
        if self.thinking.is_empty() {
            return;
        }
        let turn = self.thinking.swap_remove(self.chance.usize(0..self.thinking.len()));
        let failures = self.failures.entry(turn.id.to_string()).or_default();
        // Never thrice in a row: a message that logic gives up on would be owed for ever.
        let fails = self.faults.happen() && *failures < 2 && self.chance.u32(0..5) == 0;
        *failures += u32::from(fails);
        let decided = if fails { Decided::Failed("no".to_owned()) } else { Decided::Actions(reply(&turn)) };
        self.tell(Event::Decided { conversation: turn.conversation, turn: turn.id, decided });
    }

    /// A conversation arrives; with intake `all` the pool places it.
    fn open_conversation(&mut self) {
        self.platform.consumer_opens(&mut self.chance, self.now.wall);
        self.place();
    }

    /// What a pool of one does: everything open that the bot does not hold is placed with it.
    fn place(&mut self) {
        let conversations = self.platform.unplaced();
        if self.duty.intake == Intake::All && !conversations.is_empty() {
            self.placement += 1;
            self.tell(Event::Placed { placement: self.placement, conversations });
        }
    }

    fn hear_report(&mut self, news: PoolNews) {
        match news {
            PoolNews::Ready { held, .. } => self.platform.hold_only(&held),
            PoolNews::Released { conversation, .. } => self.platform.released(&conversation),
            PoolNews::Unready
            | PoolNews::Out
            | PoolNews::Blind
            | PoolNews::Sighted
            | PoolNews::Seen { .. } => {}
        }
    }

    fn claim(&mut self) {
        let Some((number, conversation)) = self.claims.pop_front() else { return };
        let outcome = if self.faults.happen() && self.chance.u32(0..6) == 0 {
            ClaimOutcome::Fenced
        } else {
            ClaimOutcome::Held(Box::new(self.store.claim(&conversation)))
        };
        self.tell(Event::ClaimAnswered { conversation, number, outcome });
    }

    fn commit(&mut self) {
        self.claim();
        let Some(commit) = self.commits.pop_front() else { return };
        let away = self.faults.happen() && self.chance.u32(0..6) == 0;
        let outcome = match (away, self.chance.bool()) {
            (true, false) => CommitOutcome::Unavailable,
            (true, true) => {
                self.store.commit(&commit);
                CommitOutcome::Unavailable
            }
            (false, _) => self.store.commit(&commit),
        };
        self.tell(Event::Committed { conversation: commit.conversation, turn: commit.turn, outcome });
    }

    fn pass(&mut self, millis: u64) {
        let later = Duration::from_millis(millis);
        self.now = Now { moment: self.now.moment + later, wall: self.now.wall + millis as i64 };
        let due = self.late.extract_if(.., |(at, _)| *at <= self.now.moment).collect::<Vec<_>>();
        for (_, request) in due {
            self.platform.apply(&request, self.now.wall);
        }
        self.platform.flush();
        self.place();
        if self.bot.deadline().is_some_and(|at| at <= self.now.moment) {
            self.tell(Event::Tick);
        }
    }

    fn lose_wire(&mut self) {
        self.open = None;
        self.beside_human.clear();
        self.said_by_humans.clear();
        self.platform.disconnected();
        // Each request on the wire was applied never, at once, or some seconds later, below settle.
        for (_, request) in self.wire.drain(..) {
            // What belongs to the socket dies with it.
            if is_subscription(&request) {
                continue;
            }
            match self.chance.u32(0..3) {
                0 => {}
                1 => drop(self.platform.apply(&request, self.now.wall)),
                _ => {
                    let delay = Duration::from_millis(self.chance.u64(0..4_900));
                    self.late.push((self.now.moment + delay, request));
                }
            }
        }
        self.platform.outgoing.clear();
    }

    fn drop_socket(&mut self) {
        let Some(generation) = self.open else { return };
        self.lose_wire();
        self.work.retain(|event| !matches!(event, Event::SocketOpened { .. }));
        let code = CloseCode([1000, 1006, 1011, 4401][self.chance.usize(0..4)]);
        self.tell(Event::SocketClosed { generation, code, words: String::new() });
    }

    /// A conversation goes back to the queue and rings again, whatever is under way in it.
    fn requeue(&mut self) {
        self.platform.requeue(&mut self.chance);
    }

    /// kill -9, and a fresh bot from what the store holds.
    fn crash(&mut self) {
        if self.open.is_some() {
            self.lose_wire();
        }
        for commit in std::mem::take(&mut self.commits) {
            if self.chance.bool() {
                self.store.commit(&commit);
            }
        }
        self.work.clear();
        self.claims.clear();
        self.placement = 0;
        self.thinking.clear();
        self.life += 1;
        let sealed =
            self.chance.bool().then(|| Identity { agent: AGENT.into(), persistent: Some(PID.into()) });
        self.bot = Bot::new(charter(&self.rules, self.duty, self.life), sealed, self.store.held(), self.now);
        self.fenced = false;
        self.tell(Event::Started);
    }

    fn fence(&mut self) {
        self.fenced = !self.fenced;
        let event =
            if self.fenced { Event::Fenced { why: "the store is away".to_owned() } } else { Event::Unfenced };
        self.tell(event);
    }
}

fn is_subscription(request: &Request) -> bool {
    matches!(
        request,
        Request::SubscribeConversations { .. }
            | Request::FindConversation { .. }
            | Request::Unsubscribe { .. }
            | Request::SubscribeRings { .. }
            | Request::SetAgentState { .. }
    )
}

fn charter(rules: &Rules, duty: Duty, seed: u64) -> Charter {
    Charter {
        account: ACCOUNT.into(),
        bot: "b".into(),
        pool: "p".into(),
        duty,
        capacity: 100,
        rules: rules.clone(),
        rhythm: Rhythm { healthy_after: Duration::from_secs(2), ..Rhythm::default() },
        tokens: TokenSource::Login,
        seed,
    }
}

/// Says one or two things that quote the message.
fn reply(turn: &Turn) -> Vec<Action> {
    match &turn.event {
        TurnEvent::Opened => vec![Action::Say { text: "hello".to_owned() }],
        TurnEvent::Closed { .. } => Vec::new(),
        TurnEvent::Message { text, .. } => {
            let mut actions = vec![Action::Say { text: format!("re:{text}") }];
            if text.ends_with('3') {
                actions.push(Action::Say { text: format!("and:{text}") });
            }
            actions
        }
    }
}
