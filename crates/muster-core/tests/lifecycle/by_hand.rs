//! What people do to one conversation: take it over, say something, transfer, close, give it back.

use std::time::Duration;

use liveperson_proto::Sequence;
use liveperson_proto::conversation::ChangeKind;
use liveperson_proto::message::{EventBody, MessageEvent, Role};
use liveperson_proto::request::{Outgoing, Request};
use muster_core::bot::{Ending, Event};
use muster_core::dialog::{CommitOutcome, Effect, Joint, Outcome, RestoredDeed, Rules, Tagging};
use muster_core::tag::{Tagger, Trigger};
use muster_core::turn::{Action, Deed, TurnEvent};

use crate::conversations::{
    assigned, claim_answered, commit, decide, held, history, is_reading, message, shown,
};
use crate::life::Life;

/// Nobody has sent any of them.
const UNSENT: usize = 0;

fn tagger() -> Tagger {
    Tagger::new("1".into(), "p".into())
}

fn take_over(life: &mut Life) {
    life.tell(Event::TakenOver([("C1".into())].into_iter().collect()));
}

fn give_back(life: &mut Life) {
    life.tell(Event::TakenOver(std::collections::BTreeSet::new()));
}

fn tag(n: usize, answers: bool) -> String {
    tagger().wish_tag(Trigger::Person { answers, after: Sequence::START }, n, "key")
}

fn wish(n: usize, answers: bool, deed: Deed) -> RestoredDeed {
    RestoredDeed { turn: tagger().wishes(&"C1".into()), n, tag: tag(n, answers), deed, committed: None }
}

fn says(n: usize, answers: bool, text: &str) -> RestoredDeed {
    wish(n, answers, Deed::Text { text: text.to_owned() })
}

fn wished(life: &mut Life, deeds: Vec<RestoredDeed>, unsent: usize) {
    life.tell(Event::Wished { conversation: "C1".into(), deeds, unsent });
}

fn hears(life: &mut Life, event: MessageEvent) {
    let generation = life.generation();
    life.tell(Event::Message { generation, event: Box::new(event) });
}

/// As the platform shows what the bot published.
fn echo(sequence: i64, tag: Option<String>, text: &str) -> MessageEvent {
    MessageEvent {
        originator: "1.2".into(),
        originator_pid: "pid".into(),
        role: Role::AssignedAgent,
        external_ids: tag.into_iter().collect(),
        body: EventBody::Content { content_type: "text/plain".into(), text: text.to_owned() },
        ..message(sequence)
    }
}

fn published(life: &Life) -> Vec<&str> {
    let text = |e| match e {
        &Effect::Ask(_, Request::Publish { content: Outgoing::Text { ref text }, .. }) => Some(text.as_str()),
        _ => None,
    };
    life.all.iter().filter_map(text).collect()
}

fn turns(life: &Life) -> Vec<&TurnEvent> {
    fn event(effect: &Effect) -> Option<&TurnEvent> {
        if let Effect::Think(turn) = effect { Some(&turn.event) } else { None }
    }
    life.all.iter().filter_map(event).collect()
}

/// The messages that logic was asked about, in order.
fn answered(life: &Life) -> Vec<i64> {
    let of = |event: &&TurnEvent| match event {
        TurnEvent::Message { sequence, .. } => Some(sequence.0),
        _ => None,
    };
    turns(life).iter().filter_map(of).collect()
}

fn answer_publish(life: &mut Life) {
    let asked = |e: &Effect| match e {
        Effect::Ask(ticket, Request::Publish { .. }) => Some(*ticket),
        _ => None,
    };
    let ticket = life.all.iter().rev().find_map(asked).expect("something was published");
    life.tell(Event::Answered { ticket, outcome: Outcome::Done });
}

/// A conversation whose opening is behind it.
fn opened(life: &mut Life) {
    assigned(life);
    decide(life, Vec::new());
    commit(life, CommitOutcome::Committed);
}

#[test]
fn a_person_takes_over_says_something_and_gives_back_and_only_what_came_after_is_answered() {
    let mut life = Life::online(true);
    opened(&mut life);
    take_over(&mut life);
    assert_eq!(life.bot.standing(&"C1".into()).map(|s| s.joint), Some(Joint::TakenOver));
    hears(&mut life, message(0));
    hears(&mut life, message(1));
    assert_eq!(answered(&life), [0; 0], "the bot is silent");
    wished(&mut life, vec![says(0, true, "I am a person")], UNSENT);
    assert_eq!(published(&life), ["I am a person"]);
    answer_publish(&mut life);
    hears(&mut life, message(3));
    give_back(&mut life);
    assert_eq!(answered(&life), [0; 0], "nobody knows yet what the person's words stand after");
    history(
        &mut life,
        vec![message(0), message(1), echo(2, Some(tag(0, true)), "I am a person"), message(3)],
    );
    assert_eq!(answered(&life), [3]);
    assert_eq!(published(&life).len(), 1);
}

