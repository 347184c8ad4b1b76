//! A login elsewhere takes the session.

use std::time::Duration;

use muster_core::bot::{Bystanders, Event, OnTheft, RefreshFault, Sealed, State, TheftRules};
use muster_core::crowd::LOOK_BACK;
use muster_core::dialog::{Effect, Note};
use muster_core::health::Degraded;
use muster_core::quarantine::Kind;

use crate::life::{Life, identity, is_login, quarantined};

const STAND_DOWN: TheftRules =
    TheftRules { on_theft: OnTheft::StandDown, limit: 2, within: Duration::from_mins(10) };

/// The platform closes the socket with 4401, and this is what is found to be the cause.
fn robbed(life: &mut Life, found: Bystanders) -> Vec<Effect> {
    life.close(4401);
    assert!(life.effects.contains(&Effect::TokenDied), "{:?}", life.effects);
    looked_into(life, found)
}

/// When everybody who lost a token at the same time has told so, this is what is found to be the cause.
fn looked_into(life: &mut Life, found: Bystanders) -> Vec<Effect> {
    life.pass(LOOK_BACK);
    assert!(life.effects.contains(&Effect::LookAround), "{:?}", life.effects);
    life.tell(Event::LookedAround(found)).to_vec()
}

#[test]
fn a_death_is_looked_into_when_everybody_has_told_of_theirs() {
    let mut life = Life::robbed_by(STAND_DOWN, false).into_online(false);
    life.close(4401);
    assert_eq!(life.effects, [Effect::TokenDied]);
    let died = life.now.moment;
    // Also while the ownership is in doubt: nothing is logged in or sent for it.
    life.tell(Event::Fenced { why: String::new() });
    assert_eq!(life.bot.deadline(), Some(died + LOOK_BACK));
    assert_eq!(life.pass(LOOK_BACK.saturating_sub(Duration::from_millis(1))), []);
    assert_eq!(life.pass(Duration::from_millis(1)), [Effect::LookAround]);
    assert_eq!(life.pass(LOOK_BACK), [], "once");
    life.tell(Event::LookedAround(Bystanders::Nobody));
    assert!(is_quarantined(&life));
}

#[test]
fn what_is_held_off_meanwhile_is_looked_into_no_more() {
    let mut life = Life::online(false);
    life.close(4401);
    life.tell(quarantined());
    assert_eq!(life.bot.deadline(), None);
    assert_eq!(life.pass(LOOK_BACK), []);
}

fn comes_back(life: &mut Life) {
    let since_last = life.all.rsplit(|e| matches!(e, Effect::Open { .. })).next();
    if !since_last.is_some_and(|effects| effects.iter().any(is_login)) {
        life.wake_until(is_login);
    }
    life.tell(Event::LoggedIn(identity()));
    if life.bot.view().state != State::Online {
        if !life.effects.iter().any(|e| matches!(e, Effect::Open { .. })) {
            life.wake_until(|e| matches!(e, Effect::Open { .. }));
        }
        life.connect();
    }
}

fn is_quarantined(life: &Life) -> bool {
    life.bot.view().quarantine == Some(Kind::StolenSession)
}

#[test]
fn a_session_is_taken_back_once_and_the_second_theft_within_ten_minutes_quarantines() {
    let mut life = Life::online(false);
    let effects = robbed(&mut life, Bystanders::Nobody);
    assert_eq!(effects, [Effect::Note(Note::SessionTaken { times: 1, taken_back: true })]);
    comes_back(&mut life);
    let view = life.bot.view();
    assert_eq!((view.state, view.degraded), (State::Online, vec![Degraded::SessionTaken]));
    let cause = view.cause.unwrap();
    assert!(cause.contains("once within 11 minutes, last at 2023-11-14T22:13:21.100Z"), "{cause}");
    life.pass(Duration::from_mins(2));
    life.close(4401);
    let logins = life.count(is_login);
    life.pass(Duration::from_secs(5));
    assert_eq!(life.count(is_login), logins, "what may be the last theft is looked into first");
    assert_eq!(life.count(|e| matches!(e, Effect::LookAround)), 2);
    life.tell(Event::LookedAround(Bystanders::Nobody));
    assert!(is_quarantined(&life));
    let cause = life.bot.view().cause.unwrap();
    assert!(cause.contains("took the bot's session 2 times") && cause.contains("bots release"), "{cause}");
    assert_eq!((life.count(is_login), life.bot.deadline()), (logins, None));
}

#[test]
fn a_theft_no_longer_counts_when_the_window_is_over() {
    let mut life = Life::online(false);
    robbed(&mut life, Bystanders::Nobody);
    comes_back(&mut life);
    for _ in 0..16 {
        if life.pass(Duration::from_mins(1)).contains(&Effect::Refresh) {
            life.tell(Event::Refreshed);
        }
    }
    assert_eq!((life.bot.view().degraded, life.bot.view().cause), (vec![], None), "it is forgotten");
    let effects = robbed(&mut life, Bystanders::Nobody);
    assert_eq!(effects, [Effect::Note(Note::SessionTaken { times: 1, taken_back: true })]);
}

