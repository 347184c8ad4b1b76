//! Conversations that come, go, come back, and the turns in them.

use std::time::Duration;

use liveperson_proto::conversation::{ChangeKind, Conversation, ConversationChange};
use liveperson_proto::message::{EventBody, MessageEvent, Role};
use liveperson_proto::request::Request;
use liveperson_proto::{ConversationId, Sequence};
use muster_core::TurnId;
use muster_core::bot::{Ending, Event, LoginFault};
use muster_core::dialog::{CommitOutcome, Decided, Effect, Outcome};
use muster_core::turn::Action;

use crate::life::Life;

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
pub(crate) fn assigned(life: &mut Life) {
    shown(life, ChangeKind::Upsert, "1.2");
    let [Effect::Note(_), Effect::Ask(ticket, Request::ReadHistory { .. })] = &life.effects[..] else {
        panic!("{:?}", life.effects)
    };
    let (ticket, outcome) = (*ticket, Outcome::History(Vec::new()));
    life.tell(Event::Answered { ticket, outcome });
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

#[test]
fn an_action_that_the_platform_refuses_becomes_a_dead_letter_and_blocks_nothing() {
    let mut life = Life::online(false);
    assigned(&mut life);
    let say = |text: &str| Action::Say { text: text.into() };
    decide(&mut life, vec![say("refused"), say("next")]);
    commit(&mut life, CommitOutcome::Committed);
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
        decide(&mut life, vec![]);
        let moved = life.effects.iter().any(|e| matches!(e, Effect::Commit(commit) if commit.moves_claim));
        assert_eq!(moved, moves, "turn {sequence}");
        commit(&mut life, outcome);
        life.tell(Event::Message { generation, event: Box::new(message(sequence)) });
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
    life.tell(Event::Quarantined { because: "its logic hangs".into() });
    life.tell(Event::Drain { ending: Ending::Restart, within: Duration::from_secs(9) });
    assert!(life.effects.contains(&Effect::Drained), "{:?}", life.effects);
}
