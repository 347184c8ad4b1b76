//! The life of a bot's connection: tables for its rules, and random schedules held against a few
//! plain truths.

use std::time::Duration;

use liveperson_proto::close_code::CloseCode;
use liveperson_proto::conversation::{ChangeKind, Conversation, ConversationChange};
use liveperson_proto::message::{EventBody, MessageEvent, Role};
use liveperson_proto::request::{Availability, Request};
use liveperson_proto::ring::{Ring, RingState};
use liveperson_proto::{ConversationId, Sequence};
use muster_core::bot::{Bot, Charter, Ending, Event, Identity, LoginFault, RefreshFault, Rhythm, State};
use muster_core::dialog::{CommitOutcome, Decided, Effect, Outcome, Rules, Ticket};
use muster_core::time::{Moment, Now};
use muster_core::turn::Action;
use proptest::prelude::*;

struct Life {
    bot: Bot,
    now: Now,
    effects: Vec<Effect>,
    all: Vec<Effect>,
}

fn identity() -> Identity {
    Identity { agent: "1.2".into(), persistent: Some("pid".into()) }
}

impl Life {
    fn new(sealed: bool) -> Self {
        let charter = Charter {
            account: "1".into(),
            bot: "b".into(),
            pool: "p".into(),
            capacity: 2,
            rules: Rules::default(),
            rhythm: Rhythm::default(),
            seed: 7,
        };
        let now = Now { moment: Moment(1_000), wall: 1_700_000_000_000 };
        let bot = Bot::new(charter, sealed.then(identity), Vec::new(), now);
        let mut life = Self { bot, now, effects: Vec::new(), all: Vec::new() };
        life.tell(Event::Started);
        life
    }

    fn tell(&mut self, event: Event) -> &[Effect] {
        self.effects.clear();
        self.bot.on(event, self.now, &mut self.effects);
        self.all.extend(self.effects.iter().cloned());
        &self.effects
    }

    fn pass(&mut self, time: Duration) -> &[Effect] {
        self.now.moment = self.now.moment + time;
        self.now.wall += time.as_millis() as i64;
        self.tell(Event::Tick)
    }

    /// Passes time until the bot wants to be woken, and wakes it.
    fn wake(&mut self) -> &[Effect] {
        let at = self.bot.deadline().expect("a bot that waits has a deadline");
        self.pass(at.since(self.now.moment))
    }

    fn generation(&self) -> u64 {
        let opened = |e: &Effect| if let Effect::Open { generation } = e { Some(*generation) } else { None };
        self.all.iter().rev().find_map(opened).expect("a socket was opened")
    }

    fn answer_all(&mut self) {
        let asked: Vec<Ticket> = self
            .effects
            .iter()
            .filter_map(|e| if let Effect::Ask(t, _) = e { Some(*t) } else { None })
            .collect();
        for ticket in asked {
            self.tell(Event::Answered { ticket, outcome: Outcome::Done });
        }
    }

    fn online(sealed: bool) -> Self {
        let mut life = Self::new(sealed);
        life.tell(Event::Resolved);
        if !sealed {
            life.tell(Event::LoggedIn(identity()));
        }
        life.connect();
        life
    }

    fn connect(&mut self) {
        let generation = self.generation();
        self.tell(Event::SocketOpened { generation });
        self.answer_all();
        self.tell(Event::Conversations { generation, changes: Vec::new(), lost: 0 });
        assert_eq!(self.bot.view().state, State::Online);
    }

    fn close(&mut self, code: u16) {
        let generation = self.generation();
        self.tell(Event::SocketClosed { generation, code: CloseCode(code), words: String::new() });
    }

    fn count(&self, wanted: fn(&Effect) -> bool) -> usize {
        self.all.iter().filter(|e| wanted(e)).count()
    }
}

fn is_login(effect: &Effect) -> bool {
    matches!(effect, Effect::Login)
}

fn is_acceptance(effect: &Effect) -> bool {
    matches!(effect, Effect::Ask(_, Request::AcceptRing { .. }))
}

fn ring(n: u32, expires_at: i64) -> Ring {
    Ring {
        id: format!("r{n}").into(),
        conversation: format!("C{n}").into(),
        skill: None,
        state: RingState::Waiting,
        expires_at: Some(expires_at),
    }
}

