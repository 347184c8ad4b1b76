//! Edges that random schedules found.

use std::time::Duration;

use liveperson_proto::Sequence;
use liveperson_proto::conversation::{ChangeKind, Conversation, ConversationChange};
use liveperson_proto::message::{EventBody, MessageEvent, Role};
use liveperson_proto::request::Request;
use muster_core::BotId;
use muster_core::bot::{Bot, Charter, Ending, Event, Rhythm, TheftRules, TokenSource};
use muster_core::dialog::{ClaimOutcome, CommitOutcome, Effect, Outcome, Restored, Rules};
use muster_core::duty::{Duty, Intake};
use muster_core::pool::{Pool, PoolEffect, PoolNews};
use muster_core::tag::{Tagger, Trigger};
use muster_core::time::{Moment, Now};
use muster_core::turn::{Turn, TurnEvent, Variables};

use crate::conversations::{assigned, commit, decide, message};
use crate::life::{Life, identity, is_acceptance, ring};

/// A bot that was killed after it claimed C1 and before its first turn was durable.
fn claimed_and_killed(intake: Intake) -> Life {
    let held = Restored {
        conversation: "C1".into(),
        dialog: "C1".into(),
        cursor: None,
        variables: Variables::new(),
        outbox: Vec::new(),
    };
    let charter = Charter {
        account: "1".into(),
        bot: "b".into(),
        pool: "p".into(),
        duty: Duty { intake, ..Duty::default() },
        capacity: 2,
        rules: Rules::default(),
        rhythm: Rhythm::default(),
        tokens: TokenSource::Login,
        theft: TheftRules::default(),
        seed: 7,
    };
    let now = Now { moment: Moment(1_000), wall: 1_700_000_000_000 };
    let bot = Bot::new(charter, Some(identity().into()), vec![held], now);
    let mut life = Life { bot, now, effects: Vec::new(), all: Vec::new() };
    for event in [Event::Started, Event::Resolved] {
        life.tell(event);
    }
    let generation = life.generation();
    life.tell(Event::SocketOpened { generation });
    life.answer_all();
    life
}

fn pictured(roles: &[(&str, Role)], dialog: &str) -> Conversation {
    Conversation {
        id: "C1".into(),
        skill: None,
        main_open: true,
        stage_open: true,
        participants: roles.iter().map(|(id, role)| ((*id).to_owned(), *role)).collect(),
        main_dialog: dialog.into(),
    }
}

fn shown(life: &mut Life, roles: &[(&str, Role)], dialog: &str) {
    let generation = life.generation();
    let conversation = pictured(roles, dialog);
    let changes = vec![ConversationChange { kind: ChangeKind::Upsert, conversation }];
    life.tell(Event::Conversations { generation, subscription: None, changes, lost: 0 });
}

/// Answers the last request that fits.
fn answer(life: &mut Life, fits: fn(&Request) -> bool, outcome: Outcome) {
    let ticket = |effect: &Effect| match effect {
        Effect::Ask(ticket, request) if fits(request) => Some(*ticket),
        _ => None,
    };
    let ticket = life.all.iter().rev().find_map(ticket).expect("it was asked for");
    life.tell(Event::Answered { ticket, outcome });
}

fn dialogs_read(life: &Life) -> Vec<&str> {
    let read = |effect| match effect {
        &Effect::Ask(_, Request::ReadHistory { ref dialog, .. }) => Some(dialog.as_str()),
        _ => None,
    };
    life.all.iter().filter_map(read).collect()
}

fn last_turn(life: &Life) -> &Turn {
    fn turn(effect: &Effect) -> Option<&Turn> {
        if let Effect::Think(turn) = effect { Some(turn) } else { None }
    }
    life.all.iter().rev().find_map(turn).expect("logic is asked")
}

fn opening(sequence: i64) -> MessageEvent {
    let tag = Tagger::new("1".into(), "p".into()).tag(Trigger::Opened, 0);
    MessageEvent {
        sequence: Some(Sequence(sequence)),
        originator: "1.2".into(),
        originator_pid: "pid".into(),
        role: Role::AssignedAgent,
        external_ids: vec![tag],
        body: EventBody::Content { content_type: "text/plain".into(), text: "hello".into() },
        ..message(sequence)
    }
}

