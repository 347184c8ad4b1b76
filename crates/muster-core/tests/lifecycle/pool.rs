//! A bot of a pool: what it is given, what it hands back, and what it leaves to others.

use std::time::Duration;

use liveperson_proto::ConversationId;
use liveperson_proto::conversation::{ChangeKind, Conversation, ConversationChange};
use liveperson_proto::message::Role;
use liveperson_proto::request::{FieldChange, Request};
use muster_core::bot::{Ending, Event, State};
use muster_core::dialog::{
    ClaimOutcome, CommitOutcome, Cursor, Decided, Effect, Outcome, Recalled, RestoredDeed, Rules, Ticket,
};
use muster_core::duty::{Duty, Intake};
use muster_core::pool::{Parting, PoolNews};
use muster_core::turn::Deed;

use crate::life::Life;

const ALL: Duty = Duty {
    intake: Intake::All,
    join_as: muster_core::duty::JoinAs::Agent,
    when_human: muster_core::duty::WhenHuman::Silent,
    start: muster_core::duty::Start::Unanswered,
};

fn shown(participants: &[(&str, Role)]) -> Conversation {
    Conversation {
        id: "C1".into(),
        skill: None,
        main_open: true,
        stage_open: true,
        participants: participants.iter().map(|(id, role)| ((*id).to_owned(), *role)).collect(),
        main_dialog: "C1".into(),
    }
}

fn change(life: &mut Life, kind: ChangeKind, conversation: Conversation) {
    let generation = life.generation();
    let changes = vec![ConversationChange { kind, conversation }];
    life.tell(Event::Conversations { generation, subscription: None, changes, lost: 0 });
}

fn claimed(life: &mut Life, recalled: Recalled) {
    let outcome = ClaimOutcome::Held(Box::new(recalled));
    let number = life.claim_number();
    life.tell(Event::ClaimAnswered { conversation: "C1".into(), number, outcome });
}

/// The ticket of the last request that fits.
fn asked(life: &Life, fits: fn(&Request) -> bool) -> Ticket {
    let ticket = |e: &Effect| match e {
        Effect::Ask(ticket, request) if fits(request) => Some(*ticket),
        _ => None,
    };
    life.all.iter().rev().find_map(ticket).expect("it was asked for")
}

fn joins(request: &Request) -> bool {
    matches!(request, Request::UpdateConversation { changes, .. } if matches!(changes[..], [FieldChange::Add { .. }]))
}

fn leaves(request: &Request) -> bool {
    matches!(request, Request::UpdateConversation { changes, .. } if matches!(changes[..], [FieldChange::Remove { .. }]))
}

fn reads(request: &Request) -> bool {
    matches!(request, Request::ReadHistory { .. })
}

fn answer(life: &mut Life, fits: fn(&Request) -> bool, outcome: Outcome) {
    let ticket = asked(life, fits);
    life.tell(Event::Answered { ticket, outcome });
}

fn placed(life: &mut Life, participants: &[(&str, Role)]) {
    life.tell(Event::Placed { placement: 1, conversations: vec![shown(participants)] });
}

#[test]
fn a_bot_that_is_given_a_conversation_beside_a_human_holds_still_from_the_first_moment() {
    let mut life = Life::of_pool(ALL);
    placed(&mut life, &[("cons", Role::Consumer), ("1.77", Role::AssignedAgent)]);
    claimed(&mut life, Recalled::default());
    answer(&mut life, joins, Outcome::Done);
    let beside = [("cons", Role::Consumer), ("1.77", Role::AssignedAgent), ("1.2", Role::Agent)];
    change(&mut life, ChangeKind::Upsert, shown(&beside));
    answer(&mut life, reads, Outcome::History(Vec::new()));
    assert_eq!(life.count(|e| matches!(e, Effect::Think(_))), 0, "the human is still there");
    change(&mut life, ChangeKind::Upsert, shown(&[("cons", Role::Consumer), ("1.2", Role::Agent)]));
    assert_eq!(life.count(|e| matches!(e, Effect::Think(_))), 1);
}

