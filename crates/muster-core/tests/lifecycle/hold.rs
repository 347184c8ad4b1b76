//! What people want of a running bot: that it holds still, refreshes its token, goes by other settings.

use std::time::Duration;

use liveperson_proto::request::{Availability, Request};
use muster_core::bot::{Ending, Event, State};
use muster_core::dialog::{CommitOutcome, Effect, Note};
use muster_core::duty::{Duty, Intake};
use muster_core::pool::PoolNews;
use muster_core::turn::{Action, OnFailure};

use crate::conversations::{assigned, commit, decide, message};
use crate::life::{Life, is_acceptance, ring};

fn paused() -> Event {
    Event::Paused { why: "paused by bea: a rollout".to_owned() }
}

/// What the bot set its state to last.
fn availability(life: &Life) -> Option<Availability> {
    let set = |e: &Effect| match e {
        Effect::Ask(_, Request::SetAgentState { availability, .. }) => Some(*availability),
        _ => None,
    };
    life.all.iter().rev().find_map(set)
}

fn is_turn(effect: &Effect) -> bool {
    matches!(effect, Effect::Think(_))
}

fn hears(life: &mut Life, sequence: i64) {
    let generation = life.generation();
    life.tell(Event::Message { generation, event: Box::new(message(sequence)) });
}

#[test]
fn a_paused_bot_is_away_and_takes_no_ring_until_it_resumes() {
    let mut life = Life::online(true);
    assert_eq!(availability(&life), Some(Availability::Online));
    life.tell(paused());
    assert_eq!(availability(&life), Some(Availability::Away));
    life.answer_all();
    let view = life.bot.view();
    assert_eq!((view.state, view.paused.as_deref()), (State::Online, Some("paused by bea: a rollout")));
    let generation = life.generation();
    let until = life.now.wall + 60_000;
    life.tell(Event::Rings { generation, rings: vec![ring(1, until)] });
    assert_eq!(life.count(is_acceptance), 0);
    life.tell(Event::Resumed);
    assert_eq!((availability(&life), life.count(is_acceptance)), (Some(Availability::Online), 1));
    assert_eq!(life.bot.view().paused, None);
}

#[test]
fn a_paused_bot_finishes_what_is_under_way_and_begins_nothing_until_it_resumes() {
    let mut life = Life::online(true);
    assigned(&mut life);
    assert_eq!(life.count(is_turn), 1, "the turn of the opening");
    life.tell(paused());
    hears(&mut life, 0);
    hears(&mut life, 1);
    decide(&mut life, vec![Action::Say { text: "hello".to_owned() }]);
    commit(&mut life, CommitOutcome::Committed);
    assert!(
        life.effects.iter().any(|e| matches!(e, Effect::Ask(_, Request::Publish { .. }))),
        "what was under way is said: {:?}",
        life.effects
    );
    life.answer_all();
    life.pass(Duration::from_mins(1));
    assert_eq!(life.count(is_turn), 1, "nothing new begins");
    life.tell(Event::Resumed);
    let turns: Vec<_> = life.all.iter().filter(|e| is_turn(e)).collect();
    assert_eq!(turns.len(), 2, "one turn at a time, and the first message first: {turns:?}");
}

#[test]
fn a_pause_outlasts_the_socket_and_ends_with_the_bot() {
    let mut life = Life::online(true);
    life.tell(paused());
    life.answer_all();
    life.close(1000);
    life.wake();
    life.connect();
    assert_eq!(availability(&life), Some(Availability::Away), "a new socket begins AWAY");
    life.tell(Event::Drain { ending: Ending::Retire, within: Duration::from_secs(5) });
    assert!(life.effects.contains(&Effect::Drained), "{:?}", life.effects);
}

#[test]
fn a_paused_member_tells_its_pool_that_it_takes_nothing() {
    let mut life = Life::of_pool(Duty { intake: Intake::All, ..Duty::default() });
    let is_ready = |e: &Effect| matches!(e, Effect::Report(PoolNews::Ready { .. }));
    assert_eq!(life.count(is_ready), 1);
    assert!(life.tell(paused()).contains(&Effect::Report(PoolNews::Unready)));
    assert!(availability(&life) == Some(Availability::Away));
    life.tell(Event::Resumed);
    assert_eq!(life.count(is_ready), 2);
}

#[test]
fn a_refresh_that_is_asked_for_comes_at_once_or_says_why_not() {
    let not = |words: &'static str| Effect::Note(Note::NotRefreshed { words });
    let mut life = Life::online(false);
    assert_eq!(life.tell(Event::RefreshAsked), [Effect::Refresh]);
    assert_eq!(life.tell(Event::RefreshAsked), [], "one is on its way");
    life.tell(Event::Refreshed);
    life.close(4401);
    assert_eq!(life.tell(Event::RefreshAsked), [not("it has no good token now that could be refreshed")]);
    let mut life = Life::with_token().into_online(true);
    assert_eq!(life.tell(Event::RefreshAsked), [not("its token was handed in: nobody can refresh it")]);
}

#[test]
fn another_capacity_counts_from_now_on() {
    let mut life = Life::online(true);
    let generation = life.generation();
    let until = life.now.wall + 60_000;
    let rings = (1..=4).map(|n| ring(n, until)).collect();
    life.tell(Event::Rings { generation, rings });
    assert_eq!(life.count(is_acceptance), 2);
    life.tell(Event::Adjusted { capacity: 3, attempts: 1, on_failure: OnFailure::default() });
    assert_eq!(life.count(is_acceptance), 3);
    life.tell(Event::Adjusted { capacity: 1, attempts: 1, on_failure: OnFailure::default() });
    assert_eq!(life.count(is_acceptance), 3, "what it has it keeps");
}
