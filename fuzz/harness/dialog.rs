//! Reads bytes as a schedule of what happens to a bot, by a platform that is honest or not, and checks
//! what must hold whatever it is told.
//!
//! `fuzz/targets/dialog.rs` feeds it new schedules, `crates/muster-core/tests/corpus.rs` those once found.
//! Whether each message is answered is `muster-core/tests/delivery.rs`'s to prove: here the platform lies.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use liveperson_proto::ConversationId;
use liveperson_proto::close_code::CloseCode;
use liveperson_proto::frame::{Frame, Notification};
use liveperson_proto::message::MessageEvent;
use liveperson_proto::request::{Outgoing, Request};
use muster_core::bot::{
    Bot, Bystanders, Charter, Ending, Event, Identity, LoginFault, RefreshFault, Rhythm, TheftRules,
    TokenSource,
};
use muster_core::dialog::{
    ClaimOutcome, CommitOutcome, CommitTurn, Decided, Effect, OutboxKey, Outcome, Recalled, Restored,
    RestoredDeed, Rules, Ticket,
};
use muster_core::duty::{Duty, Intake};
use muster_core::quarantine::{Kind, Quarantine};
use muster_core::time::{Moment, Now};
use muster_core::turn::{Action, Turn, TurnEvent};
use serde_json::json;

const CONVERSATIONS: u8 = 3;
const ME: &str = "1.2";
const SETTLE: Duration = Duration::from_secs(5);
/// Steps at most of one schedule.
const STEPS: usize = 400;

/// Panics when a promise of the core does not hold under the schedule that these bytes are.
pub(crate) fn dialog(bytes: &[u8]) {
    let mut script = Script(bytes.iter());
    let mut world = World::new(&mut script);
    for _ in 0..STEPS {
        let Some(step) = script.next() else { return };
        world.step(step, &mut script);
        world.timers_come_to_rest();
    }
}

/// What happens next, byte by byte; zeros when it ends.
struct Script<'a>(std::slice::Iter<'a, u8>);

impl Script<'_> {
    fn next(&mut self) -> Option<u8> {
        self.0.next().copied()
    }

    fn any(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    fn conversation(&mut self) -> ConversationId {
        format!("C{}", self.any() % CONVERSATIONS).into()
    }
}

/// What the store holds of a conversation, and what was seen of its deeds.
#[derive(Default)]
struct Row {
    held: bool,
    known: bool,
    committed: Option<CommitTurn>,
    variables: String,
    /// Not yet done, in order.
    outbox: Vec<Owed>,
    /// Every tag that was ever committed, in order.
    tags: Vec<String>,
    /// How many of `tags` were ever sent.
    sent: usize,
}

struct Owed {
    key: OutboxKey,
    tag: String,
    body: String,
}

struct World {
    now: Now,
    rules: Rules,
    duty: Duty,
    bot: Bot,
    life: u64,
    store: BTreeMap<ConversationId, Row>,
    history: HashMap<ConversationId, Vec<MessageEvent>>,
    /// Requests without an answer.
    asked: VecDeque<(Ticket, Request)>,
    last: Ticket,
    /// Errands that the actor would report back from.
    errands: VecDeque<Effect>,
    thinking: Vec<Turn>,
    commits: VecDeque<CommitTurn>,
    claims: VecDeque<(Ticket, ConversationId)>,
    open: Option<u64>,
    held_off: bool,
    fenced: bool,
    placement: u64,
    /// When a tag was sent last, unless the platform said that it did not take it.
    sent: HashMap<(ConversationId, String), Moment>,
}