/// The watcher's picture is older: the bot was taken out since, and the human has gone.
#[test]
fn a_bot_that_only_an_old_picture_shows_inside_looks_and_joins() {
    let mut life = Life::of_pool(ALL);
    let beside = [("cons", Role::Consumer), ("1.77", Role::AssignedAgent), ("1.2", Role::Agent)];
    placed(&mut life, &beside);
    claimed(&mut life, Recalled::default());
    life.wake();
    answer(&mut life, |request| matches!(request, Request::GetClock), Outcome::Done);
    answer(&mut life, joins, Outcome::Done);
    change(&mut life, ChangeKind::Upsert, shown(&[("cons", Role::Consumer), ("1.2", Role::Agent)]));
    answer(&mut life, reads, Outcome::History(Vec::new()));
    assert_eq!(life.count(|e| matches!(e, Effect::Think(_))), 1, "nobody else is there");
}

/// A human takes over between the pool's picture and the join.
#[test]
fn after_a_join_the_fresh_picture_decides_before_anything_is_said() {
    let mut life = Life::of_pool(ALL);
    placed(&mut life, &[("cons", Role::Consumer)]);
    claimed(&mut life, Recalled::default());
    answer(&mut life, joins, Outcome::Done);
    assert_eq!(
        life.count(|e| matches!(e, Effect::Ask(_, request) if reads(request))),
        0,
        "it waits to be shown"
    );
    // The notification that would show it got lost: it is asked for.
    life.wake();
    let ticket = crate::closing::find_asked(&life);
    let beside = [("cons", Role::Consumer), ("1.77", Role::AssignedAgent), ("1.2", Role::Agent)];
    crate::closing::found(&mut life, ticket, vec![shown(&beside)]);
    answer(&mut life, reads, Outcome::History(Vec::new()));
    assert_eq!(life.count(|e| matches!(e, Effect::Think(_))), 0, "a human is there");
    change(&mut life, ChangeKind::Upsert, shown(&[("cons", Role::Consumer), ("1.2", Role::Agent)]));
    assert_eq!(life.count(|e| matches!(e, Effect::Think(_))), 1);
}

#[test]
fn a_join_in_doubt_is_repeated_only_after_settle_and_an_answered_question() {
    let mut life = Life::of_pool(ALL);
    placed(&mut life, &[("cons", Role::Consumer)]);
    claimed(&mut life, Recalled::default());
    answer(&mut life, joins, Outcome::Unknown);
    let join = |e: &Effect| matches!(e, Effect::Ask(_, request) if joins(request));
    life.wake();
    assert_eq!(life.count(join), 1, "it looks first");
    answer(&mut life, |request| matches!(request, Request::GetClock), Outcome::Done);
    assert_eq!(life.count(join), 2);
}

/// Nothing happens to such a conversation any more that would make the bot look at it.
#[test]
fn a_retiring_bot_lets_go_at_once_of_what_it_has_not_joined() {
    let mut life = Life::of_pool(ALL);
    placed(&mut life, &[("cons", Role::Consumer)]);
    claimed(&mut life, Recalled::default());
    answer(&mut life, joins, Outcome::Refused { code: 429, words: "slow down".to_owned() });
    life.tell(Event::Drain { ending: Ending::Retire, within: Duration::from_mins(1) });
    for wanted in
        [|e: &Effect| matches!(e, Effect::Release { .. }), |e: &Effect| matches!(e, Effect::Drained)]
    {
        assert_eq!(life.count(wanted), 1);
    }
}

/// The next life may be given the conversation anew: a join that lands late would make it join twice.
#[test]
fn a_retiring_bot_hands_a_join_in_doubt_back_only_after_settle() {
    for landed in [false, true] {
        let mut life = Life::of_pool(ALL);
        placed(&mut life, &[("cons", Role::Consumer)]);
        claimed(&mut life, Recalled::default());
        let left = |e: &Effect| {
            matches!(e, Effect::Release { .. }) || matches!(e, Effect::Ask(_, request) if leaves(request))
        };
        life.tell(Event::Drain { ending: Ending::Retire, within: Duration::from_mins(1) });
        assert_eq!(life.count(left), 0, "the join is on its way");
        answer(&mut life, joins, Outcome::Unknown);
        assert_eq!(life.count(left), 0, "the join may still land");
        if landed {
            // Shown inside, it is certain.
            change(&mut life, ChangeKind::Upsert, shown(&[("cons", Role::Consumer), ("1.2", Role::Agent)]));
        } else {
            let doubted = life.now.moment;
            life.wake();
            assert!(life.now.moment.since(doubted) >= Rules::default().settle);
        }
        answer(&mut life, leaves, Outcome::Done);
        assert_eq!(life.count(|e| matches!(e, Effect::Drained)), 1);
    }
}

