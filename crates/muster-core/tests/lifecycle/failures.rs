//! Logic that fails for ever: what its consumers get, and that it holds nothing up.

use liveperson_proto::Sequence;
use liveperson_proto::request::Request;
use muster_core::bot::Event;
use muster_core::dialog::{CommitOutcome, CommitTurn, Cursor, Decided, Effect, Note, Rules};
use muster_core::turn::{Action, OnFailure};
use serde_json::{Value, json};

use crate::conversations::{assigned, commit, decide, message, turn};
use crate::life::Life;

fn life(text: Option<&str>, transfer_to: Option<&str>) -> Life {
    let on_failure = OnFailure { text: text.map(str::to_owned), transfer_to: transfer_to.map(Into::into) };
    let mut life = Life::by(Rules { on_failure, ..Rules::default() }, false).into_online(false);
    assigned(&mut life);
    life
}

/// Logic fails as often as it is asked for this turn; returns how often that was.
fn fail(life: &mut Life) -> usize {
    let (of, conversation) = turn(life);
    for asked in 1.. {
        let decided = Decided::Failed("poison".to_owned());
        life.tell(Event::Decided { conversation: conversation.clone(), turn: of.clone(), decided });
        if life.effects.iter().any(|e| matches!(e, Effect::Commit(_))) {
            return asked;
        }
        life.wake();
    }
    unreachable!("the loop ends with a commit")
}

fn hear(life: &mut Life, sequence: i64) {
    let generation = life.generation();
    life.tell(Event::Message { generation, event: Box::new(message(sequence)) });
}

fn committed(life: &Life) -> CommitTurn {
    let commit = |e: &Effect| if let Effect::Commit(turn) = e { Some((**turn).clone()) } else { None };
    life.all.iter().rev().find_map(commit).expect("a turn is committed")
}

fn deeds(life: &Life) -> Vec<Value> {
    committed(life)
        .actions
        .iter()
        .map(|action| serde_json::from_str(&action.body).expect("deeds are JSON"))
        .collect()
}

fn is_deed(request: &Request) -> bool {
    matches!(request, Request::Publish { .. } | Request::UpdateConversation { .. })
}

fn failures(life: &Life) -> usize {
    life.count(|e| matches!(e, Effect::Note(Note::TurnFailed { words, .. }) if words == "poison"))
}

#[test]
fn a_message_whose_turn_fails_gets_what_was_declared_and_the_next_one_goes_on() {
    let sorry = json!({"kind": "text", "text": "Sorry!"});
    let moved = json!({"kind": "transfer", "skill": "7"});
    for (text, transfer_to, expected) in [
        (None, None, vec![]),
        (Some("Sorry!"), None, vec![sorry.clone()]),
        (None, Some("7"), vec![moved.clone()]),
        (Some("Sorry!"), Some("7"), vec![sorry, moved]),
    ] {
        let mut life = life(text, transfer_to);
        decide(&mut life, vec![Action::Set { name: "before".into(), value: json!(1) }]);
        commit(&mut life, CommitOutcome::Committed);
        hear(&mut life, 0);
        let poisoned = turn(&life);
        assert_eq!(fail(&mut life), 3, "asked three times in all");
        assert_eq!(deeds(&life), expected);
        assert_eq!(committed(&life).cursor, Cursor::at(Sequence(0)), "the message is passed");
        let variables: Value = serde_json::from_str(&committed(&life).variables).expect("variables are JSON");
        assert_eq!(variables["before"], 1, "what earlier turns set stays");
        commit(&mut life, CommitOutcome::Committed);
        assert_eq!(failures(&life), 1, "the turn is recorded as failed");
        hear(&mut life, 1);
        let goes_on = turn(&life) != poisoned;
        // What was declared is on its way first, as after any turn.
        let on_its_way = life.all.iter().any(|e| matches!(e, Effect::Ask(_, request) if is_deed(request)));
        assert_eq!((goes_on, on_its_way), (expected.is_empty(), !expected.is_empty()), "{:?}", life.all);
    }
}

#[test]
fn an_opening_that_fails_says_nothing_for_its_message_follows() {
    let mut life = life(Some("Sorry!"), Some("7"));
    assert_eq!(fail(&mut life), 3);
    assert_eq!(deeds(&life), Vec::<Value>::new());
    commit(&mut life, CommitOutcome::Committed);
    assert_eq!(failures(&life), 1);
}

#[test]
fn what_the_store_refuses_for_ever_fails_the_same_way_and_then_passes_bare() {
    let mut life = life(Some("Sorry!"), None);
    decide(&mut life, vec![]);
    commit(&mut life, CommitOutcome::Committed);
    hear(&mut life, 0);
    decide(&mut life, vec![Action::Say { text: "no store keeps this".into() }]);
    for expected in [vec![json!({"kind": "text", "text": "Sorry!"})], vec![]] {
        commit(&mut life, CommitOutcome::Rejected("poison".into()));
        assert_eq!(deeds(&life), expected);
    }
    assert_eq!(failures(&life), 0);
    commit(&mut life, CommitOutcome::Rejected("poison".into()));
    assert_eq!(failures(&life), 1, "passed in memory");
}

#[test]
fn logic_is_asked_as_often_as_declared() {
    for tries in [1, 2, 5] {
        let mut life = Life::by(Rules { attempts: tries, ..Rules::default() }, false).into_online(false);
        assigned(&mut life);
        assert_eq!(fail(&mut life), tries as usize);
    }
}