#[test]
fn a_bot_goes_online_by_domains_login_socket_and_subscriptions() {
    let mut life = Life::new(false);
    assert_eq!(life.effects, [Effect::Resolve]);
    assert_eq!(life.tell(Event::Resolved), [Effect::Login]);
    assert_eq!(life.tell(Event::LoggedIn(identity())), [Effect::Open { generation: 1 }]);
    let asked: Vec<_> = life
        .tell(Event::SocketOpened { generation: 1 })
        .iter()
        .map(|e| if let Effect::Ask(_, request) = e { request.kind().to_owned() } else { panic!("{e:?}") })
        .collect();
    assert_eq!(
        asked,
        [
            ".ams.aam.SubscribeExConversations",
            ".ams.routing.SubscribeRoutingTasks",
            ".ams.routing.SetAgentState"
        ]
    );
}

#[test]
fn a_sealed_session_needs_no_login_and_is_refreshed_soon() {
    let mut life = Life::online(true);
    assert_eq!(life.count(is_login), 0);
    assert!(life.bot.deadline().unwrap() <= Moment(1_000 + 30_000), "within a tenth of the period");
    assert_eq!(life.wake(), [Effect::Refresh]);
}

#[test]
fn what_follows_a_close_depends_on_its_code() {
    for (code, first) in [
        (1000, Effect::Open { generation: 2 }),
        (1001, Effect::Open { generation: 2 }),
        (1006, Effect::Refresh),
        (1011, Effect::Refresh),
        (1008, Effect::Login),
        (4401, Effect::Login),
        (4407, Effect::Login),
    ] {
        let mut life = Life::online(false);
        life.close(code);
        assert_eq!(life.bot.view().state, State::Waiting, "close code {code}");
        let wait = life.bot.deadline().unwrap().since(life.now.moment);
        assert!(wait <= Duration::from_secs(1), "a lone drop comes back within a second: {wait:?}");
        assert_eq!(life.wake(), [first], "close code {code}");
    }
}

#[test]
fn a_refused_refresh_leads_to_a_login_in_the_background() {
    let mut life = Life::online(false);
    assert_eq!(life.wake(), [Effect::Refresh]);
    assert_eq!(life.tell(Event::RefreshFailed(RefreshFault::Unauthorized)), [Effect::Login]);
    assert_eq!(life.bot.view().state, State::Online, "the working socket is kept");
    assert_eq!(life.tell(Event::LoggedIn(identity())), []);
    assert_eq!(life.bot.view().state, State::Online);
}

#[test]
fn refused_credentials_are_tried_twice_then_the_bot_is_quarantined() {
    let mut life = Life::new(false);
    life.tell(Event::Resolved);
    life.tell(Event::LoginFailed(LoginFault::Refused));
    assert_eq!(life.bot.view().state, State::Waiting);
    assert_eq!(life.wake(), [Effect::Login]);
    let effects = life.tell(Event::LoginFailed(LoginFault::Refused)).to_vec();
    assert!(matches!(&effects[..], [Effect::Quarantine { because }] if because.contains("bad credentials")));
    assert_eq!(life.bot.deadline(), None, "it is held off");
}

#[test]
fn login_faults_wait_as_the_vendor_advises() {
    let unwell = || LoginFault::Unwell { words: String::new() };
    let too_many = |s| LoginFault::TooMany { retry_after: Some(Duration::from_secs(s)) };
    for (fault, at_least, at_most) in [
        (unwell(), 5.0, 6.5),
        (too_many(1), 5.0, 6.5),
        (too_many(20), 20.0, 25.5),
        (LoginFault::Blocked, 600.0, 600.0),
    ] {
        let mut life = Life::new(false);
        life.tell(Event::Resolved);
        life.tell(Event::LoginFailed(fault.clone()));
        let wait = life.bot.deadline().unwrap().since(life.now.moment).as_secs_f64();
        assert!((at_least..=at_most).contains(&wait), "{fault:?}: {wait}");
    }
}