impl World {
    fn new(script: &mut Script<'_>) -> Self {
        let shape = script.any();
        let intake = if shape & 1 == 0 { Intake::Rings } else { Intake::All };
        let duty = Duty { intake, ..Duty::default() };
        let small = shape & 2 == 0;
        let rules = Rules { settle: SETTLE, ..Rules::default() };
        let rules = if small { Rules { inbox: 2, page: 3, ..rules } } else { rules };
        let now = Now { moment: Moment(1_000), wall: 1_700_000_000_000 };
        let mut world = Self {
            now,
            bot: Bot::new(charter(&rules, duty, 1), None, Vec::new(), now),
            rules,
            duty,
            life: 1,
            store: BTreeMap::new(),
            history: HashMap::new(),
            asked: VecDeque::new(),
            last: Ticket(0),
            errands: VecDeque::new(),
            thinking: Vec::new(),
            commits: VecDeque::new(),
            claims: VecDeque::new(),
            open: None,
            held_off: false,
            fenced: false,
            placement: 0,
            sent: HashMap::new(),
        };
        world.tell(Event::Started);
        world
    }

    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        match step % 32 {
            0 | 1 => self.errand(script.any()),
            2 => self.until_deadline(),
            3 => self.pass(u64::from(script.any()) * 40),
            4..=6 => self.answer(0, script.any()),
            7 => self.answer(usize::from(script.any()), script.any()),
            8 => self.tell(Event::Answered { ticket: self.last, outcome: Outcome::Done }),
            9 | 10 => self.change(script),
            11 => self.ring(script),
            12..=14 => self.consumer_writes(script),
            15 => self.anything_is_said(script),
            16..=18 => self.think(script.any()),
            19..=21 => self.commit(script.any()),
            22 => self.claim(script.any()),
            23 => self.fence(),
            24 => self.close(script.any()),
            25 => self.crash(script.any()),
            26 => self.place(script),
            27 => self.tell(Event::Watch { spell: u64::from(script.any()) }),
            28 => self.end(script.any()),
            29 => self.shift_clock(script.any()),
            30 => self.snapshot(script),
            _ => self.repeat(script),
        }
    }

    /// After its deadline a bot that is told the time wants a later moment, or none.
    fn timers_come_to_rest(&mut self) {
        for _ in 0..64 {
            if self.bot.deadline().is_none_or(|at| at > self.now.moment) {
                return;
            }
            self.tell(Event::Tick);
        }
        panic!("a timer that nothing acts on: {:?}", self.bot.view());
    }

    fn tell(&mut self, event: Event) {
        let mut effects = Vec::new();
        self.bot.on(event, self.now, &mut effects);
        assert!(effects.len() < 1_000, "one event had {} effects", effects.len());
        for effect in effects {
            self.perform(effect);
        }
        let view = self.bot.view();
        assert!(view.conversations <= usize::from(CONVERSATIONS), "{view:?}");
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Ask(ticket, request) => self.ask(ticket, request),
            Effect::Think(turn) => self.asked_to_think(*turn),
            Effect::Commit(turn) => {
                let other = self.commits.iter().find(|it| it.conversation == turn.conversation);
                assert!(other.is_none_or(|it| it.turn == turn.turn), "two turns of one conversation");
                self.commits.push_back(*turn);
            }
            Effect::Claim { number, conversation } => self.claims.push_back((number, conversation)),
            Effect::Done(key) | Effect::Dead(key, _) => {
                let row = self.store.entry(key.conversation.clone()).or_default();
                row.outbox.retain(|owed| owed.key != key);
            }
            Effect::Release { conversation, done, .. } => {
                let row = self.store.entry(conversation).or_default();
                row.held = false;
                if done {
                    row.outbox.clear();
                }
            }
            Effect::CloseSocket => self.open = None,
            Effect::Quarantine(_) => self.held_off = true,
            Effect::Resolve | Effect::Login | Effect::Refresh | Effect::LookAround | Effect::Open { .. } => {
                assert!(self.errands.len() < 16, "errands pile up");
                self.errands.push_back(effect);
            }
            _ => {}
        }
    }

    fn ask(&mut self, ticket: Ticket, request: Request) {
        assert!(self.open.is_some(), "a request without a socket: {request:?}");
        assert!(ticket > self.last, "a ticket was used twice");
        self.last = ticket;
        if let Request::Publish { conversation, external_ids, content, .. } = &request {
            self.publishes(conversation, &external_ids[0], content);
        }
        self.asked.push_back((ticket, request));
    }

    fn publishes(&mut self, conversation: &ConversationId, tag: &str, content: &Outgoing) {
        assert!(!self.fenced && !self.held_off, "{tag} was sent while held off");
        let row = self.store.get_mut(conversation).expect("a conversation that was committed");
        let place = row.tags.iter().rposition(|known| known == tag);
        let place = place.unwrap_or_else(|| panic!("{tag} was sent before its commit: {content:?}"));
        let head = row.outbox.first().map(|owed| &*owed.tag);
        assert_eq!(head, Some(tag), "sent out of order");
        row.sent = row.sent.max(place + 1);
        let key = (conversation.clone(), tag.to_owned());
        let before = self.sent.insert(key, self.now.moment);
        let settled = before.is_none_or(|at| at + SETTLE <= self.now.moment);
        assert!(settled, "{tag} was sent again within settle");
    }

    /// A turn starts beside no other, and beside no deed that is still owed.
    fn asked_to_think(&mut self, turn: Turn) {
        assert!(!self.fenced && !self.held_off, "a turn was started while held off");
        let committing = self.commits.iter().any(|it| it.conversation == turn.conversation);
        assert!(!committing, "a turn was started beside a commit");
        let row = self.store.entry(turn.conversation.clone()).or_default();
        let owed: Vec<_> = row.outbox.iter().map(|owed| &owed.tag).collect();
        // What is still owed when a conversation is closed can never be sent.
        let last = matches!(turn.event, TurnEvent::Closed { .. });
        assert!(row.held && (last || owed.is_empty()), "a turn was started beside {owed:?}");
        self.thinking.push(turn);
    }

    // --- what comes back ---------------------------------------------------------------------------

    fn errand(&mut self, how: u8) {
        let Some(errand) = self.errands.pop_front() else { return };
        let fails = how & 7 == 7;
        let words = || "no".to_owned();
        let event = match errand {
            Effect::Resolve if fails => Event::ResolveFailed { words: words() },
            Effect::Resolve => Event::Resolved,
            Effect::Login if fails => Event::LoginFailed(login_fault(how >> 3)),
            Effect::Login => Event::LoggedIn(identity()),
            Effect::Refresh if fails => Event::RefreshFailed(refresh_fault(how >> 3)),
            Effect::Refresh => Event::Refreshed,
            Effect::LookAround => Event::LookedAround(match how & 3 {
                0 => Bystanders::Nobody,
                1 => Bystanders::Many,
                _ => Bystanders::Ourselves,
            }),
            Effect::Open { generation } if fails => {
                Event::SocketFailed { generation, unauthorized: how & 8 == 0, words: words() }
            }
            Effect::Open { generation } => {
                self.open = Some(generation);
                Event::SocketOpened { generation }
            }
            _ => return,
        };
        self.tell(event);
    }

    fn answer(&mut self, at: usize, how: u8) {
        if self.asked.is_empty() {
            return;
        }
        let Some((ticket, request)) = self.asked.remove(at % self.asked.len()) else { return };
        let outcome = match how & 15 {
            0 => Outcome::Unknown,
            1 => {
                self.apply(&request);
                Outcome::Unknown
            }
            2 => refused(429, &mut self.sent, &request),
            3 => Outcome::Refused { code: 500, words: String::new() },
            4 => Outcome::Refused { code: 400 + u16::from(how >> 4), words: "no".to_owned() },
            5 => Outcome::History(Vec::new()),
            _ => self.apply(&request),
        };
        self.tell(Event::Answered { ticket, outcome });
    }

    fn apply(&mut self, request: &Request) -> Outcome {
        match request {
            Request::Publish { conversation, content: Outgoing::Text { text }, external_ids, .. } => {
                let said = json!({"type": "ContentEvent", "contentType": "text/plain", "message": text});
                let event = self.event(conversation, None, ME, "ASSIGNED_AGENT", &said, external_ids);
                self.history.entry(conversation.clone()).or_default().extend(event);
                Outcome::Done
            }
            Request::ReadHistory { dialog, newer_than, older_than } => {
                let all = self.history.get(&ConversationId::from(dialog.as_str()));
                let within = all.into_iter().flatten().filter(|e| {
                    e.sequence.is_some_and(|s| s > *newer_than && older_than.is_none_or(|older| s < older))
                });
                let events: Vec<_> = within.cloned().collect();
                Outcome::History(events[events.len().saturating_sub(8)..].to_vec())
            }
            Request::FindConversation { .. } => {
                Outcome::Subscribed(format!("find-{}", self.asked.len()).as_str().into())
            }
            _ => Outcome::Done,
        }
    }

    fn think(&mut self, how: u8) {
        if self.thinking.is_empty() {
            return;
        }
        let turn = self.thinking.swap_remove(usize::from(how >> 3) % self.thinking.len());
        let said = if let TurnEvent::Message { sequence, .. } = &turn.event {
            format!("re:{sequence}")
        } else {
            "hello".to_owned()
        };
        let say = Action::Say { text: said };
        let decided = match how & 7 {
            0 => Decided::Failed("no".to_owned()),
            1 => Decided::Actions(Vec::new()),
            2 => Decided::Actions(vec![say.clone(), Action::Say { text: String::new() }]),
            3 => Decided::Actions(vec![say, Action::TransferToSkill { skill: "7".into() }]),
            4 => Decided::Actions(vec![say.clone(), say, Action::Close]),
            5 => Decided::Actions(vec![Action::Set { name: "n".to_owned(), value: json!(how) }]),
            6 => Decided::Actions(vec![say.clone(), say]),
            _ => Decided::Actions(vec![say]),
        };
        self.tell(Event::Decided { conversation: turn.conversation, turn: turn.id, decided });
    }

    fn commit(&mut self, how: u8) {
        let Some(turn) = self.commits.pop_front() else { return };
        let last = self.store.get(&turn.conversation).and_then(|row| row.committed.as_ref());
        let landed = last.is_some_and(|last| last.turn == turn.turn);
        let outcome = match how & 7 {
            0 => CommitOutcome::Unavailable,
            1 => {
                self.store(&turn);
                CommitOutcome::Unavailable
            }
            2 => CommitOutcome::Fenced,
            _ if landed => CommitOutcome::AlreadyCommitted,
            3 => CommitOutcome::Rejected("no".to_owned()),
            4 => CommitOutcome::ClaimLost,
            _ => self.store(&turn),
        };
        if outcome == CommitOutcome::ClaimLost {
            self.store.entry(turn.conversation.clone()).or_default().held = false;
        }
        self.tell(Event::Committed { conversation: turn.conversation, turn: turn.turn, outcome });
    }

    /// The rules of a commit.
    fn store(&mut self, turn: &CommitTurn) -> CommitOutcome {
        let row = self.store.entry(turn.conversation.clone()).or_default();
        if let Some(last) = &row.committed {
            if last.turn == turn.turn {
                return CommitOutcome::AlreadyCommitted;
            }
            if last.cursor >= turn.cursor {
                return CommitOutcome::StaleCursor(last.cursor);
            }
        }
        if !row.held {
            return CommitOutcome::ClaimLost;
        }
        row.variables.clone_from(&turn.variables);
        row.committed = Some(turn.clone());
        for action in &turn.actions {
            let key =
                OutboxKey { conversation: turn.conversation.clone(), turn: turn.turn.clone(), n: action.n };
            row.tags.push(action.tag.clone());
            row.outbox.push(Owed { key, tag: action.tag.clone(), body: action.body.clone() });
        }
        CommitOutcome::Committed
    }

    fn claim(&mut self, how: u8) {
        let Some((number, conversation)) = self.claims.pop_front() else { return };
        let outcome = match how & 7 {
            0 => ClaimOutcome::Fenced,
            1 => ClaimOutcome::Done,
            _ => ClaimOutcome::Held(Box::new(self.take(&conversation))),
        };
        self.tell(Event::ClaimAnswered { conversation, number, outcome });
    }

    fn take(&mut self, conversation: &ConversationId) -> Recalled {
        let row = self.store.entry(conversation.clone()).or_default();
        row.held = true;
        Recalled {
            again: std::mem::replace(&mut row.known, true),
            cursor: row.committed.as_ref().map(|turn| (turn.dialog.clone(), turn.cursor)),
            variables: serde_json::from_str(&row.variables).unwrap_or_default(),
            outbox: row.outbox.iter().map(deed).collect(),
        }
    }

    // --- what the platform says --------------------------------------------------------------------

    /// News of the socket in hand, or late news of the one before; without a socket nothing is heard.
    fn news(&mut self, how: u8, event: impl FnOnce(u64) -> Event) {
        let Some(current) = self.open else { return };
        self.tell(event(if how & 64 == 0 { current } else { current - 1 }));
    }

    fn change(&mut self, script: &mut Script<'_>) {
        let (id, how) = (script.conversation(), script.any());
        let change = shown(&id, how, self.duty.intake);
        self.conversations(&[change], how);
    }

    /// Everything that is open, as after a connect.
    fn snapshot(&mut self, script: &mut Script<'_>) {
        let (which, how) = (script.any(), script.any());
        let ids = (0..CONVERSATIONS).filter(|n| which & 1 << n != 0).map(|n| format!("C{n}").into());
        let changes: Vec<_> = ids.map(|id| shown(&id, how & !8, self.duty.intake)).collect();
        self.conversations(&changes, how);
    }

    fn conversations(&mut self, changes: &[serde_json::Value], how: u8) {
        let news = json!({"kind": "notification", "type": ".ams.aam.ExConversationChangeNotification",
            "body": {"changes": changes}});
        let read = Frame::parse(&news.to_string());
        let Ok(Frame::Notification(Notification::Conversations { subscription, changes, .. })) = read else {
            panic!("what the platform shows can be read")
        };
        let lost = usize::from(how & 128 != 0);
        self.news(how, |generation| Event::Conversations { generation, subscription, changes, lost });
    }

    fn ring(&mut self, script: &mut Script<'_>) {
        let (id, how) = (script.conversation(), script.any());
        let state = ["WAITING", "ACCEPTED", "REJECTED", "NOVEL"][usize::from(how & 3)];
        let expires = self.now.wall + i64::from(how >> 2) * 500 - 1_000;
        let news = json!({"kind": "notification", "type": ".ams.routing.RoutingTaskNotification", "body": {"changes": [{
            "type": "UPSERT", "result": {"conversationId": id, "ringsDetails": [{
                "ringId": format!("{id}.{}", how >> 6), "ringState": state, "ringExpirationTs": expires}]}}]}});
        let Ok(Frame::Notification(Notification::Rings { tasks, .. })) = Frame::parse(&news.to_string())
        else {
            panic!("a ring can be read")
        };
        let rings = tasks.into_iter().flat_map(|task| task.rings).collect();
        self.news(how, |generation| Event::Rings { generation, rings });
    }

    /// The next message of a consumer, heard or only in the history.
    fn consumer_writes(&mut self, script: &mut Script<'_>) {
        let (id, how) = (script.conversation(), script.any());
        let said = json!({"type": "ContentEvent", "contentType": "text/plain", "message": "hi"});
        let Some(event) = self.event(&id, None, "cons", "CONSUMER", &said, &[]) else { return };
        self.history.entry(id).or_default().push(event.clone());
        if how & 3 != 3 {
            self.news(how, |generation| Event::Message { generation, event: Box::new(event) });
        }
    }

    /// An event that may be in no history: any sequence, any author, any tag.
    fn anything_is_said(&mut self, script: &mut Script<'_>) {
        let (id, how, where_) = (script.conversation(), script.any(), script.any());
        let sequence = match where_ {
            255 => i64::MAX,
            254 => i64::MIN,
            n => i64::from(n) - 4,
        };
        let roles = ["CONSUMER", "ASSIGNED_AGENT", "AGENT", "MANAGER", "CONTROLLER", "NOVEL"];
        let role = roles[usize::from(how & 7) % roles.len()];
        let who = ["cons", ME, "1.77", ""][usize::from(how >> 3 & 3)];
        let said = match how >> 5 & 1 {
            0 => json!({"type": "ContentEvent", "message": "any"}),
            _ => json!({"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [0]}),
        };
        let tags = self.store.get(&id).map(|row| row.tags.clone()).unwrap_or_default();
        let tag = tags.get(usize::from(where_) % tags.len().max(1)).cloned();
        let tags: Vec<_> = tag.filter(|_| how & 64 != 0).into_iter().collect();
        let Some(event) = self.event(&id, Some(sequence), who, role, &said, &tags) else { return };
        if how & 128 != 0 {
            self.history.entry(id).or_default().push(event.clone());
        }
        self.news(0, |generation| Event::Message { generation, event: Box::new(event) });
    }

    fn event(
        &self,
        id: &ConversationId,
        sequence: Option<i64>,
        who: &str,
        role: &str,
        said: &serde_json::Value,
        tags: &[String],
    ) -> Option<MessageEvent> {
        let last = self.history.get(id).and_then(|all| all.iter().filter_map(|e| e.sequence).max());
        let sequence = sequence.unwrap_or_else(|| last.map_or(0, |last| last.0.saturating_add(1)));
        let metadata: Vec<_> = tags.iter().map(|tag| json!({"type": "ExternalId", "id": tag})).collect();
        let event = json!({"sequence": sequence, "dialogId": id, "conversationId": id, "originatorId": who,
            "originatorMetadata": {"role": role}, "messageAudience": "ALL", "metadata": metadata, "event": said});
        MessageEvent::parse(&event.to_string()).ok()
    }

    /// News once more.
    fn repeat(&mut self, script: &mut Script<'_>) {
        let (id, at) = (script.conversation(), usize::from(script.any()));
        let all = self.history.get(&id);
        let Some(event) = all.and_then(|all| all.get(at % all.len().max(1))).cloned() else { return };
        self.news(0, |generation| Event::Message { generation, event: Box::new(event) });
    }

    // --- time, faults, ends ------------------------------------------------------------------------

    fn pass(&mut self, millis: u64) {
        self.now.moment = self.now.moment + Duration::from_millis(millis);
        self.now.wall += millis as i64;
        self.tell(Event::Tick);
    }

    fn until_deadline(&mut self) {
        let Some(at) = self.bot.deadline() else { return };
        self.pass(at.since(self.now.moment).as_millis() as u64);
    }

    fn fence(&mut self) {
        self.fenced = !self.fenced;
        let why = "the store is away".to_owned();
        self.tell(if self.fenced { Event::Fenced { why } } else { Event::Unfenced });
    }

    fn close(&mut self, how: u8) {
        let Some(generation) = self.open.take() else { return };
        self.asked.clear();
        let code = CloseCode([1000, 1001, 1006, 1008, 1011, 4401, 4407, 0][usize::from(how & 7)]);
        self.tell(Event::SocketClosed { generation, code, words: String::new() });
    }

    /// kill -9, and a fresh bot from what the store holds.
    fn crash(&mut self, how: u8) {
        for commit in std::mem::take(&mut self.commits) {
            if how & 1 == 0 {
                self.store(&commit);
            }
        }
        self.asked.clear();
        self.errands.clear();
        self.thinking.clear();
        self.claims.clear();
        (self.open, self.fenced, self.held_off, self.placement) = (None, false, false, 0);
        self.last = Ticket(0);
        self.life += 1;
        let held = self.store.iter().filter(|(_, row)| row.held).map(|(id, row)| restored(id, row)).collect();
        let session = (how & 2 == 0).then(|| identity().into());
        self.bot = Bot::new(charter(&self.rules, self.duty, self.life), session, held, self.now);
        self.tell(Event::Started);
    }

    fn place(&mut self, script: &mut Script<'_>) {
        let (id, how) = (script.conversation(), script.any());
        let news = json!({"kind": "notification", "type": ".ams.aam.ExConversationChangeNotification",
            "body": {"changes": [shown(&id, how & !8, self.duty.intake)]}});
        let Ok(Frame::Notification(Notification::Conversations { changes, .. })) =
            Frame::parse(&news.to_string())
        else {
            panic!("what the platform shows can be read")
        };
        self.placement += 1;
        let conversations = changes.into_iter().map(|change| change.conversation).collect();
        self.tell(Event::Placed { placement: self.placement, conversations });
    }

    fn end(&mut self, how: u8) {
        let ending = if how & 1 == 0 { Ending::Restart } else { Ending::Retire };
        match how & 6 {
            0 => self.tell(Event::Drain { ending, within: Duration::from_secs(u64::from(how >> 3)) }),
            2 => {
                self.held_off = true;
                let words = "a person".to_owned();
                self.tell(Event::Quarantined(Quarantine { kind: Kind::Suspended, words }));
            }
            _ => {}
        }
    }

    fn shift_clock(&mut self, how: u8) {
        let millis = match how {
            255 => i64::MAX,
            254 => i64::MIN,
            n => (i64::from(n) - 128) * 1_000,
        };
        self.tell(Event::ClockOffset { millis });
    }
}

/// The platform did not take it, so it may be sent again before `settle`.
fn refused(code: u16, sent: &mut HashMap<(ConversationId, String), Moment>, request: &Request) -> Outcome {
    if let Request::Publish { conversation, external_ids, .. } = request {
        sent.remove(&(conversation.clone(), external_ids[0].clone()));
    }
    Outcome::Refused { code, words: String::new() }
}

fn shown(id: &ConversationId, how: u8, intake: Intake) -> serde_json::Value {
    let ours = if intake == Intake::All { "AGENT" } else { "ASSIGNED_AGENT" };
    let mut participants = serde_json::Map::new();
    participants.insert("CONSUMER".to_owned(), json!(["cons"]));
    if how & 1 == 0 {
        participants.insert(ours.to_owned(), json!([ME]));
    }
    if how & 2 != 0 {
        participants.insert("ASSIGNED_AGENT".to_owned(), json!(["1.77"]));
    }
    let (state, kind) = (
        if how & 0b1100 == 0b1100 { "CLOSE" } else { "OPEN" },
        if how & 0b1000 != 0 { "DELETE" } else { "UPSERT" },
    );
    json!({"type": kind, "result": {"convId": id, "conversationDetails": {
        "skillId": "7", "participants": participants, "state": state, "stage": state,
        "dialogs": [{"dialogId": id, "dialogType": "MAIN"}]}}})
}

fn identity() -> Identity {
    Identity { agent: ME.into(), persistent: Some("pid-2".into()) }
}

fn login_fault(how: u8) -> LoginFault {
    match how & 3 {
        0 => LoginFault::Refused,
        1 => LoginFault::TooMany { retry_after: Some(Duration::from_secs(u64::from(how))) },
        2 => LoginFault::Blocked,
        _ => LoginFault::Unwell { words: String::new() },
    }
}

fn refresh_fault(how: u8) -> RefreshFault {
    [RefreshFault::Unauthorized, RefreshFault::Unwell, RefreshFault::Impossible][usize::from(how % 3)]
}

fn charter(rules: &Rules, duty: Duty, seed: u64) -> Charter {
    Charter {
        account: "1".into(),
        bot: "b".into(),
        pool: "p".into(),
        duty,
        capacity: usize::from(CONVERSATIONS),
        rules: rules.clone(),
        rhythm: Rhythm::default(),
        tokens: TokenSource::Login,
        theft: TheftRules::default(),
        seed,
    }
}

fn restored(id: &ConversationId, row: &Row) -> Restored {
    Restored {
        conversation: id.clone(),
        dialog: id.main_dialog(),
        cursor: row.committed.as_ref().map(|turn| turn.cursor),
        variables: serde_json::from_str(&row.variables).unwrap_or_default(),
        outbox: row.outbox.iter().map(deed).collect(),
    }
}

fn deed(owed: &Owed) -> RestoredDeed {
    RestoredDeed {
        turn: owed.key.turn.clone(),
        n: owed.key.n,
        tag: owed.tag.clone(),
        deed: serde_json::from_str(&owed.body).expect("what was committed reads back"),
        committed: None,
    }
}