#[test]
fn a_bot_that_stands_down_leaves_its_session_to_the_first_thief() {
    let mut life = Life::robbed_by(STAND_DOWN, false).into_online(false);
    life.close(1006);
    life.wake_until(|e| matches!(e, Effect::Refresh));
    life.tell(Event::RefreshFailed(RefreshFault::Unauthorized));
    assert_eq!(life.effects, [Effect::TokenDied], "no login before it is known");
    looked_into(&mut life, Bystanders::Nobody);
    assert!(is_quarantined(&life));
    assert!(life.bot.view().cause.unwrap().contains("took the bot's session once"));
}

#[test]
fn a_sealed_token_that_never_worked_in_this_life_is_no_reason_to_stand_down() {
    // A process that was killed between its login and the seal took the token itself.
    let mut life = Life::robbed_by(STAND_DOWN, true);
    life.tell(Event::Resolved);
    let generation = life.generation();
    life.tell(Event::SocketFailed { generation, unauthorized: true, words: String::new() });
    let effects = looked_into(&mut life, Bystanders::Nobody);
    assert_eq!(effects, [Effect::Note(Note::SessionTaken { times: 1, taken_back: true })]);
    life.wake();
    life.tell(Event::Resolved);
    comes_back(&mut life);
    robbed(&mut life, Bystanders::Nobody);
    assert!(is_quarantined(&life));
}

#[test]
fn our_own_logins_and_deaths_of_age_are_no_thefts() {
    let mut life = Life::robbed_by(STAND_DOWN, false).into_online(false);
    let ours = Effect::Note(Note::TokenLost(Bystanders::Ourselves));
    assert_eq!(robbed(&mut life, Bystanders::Ourselves), [ours, Effect::Login]);
    comes_back(&mut life);
    // Ten minutes without a refresh: the token's time is up.
    life.now.wall += 10 * 60_000;
    life.close(4401);
    assert!(!life.effects.contains(&Effect::TokenDied));
    comes_back(&mut life);
    life.tell(Event::Fenced { why: String::new() });
    life.close(4401);
    assert!(!life.effects.contains(&Effect::TokenDied), "it may be the new owner's login");
}

#[test]
fn the_socket_of_the_token_before_says_nothing_of_the_one_in_hand() {
    for code in [4401, 4407, 1008, 1006, 1011] {
        let mut life = Life::online(false);
        life.wake_until(|e| matches!(e, Effect::Refresh));
        life.tell(Event::RefreshFailed(RefreshFault::Unauthorized));
        life.tell(Event::LookedAround(Bystanders::Nobody));
        life.tell(Event::LoggedIn(identity()));
        let before = (life.count(is_login), life.count(|e| matches!(e, Effect::Refresh)));
        // Our own second login closes the first one's socket.
        life.close(code);
        life.wake_until(|e| matches!(e, Effect::Open { .. }));
        let after = (life.count(is_login), life.count(|e| matches!(e, Effect::Refresh)));
        assert_eq!(after, before, "close code {code}: neither a login nor a refresh");
        assert_eq!(life.count(|e| matches!(e, Effect::TokenDied)), 1, "close code {code}");
    }
}

#[test]
fn a_crowd_excuses_once_in_a_window() {
    let mut life = Life::online(false);
    assert_eq!(robbed(&mut life, Bystanders::Many), [Effect::Note(Note::TokenLost(Bystanders::Many))]);
    for times in 1..=2 {
        comes_back(&mut life);
        let effects = robbed(&mut life, Bystanders::Many);
        let note = Effect::Note(Note::SessionTaken { times, taken_back: times < 2 });
        assert!(effects.contains(&note), "{effects:?}");
    }
    assert!(is_quarantined(&life), "two fleets that rob each other look like a crowd, again and again");
}

#[test]
fn a_sealed_token_is_as_old_as_it_was_and_is_refreshed_when_it_is_due() {
    let minute = 60_000;
    let wall = Life::new(false).now.wall;
    for (age, from, to) in [
        (0, 240_000, 300_000),
        (2 * minute, 120_000, 180_000),
        (5 * minute, 0, 30_000),
        (-minute, 240_000, 300_000),
    ] {
        let refreshed = Some(wall - age);
        let sealed = Sealed { identity: identity(), logged_in: refreshed, refreshed };
        let mut life = Life::sealed(sealed);
        assert_eq!(life.bot.view().token_refreshed, refreshed);
        life.tell(Event::Resolved);
        life.connect();
        let due = life.bot.deadline().unwrap().since(life.now.moment).as_millis() as i64;
        assert!((from..=to).contains(&due), "{age} ms old, refreshed after {due} ms");
    }
}