#[test]
fn a_ring_is_accepted_once_in_time_and_within_the_capacity() {
    let mut life = Life::online(false);
    let (generation, wall) = (life.generation(), life.now.wall);
    for (rings, accepted) in [
        (vec![ring(1, wall - 1)], 0),
        (vec![ring(2, wall + 60_000)], 1),
        (vec![ring(2, wall + 60_000), ring(2, wall + 60_000)], 0),
        (vec![ring(3, wall + 60_000)], 1),
        (vec![ring(4, wall + 60_000)], 0),
    ] {
        let said = format!("{rings:?}");
        let effects = life.tell(Event::Rings { generation, rings });
        assert_eq!(effects.iter().filter(|e| is_acceptance(e)).count(), accepted, "{said}");
    }
}

#[test]
fn the_platforms_clock_decides_whether_a_ring_is_late() {
    let mut life = Life::online(false);
    let (generation, wall) = (life.generation(), life.now.wall);
    life.tell(Event::ClockOffset { millis: 10_000 });
    life.tell(Event::Rings { generation, rings: vec![ring(1, wall + 9_000), ring(2, wall + 11_000)] });
    assert_eq!(life.count(is_acceptance), 1);
}

#[test]
fn a_fenced_bot_takes_nothing_new_and_goes_on_after() {
    let mut life = Life::online(false);
    let (generation, wall) = (life.generation(), life.now.wall);
    life.tell(Event::Fenced { why: "the store is away".into() });
    assert_eq!(life.bot.view().state, State::Fenced);
    life.tell(Event::Rings { generation, rings: vec![ring(1, wall + 60_000)] });
    assert_eq!(life.count(is_acceptance), 0);
    life.close(4401);
    life.pass(Duration::from_mins(1));
    assert_eq!(life.count(is_login), 1, "no login while fenced");
    life.tell(Event::Unfenced);
    assert_eq!(life.count(is_login), 2);
}

#[test]
fn a_restart_leaves_without_away_and_without_logout() {
    let mut life = Life::online(false);
    let effects =
        life.tell(Event::Drain { ending: Ending::Restart, within: Duration::from_secs(9) }).to_vec();
    assert_eq!(effects, [Effect::CloseSocket, Effect::Drained]);
    assert_eq!(life.bot.view().state, State::Parked);
    assert_eq!(life.bot.deadline(), None);
}

#[test]
fn a_retiring_bot_goes_away_and_logs_out() {
    let mut life = Life::online(false);
    let effects = life.tell(Event::Drain { ending: Ending::Retire, within: Duration::from_secs(9) }).to_vec();
    let away = |e: &Effect| {
        matches!(e, Effect::Ask(_, Request::SetAgentState { availability: Availability::Away, .. }))
    };
    assert!(away(&effects[0]), "{effects:?}");
    assert_eq!(effects[1..], [Effect::CloseSocket, Effect::Logout, Effect::Drained]);
}

#[test]
fn an_old_socket_says_nothing_to_a_new_one() {
    let mut life = Life::online(false);
    life.close(1000);
    life.wake();
    life.connect();
    for event in [
        Event::SocketClosed { generation: 1, code: CloseCode(4401), words: String::new() },
        Event::SocketFailed { generation: 1, unauthorized: true, words: String::new() },
        Event::SocketOpened { generation: 1 },
    ] {
        assert_eq!(life.tell(event), []);
        assert_eq!(life.bot.view().state, State::Online);
    }
}

fn change(kind: ChangeKind, agent: &str) -> ConversationChange {
    let conversation = Conversation {
        id: "C1".into(),
        skill: None,
        main_open: true,
        stage_open: true,
        participants: vec![(agent.into(), Role::AssignedAgent), ("cons".into(), Role::Consumer)],
        main_dialog: "C1".into(),
    };
    ConversationChange { kind, conversation }
}

fn shown(life: &mut Life, kind: ChangeKind, agent: &str) {
    let generation = life.generation();
    life.tell(Event::Conversations { generation, changes: vec![change(kind, agent)], lost: 0 });
}

/// A conversation without a message, assigned to the bot and read.
fn assigned(life: &mut Life) {
    shown(life, ChangeKind::Upsert, "1.2");
    let [Effect::Note(_), Effect::Ask(ticket, Request::ReadHistory { .. })] = &life.effects[..] else {
        panic!("{:?}", life.effects)
    };
    let (ticket, outcome) = (*ticket, Outcome::History(Vec::new()));
    life.tell(Event::Answered { ticket, outcome });
}

