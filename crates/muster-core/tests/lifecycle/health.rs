//! What a bot knows to be not as it should be, and what it owes since when.

use std::time::Duration;

use liveperson_proto::Sequence;
use liveperson_proto::conversation::ChangeKind;
use liveperson_proto::message::{EventBody, MessageEvent};
use liveperson_proto::request::Request;
use liveperson_proto::ring::{Ring, RingState};
use muster_core::bot::{Event, RefreshFault, State, View};
use muster_core::dialog::{CommitOutcome, Effect, Note, Outcome, Ticket};
use muster_core::health::Degraded;
use muster_core::quarantine::{Kind, Quarantine};
use muster_core::turn::Action;

use crate::conversations::{claim_answered, commit, decide, held, history, message, shown};
use crate::life::{Life, ring};

const SECOND: Duration = Duration::from_secs(1);

fn said(sequence: i64, at: i64) -> MessageEvent {
    MessageEvent { at: Some(at), ..message(sequence) }
}

fn owed(life: &Life) -> Option<i64> {
    life.bot.view().vitals.oldest_owed
}

/// A bot that has answered nothing yet of what this history holds.
fn taking_up(life: &mut Life, events: Vec<MessageEvent>) {
    shown(life, ChangeKind::Upsert, "1.2");
    claim_answered(life, held(Some(Sequence(0))));
    history(life, events);
}

fn say_and_commit(life: &mut Life) {
    decide(life, vec![Action::Say { text: "hi".into() }]);
    commit(life, CommitOutcome::Committed);
}

fn confirm(life: &mut Life) {
    let ticket = life.all.iter().rev().find_map(|e| match e {
        Effect::Ask(ticket, Request::Publish { .. }) => Some(*ticket),
        _ => None,
    });
    life.tell(Event::Answered { ticket: ticket.expect("something was said"), outcome: Outcome::Done });
}

#[test]
fn a_message_is_owed_from_when_it_was_said_until_its_answer_is_confirmed() {
    let mut life = Life::online(false);
    let before = life.now.wall - 40_000;
    assert_eq!((owed(&life), life.bot.view().owed_known), (None, true));
    taking_up(&mut life, vec![said(1, before), said(2, before + 1_000)]);
    assert_eq!(owed(&life), Some(before), "it waited while nobody listened");
    assert!(life.bot.view().owed_known);
    say_and_commit(&mut life);
    assert_eq!(owed(&life), Some(before), "a committed answer is not yet an answer");
    confirm(&mut life);
    assert_eq!(owed(&life), Some(before + 1_000), "then the next one is the oldest");
    say_and_commit(&mut life);
    confirm(&mut life);
    assert_eq!(owed(&life), None);
}

#[test]
fn the_platforms_clock_is_corrected_and_no_message_is_said_in_the_future() {
    for (offset, at, expected) in [(0, -5_000, -5_000), (90_000, 85_000, -5_000), (0, 70_000, 0)] {
        let mut life = Life::online(false);
        life.tell(Event::ClockOffset { millis: offset });
        let now = life.now.wall;
        taking_up(&mut life, vec![said(1, now + at)]);
        assert_eq!(owed(&life), Some(now + expected), "offset {offset}, said {at}");
    }
    let mut life = Life::online(false);
    taking_up(&mut life, vec![message(1)]);
    assert_eq!(owed(&life), Some(life.now.wall), "without a time it counts from when it was heard");
}

#[test]
fn what_is_owed_stays_owed_without_a_socket_and_nobody_claims_to_know_more() {
    assert!(!Life::new(false).bot.view().owed_known, "nobody has shown it anything yet");
    let mut life = Life::online(false);
    let at = life.now.wall;
    taking_up(&mut life, vec![said(1, at)]);
    life.close(1000);
    let view = life.bot.view();
    assert_eq!((view.vitals.oldest_owed, view.owed_known), (Some(at), false));
    life.wake();
    let generation = life.generation();
    life.tell(Event::SocketOpened { generation });
    assert!(!life.bot.view().owed_known, "the platform has not shown yet what is ours");
}

#[test]
fn receipts_and_what_the_brand_says_are_not_owed() {
    let mut life = Life::online(false);
    let at = life.now.wall;
    let receipt = MessageEvent { body: EventBody::AcceptStatus, ..said(1, at) };
    taking_up(&mut life, vec![receipt]);
    assert_eq!(owed(&life), None);
}

fn names(view: &View) -> &[Degraded] {
    &view.degraded
}

#[test]
fn each_fact_has_its_name_and_ends_with_it() {
    let mut life = Life::online(false);
    assert_eq!(names(&life.bot.view()), []);
    life.tell(Event::Fenced { why: "the store is away".into() });
    assert_eq!(names(&life.bot.view()), [Degraded::Fenced]);
    life.tell(Event::Unfenced);
    life.wake();
    life.tell(Event::RefreshFailed(RefreshFault::Unauthorized));
    let view = life.bot.view();
    assert_eq!((view.state, names(&view)), (State::Online, &[Degraded::TokenInDoubt][..]));
    life.tell(Event::LoggedIn(crate::life::identity()));
    assert_eq!(names(&life.bot.view()), []);
    life.close(1000);
    let view = life.bot.view();
    assert_eq!(names(&view), [Degraded::Waiting]);
    let deadline = life.bot.deadline().unwrap().since(life.now.moment).as_millis() as i64;
    assert_eq!(view.waits_until, Some(life.now.wall + deadline), "a wait has a deadline");
    let (account, bot) = ("1".into(), "b".into());
    life.tell(Event::Quarantined(Quarantine::of(&account, &bot, Kind::Stuck, "its logic hangs")));
    assert_eq!(names(&life.bot.view()), [], "who is held off on purpose is not degraded");
}