#[test]
fn a_store_that_lost_the_opening_turn_learns_of_it_from_the_history() {
    let mut life = claimed_and_killed(Intake::Rings);
    shown(&mut life, &[("1.2", Role::AssignedAgent)], "C1");
    let history = vec![message(0), opening(1)];
    answer(&mut life, |r| matches!(r, Request::ReadHistory { .. }), Outcome::History(history));
    let TurnEvent::Message { sequence, .. } = last_turn(&life).event else {
        panic!("the opening is answered twice")
    };
    assert_eq!(sequence, Sequence(0), "a greeting answers no message");
}

#[test]
fn a_claim_from_before_its_first_turn_learns_its_dialog_when_it_is_shown() {
    let mut life = claimed_and_killed(Intake::Rings);
    shown(&mut life, &[("1.2", Role::AssignedAgent)], "C1-main");
    assert_eq!(dialogs_read(&life), ["C1-main"]);

    let mut life = claimed_and_killed(Intake::All);
    shown(&mut life, &[("cons", Role::Consumer)], "C1-main");
    life.wake();
    answer(&mut life, |r| matches!(r, Request::GetClock), Outcome::Done);
    answer(&mut life, |r| matches!(r, Request::UpdateConversation { .. }), Outcome::Done);
    assert_eq!(dialogs_read(&life), Vec::<&str>::new(), "nobody has said which");
    shown(&mut life, &[("1.2", Role::Agent)], "C1-main");
    assert_eq!(dialogs_read(&life), ["C1-main"]);
}

#[test]
fn an_older_picture_of_the_watcher_does_not_bring_a_human_back() {
    let mut life = Life::of_pool(Duty { intake: Intake::All, ..Duty::default() });
    let beside = [("1.2", Role::Agent), ("1.77", Role::AssignedAgent)];
    shown(&mut life, &beside[..1], "C1");
    life.tell(Event::Placed { placement: 1, conversations: vec![pictured(&beside, "C1")] });
    let number = |e: &Effect| if let Effect::Claim { number, .. } = e { Some(*number) } else { None };
    let number = life.all.iter().rev().find_map(number).expect("a claim");
    let outcome = ClaimOutcome::Held(Box::default());
    life.tell(Event::ClaimAnswered { conversation: "C1".into(), number, outcome });
    answer(&mut life, |r| matches!(r, Request::ReadHistory { .. }), Outcome::History(vec![message(0)]));
    assert_eq!(last_turn(&life).event, TurnEvent::Opened, "the human has gone");
}

#[test]
fn a_fenced_bot_that_retires_hands_nothing_back() {
    let mut life = Life::online(false);
    assigned(&mut life);
    decide(&mut life, Vec::new());
    commit(&mut life, CommitOutcome::Committed);
    life.tell(Event::Fenced { why: "the store is away".into() });
    let effects = life.tell(Event::Drain { ending: Ending::Retire, within: Duration::from_secs(9) }).to_vec();
    let changes = |e: &Effect| matches!(e, Effect::Ask(_, Request::UpdateConversation { .. }));
    assert!(!effects.iter().any(changes), "{effects:?}");
    assert_eq!(effects.last(), Some(&Effect::Drained));
}

#[test]
fn a_ring_that_is_lost_makes_room_for_one_that_waits() {
    let mut life = Life::online(false);
    let generation = life.generation();
    let rings = (1..=3).map(|n| ring(n, life.now.wall + 60_000)).collect();
    life.tell(Event::Rings { generation, rings });
    assert_eq!(life.count(is_acceptance), 2, "the capacity");
    let refused = Outcome::Refused { code: 400, words: "too late".into() };
    answer(&mut life, |r| matches!(r, Request::AcceptRing { .. }), refused);
    assert_eq!(life.count(is_acceptance), 3);
}

#[test]
fn a_member_that_might_not_watch_is_asked_again_in_its_next_life() {
    let (mut pool, bot) = (Pool::default(), "a".into());
    pool.enrol(BotId::clone(&bot), 5);
    let ready = || PoolNews::Ready { spell: 1, placement: 0, held: Vec::new() };
    pool.begins(&bot, Vec::new());
    pool.take(&bot, ready());
    pool.take(&bot, PoolNews::Blind);
    pool.lost(&bot);
    pool.begins(&bot, Vec::new());
    assert_eq!(pool.take(&bot, ready()), [PoolEffect::Watch { bot, spell: 1 }]);
}