#[test]
fn an_action_that_the_platform_refuses_becomes_a_dead_letter_and_blocks_nothing() {
    let mut life = Life::online(false);
    assigned(&mut life);
    let turn = life
        .effects
        .iter()
        .find_map(|e| if let Effect::Think(turn) = e { Some(turn.id.clone()) } else { None });
    let (turn, conversation): (_, ConversationId) = (turn.expect("the conversation was opened"), "C1".into());
    let say = |text: &str| Action::Say { text: text.into() };
    let decided = Decided::Actions(vec![say("refused"), say("next")]);
    life.tell(Event::Decided { conversation: conversation.clone(), turn: turn.clone(), decided });
    life.tell(Event::Committed { conversation, turn, outcome: CommitOutcome::Committed });
    let [Effect::Note(_), Effect::Ask(ticket, Request::Publish { .. })] = life.effects[..] else {
        panic!("one action at a time: {:?}", life.effects)
    };
    let outcome = Outcome::Refused { code: 400, words: "no such dialog".into() };
    life.tell(Event::Answered { ticket, outcome });
    let dead =
        |e: &Effect| matches!(e, Effect::Dead(key, words) if key.n == 0 && words == "400: no such dialog");
    let next = |e: &Effect| matches!(e, Effect::Ask(_, Request::Publish { .. }));
    assert!(life.effects.iter().any(dead) && life.effects.iter().any(next), "{:?}", life.effects);
}

fn is_reading(effect: &Effect) -> bool {
    matches!(effect, Effect::Ask(_, Request::ReadHistory { .. }))
}

#[test]
fn a_conversation_that_a_person_had_is_taken_up_again_when_it_comes_back() {
    let mut life = Life::online(false);
    assigned(&mut life);
    shown(&mut life, ChangeKind::Delete, "1.77");
    assert!(life.effects.iter().any(|e| matches!(e, Effect::Release { .. })), "{:?}", life.effects);
    shown(&mut life, ChangeKind::Upsert, "1.2");
    assert!(life.effects.iter().any(is_reading), "{:?}", life.effects);
}

#[test]
fn a_conversation_that_comes_back_during_a_commit_is_read_again() {
    let mut life = Life::online(false);
    assigned(&mut life);
    let turn = life
        .effects
        .iter()
        .find_map(|e| if let Effect::Think(turn) = e { Some(turn.id.clone()) } else { None });
    let (turn, conversation): (_, ConversationId) = (turn.expect("the conversation was opened"), "C1".into());
    let decided = Decided::Actions(vec![]);
    life.tell(Event::Decided { conversation: conversation.clone(), turn: turn.clone(), decided });
    shown(&mut life, ChangeKind::Delete, "1.77");
    shown(&mut life, ChangeKind::Upsert, "1.2");
    assert!(life.effects.iter().any(is_reading), "{:?}", life.effects);
    life.tell(Event::Committed { conversation, turn, outcome: CommitOutcome::Committed });
    assert!(!life.all.iter().any(|e| matches!(e, Effect::Release { .. })), "it is ours");
    assert_eq!(life.bot.view().conversations, 1);
}

#[test]
fn a_snapshot_that_could_not_be_read_whole_ends_nothing() {
    for (lost, left) in [(0, 0), (1, 1)] {
        let mut life = Life::online(false);
        assigned(&mut life);
        life.close(1000);
        life.wake();
        let generation = life.generation();
        life.tell(Event::SocketOpened { generation });
        life.tell(Event::Conversations { generation, changes: Vec::new(), lost });
        assert_eq!(life.bot.view().conversations, left, "{lost} changes lost");
    }
}

#[test]
fn a_claim_is_moved_until_it_is_ours() {
    let mut life = Life::online(false);
    assigned(&mut life);
    let generation = life.generation();
    for (sequence, outcome, moves) in [
        (0, CommitOutcome::StaleCursor(Sequence(-1)), true),
        (1, CommitOutcome::Committed, true),
        (2, CommitOutcome::Committed, false),
    ] {
        let (turn, conversation) = life
            .all
            .iter()
            .rev()
            .find_map(|e| {
                if let Effect::Think(t) = e { Some((t.id.clone(), t.conversation.clone())) } else { None }
            })
            .expect("a turn");
        let decided = Decided::Actions(vec![]);
        life.tell(Event::Decided { conversation: conversation.clone(), turn: turn.clone(), decided });
        let moved = life.effects.iter().any(|e| matches!(e, Effect::Commit(commit) if commit.moves_claim));
        assert_eq!(moved, moves, "turn {sequence}");
        life.tell(Event::Committed { conversation, turn, outcome });
        life.tell(Event::Message { generation, event: Box::new(message(sequence)) });
    }
}

