//! What is full in a conversation is told, and nothing of it is lost: the platform has it all.

use std::time::Duration;

use liveperson_proto::Sequence;
use liveperson_proto::message::MessageEvent;
use liveperson_proto::request::Request;
use liveperson_proto::ring::Ring;
use muster_core::bot::{Ending, Event, State};
use muster_core::dialog::{CommitOutcome, Effect, Note, Outcome};

use crate::conversations::{assigned, commit, decide, message};
use crate::life::{Life, quarantined, ring};

/// Whether this queue had no room for it.
fn hears(life: &mut Life, sequence: i64, queue: &'static str) -> bool {
    let effects = life.tell(Event::Message { generation: 1, event: Box::new(message(sequence)) });
    effects.contains(&Effect::Note(Note::Full { queue }))
}

fn reads_from(life: &Life) -> Option<Sequence> {
    life.all.iter().rev().find_map(|effect| match effect {
        Effect::Ask(_, Request::ReadHistory { newer_than, .. }) => Some(*newer_than),
        _ => None,
    })
}

fn reads(life: &Life) -> usize {
    life.count(|effect| matches!(effect, Effect::Ask(_, Request::ReadHistory { .. })))
}

fn answer_reading(life: &mut Life, events: Vec<MessageEvent>) {
    answer_last(life, Outcome::History(events));
}

fn answer_last(life: &mut Life, outcome: Outcome) {
    let ticket = life.all.iter().rev().find_map(|effect| match effect {
        Effect::Ask(ticket, Request::ReadHistory { .. }) => Some(*ticket),
        _ => None,
    });
    let ticket = ticket.expect("the history is read");
    life.tell(Event::Answered { ticket, outcome });
}

fn answer_turn(life: &mut Life) {
    decide(life, Vec::new());
    commit(life, CommitOutcome::Committed);
}

#[test]
fn messages_past_the_inbox_are_let_go_once_and_read_again() {
    let mut life = Life::online(false);
    assigned(&mut life);
    // The opening is being thought about: nothing leaves the inbox.
    let full: Vec<_> = (0..60).filter(|n| hears(&mut life, *n, "inbox")).collect();
    assert_eq!(full, [50], "told when it happens, not again and again");
    let before = reads(&life);
    for _ in 0..=50 {
        answer_turn(&mut life);
    }
    assert_eq!((reads(&life), reads_from(&life)), (before + 1, Some(Sequence(49))));
    answer_reading(&mut life, (50..60).map(message).collect());
    (50..60).for_each(|_| answer_turn(&mut life));
    assert_eq!(
        life.count(|effect| matches!(effect, Effect::Commit(_))),
        61,
        "the opening and sixty messages"
    );
}

/// A thousand events are remembered while the history is read, to find holes. Past them nobody knows.
#[test]
fn news_past_the_bound_while_the_history_is_read_are_read_again() {
    let mut life = Life::online(false);
    assigned(&mut life);
    hears(&mut life, 0, "news");
    hears(&mut life, 2, "news");
    assert_eq!(reads_from(&life), Some(Sequence(0)), "a hole is read");
    let full = (3..1_200).filter(|n| hears(&mut life, *n, "news")).count();
    assert_eq!(full, 197, "a thousand are remembered");
    // What the platform shows now ends with the second message, and has nothing in the hole.
    answer_reading(&mut life, vec![message(2)]);
    answer_reading(&mut life, Vec::new());
    answer_reading(&mut life, Vec::new());
    assert_eq!(reads_from(&life), Some(Sequence(1_002)), "it reads on from the last that it remembered");
}

/// Found by fuzzing: each of them overflowed once.
#[test]
fn numbers_at_the_end_of_their_range_are_taken_as_they_come() {
    let mut life = Life::online(false);
    assigned(&mut life);
    for millis in [i64::MAX, i64::MIN] {
        life.tell(Event::ClockOffset { millis });
        let rings = vec![Ring { expires_at: None, ..ring(7, 0) }];
        life.tell(Event::Rings { generation: 1, rings });
    }
    for sequence in [i64::MAX, i64::MIN, 0] {
        hears(&mut life, sequence, "inbox");
        answer_reading(&mut life, vec![message(sequence), message(i64::MAX)]);
    }
    assert_eq!(life.bot.view().state, State::Online);
}

/// Found by fuzzing: an answer still on its way, or a page that had failed, made it ask on.
#[test]
fn a_bot_that_hung_up_asks_nothing_more() {
    type HangUp = fn() -> Event;
    let ways: [HangUp; 2] =
        [quarantined, || Event::Drain { ending: Ending::Restart, within: Duration::ZERO }];
    for (hang_up, page_failed) in ways.into_iter().flat_map(|way| [(way, false), (way, true)]) {
        let mut life = Life::online(false);
        assigned(&mut life);
        hears(&mut life, 0, "news");
        hears(&mut life, 2, "news");
        if page_failed {
            answer_last(&mut life, Outcome::Unknown);
        }
        life.tell(hang_up());
        let before = life.all.len();
        answer_last(&mut life, Outcome::History(vec![message(1), message(2), message(3)]));
        life.pass(Duration::from_mins(1));
        let asked = life.all[before..].iter().find(|effect| matches!(effect, Effect::Ask(..)));
        assert_eq!(asked, None);
        assert_eq!(life.bot.deadline(), None);
    }
}
