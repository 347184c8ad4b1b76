//! What the platform's answers mean for an action, and how an action in doubt is found.

use std::time::Duration;

use liveperson_proto::Sequence;
use liveperson_proto::conversation::ChangeKind;
use liveperson_proto::message::{EventBody, MessageEvent, Role};
use liveperson_proto::request::Request;
use muster_core::bot::Event;
use muster_core::dialog::{CommitOutcome, Effect, Note, Outcome, Rules, Tagging, Ticket};
use muster_core::turn::Action;

use crate::closing::{closed, find_asked, found};
use crate::conversations::{assigned, change, commit, decide, history, is_reading, message};
use crate::life::{Life, is_login};

fn refused(code: u16) -> Outcome {
    Outcome::Refused { code, words: "no".into() }
}

fn say(text: &str) -> Action {
    Action::Say { text: text.into() }
}

fn is_publish(effect: &Effect) -> bool {
    matches!(effect, Effect::Ask(_, Request::Publish { .. }))
}

fn is_dead(effect: &Effect) -> bool {
    matches!(effect, Effect::Dead(..))
}

fn is_done(effect: &Effect) -> bool {
    matches!(effect, Effect::Done(_))
}

/// The last request that changes something in the conversation.
fn sent(life: &Life) -> Ticket {
    let sent = |e: &Effect| match e {
        Effect::Ask(ticket, Request::Publish { .. } | Request::UpdateConversation { .. }) => Some(*ticket),
        _ => None,
    };
    life.all.iter().rev().find_map(sent).expect("something was sent")
}

/// An opened conversation whose bot has sent the first of these.
fn acting_by(rules: Rules, actions: Vec<Action>) -> Life {
    let mut life = Life::by(rules, false).into_online(false);
    assigned(&mut life);
    decide(&mut life, actions);
    commit(&mut life, CommitOutcome::Committed);
    life
}

fn acting(actions: Vec<Action>) -> Life {
    acting_by(Rules::default(), actions)
}

fn answer(life: &mut Life, outcome: Outcome) {
    let ticket = sent(life);
    life.tell(Event::Answered { ticket, outcome });
}

/// What the bot itself said, as the platform gives it back.
fn own(sequence: i64, text: &str) -> MessageEvent {
    let body = EventBody::Content { content_type: "text/plain".into(), text: text.into() };
    let (originator, originator_pid) = ("1.2".to_owned(), "pid".to_owned());
    MessageEvent { originator, originator_pid, role: Role::AssignedAgent, body, ..message(sequence) }
}

#[test]
fn a_refused_token_is_renewed_and_the_action_looked_for_before_it_is_sent_again() {
    let mut life = acting(vec![say("x")]);
    answer(&mut life, refused(401));
    assert!(life.effects.contains(&Effect::CloseSocket), "{:?}", life.effects);
    assert_eq!(life.count(is_dead), 0);
    let logins = life.count(is_login);
    life.wake();
    assert_eq!(life.count(is_login), logins + 1, "{:?}", life.effects);
    life.tell(Event::LoggedIn(crate::life::identity()));
    let generation = life.generation();
    life.tell(Event::SocketOpened { generation });
    life.answer_all();
    let changes = vec![change(ChangeKind::Upsert, "1.2")];
    life.tell(Event::Conversations { generation, subscription: None, changes, lost: 0 });
    history(&mut life, Vec::new());
    life.pass(Rules::default().settle);
    assert!(life.effects.iter().any(is_reading), "{:?}", life.effects);
    history(&mut life, Vec::new());
    assert_eq!(life.count(is_publish), 2);
    answer(&mut life, refused(401));
    assert!(
        !life.effects.contains(&Effect::CloseSocket),
        "the new token is not at fault: {:?}",
        life.effects
    );
    let ticket = find_asked(&life);
    found(&mut life, ticket, vec![change(ChangeKind::Upsert, "1.2").conversation]);
    assert_eq!(life.count(is_dead), 1, "it can never succeed");
}