fn message(sequence: i64) -> MessageEvent {
    MessageEvent {
        sequence: Some(Sequence(sequence)),
        dialog: "C1".into(),
        conversation: Some("C1".into()),
        originator: "cons".into(),
        originator_pid: "cons".into(),
        role: Role::Consumer,
        at: None,
        private: false,
        external_ids: Vec::new(),
        body: EventBody::Content { content_type: "text/plain".into(), text: format!("m{sequence}") },
    }
}

#[test]
fn a_hole_between_the_history_and_what_was_heard_meanwhile_is_read() {
    let mut life = Life::online(false);
    shown(&mut life, ChangeKind::Upsert, "1.2");
    let generation = life.generation();
    let ticket = life.effects.iter().find_map(|e| if let Effect::Ask(t, _) = e { Some(*t) } else { None });
    life.tell(Event::Message { generation, event: Box::new(message(3)) });
    let outcome = Outcome::History(vec![message(0), message(1)]);
    life.tell(Event::Answered { ticket: ticket.expect("it reads"), outcome });
    let again = |e: &Effect| matches!(e, Effect::Ask(_, Request::ReadHistory { newer_than, .. }) if newer_than.0 == 1);
    assert!(life.effects.iter().any(again), "{:?}", life.effects);
}

#[test]
fn a_deadline_is_a_moment_at_which_something_happens() {
    let mut life = Life::online(false);
    life.close(4401);
    life.wake();
    // The token's refresh is long due, but a login that failed has to be waited for.
    life.tell(Event::LoginFailed(LoginFault::Blocked));
    let until = life.bot.deadline().expect("it waits");
    assert!(until.since(life.now.moment) > Duration::from_mins(9), "{until:?}");
    life.tell(Event::Quarantined { because: "on purpose".into() });
    assert_eq!(life.bot.deadline(), None);
}

#[test]
fn a_retiring_bot_without_a_socket_connects_to_hand_back() {
    let mut life = Life::online(false);
    assigned(&mut life);
    let turn = life
        .effects
        .iter()
        .find_map(|e| if let Effect::Think(turn) = e { Some(turn.id.clone()) } else { None });
    let (turn, conversation): (_, ConversationId) = (turn.expect("the conversation was opened"), "C1".into());
    life.tell(Event::Decided {
        conversation: conversation.clone(),
        turn: turn.clone(),
        decided: Decided::Actions(vec![]),
    });
    life.tell(Event::Committed { conversation, turn, outcome: CommitOutcome::Committed });
    life.close(1000);
    life.tell(Event::Drain { ending: Ending::Retire, within: Duration::from_secs(9) });
    assert!(!life.effects.contains(&Effect::Drained));
    assert!(matches!(life.wake(), [Effect::Open { .. }]), "{:?}", life.effects);
}

#[test]
fn a_quarantined_bot_ends_at_once_whatever_hangs_in_it() {
    let mut life = Life::online(false);
    assigned(&mut life);
    life.tell(Event::Quarantined { because: "its logic hangs".into() });
    life.tell(Event::Drain { ending: Ending::Restart, within: Duration::from_secs(9) });
    assert!(life.effects.contains(&Effect::Drained), "{:?}", life.effects);
}