/// Rings: the transfer's answer was lost, and the platform shows the conversation gone.
#[test]
fn a_transfer_under_way_is_done_when_the_conversation_is_gone() {
    let mut life = Life::of_pool(Duty::default());
    let ours = [("cons", Role::Consumer), ("1.2", Role::AssignedAgent)];
    change(&mut life, ChangeKind::Upsert, shown(&ours));
    let deed = Deed::Transfer { skill: "7".into() };
    let row = RestoredDeed { turn: "t".into(), n: 0, tag: "mu1.x.s4.0".into(), deed, committed: None };
    claimed(&mut life, Recalled { outbox: vec![row], ..Recalled::default() });
    change(&mut life, ChangeKind::Delete, shown(&[("cons", Role::Consumer)]));
    let done = |e: &Effect| matches!(e, Effect::Done(key) if key.turn.as_str() == "t");
    let released = |e: &Effect| matches!(e, Effect::Release { done: true, .. });
    assert_eq!((life.count(done), life.count(released)), (1, 1), "{:?}", life.effects);
}

#[test]
fn a_hand_back_that_the_platform_has_no_time_for_is_tried_again() {
    let mut life = Life::of_pool(Duty::default());
    change(&mut life, ChangeKind::Upsert, shown(&[("cons", Role::Consumer), ("1.2", Role::AssignedAgent)]));
    claimed(
        &mut life,
        Recalled {
            cursor: Some(("C1".into(), Cursor::at(liveperson_proto::Sequence(3)))),
            ..Recalled::default()
        },
    );
    answer(&mut life, reads, Outcome::History(Vec::new()));
    life.tell(Event::Drain { ending: Ending::Retire, within: Duration::from_mins(1) });
    for outcome in [Outcome::Refused { code: 429, words: String::new() }, Outcome::Unknown] {
        answer(&mut life, leaves, outcome);
        assert_eq!(life.count(|e| matches!(e, Effect::Release { .. })), 0);
        life.wake();
        assert!(life.effects.iter().any(|e| matches!(e, Effect::Ask(_, request) if leaves(request))));
    }
    answer(&mut life, leaves, Outcome::Done);
    assert!(life.effects.contains(&Effect::Drained), "{:?}", life.effects);
}

#[test]
fn a_watch_that_is_refused_costs_no_socket_and_is_asked_for_again() {
    let mut life = Life::of_pool(ALL);
    life.tell(Event::Watch { spell: 1 });
    let watches = |request: &Request| matches!(request, Request::SubscribeConversations { agent: None });
    answer(&mut life, watches, Outcome::Refused { code: 401, words: "no".into() });
    assert!(life.effects.contains(&Effect::Report(PoolNews::Blind)), "{:?}", life.effects);
    let view = life.bot.view();
    assert_eq!(view.state, State::Online);
    assert!(view.cause.is_some_and(|cause| cause.contains("give the bot user the right")));
    assert_eq!(life.count(|e| matches!(e, Effect::CloseSocket)), 0);
    life.wake();
    assert!(life.effects.contains(&Effect::Report(PoolNews::Sighted)), "{:?}", life.effects);
}

/// A turn that lost its claim to a pool-mate ends the conversation here, and nothing is said twice.
#[test]
fn a_bot_that_lost_its_claim_lets_go() {
    let mut life = Life::of_pool(ALL);
    placed(&mut life, &[("cons", Role::Consumer)]);
    claimed(&mut life, Recalled::default());
    answer(&mut life, joins, Outcome::Done);
    change(&mut life, ChangeKind::Upsert, shown(&[("cons", Role::Consumer), ("1.2", Role::Agent)]));
    answer(&mut life, reads, Outcome::History(Vec::new()));
    let turn =
        life.all.iter().rev().find_map(|e| if let Effect::Think(t) = e { Some(t.id.clone()) } else { None });
    let (turn, conversation) = (turn.expect("it thinks"), ConversationId::from("C1"));
    life.tell(Event::Decided {
        conversation: conversation.clone(),
        turn: turn.clone(),
        decided: Decided::Actions(Vec::new()),
    });
    life.tell(Event::Committed {
        conversation: conversation.clone(),
        turn,
        outcome: CommitOutcome::ClaimLost,
    });
    let parting = PoolNews::Released { conversation, parting: Parting::Free };
    assert!(life.effects.contains(&Effect::Report(parting)), "{:?}", life.effects);
    assert_eq!(life.bot.view().conversations, 0);
}
