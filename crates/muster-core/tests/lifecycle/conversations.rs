//! Conversations that come, go, come back, and the turns in them.

use std::time::Duration;

use liveperson_proto::conversation::{ChangeKind, Conversation, ConversationChange};
use liveperson_proto::message::{EventBody, MessageEvent, Role};
use liveperson_proto::request::Request;
use liveperson_proto::{ConversationId, Sequence};
use muster_core::TurnId;
use muster_core::bot::{Ending, Event, LoginFault};
use muster_core::dialog::{
    ClaimOutcome, CommitOutcome, Cursor, Decided, Effect, Outcome, Recalled, Restored, RestoredDeed, Rules,
};
use muster_core::duty::{Duty, Start};
use muster_core::tag::{Tagger, Trigger};
use muster_core::turn::{Action, Deed, TurnEvent};

use crate::life::{Life, quarantined};

pub(crate) fn change(kind: ChangeKind, agent: &str) -> ConversationChange {
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

pub(crate) fn shown(life: &mut Life, kind: ChangeKind, agent: &str) {
    let generation = life.generation();
    life.tell(Event::Conversations {
        generation,
        subscription: None,
        changes: vec![change(kind, agent)],
        lost: 0,
    });
}

/// A conversation without a message, assigned to the bot, claimed and read.
pub(crate) fn assigned(life: &mut Life) {
    shown(life, ChangeKind::Upsert, "1.2");
    claim_answered(life, held(None));
    history(life, Vec::new());
}

pub(crate) fn held(cursor: Option<Sequence>) -> ClaimOutcome {
    let variables = [("seen".to_owned(), serde_json::json!(true))].into_iter().collect();
    let cursor = cursor.map(|cursor| ("C1".into(), Cursor::at(cursor)));
    ClaimOutcome::Held(Box::new(Recalled { cursor, variables, ..Recalled::default() }))
}

pub(crate) fn claim_answered(life: &mut Life, outcome: ClaimOutcome) {
    let number = life.claim_number();
    life.tell(Event::ClaimAnswered { conversation: "C1".into(), number, outcome });
}

/// Answers the last request for the history.
pub(crate) fn history(life: &mut Life, events: Vec<MessageEvent>) {
    let asked = |e: &Effect| match e {
        Effect::Ask(ticket, Request::ReadHistory { .. }) => Some(*ticket),
        _ => None,
    };
    let ticket = life.all.iter().rev().find_map(asked).expect("the history is read");
    life.tell(Event::Answered { ticket, outcome: Outcome::History(events) });
}

pub(crate) fn message(sequence: i64) -> MessageEvent {
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

/// The turn that logic was asked for last.
pub(crate) fn turn(life: &Life) -> (TurnId, ConversationId) {
    let asked = |e: &Effect| {
        if let Effect::Think(turn) = e { Some((turn.id.clone(), turn.conversation.clone())) } else { None }
    };
    life.all.iter().rev().find_map(asked).expect("logic was asked")
}

pub(crate) fn decide(life: &mut Life, actions: Vec<Action>) {
    let (turn, conversation) = turn(life);
    life.tell(Event::Decided { conversation, turn, decided: Decided::Actions(actions) });
}

pub(crate) fn commit(life: &mut Life, outcome: CommitOutcome) {
    let (turn, conversation) = turn(life);
    life.tell(Event::Committed { conversation, turn, outcome });
}

pub(crate) fn is_reading(effect: &Effect) -> bool {
    matches!(effect, Effect::Ask(_, Request::ReadHistory { .. }))
}

#[test]
fn a_conversation_that_a_person_had_is_taken_up_again_when_it_comes_back() {
    let mut life = Life::online(false);
    assigned(&mut life);
    shown(&mut life, ChangeKind::Delete, "1.77");
    assert!(life.effects.iter().any(|e| matches!(e, Effect::Release { .. })), "{:?}", life.effects);
    shown(&mut life, ChangeKind::Upsert, "1.2");
    claim_answered(&mut life, held(None));
    assert!(life.effects.iter().any(is_reading), "{:?}", life.effects);
}

#[test]
fn an_answer_to_a_reading_of_an_earlier_holding_is_none_to_the_next() {
    let mut life = Life::online(false);
    shown(&mut life, ChangeKind::Upsert, "1.2");
    claim_answered(&mut life, held(None));
    let asked = |life: &Life| {
        let ticket = |e: &Effect| match e {
            Effect::Ask(ticket, Request::ReadHistory { .. }) => Some(*ticket),
            _ => None,
        };
        life.all.iter().filter_map(ticket).next_back().unwrap()
    };
    let earlier = asked(&life);
    shown(&mut life, ChangeKind::Delete, "1.77");
    shown(&mut life, ChangeKind::Upsert, "1.2");
    claim_answered(&mut life, held(None));
    assert_ne!(asked(&life), earlier, "it is read again");
    life.tell(Event::Answered { ticket: earlier, outcome: Outcome::History(Vec::new()) });
    assert!(life.effects.is_empty(), "{:?}", life.effects);
    history(&mut life, Vec::new());
    assert!(!life.effects.is_empty());
}

#[test]
fn a_conversation_that_comes_back_during_a_commit_is_read_again() {
    let mut life = Life::online(false);
    assigned(&mut life);
    decide(&mut life, vec![]);
    shown(&mut life, ChangeKind::Delete, "1.77");
    shown(&mut life, ChangeKind::Upsert, "1.2");
    assert!(life.effects.iter().any(is_reading), "{:?}", life.effects);
    commit(&mut life, CommitOutcome::Committed);
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
        life.tell(Event::Conversations { generation, subscription: None, changes: Vec::new(), lost });
        if lost == 0 {
            let ticket = crate::closing::find_asked(&life);
            crate::closing::found(&mut life, ticket, Vec::new());
        }
        assert_eq!(life.bot.view().conversations, left, "{lost} changes lost");
    }
}

#[test]
fn nothing_is_read_before_the_claim_is_held_and_a_claim_in_doubt_is_asked_for_again() {
    let mut life = Life::online(false);
    shown(&mut life, ChangeKind::Upsert, "1.2");
    assert!(matches!(life.effects[..], [Effect::Claim { .. }]), "{:?}", life.effects);
    claim_answered(&mut life, ClaimOutcome::Fenced);
    assert!(life.effects.is_empty(), "{:?}", life.effects);
    assert!(matches!(life.wake(), [Effect::Claim { .. }]), "{:?}", life.effects);
    claim_answered(&mut life, held(None));
    assert!(life.effects.iter().any(is_reading), "{:?}", life.effects);
}

#[test]
fn what_the_pool_remembers_is_gone_on_with() {
    let mut life = Life::online(false);
    shown(&mut life, ChangeKind::Upsert, "1.2");
    claim_answered(&mut life, held(Some(Sequence(4))));
    let from = |e: &Effect| matches!(e, Effect::Ask(_, Request::ReadHistory { newer_than, .. }) if newer_than.0 == 4);
    assert!(life.effects.iter().any(from), "{:?}", life.effects);
    history(&mut life, vec![message(5)]);
    let Some(Effect::Think(turn)) = life.effects.iter().find(|e| matches!(e, Effect::Think(_))) else {
        panic!("{:?}", life.effects)
    };
    assert_eq!(turn.variables.get("seen"), Some(&serde_json::json!(true)), "no second opening");
    assert!(matches!(&turn.event, TurnEvent::Message { sequence: Sequence(5), .. }), "{turn:?}");
}

/// Which of two messages, with a word of the brand's side between them, are owed at the first claim.
#[test]
fn the_pools_rule_says_where_it_starts() {
    for (start, owed) in [(Start::Unanswered, vec![2]), (Start::Now, vec![]), (Start::All, vec![0, 2])] {
        let mut life = Life::of_pool(Duty { start, ..Duty::default() });
        shown(&mut life, ChangeKind::Upsert, "1.2");
        claim_answered(&mut life, held(None));
        let answer = MessageEvent { role: Role::AssignedAgent, originator: "1.77".into(), ..message(1) };
        history(&mut life, vec![message(0), answer, message(2)]);
        for _ in 0..3 {
            if matches!(life.effects.iter().find(|e| matches!(e, Effect::Think(_))), Some(Effect::Think(_))) {
                decide(&mut life, vec![]);
                commit(&mut life, CommitOutcome::Committed);
            }
        }
        let asked = life.all.iter().filter_map(|effect| match effect {
            Effect::Think(turn) => match &turn.event {
                TurnEvent::Message { sequence, .. } => Some(sequence.0),
                TurnEvent::Opened | TurnEvent::Closed { .. } => None,
            },
            _ => None,
        });
        assert_eq!(asked.collect::<Vec<_>>(), owed, "{start:?}");
    }
}

#[test]
fn what_a_former_holder_committed_is_looked_for_before_it_is_sent() {
    let mut life = Life::online(false);
    shown(&mut life, ChangeKind::Upsert, "1.2");
    let deed = Deed::Text { text: "late".into() };
    let row = RestoredDeed { turn: "t".into(), n: 0, tag: "mu1.x.s4.0".into(), deed, committed: None };
    let recalled = Recalled {
        cursor: Some(("C1".into(), Cursor::at(Sequence(4)))),
        outbox: vec![row],
        ..Recalled::default()
    };
    claim_answered(&mut life, ClaimOutcome::Held(Box::new(recalled)));
    history(&mut life, Vec::new());
    let publishes = |e: &Effect| matches!(e, Effect::Ask(_, Request::Publish { .. }));
    assert_eq!(life.count(publishes), 0);
    life.wake();
    assert!(life.effects.iter().any(is_reading), "after `settle` it is looked for: {:?}", life.effects);
    history(&mut life, Vec::new());
    assert_eq!(life.count(publishes), 1, "{:?}", life.effects);
}

#[test]
fn a_hole_between_the_history_and_what_was_heard_meanwhile_is_read() {
    let mut life = Life::online(false);
    shown(&mut life, ChangeKind::Upsert, "1.2");
    claim_answered(&mut life, held(None));
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
    assert!(until > life.now.moment, "{until:?}");
    life.tell(quarantined());
    assert_eq!(life.bot.deadline(), None);
}

#[test]
fn a_retiring_bot_without_a_socket_connects_to_hand_back() {
    let mut life = Life::online(false);
    assigned(&mut life);
    decide(&mut life, vec![]);
    commit(&mut life, CommitOutcome::Committed);
    life.close(1000);
    life.tell(Event::Drain { ending: Ending::Retire, within: Duration::from_secs(9) });
    assert!(!life.effects.contains(&Effect::Drained));
    assert!(matches!(life.wake(), [Effect::Open { .. }]), "{:?}", life.effects);
}

#[test]
fn a_quarantined_bot_ends_at_once_whatever_hangs_in_it() {
    let mut life = Life::online(false);
    assigned(&mut life);
    life.tell(quarantined());
    life.tell(Event::Drain { ending: Ending::Restart, within: Duration::from_secs(9) });
    assert!(life.effects.contains(&Effect::Drained), "{:?}", life.effects);
}

fn revived(life: &mut Life, n: usize, text: &str) {
    let tagger = Tagger::new("1".into(), "p".into());
    let trigger = Trigger::Message(Sequence(1));
    let turn = tagger.turn(&"C1".into(), &"C1".into(), trigger);
    let deed = RestoredDeed {
        turn,
        n,
        tag: tagger.tag(trigger, n),
        deed: Deed::Text { text: text.into() },
        committed: None,
    };
    life.tell(Event::Revived { conversation: "C1".into(), deeds: vec![deed] });
}

#[test]
fn a_revived_deed_is_looked_for_from_its_own_message_before_it_is_sent() {
    let mut life = Life::online(false);
    shown(&mut life, ChangeKind::Upsert, "1.2");
    claim_answered(&mut life, held(Some(Sequence(9))));
    history(&mut life, Vec::new());
    let publishes = |e: &Effect| matches!(e, Effect::Ask(_, Request::Publish { .. }));
    for _ in 0..2 {
        revived(&mut life, 0, "once more");
        assert!(!life.effects.iter().any(publishes), "it may have been done: {:?}", life.effects);
    }
    life.pass(Duration::from_mins(1));
    let looks = |e: &Effect| matches!(e, Effect::Ask(_, Request::ReadHistory { newer_than, .. }) if *newer_than == Sequence(1));
    assert!(life.all.iter().any(looks), "later turns have moved the cursor past it: {:?}", life.all);
    assert!(!life.all.iter().any(publishes));
    history(&mut life, Vec::new());
    assert_eq!(life.all.iter().filter(|e| publishes(e)).count(), 1, "told of twice, sent once");
}

#[test]
fn what_the_history_shows_opened_is_not_opened_again() {
    let mut life = Life::online(false);
    shown(&mut life, ChangeKind::Upsert, "1.2");
    claim_answered(&mut life, held(None));
    let tagger = Tagger::new("1".into(), "p".into());
    let greeting = MessageEvent {
        originator: "1.2".into(),
        originator_pid: "pid".into(),
        role: Role::AssignedAgent,
        external_ids: vec![tagger.tag(Trigger::Opened, 0)],
        ..message(1)
    };
    // What is before the page, and what after it: nothing.
    for page in [vec![greeting, message(2)], Vec::new(), Vec::new()] {
        history(&mut life, page);
    }
    let asked: Vec<_> = life
        .all
        .iter()
        .filter_map(|e| if let Effect::Think(turn) = e { Some(&turn.event) } else { None })
        .collect();
    assert!(matches!(asked[..], [TurnEvent::Message { sequence: Sequence(2), .. }]), "{asked:?}");
}

/// The cursor that passes what a person answered is the store's only with the next turn.
#[test]
fn what_a_person_answered_before_a_restart_is_not_answered_after_it() {
    let held = Restored {
        conversation: "C1".into(),
        dialog: "C1".into(),
        cursor: Some(Cursor::at(Sequence(0))),
        variables: muster_core::turn::Variables::new(),
        outbox: Vec::new(),
    };
    let mut life = Life::after_a_restart(held);
    shown(&mut life, ChangeKind::Upsert, "1.2");
    let person = MessageEvent {
        originator: "1.77".into(),
        originator_pid: "person".into(),
        role: Role::AssignedAgent,
        ..message(2)
    };
    history(&mut life, vec![message(1), person, message(3)]);
    let asked: Vec<_> = life
        .all
        .iter()
        .filter_map(|e| if let Effect::Think(turn) = e { Some(&turn.event) } else { None })
        .collect();
    assert!(matches!(asked[..], [TurnEvent::Message { sequence: Sequence(3), .. }]), "{asked:?}");
}

/// A conversation that another pool gives away between its greeting and its answer.
#[test]
fn what_another_pool_greeted_and_did_not_answer_is_owed() {
    let theirs = Tagger::new("1".into(), "other".into());
    let said = |sequence, trigger| MessageEvent {
        originator: "1.9".into(),
        originator_pid: "theirs".into(),
        role: Role::AssignedAgent,
        external_ids: vec![theirs.tag(trigger, 0)],
        ..message(sequence)
    };
    for (history_of, owed) in [
        (vec![message(0), said(1, Trigger::Opened)], Some(0)),
        (
            vec![message(0), said(1, Trigger::Opened), message(2), said(3, Trigger::Message(Sequence(0)))],
            Some(2),
        ),
        (vec![message(0), said(1, Trigger::Message(Sequence(0)))], None),
    ] {
        let mut life = Life::online(false);
        shown(&mut life, ChangeKind::Upsert, "1.2");
        let words = format!("{history_of:?}");
        claim_answered(&mut life, held(None));
        history(&mut life, history_of);
        let asked = |e: &Effect| match e {
            Effect::Think(turn) => match &turn.event {
                TurnEvent::Message { sequence, .. } => Some(sequence.0),
                _ => None,
            },
            _ => None,
        };
        // The opening comes first; nothing is said at it.
        decide(&mut life, vec![]);
        commit(&mut life, CommitOutcome::Committed);
        assert_eq!(life.all.iter().find_map(asked), owed, "{words}");
    }
}

/// Where only subscribers are told, a dialog that is not subscribed to is deaf.
#[test]
fn messages_are_subscribed_to_before_the_history_is_read_and_until_it_is_granted() {
    let rules = Rules { subscribe_messages: true, ..Rules::default() };
    let mut life = Life::by(rules, false).into_online(false);
    let asked = |life: &Life| {
        let subscribes = |e: &Effect| match e {
            Effect::Ask(ticket, Request::SubscribeMessages { from, .. }) => Some((*ticket, from.0)),
            _ => None,
        };
        life.all.iter().filter_map(subscribes).collect::<Vec<_>>()
    };
    shown(&mut life, ChangeKind::Upsert, "1.2");
    claim_answered(&mut life, held(Some(Sequence(4))));
    let [(ticket, 5)] = asked(&life)[..] else { panic!("{:?}", asked(&life)) };
    assert!(life.effects.iter().any(is_reading), "{:?}", life.effects);
    // It was not granted: both are asked for again, and a page from before does not make it live.
    life.tell(Event::Answered { ticket, outcome: Outcome::Unknown });
    history(&mut life, Vec::new());
    life.pass(Duration::from_secs(30));
    let [_, (ticket, 5)] = asked(&life)[..] else { panic!("{:?}", asked(&life)) };
    assert!(life.effects.iter().any(is_reading), "{:?}", life.effects);
    life.tell(Event::Answered { ticket, outcome: Outcome::Done });
    history(&mut life, Vec::new());
    // A hole is read without asking for more; a new socket knows nothing of the last one's.
    let generation = life.generation();
    life.tell(Event::Message { generation, event: Box::new(message(9)) });
    assert!(life.effects.iter().any(is_reading), "{:?}", life.effects);
    assert_eq!(asked(&life).len(), 2);
    life.close(1000);
    life.wake();
    life.connect();
    shown(&mut life, ChangeKind::Upsert, "1.2");
    assert_eq!(asked(&life).len(), 3);
}
