//! Conversations that are closed, with the bot online or away.

use std::time::Duration;

use liveperson_proto::Sequence;
use liveperson_proto::conversation::{ChangeKind, Conversation, ConversationChange};
use liveperson_proto::message::Role;
use liveperson_proto::request::{FieldChange, Request};
use muster_core::bot::{Ending, Event};
use muster_core::dialog::{CommitOutcome, CommitTurn, Cursor, Decided, Effect, Note, Outcome};
use muster_core::turn::{Action, Turn, TurnEvent};

use crate::conversations::{
    assigned, change, claim_answered, commit, decide, held, history, is_reading, message, shown, turn,
};
use crate::life::Life;

pub(crate) fn closed() -> Conversation {
    Conversation { main_open: false, stage_open: false, ..change(ChangeKind::Upsert, "1.2").conversation }
}

fn tell_closed(life: &mut Life) {
    let generation = life.generation();
    let changes = vec![ConversationChange { kind: ChangeKind::Delete, conversation: closed() }];
    life.tell(Event::Conversations { generation, subscription: None, changes, lost: 0 });
}

/// A conversation whose opening is committed.
fn opened(life: &mut Life) {
    assigned(life);
    decide(life, vec![]);
    commit(life, CommitOutcome::Committed);
}

fn heard(life: &mut Life, sequence: i64) {
    let generation = life.generation();
    life.tell(Event::Message { generation, event: Box::new(message(sequence)) });
}

fn asked_turn(life: &Life) -> Turn {
    let asked = |e: &Effect| if let Effect::Think(turn) = e { Some((**turn).clone()) } else { None };
    life.all.iter().rev().find_map(asked).expect("logic was asked")
}

fn unseen(life: &Life) -> Vec<i64> {
    let TurnEvent::Closed { unseen, .. } = asked_turn(life).event else { panic!("no closed turn") };
    unseen.iter().map(|message| message.sequence.0).collect()
}

fn last_commit(life: &Life) -> CommitTurn {
    let commit = |e: &Effect| if let Effect::Commit(commit) = e { Some((**commit).clone()) } else { None };
    life.all.iter().rev().find_map(commit).expect("a turn was committed")
}

fn is_release(effect: &Effect) -> bool {
    matches!(effect, Effect::Release { done: true, reason, .. } if reason == "the conversation was closed")
}

fn is_publish(effect: &Effect) -> bool {
    matches!(effect, Effect::Ask(_, Request::Publish { .. }))
}

/// Reconnects; the first notification shows nothing, and the bot asks for what it misses.
pub(crate) fn back_without_it(life: &mut Life) -> muster_core::dialog::Ticket {
    life.close(1000);
    life.wake();
    let generation = life.generation();
    life.tell(Event::SocketOpened { generation });
    life.answer_all();
    let subscription = Some("own".into());
    life.tell(Event::Conversations { generation, subscription, changes: Vec::new(), lost: 0 });
    find_asked(life)
}

pub(crate) fn find_asked(life: &Life) -> muster_core::dialog::Ticket {
    let asked = |e: &Effect| match e {
        Effect::Ask(ticket, Request::FindConversation { .. }) => Some(*ticket),
        _ => None,
    };
    life.all.iter().rev().find_map(asked).expect("the conversation is read by its id")
}

pub(crate) fn found(life: &mut Life, ticket: muster_core::dialog::Ticket, what: Vec<Conversation>) {
    life.tell(Event::Answered { ticket, outcome: Outcome::Subscribed("find".into()) });
    let generation = life.generation();
    let change = |conversation| ConversationChange { kind: ChangeKind::Upsert, conversation };
    let changes = what.into_iter().map(change).collect();
    life.tell(Event::Conversations { generation, subscription: Some("find".into()), changes, lost: 0 });
}