#[test]
fn what_is_said_without_taking_over_answers_nothing() {
    let mut life = Life::online(true);
    opened(&mut life);
    hears(&mut life, message(0));
    wished(&mut life, vec![says(0, false, "by the way")], UNSENT);
    decide(&mut life, vec![Action::Say { text: "re 0".to_owned() }]);
    answer_publish(&mut life);
    hears(&mut life, echo(1, Some(tag(0, false)), "by the way"));
    commit(&mut life, CommitOutcome::Committed);
    assert_eq!(published(&life), ["by the way", "re 0"]);
}

#[test]
fn a_turn_that_logic_is_at_work_on_goes_back_and_one_that_is_committed_waits() {
    let mut life = Life::online(true);
    opened(&mut life);
    hears(&mut life, message(0));
    take_over(&mut life);
    decide(&mut life, vec![Action::Say { text: "too late".to_owned() }]);
    assert!(!life.all.iter().any(|e| matches!(e, Effect::Commit(c) if !c.actions.is_empty())));
    give_back(&mut life);
    assert_eq!(answered(&life), [0, 0], "it is asked for again");
    decide(&mut life, vec![Action::Say { text: "re 0".to_owned() }]);
    take_over(&mut life);
    commit(&mut life, CommitOutcome::Committed);
    life.pass(Duration::from_mins(5));
    assert_eq!(published(&life), [""; 0], "its words wait");
    assert!(life.bot.deadline().is_none_or(|at| at > life.now.moment), "and nobody is restless meanwhile");
    give_back(&mut life);
    assert_eq!(published(&life), ["re 0"]);
}

#[test]
fn what_a_person_answered_first_is_not_sent_any_more() {
    let mut life = Life::online(true);
    opened(&mut life);
    hears(&mut life, message(0));
    decide(&mut life, vec![Action::Say { text: "re 0".to_owned() }]);
    take_over(&mut life);
    commit(&mut life, CommitOutcome::Committed);
    wished(&mut life, vec![says(0, true, "a person's answer")], UNSENT);
    assert_eq!(published(&life), ["a person's answer"], "the person's words go first");
    answer_publish(&mut life);
    history(&mut life, vec![message(0), echo(1, Some(tag(0, true)), "a person's answer")]);
    give_back(&mut life);
    assert_eq!(published(&life).len(), 1);
    assert!(
        life.all.iter().any(|e| matches!(e, Effect::Dead(_, words) if words == "a human answered first"))
    );
}

#[test]
fn wishes_are_done_in_order_and_one_that_may_have_been_sent_is_looked_for_first() {
    let mut life = Life::online(true);
    opened(&mut life);
    take_over(&mut life);
    let both = || vec![says(0, true, "first"), says(1, true, "second")];
    wished(&mut life, both(), 1);
    assert_eq!(published(&life), [""; 0], "the first is in doubt, and the second waits for it");
    life.pass(Duration::from_mins(1));
    history(&mut life, vec![echo(0, Some(tag(0, true)), "first")]);
    assert_eq!(published(&life), ["second"]);
    // Told again before the store has heard that the first is done.
    wished(&mut life, both(), usize::MAX);
    life.pass(Duration::from_mins(1));
    assert_eq!(published(&life), ["second"]);
}

#[test]
fn what_is_done_is_not_looked_for_when_the_store_tells_of_it_once_more() {
    let mut life = Life::online(true);
    opened(&mut life);
    wished(&mut life, vec![says(0, false, "once")], UNSENT);
    answer_publish(&mut life);
    let reads = life.count(is_reading);
    for _ in 0..2 {
        life.tell(Event::Revived { conversation: "C1".into(), deeds: vec![says(0, false, "once")] });
        life.pass(Duration::from_mins(1));
    }
    assert_eq!((published(&life).len(), life.count(is_reading)), (1, reads));
}

#[test]
fn what_was_given_up_comes_back_when_a_person_revives_it() {
    let mut life = Life::online(true);
    opened(&mut life);
    wished(&mut life, vec![wish(0, false, Deed::Close)], UNSENT);
    let refused = Outcome::Refused { code: 400, words: "no".to_owned() };
    let asked = |e: &Effect| match e {
        Effect::Ask(ticket, Request::UpdateConversation { .. }) => Some(*ticket),
        _ => None,
    };
    let ticket = life.all.iter().rev().find_map(asked).expect("it is closed");
    life.tell(Event::Answered { ticket, outcome: refused });
    shown_open(&mut life);
    let dead = |e: &Effect| matches!(e, Effect::Dead(..));
    assert_eq!(life.count(dead), 1, "{:?}", life.effects);
    let again = || Event::Revived { conversation: "C1".into(), deeds: vec![wish(0, false, Deed::Close)] };
    let pending = |life: &Life| life.bot.view().outbox;
    life.tell(again());
    assert_eq!(pending(&life), 0, "the store has yet to hear that it was given up");
    life.pass(Rules::default().settle);
    life.tell(again());
    assert_eq!(pending(&life), 1);
}

