//! Login, sockets, rings, endings.

use std::time::Duration;

use liveperson_proto::close_code::CloseCode;
use liveperson_proto::request::{Availability, Request};
use muster_core::bot::{Ending, Event, LoginFault, RefreshFault, State};
use muster_core::dialog::{Effect, Note, Outcome};
use muster_core::quarantine::Kind;
use muster_core::time::Moment;

use crate::life::{Life, identity, is_acceptance, is_login, quarantined, ring};

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
fn bots_that_drop_together_come_back_over_five_seconds() {
    let within = Duration::from_secs(5);
    let mut life = Life::online(false);
    let mut waits = Vec::new();
    for _ in 0..50 {
        // A long spell online: the wait of a lone bot would be short.
        if life.pass(Duration::from_mins(1)).contains(&Effect::Refresh) {
            life.tell(Event::Refreshed);
        }
        life.tell(Event::ReturnSpread { within });
        assert_eq!(life.bot.view().state, State::Online, "a bot that has its socket goes on");
        life.close(1000);
        life.tell(Event::ReturnSpread { within });
        waits.push(life.bot.deadline().unwrap().since(life.now.moment));
        life.wake();
        life.connect();
    }
    assert!(waits.iter().all(|wait| *wait <= within), "{waits:?}");
    let late = waits.iter().filter(|wait| **wait > Duration::from_secs(1)).count();
    assert!(late > 30, "{waits:?}");
}

#[test]
fn a_refused_refresh_leads_to_a_login_in_the_background() {
    let mut life = Life::online(false);
    assert_eq!(life.wake(), [Effect::Refresh]);
    assert_eq!(
        life.tell(Event::RefreshFailed(RefreshFault::Unauthorized)),
        [Effect::TokenDied, Effect::Login]
    );
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
    assert!(
        matches!(&effects[..], [Effect::Quarantine(q)] if q.kind == Kind::BadCredentials && q.words.contains("muster bots release 1/b --reason"))
    );
    assert_eq!(life.bot.deadline(), None, "it is held off");
}

#[test]
fn what_comes_to_light_later_is_not_why_a_bot_is_held_off() {
    let mut life = Life::new(false);
    life.tell(Event::Resolved);
    life.tell(Event::LoginFailed(LoginFault::Refused));
    life.wake();
    life.tell(quarantined());
    assert_eq!(life.tell(Event::LoginFailed(LoginFault::Refused)), []);
    assert_eq!(life.bot.view().quarantine, Some(Kind::Suspended), "a person held it off");
}

#[test]
fn a_login_service_in_trouble_sends_the_bot_back_to_the_door_where_it_says_why_it_waits() {
    for fault in [
        LoginFault::Unwell { words: "503".to_owned() },
        LoginFault::TooMany { retry_after: Some(Duration::from_secs(20)) },
        LoginFault::Blocked,
    ] {
        let mut life = Life::new(false);
        life.tell(Event::Resolved);
        life.tell(Event::AtTheDoor { why: Some("waits for its turn".to_owned()) });
        assert_eq!(life.bot.view().state, State::Waiting);
        assert_eq!(life.bot.view().cause.as_deref(), Some("waits for its turn"));
        life.tell(Event::AtTheDoor { why: None });
        assert_eq!(life.bot.view().state, State::LoggingIn);
        life.tell(Event::LoginFailed(fault.clone()));
        let wait = life.bot.deadline().unwrap().since(life.now.moment);
        assert!(wait <= Duration::from_secs(1), "{fault:?}: the door knows how long, not the bot: {wait:?}");
        life.wake();
        if matches!(fault, LoginFault::Unwell { .. }) {
            life.tell(Event::Resolved);
        }
        assert_eq!(life.count(is_login), 2, "{fault:?}");
    }
}

#[test]
fn a_token_that_was_handed_in_is_used_as_it_is_and_never_refreshed() {
    let mut life = Life::with_token();
    assert_eq!(life.tell(Event::Resolved), [Effect::Open { generation: 1 }]);
    life.connect();
    assert_eq!(life.bot.deadline(), None, "there is nothing to refresh");
    for code in [1000, 1006, 1011] {
        life.close(code);
        assert!(matches!(life.wake(), [Effect::Open { .. }]), "close code {code} says nothing of the token");
        life.connect();
    }
    assert_eq!(life.count(|e| matches!(e, Effect::Login | Effect::Refresh)), 0);
}