#[test]
fn a_conversation_closed_while_the_bot_was_away_gives_one_last_turn_with_what_was_not_seen() {
    let mut life = Life::online(false);
    opened(&mut life);
    let ticket = back_without_it(&mut life);
    assert_eq!(life.count(is_release), 0, "it may be closed or not ours: the platform says which");
    found(&mut life, ticket, vec![closed()]);
    assert!(life.all.iter().any(|e| matches!(e, Effect::Ask(_, Request::Unsubscribe { .. }))));
    history(&mut life, vec![message(0), message(2)]);
    assert_eq!(unseen(&life), [0, 2]);
    decide(&mut life, vec![Action::Set { name: "n".into(), value: 1.into() }]);
    let committed = last_commit(&life);
    assert_eq!(committed.cursor, Cursor { sequence: Sequence(2), step: 1 });
    assert_eq!(committed.variables, r#"{"n":1,"seen":true}"#);
    assert_eq!(life.count(is_release), 0, "not before its commit");
    commit(&mut life, CommitOutcome::Committed);
    assert_eq!((life.count(is_release), life.bot.view().conversations), (1, 0));
}

#[test]
fn a_conversation_that_went_elsewhere_while_the_bot_was_away_is_let_go_without_a_turn() {
    for what in [vec![], vec![change(ChangeKind::Upsert, "1.77").conversation]] {
        let mut life = Life::online(false);
        opened(&mut life);
        let turns = life.count(|e| matches!(e, Effect::Think(_)));
        let ticket = back_without_it(&mut life);
        found(&mut life, ticket, what);
        let released = |e: &Effect| matches!(e, Effect::Release { done: false, .. });
        assert_eq!((life.count(released), life.bot.view().conversations), (1, 0));
        assert_eq!(life.count(|e| matches!(e, Effect::Think(_))), turns);
    }
}

/// The snapshot came in pieces, or was read too early: what is found open and ours is gone on with.
#[test]
fn a_missing_conversation_that_is_found_open_and_ours_is_gone_on_with() {
    let mut life = Life::online(false);
    opened(&mut life);
    let ticket = back_without_it(&mut life);
    found(&mut life, ticket, vec![change(ChangeKind::Upsert, "1.2").conversation]);
    assert!(life.effects.iter().any(is_reading), "{:?}", life.effects);
    history(&mut life, vec![message(0)]);
    assert!(matches!(asked_turn(&life).event, TurnEvent::Message { sequence: Sequence(0), .. }));
}

#[test]
fn a_question_for_a_conversation_that_gets_lost_is_asked_again_and_not_for_ever() {
    let mut life = Life::online(false);
    opened(&mut life);
    let mut ticket = back_without_it(&mut life);
    for _ in 0..4 {
        life.tell(Event::Answered { ticket, outcome: Outcome::Unknown });
        life.wake();
        assert_ne!(find_asked(&life), ticket, "asked again");
        ticket = find_asked(&life);
    }
    // Now the notification is what gets lost.
    life.tell(Event::Answered { ticket, outcome: Outcome::Subscribed("find".into()) });
    life.pass(Duration::from_secs(11));
    assert_eq!(life.bot.view().conversations, 0, "no state without a way out");
}

#[test]
fn the_turn_under_way_is_committed_before_the_last_one_and_says_nothing_any_more() {
    let mut life = Life::online(false);
    opened(&mut life);
    heard(&mut life, 0);
    let (under_way, _) = turn(&life);
    heard(&mut life, 1);
    tell_closed(&mut life);
    history(&mut life, vec![message(0), message(1), message(2)]);
    assert_eq!(turn(&life).0, under_way, "one turn at a time");
    decide(&mut life, vec![Action::Say { text: "too late".into() }]);
    commit(&mut life, CommitOutcome::Committed);
    assert_eq!(life.count(is_publish), 0);
    assert_eq!(unseen(&life), [1, 2], "also what no notification told");
    decide(&mut life, vec![]);
    commit(&mut life, CommitOutcome::Committed);
    let dropped = |e: &Effect| matches!(e, Effect::Note(Note::Dropped { actions: 1, .. }));
    assert_eq!((life.count(is_release), life.count(dropped)), (1, 1));
}

#[test]
fn what_needs_an_open_conversation_is_refused_in_words_and_the_end_comes_all_the_same() {
    let mut life = Life::online(false);
    opened(&mut life);
    tell_closed(&mut life);
    history(&mut life, Vec::new());
    assert_eq!(unseen(&life), Vec::<i64>::new());
    for _ in 0..3 {
        decide(&mut life, vec![Action::Say { text: "x".into() }]);
        if life.bot.deadline().is_some_and(|at| at.since(life.now.moment) < Duration::from_secs(5)) {
            life.wake();
        }
    }
    let words = life.all.iter().find_map(|e| match e {
        Effect::Note(Note::TurnRetried { words, .. }) => Some(words.clone()),
        _ => None,
    });
    assert_eq!(words.unwrap(), "action 0: the conversation is closed, so only `set` can take effect");
    assert!(last_commit(&life).actions.is_empty());
    commit(&mut life, CommitOutcome::Committed);
    assert_eq!(life.count(is_release), 1);
}

#[test]
fn a_bots_own_close_is_followed_by_what_it_had_not_seen() {
    let mut life = Life::online(false);
    opened(&mut life);
    heard(&mut life, 0);
    heard(&mut life, 1);
    decide(&mut life, vec![Action::Close]);
    commit(&mut life, CommitOutcome::Committed);
    let closes = |e: &Effect| match e {
        Effect::Ask(ticket, Request::UpdateConversation { changes, .. })
            if matches!(changes[..], [FieldChange::Close]) =>
        {
            Some(*ticket)
        }
        _ => None,
    };
    let ticket = life.all.iter().rev().find_map(closes).expect("it closes");
    life.tell(Event::Answered { ticket, outcome: Outcome::Done });
    tell_closed(&mut life);
    history(&mut life, vec![message(1)]);
    assert_eq!(unseen(&life), [1]);
    decide(&mut life, vec![]);
    commit(&mut life, CommitOutcome::Committed);
    assert_eq!((life.count(is_release), life.bot.view().conversations), (1, 0));
}

#[test]
fn a_last_turn_that_was_committed_before_a_crash_only_ends_the_claim() {
    let mut life = Life::online(false);
    opened(&mut life);
    tell_closed(&mut life);
    history(&mut life, Vec::new());
    decide(&mut life, vec![]);
    commit(&mut life, CommitOutcome::AlreadyCommitted);
    assert_eq!(life.count(is_release), 1);
}

#[test]
fn a_closed_history_that_may_not_be_read_holds_nothing_up() {
    let mut life = Life::online(false);
    opened(&mut life);
    heard(&mut life, 0);
    let (conversation, turn) = {
        let (turn, conversation) = turn(&life);
        (conversation, turn)
    };
    heard(&mut life, 1);
    tell_closed(&mut life);
    let reading = life.all.iter().rev().find_map(|e| match e {
        Effect::Ask(ticket, Request::ReadHistory { .. }) => Some(*ticket),
        _ => None,
    });
    let outcome = Outcome::Refused { code: 403, words: "closed".into() };
    life.tell(Event::Answered { ticket: reading.unwrap(), outcome });
    life.tell(Event::Decided { conversation, turn, decided: Decided::Actions(vec![]) });
    commit(&mut life, CommitOutcome::Committed);
    assert_eq!(unseen(&life), [1]);
}

#[test]
fn a_retiring_bot_gives_the_last_turn_and_a_restarting_one_leaves_it_to_its_next_life() {
    for (ending, turns) in [(Ending::Retire, 1), (Ending::Restart, 0)] {
        let mut life = Life::online(false);
        opened(&mut life);
        tell_closed(&mut life);
        life.tell(Event::Drain { ending, within: Duration::from_secs(9) });
        if ending == Ending::Retire {
            history(&mut life, vec![message(0)]);
            decide(&mut life, vec![]);
            commit(&mut life, CommitOutcome::Committed);
        }
        assert_eq!(life.count(is_release), turns, "{ending:?}");
        assert!(life.all.contains(&Effect::Drained), "{ending:?}: {:?}", life.effects);
    }
}

#[test]
fn an_answer_to_an_earlier_claim_is_not_taken() {
    let mut life = Life::online(false);
    shown(&mut life, ChangeKind::Upsert, "1.2");
    let stale = life.claim_number();
    shown(&mut life, ChangeKind::Delete, "1.77");
    shown(&mut life, ChangeKind::Upsert, "1.2");
    life.tell(Event::ClaimAnswered {
        conversation: "C1".into(),
        number: stale,
        outcome: held(Some(Sequence(9))),
    });
    assert!(life.effects.is_empty(), "a pool-mate may have answered meanwhile: {:?}", life.effects);
    claim_answered(&mut life, held(Some(Sequence(3))));
    let from = |e: &Effect| matches!(e, Effect::Ask(_, Request::ReadHistory { newer_than, .. }) if newer_than.0 == 3);
    assert!(life.effects.iter().any(from), "{:?}", life.effects);
}

#[test]
fn a_page_that_was_asked_for_by_an_earlier_reading_is_not_taken() {
    let mut life = Life::online(false);
    shown(&mut life, ChangeKind::Upsert, "1.2");
    claim_answered(&mut life, held(Some(Sequence(-1))));
    let ticket = life.effects.iter().find_map(|e| if let Effect::Ask(t, _) = e { Some(*t) } else { None });
    tell_closed(&mut life);
    let turns = life.count(|e| matches!(e, Effect::Think(_)));
    life.tell(Event::Answered { ticket: ticket.unwrap(), outcome: Outcome::History(Vec::new()) });
    assert_eq!(life.count(|e| matches!(e, Effect::Think(_))), turns, "the last look is still on its way");
    history(&mut life, vec![message(0)]);
    assert_eq!(unseen(&life), [0]);
}

#[test]
fn a_consumer_who_steps_up_in_mid_turn_changes_nothing_else() {
    let mut life = Life::online(false);
    opened(&mut life);
    heard(&mut life, 0);
    let before = asked_turn(&life);
    let generation = life.generation();
    let mut stepped = change(ChangeKind::Upsert, "1.2");
    stepped.conversation.participants =
        vec![("1.2".into(), Role::AssignedAgent), ("known".into(), Role::Consumer)];
    life.tell(Event::Conversations { generation, subscription: None, changes: vec![stepped], lost: 0 });
    assert!(life.effects.iter().any(|e| matches!(e, Effect::Note(Note::SteppedUp { .. }))));
    assert_eq!(life.count(|e| matches!(e, Effect::Claim { .. })), 1, "the claim stays");
    decide(&mut life, vec![]);
    commit(&mut life, CommitOutcome::Committed);
    heard(&mut life, 1);
    let after = asked_turn(&life);
    assert_eq!((before.consumer, before.former_consumer), (Some("cons".into()), None));
    assert_eq!((after.consumer, after.former_consumer), (Some("known".into()), Some("cons".into())));
    assert_eq!(after.variables, before.variables);
}

#[test]
fn what_is_said_in_another_dialog_of_the_conversation_starts_no_turn() {
    let mut life = Life::online(false);
    opened(&mut life);
    let generation = life.generation();
    let turns = life.count(|e| matches!(e, Effect::Think(_)));
    let mut survey = message(7);
    survey.dialog = "survey".into();
    life.tell(Event::Message { generation, event: Box::new(survey) });
    assert_eq!(life.count(|e| matches!(e, Effect::Think(_))), turns);
    heard(&mut life, 0);
    decide(&mut life, vec![]);
    assert_eq!(last_commit(&life).cursor, Cursor::at(Sequence(0)), "nor does it move the cursor");
}
