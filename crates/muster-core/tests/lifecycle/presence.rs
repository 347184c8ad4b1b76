//! What the platform takes the bot's state for.

use std::time::Duration;

use liveperson_proto::agent_state::AgentState;
use liveperson_proto::request::{Availability, Request};
use muster_core::bot::{Ending, Event, State};
use muster_core::dialog::{Effect, Note, Outcome, Ticket};
use muster_core::duty::{Duty, Intake};
use muster_core::health::Degraded;
use muster_core::wish::Verdict;

use crate::life::{Life, identity};

fn shows(life: &mut Life, availability: Availability) -> Vec<Effect> {
    let (generation, agent) = (life.generation(), identity().agent);
    life.tell(Event::AgentStates { generation, states: vec![AgentState { agent, availability }] }).to_vec()
}

fn set_back(effects: &[Effect]) -> Option<Ticket> {
    effects.iter().find_map(|effect| match effect {
        Effect::Ask(ticket, Request::SetAgentState { availability: Availability::Online, .. }) => {
            Some(*ticket)
        }
        _ => None,
    })
}

/// The platform sets it away, it is set back, and the platform takes that.
fn away_and_back(life: &mut Life) {
    let effects = shows(life, Availability::Away);
    let ticket = set_back(&effects).unwrap_or_else(|| panic!("{effects:?}"));
    life.tell(Event::Answered { ticket, outcome: Outcome::Done });
    shows(life, Availability::Online);
    assert_eq!(life.bot.view().degraded, []);
    life.pass(Duration::from_secs(2));
}

#[test]
fn a_bot_that_the_platform_sets_away_is_set_back_three_times_in_ten_minutes_then_people_are_told() {
    let mut life = Life::online(false);
    for _ in 0..3 {
        away_and_back(&mut life);
    }
    let effects = shows(&mut life, Availability::BackSoon);
    assert_eq!(effects, [Effect::Note(Note::StaysAway { availability: Availability::BackSoon })]);
    let view = life.bot.view();
    assert_eq!((view.state, view.degraded), (State::Online, vec![Degraded::Away]));
    assert!(view.cause.unwrap().contains("sets the bot to BACK_SOON although it was set back 3 times"));
    assert_eq!(shows(&mut life, Availability::BackSoon), [], "it is told once");
    // The window slides: there is room for one try again, and it is told once more only after an ONLINE.
    let mut tries = 0;
    for _ in 0..9 {
        let effects = life.pass(Duration::from_mins(1)).to_vec();
        if effects.contains(&Effect::Refresh) {
            life.tell(Event::Refreshed);
        }
        tries += usize::from(set_back(&effects).is_some());
    }
    assert_eq!(tries, 0, "no fourth within ten minutes");
    let effects = life.pass(Duration::from_mins(1)).to_vec();
    assert!(set_back(&effects).is_some(), "{effects:?}");
    shows(&mut life, Availability::Online);
    assert_eq!(life.bot.view().degraded, []);
}

#[test]
fn what_the_platform_shows_is_believed_before_the_answer_to_a_request() {
    let mut life = Life::online(false);
    let ticket = set_back(&shows(&mut life, Availability::Away)).unwrap();
    shows(&mut life, Availability::Online);
    shows(&mut life, Availability::Away);
    life.tell(Event::Answered { ticket, outcome: Outcome::Done });
    assert_eq!(life.bot.view().degraded, vec![Degraded::Away]);
    let again = life.pass(Duration::from_secs(1)).to_vec();
    let ticket = set_back(&again).expect("it is set back once more, a second later");
    life.tell(Event::Answered { ticket, outcome: Outcome::Done });
    assert_eq!(life.bot.view().degraded, [], "a platform that shows nothing is believed its answer");
}

#[test]
fn a_new_socket_begins_with_the_state_that_the_bot_sets() {
    let mut life = Life::online(false);
    shows(&mut life, Availability::Away);
    life.close(1000);
    life.wake();
    life.connect();
    assert_eq!(life.bot.view().degraded, []);
}

#[test]
fn nothing_is_set_back_while_the_bot_wants_no_rings() {
    let held = |mut life: Life, event: Option<Event>| {
        if let Some(event) = event {
            life.tell(event);
        }
        set_back(&shows(&mut life, Availability::Away))
    };
    let drain = Event::Drain { ending: Ending::Restart, within: Duration::from_secs(5) };
    for (case, life, event) in [
        ("fenced", Life::online(false), Some(Event::Fenced { why: String::new() })),
        ("draining", Life::online(false), Some(drain)),
        ("joins by itself", Life::of_pool(Duty { intake: Intake::All, ..Duty::default() }), None),
    ] {
        assert_eq!(held(life, event), None, "{case}");
    }
    let mut life = Life::online(false);
    life.tell(Event::Fenced { why: String::new() });
    shows(&mut life, Availability::Away);
    assert!(set_back(life.tell(Event::Unfenced)).is_some(), "when the fence is lifted it is set back");
}