#[test]
fn only_what_comes_through_the_socket_in_hand_proves_that_the_platform_is_there() {
    let mut life = Life::online(false);
    let heard = |life: &Life| life.bot.view().vitals.heard;
    let opened = life.now.moment;
    assert_eq!(heard(&life), Some(opened));
    life.pass(SECOND);
    life.tell(Event::Rings { generation: life.generation() + 1, rings: Vec::new() });
    assert_eq!(heard(&life), Some(opened), "another socket proves nothing");
    life.tell(Event::ClockOffset { millis: 3 });
    assert_eq!(heard(&life), Some(life.now.moment));
    let told = life.now.moment;
    let ends = life.now.wall + 60_000;
    offer(&mut life, vec![ring(1, ends), ring(2, ends)]);
    life.pass(SECOND);
    let ticket = acceptance(&life);
    life.tell(Event::Answered { ticket, outcome: Outcome::Unknown });
    assert_eq!(heard(&life), Some(told), "silence is no answer");
    life.tell(Event::Answered { ticket: Ticket(ticket.0 - 1), outcome: Outcome::Done });
    assert_eq!(heard(&life), Some(life.now.moment), "an answer is one");
    life.close(1000);
    assert_eq!(heard(&life), None);
    life.tell(Event::ClockOffset { millis: 3 });
    assert_eq!(heard(&life), None, "a late answer opens no socket");
}

#[test]
fn a_token_ages_from_its_last_refresh_and_one_that_cannot_be_refreshed_never() {
    let mut life = Life::new(true).into_online(true);
    let born = life.now.wall;
    assert_eq!(life.bot.view().vitals.token_since, Some(born), "of a sealed one nobody knows more");
    life.wake();
    life.tell(Event::RefreshFailed(RefreshFault::Unwell));
    assert_eq!(life.bot.view().vitals.token_since, Some(born));
    life.wake();
    life.tell(Event::Refreshed);
    assert_eq!(life.bot.view().vitals.token_since, Some(life.now.wall));
    let mut handed_in = Life::with_token();
    handed_in.tell(Event::Resolved);
    handed_in.connect();
    assert_eq!(handed_in.bot.view().vitals.token_since, None);
}

fn notes(life: &Life) -> Vec<Note> {
    let note = |effect: &Effect| if let Effect::Note(note) = effect { Some(note.clone()) } else { None };
    life.effects.iter().filter_map(note).collect()
}

fn offer(life: &mut Life, rings: Vec<Ring>) {
    let generation = life.generation();
    life.tell(Event::Rings { generation, rings });
}

fn acceptance(life: &Life) -> Ticket {
    let asked = |e: &Effect| match e {
        Effect::Ask(ticket, Request::AcceptRing { .. }) => Some(*ticket),
        _ => None,
    };
    life.all.iter().rev().find_map(asked).expect("a ring was accepted")
}

fn expired(n: u32) -> Note {
    Note::RingExpired(format!("r{n}").as_str().into())
}

#[test]
fn a_ring_that_is_taken_says_once_how_long_before_its_deadline_by_the_platforms_clock() {
    for (offset, lead) in [(0, 59_000), (-7_000, 66_000)] {
        let mut life = Life::online(false);
        life.tell(Event::ClockOffset { millis: offset });
        let ends = life.now.wall + 60_000;
        offer(&mut life, vec![ring(1, ends)]);
        let ticket = acceptance(&life);
        life.pass(SECOND);
        life.tell(Event::Answered { ticket, outcome: Outcome::Done });
        assert_eq!(notes(&life), [Note::RingTaken { ring: "r1".into(), lead: Some(lead) }], "{offset}");
        offer(&mut life, vec![Ring { state: RingState::Accepted, ..ring(1, ends) }]);
        assert_eq!(notes(&life), [], "it was counted");
    }
    let mut life = Life::online(false);
    let endless = Ring { expires_at: None, ..ring(1, 0) };
    offer(&mut life, vec![endless.clone()]);
    offer(&mut life, vec![Ring { state: RingState::Accepted, ..endless }]);
    assert_eq!(notes(&life), [Note::RingTaken { ring: "r1".into(), lead: None }], "its state may tell first");
}

#[test]
fn a_ring_that_finds_no_room_expires_at_its_deadline_and_is_told_of() {
    let mut life = Life::online(false);
    let ends = life.now.wall + 30_000;
    offer(&mut life, vec![ring(1, ends), ring(2, ends), ring(3, ends - 10_000)]);
    assert_eq!(life.count(crate::life::is_acceptance), 2, "the bot has room for two");
    let deadline = life.now.moment + 20 * SECOND;
    assert_eq!(life.bot.deadline(), Some(deadline), "nothing else would notice");
    life.pass(20 * SECOND);
    assert_eq!(notes(&life), [expired(3)]);
    life.pass(10 * SECOND);
    assert_eq!(notes(&life), [], "of an accepted one somebody else decides");
    life.tell(Event::Fenced { why: "the store is away".into() });
    let ends = life.now.wall + 5_000;
    offer(&mut life, vec![ring(4, ends)]);
    life.pass(5 * SECOND);
    assert_eq!(notes(&life), [expired(4)]);
}

#[test]
fn a_clock_that_is_corrected_moves_the_deadlines_of_rings() {
    let mut life = Life::online(false);
    life.tell(Event::Fenced { why: "the store is away".into() });
    let ends = life.now.wall + 30_000;
    offer(&mut life, vec![ring(1, ends)]);
    life.tell(Event::ClockOffset { millis: 29_000 });
    assert_eq!(life.bot.deadline(), Some(life.now.moment + SECOND));
    life.tell(Event::ClockOffset { millis: 31_000 });
    life.wake();
    assert_eq!(notes(&life), [expired(1)]);
}