#[test]
fn a_token_that_was_handed_in_and_died_is_tried_twice_then_the_bot_is_quarantined() {
    for code in [1008, 4401, 4407] {
        let mut life = Life::with_token();
        life.tell(Event::Resolved);
        life.connect();
        life.close(code);
        assert_eq!(life.wake(), [], "close code {code}");
        assert_eq!(life.bot.view().state, State::Waiting);
        assert_eq!(life.wake(), [Effect::Open { generation: 2 }], "close code {code}");
        let generation = life.generation();
        life.tell(Event::SocketFailed { generation, unauthorized: true, words: "401".to_owned() });
        life.wake();
        let effects = life.tell(Event::Resolved).to_vec();
        assert!(
            matches!(&effects[..], [Effect::Quarantine(q)] if q.kind == Kind::BadCredentials && q.words.contains("supply a new one")),
            "{effects:?}"
        );
        assert_eq!(life.bot.deadline(), None, "it is held off");
        assert_eq!(life.count(is_login), 0);
    }
}

#[test]
fn a_token_that_works_again_is_given_two_tries_again() {
    let mut life = Life::with_token();
    life.tell(Event::Resolved);
    life.connect();
    for _ in 0..3 {
        life.close(4401);
        life.wake();
        life.wake();
        life.connect();
    }
}

#[test]
fn after_a_service_did_not_answer_the_domains_are_asked_for_again() {
    let mut life = Life::online(false);
    life.close(1000);
    life.wake();
    let generation = life.generation();
    life.tell(Event::SocketFailed { generation, unauthorized: false, words: "no answer".to_owned() });
    assert_eq!(life.wake(), [Effect::Resolve]);
    assert!(matches!(life.tell(Event::Resolved), [Effect::Open { .. }]));

    let mut life = Life::new(false);
    life.tell(Event::Resolved);
    life.tell(Event::LoginFailed(LoginFault::Unwell { words: "no answer".to_owned() }));
    assert_eq!(life.wake(), [Effect::Resolve]);
    assert_eq!(life.tell(Event::Resolved), [Effect::Login]);
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

fn answer_acceptance(life: &mut Life, outcome: Outcome) {
    let asked = life.all.iter().rev().find_map(|effect| match effect {
        Effect::Ask(ticket, Request::AcceptRing { .. }) => Some(*ticket),
        _ => None,
    });
    life.tell(Event::Answered { ticket: asked.expect("it accepts"), outcome });
}

#[test]
fn an_acceptance_that_failed_is_tried_again_while_the_ring_waits() {
    for (outcome, again) in [
        (Outcome::Unknown, 1),
        (Outcome::Refused { code: 503, words: String::new() }, 1),
        (Outcome::Refused { code: 429, words: String::new() }, 1),
        (Outcome::Refused { code: 400, words: String::new() }, 0),
        (Outcome::Done, 0),
    ] {
        let said = format!("{outcome:?}");
        let mut life = Life::online(false);
        let (generation, wall) = (life.generation(), life.now.wall);
        life.tell(Event::Rings { generation, rings: vec![ring(1, wall + 5_000)] });
        answer_acceptance(&mut life, outcome.clone());
        assert_eq!(life.count(is_acceptance), 1, "not at once after {said}");
        life.pass(Duration::from_secs(2));
        assert_eq!(life.count(is_acceptance), 1 + again, "after {said}");
        if again == 1 {
            answer_acceptance(&mut life, outcome);
            life.pass(Duration::from_secs(10));
            assert_eq!(life.count(is_acceptance), 2, "the ring has expired after {said}");
        }
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

#[test]
fn a_second_frame_over_the_limit_quarantines_unless_the_socket_was_healthy_in_between() {
    for (online, quarantined) in [(Duration::from_secs(1), true), (Duration::from_mins(2), false)] {
        let mut life = Life::online(false);
        life.close(1009);
        assert_eq!(life.bot.view().state, State::Waiting, "once may be a whim");
        life.wake();
        life.connect();
        life.pass(online);
        life.close(1009);
        assert_eq!(life.bot.view().state == State::Quarantined, quarantined, "after {online:?}");
        if quarantined {
            let words = life.bot.view().cause.unwrap_or_default();
            assert!(words.contains("frame_limit"), "it names the cure: {words}");
        }
    }
}

/// A thousand rings wait; what else rings is told of, and rings again when it has lapsed.
#[test]
fn rings_past_the_bound_are_let_go_and_told_of() {
    let mut life = Life::online(false);
    let full = |life: &mut Life, n: u32| {
        let rings = vec![ring(n, i64::MAX)];
        let effects = life.tell(Event::Rings { generation: 1, rings });
        effects.contains(&Effect::Note(Note::Full { queue: "rings" }))
    };
    assert!((0..1_000).all(|n| !full(&mut life, n)));
    assert!(full(&mut life, 1_000));
    assert!(!full(&mut life, 7), "one that is known already");
}