#[test]
fn what_the_platform_has_no_time_for_is_tried_again_in_order_and_ever_more_slowly() {
    let mut life = acting(vec![say("first"), say("second")]);
    let mut waits = Vec::new();
    for _ in 0..8 {
        answer(&mut life, refused(429));
        let before = life.now.moment;
        life.wake();
        waits.push(life.now.moment.since(before).as_secs());
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    let texts: Vec<_> = life.all.iter().filter(|e| is_publish(e)).map(|e| format!("{e:?}")).collect();
    assert!(texts.len() == 9 && texts.iter().all(|text| text.contains("first")), "{texts:?}");
}

#[test]
fn a_servers_failure_says_nothing_and_is_looked_for() {
    for outcome in [refused(500), refused(503), Outcome::Unknown] {
        let mut life = acting(vec![say("x")]);
        answer(&mut life, outcome);
        life.pass(Rules::default().settle);
        assert!(life.effects.iter().any(is_reading), "{:?}", life.effects);
        let tag = life.all.iter().find_map(|e| match e {
            Effect::Ask(_, Request::Publish { external_ids, .. }) => external_ids.first().cloned(),
            _ => None,
        });
        let there = MessageEvent { external_ids: tag.into_iter().collect(), ..own(0, "x") };
        history(&mut life, vec![there]);
        assert_eq!((life.count(is_publish), life.count(is_done)), (1, 1));
    }
}

/// 403 and 404 on words: the conversation says whether they can ever be said.
#[test]
fn a_refusal_that_may_be_about_the_conversation_asks_for_it() {
    for code in [400, 403, 404] {
        let ours = change(ChangeKind::Upsert, "1.2").conversation;
        let others = change(ChangeKind::Upsert, "1.77").conversation;
        for (what, dead, left) in [(ours, 1, 1), (others, 0, 0), (closed(), 0, 1)] {
            let mut life = acting(vec![say("x")]);
            answer(&mut life, refused(code));
            assert_eq!(life.count(is_dead), 0);
            let ticket = find_asked(&life);
            found(&mut life, ticket, vec![what.clone()]);
            let seen = (life.count(is_dead), life.bot.view().conversations);
            assert_eq!(seen, (dead, left), "{code}, {what:?}");
        }
    }
}

#[test]
fn an_action_that_the_platform_refuses_becomes_a_dead_letter_and_blocks_nothing() {
    let mut life = acting(vec![say("refused"), say("next")]);
    answer(&mut life, Outcome::Refused { code: 400, words: "no such dialog".into() });
    let ticket = find_asked(&life);
    found(&mut life, ticket, vec![change(ChangeKind::Upsert, "1.2").conversation]);
    let dead =
        |e: &Effect| matches!(e, Effect::Dead(key, words) if key.n == 0 && words == "400: no such dialog");
    let next = |e: &Effect| matches!(e, Effect::Ask(_, Request::Publish { .. }));
    assert!(life.effects.iter().any(dead) && life.effects.iter().any(next), "{:?}", life.effects);
}

/// The wished state already there, or no longer ours to change, means done.
#[test]
fn a_transfer_in_doubt_is_known_by_the_conversations_state() {
    for (outcome, code) in [(Outcome::Unknown, 0), (refused(400), 400)] {
        let mut life = acting(vec![Action::TransferToSkill { skill: "7".into() }]);
        answer(&mut life, outcome.clone());
        if code == 0 {
            life.pass(Rules::default().settle);
        }
        let ticket = find_asked(&life);
        found(&mut life, ticket, Vec::new());
        assert_eq!((life.count(is_done), life.bot.view().conversations), (1, 0), "{outcome:?}");
    }
}

#[test]
fn a_transfer_that_was_not_done_is_sent_again_or_given_up_when_refused() {
    for (outcome, sends, dead) in [(Outcome::Unknown, 2, 0), (refused(400), 1, 1)] {
        let mut life = acting(vec![Action::TransferToSkill { skill: "7".into() }]);
        answer(&mut life, outcome.clone());
        life.pass(Rules::default().settle);
        let ticket = find_asked(&life);
        found(&mut life, ticket, vec![change(ChangeKind::Upsert, "1.2").conversation]);
        let transfers = life.count(|e| matches!(e, Effect::Ask(_, Request::UpdateConversation { .. })));
        assert_eq!((transfers, life.count(is_dead)), (sends, dead), "{outcome:?}");
    }
}

#[test]
fn without_tags_an_action_in_doubt_is_known_by_its_words() {
    for (said, sends) in [("x", 1), (" x\n", 1), ("something else", 2)] {
        let mut life = acting_by(Rules { tagging: Tagging::Off, ..Rules::default() }, vec![say("x")]);
        let untagged = |e: &Effect| matches!(e, Effect::Ask(_, Request::Publish { external_ids, .. }) if external_ids.is_empty());
        assert_eq!(life.count(untagged), 1);
        answer(&mut life, Outcome::Unknown);
        life.pass(Rules::default().settle);
        history(&mut life, vec![own(0, said)]);
        assert_eq!((life.count(is_publish), life.count(is_done)), (sends, 2 - sends), "{said}");
    }
}

/// Tags are published, and the platform returns no metadata.
#[test]
fn a_platform_that_returns_no_metadata_is_not_told_twice() {
    let mut life = acting(vec![say("x")]);
    answer(&mut life, Outcome::Unknown);
    life.pass(Rules::default().settle);
    history(&mut life, vec![own(0, "x")]);
    assert_eq!((life.count(is_publish), life.count(is_done)), (1, 1));
}

/// The same words twice in one turn: one event confirms one of them, however often it is read.
#[test]
fn one_event_confirms_one_action() {
    let mut life = acting(vec![say("x"), say("x")]);
    answer(&mut life, Outcome::Done);
    assert_eq!(life.count(is_publish), 2);
    let generation = life.generation();
    // The first one's echo comes late, twice.
    for _ in 0..2 {
        life.tell(Event::Message { generation, event: Box::new(own(0, "x")) });
    }
    assert_eq!(life.count(is_done), 1, "the second is still open");
    answer(&mut life, Outcome::Unknown);
    life.pass(Rules::default().settle);
    history(&mut life, vec![own(0, "x")]);
    assert_eq!((life.count(is_publish), life.count(is_done)), (3, 1), "it was not said");
    life.tell(Event::Message { generation, event: Box::new(own(1, "x")) });
    assert_eq!(life.count(is_done), 2);
}

/// A catch-up that found something says what; one page after the other, from either end.
#[test]
fn a_catch_up_proves_that_nothing_lies_between() {
    let mut life = acting(vec![]);
    life.close(1000);
    life.wake();
    let generation = life.generation();
    life.tell(Event::SocketOpened { generation });
    life.answer_all();
    let changes = vec![change(ChangeKind::Upsert, "1.2")];
    life.tell(Event::Conversations { generation, subscription: None, changes, lost: 0 });
    history(&mut life, vec![message(2), own(3, "an earlier life"), message(5)]);
    // The page does not reach down to the cursor: what lies before it is asked for.
    history(&mut life, vec![message(0)]);
    history(&mut life, Vec::new());
    let proof = life.all.iter().rev().find_map(|e| match e {
        Effect::Note(Note::CaughtUp { proof, .. }) => Some(proof.clone()),
        _ => None,
    });
    let proof = proof.expect("it says what it found");
    assert_eq!(proof.to_string(), "cursor -1, platform 5, handled 0-5, nothing at 1, 4");
    assert_eq!((proof.owed, proof.holes()), (3, 2));
}

/// 3,000 messages that nobody has answered, in pages of 20, whichever end a page keeps.
#[test]
fn a_long_history_is_read_in_bounded_goes_and_none_of_it_is_lost() {
    for newest in [true, false] {
        let mut life = acting(vec![]);
        life.close(1000);
        life.wake();
        let generation = life.generation();
        life.tell(Event::SocketOpened { generation });
        life.answer_all();
        let changes = vec![change(ChangeKind::Upsert, "1.2")];
        life.tell(Event::Conversations { generation, subscription: None, changes, lost: 0 });
        let (mut next, mut rests, mut pages, mut full) = (0, 0, 0, 0);
        while next < 3_000 {
            let effects = life.effects.clone();
            let history = Effect::Note(Note::Full { queue: "history" });
            full += effects.iter().filter(|effect| **effect == history).count();
            let read = effects.iter().find_map(|e| match e {
                Effect::Ask(ticket, Request::ReadHistory { newer_than, older_than, .. }) => {
                    Some((*ticket, newer_than.0, older_than.map_or(3_000, |older| older.0.min(3_000))))
                }
                _ => None,
            });
            if let Some((ticket, newer, older)) = read {
                pages += 1;
                let all: Vec<_> = (newer + 1..older).collect();
                let page =
                    if newest { &all[all.len().saturating_sub(20)..] } else { &all[..all.len().min(20)] };
                let events = page.iter().copied().map(message).collect();
                life.tell(Event::Answered { ticket, outcome: Outcome::History(events) });
            } else if effects.iter().any(|e| matches!(e, Effect::Think(_))) {
                let asked = effects.iter().find_map(|e| match e {
                    Effect::Think(turn) => Some(turn.event.clone()),
                    _ => None,
                });
                let muster_core::turn::TurnEvent::Message { sequence, .. } = asked.unwrap() else { panic!() };
                assert_eq!(sequence, Sequence(next), "in order, none twice");
                next += 1;
                decide(&mut life, vec![]);
                commit(&mut life, CommitOutcome::Committed);
            } else {
                rests += 1;
                assert!(rests < 10_000, "stuck at {next}");
                life.pass(Duration::from_secs(1));
            }
        }
        assert!(rests > 0 && pages > 150, "{rests} rests, {pages} pages");
        assert!(full > 0, "a reading that was full is told of");
    }
}