/// What the world may do to a bot, chosen by a number.
fn happening(n: u32, generation: u64) -> Event {
    let words = String::new();
    match n % 20 {
        0 => Event::Resolved,
        1 => Event::ResolveFailed { words },
        2 | 3 => Event::LoggedIn(identity()),
        4 => Event::LoginFailed(LoginFault::TooMany { retry_after: None }),
        5 => Event::LoginFailed(LoginFault::Unwell { words }),
        6 => Event::Refreshed,
        7 => Event::RefreshFailed(RefreshFault::Unauthorized),
        8 => Event::RefreshFailed(RefreshFault::Unwell),
        9 | 10 => Event::SocketOpened { generation },
        11 => Event::SocketFailed { generation, unauthorized: n % 40 < 20, words },
        12..=14 => {
            let code = CloseCode([1000, 1006, 1008, 1011, 4401, 4407][(n / 20) as usize % 6]);
            Event::SocketClosed { generation, code, words }
        }
        15 => Event::Fenced { why: words },
        16 => Event::Unfenced,
        17 => Event::Conversations { generation, changes: Vec::new(), lost: 0 },
        _ => Event::Tick,
    }
}

#[derive(Default)]
struct Truth {
    socket: Option<u64>,
    errand: Option<&'static str>,
    resolving: bool,
    fenced: bool,
    asked: Vec<Ticket>,
    last_open: u64,
}

impl Truth {
    /// Whether this could happen at all: nobody answers what nobody asked.
    fn allows(&self, event: &Event) -> bool {
        match event {
            Event::Resolved | Event::ResolveFailed { .. } => self.resolving,
            Event::LoggedIn(_) | Event::LoginFailed(_) => self.errand == Some("login"),
            Event::Refreshed | Event::RefreshFailed(_) => self.errand == Some("refresh"),
            _ => true,
        }
    }

    fn hears(&mut self, event: &Event) {
        match event {
            Event::Resolved | Event::ResolveFailed { .. } => self.resolving = false,
            Event::LoggedIn(_) | Event::LoginFailed(_) | Event::Refreshed | Event::RefreshFailed(_) => {
                self.errand = None;
            }
            Event::SocketFailed { generation, .. } | Event::SocketClosed { generation, .. } => {
                self.socket.take_if(|open| open == generation);
            }
            Event::Fenced { .. } => self.fenced = true,
            Event::Unfenced => self.fenced = false,
            _ => {}
        }
    }

    fn checks(&mut self, effects: &[Effect]) -> Result<(), String> {
        for effect in effects {
            match effect {
                Effect::Resolve if self.resolving => return Err("asks for domains twice at once".into()),
                Effect::Resolve => self.resolving = true,
                Effect::Login | Effect::Refresh if self.errand.is_some() => {
                    return Err("two errands at once".into());
                }
                Effect::Login if self.fenced => return Err("a fenced bot logs in".into()),
                Effect::Login => self.errand = Some("login"),
                Effect::Refresh => self.errand = Some("refresh"),
                Effect::Open { .. } if self.socket.is_some() => return Err("two sockets of one bot".into()),
                Effect::Open { .. } if self.fenced => return Err("a fenced bot connects".into()),
                Effect::Open { generation } if *generation <= self.last_open => {
                    return Err("a used generation".into());
                }
                Effect::Open { generation } => {
                    self.socket = Some(*generation);
                    self.last_open = *generation;
                }
                Effect::CloseSocket => self.socket = None,
                Effect::Ask(ticket, _) if self.asked.contains(ticket) => return Err("a used ticket".into()),
                Effect::Ask(ticket, _) => self.asked.push(*ticket),
                _ => {}
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    /// One socket, one errand at a time, nothing while fenced, no number used twice; and whatever
    /// happened, a bot that is not fenced always has something under way or a moment to wake.
    #[test]
    fn the_connection_keeps_its_truths(script in proptest::collection::vec((0u32..10_000, 0u64..8_000), 1..150), sealed: bool) {
        let mut life = Life::new(sealed);
        let mut truth = Truth::default();
        prop_assert_eq!(truth.checks(&life.effects), Ok(()));
        for (n, millis) in script {
            let event = happening(n, truth.last_open);
            if !truth.allows(&event) {
                continue;
            }
            truth.hears(&event);
            life.now.moment = life.now.moment + Duration::from_millis(millis);
            life.now.wall += millis as i64;
            let effects = life.tell(event).to_vec();
            prop_assert_eq!(truth.checks(&effects), Ok(()));
            let under_way = truth.socket.is_some() || truth.errand.is_some() || truth.resolving;
            prop_assert!(truth.fenced || under_way || life.bot.deadline().is_some(), "nothing will ever happen: {:?}", life.bot.view());
        }
    }
}