/// Somebody wants a state; what the bot asks of the platform for it.
fn wants(life: &mut Life, availability: Availability) -> Vec<Effect> {
    life.tell(Event::StateAsked { availability, why: "bea wants it: lunch".to_owned() }).to_vec()
}

fn asks_for(effects: &[Effect], state: Availability) -> Option<Ticket> {
    effects.iter().find_map(|effect| match effect {
        Effect::Ask(ticket, Request::SetAgentState { availability, .. }) if *availability == state => {
            Some(*ticket)
        }
        _ => None,
    })
}

fn answered(effects: &[Effect]) -> Option<Verdict> {
    effects.iter().find_map(|effect| match effect {
        Effect::Note(Note::StateAnswered(verdict)) => Some(verdict.clone()),
        _ => None,
    })
}

#[test]
fn a_state_that_a_person_wants_is_kept_until_somebody_wants_another() {
    let mut life = Life::online(false);
    let ticket = asks_for(&wants(&mut life, Availability::Away), Availability::Away).unwrap();
    let effects = life.tell(Event::Answered { ticket, outcome: Outcome::Done }).to_vec();
    assert_eq!(answered(&effects), Some(Verdict::Done("the platform takes it for AWAY".to_owned())));
    assert_eq!(shows(&mut life, Availability::Away), [], "what a person wants is not set back");
    let view = life.bot.view();
    assert_eq!((view.degraded, view.cause.as_deref()), (vec![], Some("AWAY: bea wants it: lunch")));
    // A platform that changes it is set right as ever, and the next socket begins with it.
    let effects = shows(&mut life, Availability::Online);
    let ticket = asks_for(&effects, Availability::Away).expect("it is set back to what the person wants");
    life.tell(Event::Answered { ticket, outcome: Outcome::Done });
    life.close(1000);
    life.all.clear();
    life.wake();
    life.connect();
    assert!(asks_for(&life.all, Availability::Away).is_some(), "{:?}", life.all);
    assert!(asks_for(&life.all, Availability::Online).is_none());
    let ticket = asks_for(&wants(&mut life, Availability::Online), Availability::Online).unwrap();
    life.tell(Event::Answered { ticket, outcome: Outcome::Done });
    assert_eq!(life.bot.view().cause, None);
    life.pass(Duration::from_secs(2));
    assert!(set_back(&shows(&mut life, Availability::Away)).is_some(), "and the watch is as before");
}

#[test]
fn a_state_that_cannot_be_had_now_says_so() {
    let says = |life: &mut Life| answered(&wants(life, Availability::BackSoon)).unwrap();
    let mut joins = Life::of_pool(Duty { intake: Intake::All, ..Duty::default() });
    assert!(matches!(says(&mut joins), Verdict::Failed(words) if words.contains("it stays AWAY")));
    let mut ends = Life::online(false);
    ends.tell(Event::Drain { ending: Ending::Retire, within: Duration::from_secs(5) });
    let mut held = Life::online(false);
    held.tell(crate::life::quarantined());
    for life in [&mut ends, &mut held] {
        assert!(matches!(says(life), Verdict::Failed(words) if words.contains("it is ending")));
    }
    let mut paused = Life::online(false);
    paused.tell(Event::Paused { why: "a rollout".to_owned() });
    assert!(matches!(says(&mut paused), Verdict::Done(words) if words.contains("until it resumes")));
    assert!(asks_for(life_resumes(&mut paused), Availability::BackSoon).is_some());
    let mut away = Life::online(false);
    away.close(1000);
    assert!(matches!(says(&mut away), Verdict::Done(words) if words.contains("next connection")));
    let mut refused = Life::online(false);
    let ticket = asks_for(&wants(&mut refused, Availability::Away), Availability::Away).unwrap();
    let outcome = Outcome::Refused { code: 500, words: "no".to_owned() };
    let verdict = answered(refused.tell(Event::Answered { ticket, outcome }));
    assert_eq!(verdict, Some(Verdict::Failed("the platform refused AWAY: 500 no".to_owned())));
    assert_eq!(refused.bot.view().cause, None);
}

fn life_resumes(life: &mut Life) -> &[Effect] {
    life.tell(Event::Resumed)
}