/// The platform is asked for the conversation and shows it as ours.
fn shown_open(life: &mut Life) {
    let asked = |e: &Effect| match e {
        Effect::Ask(ticket, Request::FindConversation { .. }) => Some(*ticket),
        _ => None,
    };
    let ticket = life.all.iter().rev().find_map(asked).expect("its state decides");
    life.tell(Event::Answered { ticket, outcome: Outcome::Subscribed("S1".into()) });
    let generation = life.generation();
    let changes = vec![crate::conversations::change(ChangeKind::Upsert, "1.2")];
    life.tell(Event::Conversations { generation, subscription: Some("S1".into()), changes, lost: 0 });
}

#[test]
fn a_conversation_that_comes_back_while_it_is_taken_over_begins_nothing() {
    let mut life = Life::online(true);
    take_over(&mut life);
    assigned(&mut life);
    hears(&mut life, message(0));
    assert_eq!(turns(&life), [&TurnEvent::Opened; 0]);
    give_back(&mut life);
    assert_eq!(turns(&life), [&TurnEvent::Opened]);
}

#[test]
fn a_new_claim_begins_after_what_a_person_answered_by_hand() {
    for (answers, owed) in [(true, vec![2]), (false, vec![0])] {
        for cursor in [None, Some(Sequence(-1))] {
            let mut life = Life::online(true);
            shown(&mut life, ChangeKind::Upsert, "1.2");
            claim_answered(&mut life, held(cursor));
            let events = vec![message(0), echo(1, Some(tag(0, answers)), "by hand"), message(2)];
            for page in [events, Vec::new(), Vec::new()] {
                history(&mut life, page);
            }
            if cursor.is_none() {
                decide(&mut life, Vec::new());
                commit(&mut life, CommitOutcome::Committed);
            }
            assert_eq!(answered(&life), owed, "cursor {cursor:?}, taken over {answers}");
        }
    }
}

#[test]
fn without_tags_a_persons_words_are_known_by_their_content() {
    let rules = Rules { tagging: Tagging::Off, ..Rules::default() };
    for echo_first in [true, false] {
        let mut life = Life::by(rules.clone(), true).into_online(true);
        opened(&mut life);
        take_over(&mut life);
        hears(&mut life, message(0));
        wished(&mut life, vec![says(0, true, "by hand")], UNSENT);
        if echo_first {
            hears(&mut life, echo(1, None, "by hand"));
        } else {
            answer_publish(&mut life);
            history(&mut life, vec![message(0), echo(1, None, "by hand")]);
        }
        hears(&mut life, message(2));
        give_back(&mut life);
        assert_eq!(answered(&life), [2], "echo first: {echo_first}");
    }
}

#[test]
fn a_restart_waits_for_what_people_wished_and_for_nothing_of_the_bots_own() {
    let mut life = Life::online(true);
    opened(&mut life);
    hears(&mut life, message(0));
    decide(&mut life, vec![Action::Say { text: "re 0".to_owned() }]);
    take_over(&mut life);
    commit(&mut life, CommitOutcome::Committed);
    wished(&mut life, vec![says(0, true, "a person's words")], UNSENT);
    life.tell(Event::Drain { ending: Ending::Restart, within: Duration::from_mins(1) });
    assert!(!life.effects.contains(&Effect::Drained), "{:?}", life.effects);
    answer_publish(&mut life);
    assert!(life.effects.contains(&Effect::Drained), "{:?}", life.effects);
}

#[test]
fn of_what_was_handed_in_and_is_done_the_last_sixty_four_are_remembered() {
    let mut life = Life::online(true);
    opened(&mut life);
    for n in 0..65 {
        wished(&mut life, vec![says(n, false, "again")], UNSENT);
        answer_publish(&mut life);
    }
    let pending = |n, life: &mut Life| {
        life.tell(Event::Revived { conversation: "C1".into(), deeds: vec![says(n, false, "again")] });
        life.bot.view().outbox
    };
    assert_eq!(pending(1, &mut life), 0);
    assert_eq!(pending(0, &mut life), 1, "forgotten: it is looked for before it is sent");
    assert_eq!(published(&life).len(), 65);
}
