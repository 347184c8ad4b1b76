//! Which turns win, and what of them is written.

use liveperson_proto::Sequence;
use muster::store::{Group, Refusal, StoreError, TurnOutcome};
use muster_core::dialog::Cursor;

use crate::world::{Kind, World, by, committed, held_by, is_fenced, key, stale, with_actions};

pub async fn a_winner_moves_cursor_claim_and_actions_together(world: World) {
    let p = world.at_work().await;
    let turn = with_actions(p.turn("c", 4), &["hello", "goodbye"]);
    assert_eq!(p.commit([turn.clone()]).await, [committed(1)]);

    let held = p.held("c").await;
    assert_eq!((held.pool.as_str(), held.claim_epoch, held.variables.as_str()), ("desk", 1, r#"{"at":4}"#));
    assert_eq!(held.cursors, [("c".into(), Cursor::at(Sequence(4)), turn.turn_id.clone())]);
    let unsent: Vec<_> = held.outbox.iter().map(|row| (row.n, row.tag.as_str(), row.body.as_str())).collect();
    assert_eq!(unsent, [(0, "tag0", "hello"), (1, "tag1", "goodbye")]);
    assert!(held.outbox.iter().all(|row| row.turn_id == turn.turn_id && row.dialog == turn.dialog));
    assert!(held.outbox[0].created_at > 1_600_000_000_000, "epoch milliseconds");
}

pub async fn every_refusal_says_why_and_leaves_no_trace(world: World) {
    let p = world.at_work().await;
    p.commit([p.turn("c", 4)]).await;
    let before = (world.rows().await, p.claim("c").await);
    let fenced = |owner: Option<&str>, epoch, lease_live| {
        TurnOutcome::Refused(Refusal::Fenced { owner: owner.map(str::to_owned), epoch, lease_live })
    };
    let me = Some(p.me.incarnation.as_str());
    let (mut old, mut stranger, mut unknown) = (p.turn("c", 5), p.turn("c", 5), p.turn("c", 5));
    old.owner_epoch = 0;
    "not me".clone_into(&mut stranger.incarnation);
    unknown.bot = "eve".into();
    for (what, turn, outcome) in [
        ("an older epoch", old, fenced(me, Some(1), true)),
        ("another incarnation", stranger, fenced(me, Some(1), false)),
        ("a bot that nobody owns", unknown, fenced(None, None, true)),
        ("the cursor's own place", with_id("other", p.turn("c", 4)), stale(4)),
        ("a place before the cursor", p.turn("c", 3), stale(4)),
        ("a claim of another bot", by("bob", p.turn("c", 5)), held_by("ada")),
    ] {
        assert_eq!(p.commit([with_actions(turn, &["x"])]).await, [outcome], "{what}");
        assert_eq!((world.rows().await, p.claim("c").await), before, "{what}");
    }
}

fn with_id(id: &str, mut turn: muster::store::TurnCommit) -> muster::store::TurnCommit {
    turn.turn_id = id.into();
    turn
}

pub async fn a_turn_without_a_message_takes_a_step_at_its_place(world: World) {
    let p = world.at_work().await;
    let step = |id: &str, sequence, step| {
        let mut turn = with_id(id, p.turn("c", sequence));
        turn.cursor = Cursor { sequence: Sequence(sequence), step };
        turn
    };
    let refused = |sequence, step| {
        TurnOutcome::Refused(Refusal::StaleCursor { at: Cursor { sequence: Sequence(sequence), step } })
    };
    assert_eq!(p.commit([step("opened", -1, 1)]).await, [committed(1)]);
    assert_eq!(p.commit([p.turn("c", 4)]).await, [committed(1)]);
    for (what, turn, outcome) in [
        ("a step before the message", step("x", -1, 9), refused(4, 0)),
        ("the first step", step("closed", 4, 1), committed(1)),
        ("the same turn a step further", step("closed", 4, 2), TurnOutcome::AlreadyCommitted),
        ("another turn at its place", step("y", 4, 1), refused(4, 1)),
        ("its message again", step("z", 4, 0), refused(4, 1)),
        ("the next message", step("c-5", 5, 0), committed(1)),
    ] {
        assert_eq!(p.commit([turn]).await, [outcome], "{what}");
    }
    assert_eq!(p.held("c").await.cursors, [("c".into(), Cursor::at(Sequence(5)), "c-5".into())]);
}

pub async fn losers_leave_their_neighbours_alone(world: World) {
    let p = world.at_work().await;
    p.commit([p.turn("a", 1), by("bob", p.turn("b", 1)), p.turn("d", 9)]).await;
    let mut fenced = p.turn("e", 1);
    fenced.owner_epoch = 7;
    let group = [p.turn("a", 2), p.turn("b", 2), fenced, p.turn("d", 8), p.turn("a2", 1), p.turn("d2", 1)];
    let outcomes = p.commit(group).await;
    assert!(is_fenced(&outcomes[2]), "{outcomes:?}");
    let others: Vec<_> = [0, 1, 3, 4, 5].map(|place: usize| outcomes[place].clone()).into();
    assert_eq!(others, [committed(1), held_by("bob"), stale(9), committed(1), committed(1)]);
    assert_eq!(p.claim("a").await, r#"ada 1 {"at":2}"#);
    assert_eq!(p.claim("e").await, "none");
}

pub async fn the_same_turn_again_is_known_and_writes_nothing(world: World) {
    let p = world.at_work().await;
    let turn = with_actions(p.turn("c", 4), &["hello"]);
    p.commit([turn.clone()]).await;
    let done = Group { done: vec![key(&turn, 0)], ..Group::default() };
    p.store.commit(done.clone()).await.unwrap();
    let mut changed = turn.clone();
    r#"{"at":"again"}"#.clone_into(&mut changed.variables);
    assert_eq!(p.commit([changed, p.turn("d", 1)]).await, [TurnOutcome::AlreadyCommitted, committed(1)]);
    assert_eq!(p.claim("c").await, r#"ada 1 {"at":4}"#);
    assert!(p.held("c").await.outbox.is_empty(), "a confirmed action does not come back");
    p.store.commit(done).await.unwrap();
}

pub async fn a_released_claim_is_taken_anew_with_a_higher_epoch(world: World) {
    let p = world.at_work().await;
    p.commit([p.turn("c", 1)]).await;
    for (bot, sequence, epoch) in [("ada", 2, 2), ("bob", 3, 3), ("bob", 4, 4)] {
        let holder = if sequence == 4 { "bob" } else { "ada" };
        p.release("c", holder).await;
        let late = p.commit([by(bot, p.turn("c", sequence))]).await;
        assert_eq!(late, [held_by(holder)], "no turn on a claim that was released");
        p.take_up(bot, "c", false).await;
        let outcome = p.commit([by(bot, p.turn("c", sequence))]).await;
        assert_eq!(outcome, [committed(epoch)], "{bot}");
        assert_eq!(p.claim("c").await, format!(r#"{bot} {epoch} {{"at":{sequence}}}"#));
    }
}

pub async fn variables_change_for_winners_only(world: World) {
    let p = world.at_work().await;
    p.commit([p.turn("c", 5)]).await;
    for (turn, variables) in [
        (p.turn("c", 5), r#"ada 1 {"at":5}"#),
        (p.turn("c", 4), r#"ada 1 {"at":5}"#),
        (by("bob", p.turn("c", 6)), r#"ada 1 {"at":5}"#),
        (p.turn("c", 6), r#"ada 1 {"at":6}"#),
    ] {
        p.commit([turn]).await;
        assert_eq!(p.claim("c").await, variables);
    }
}

pub async fn actions_come_back_in_the_order_of_turns(world: World) {
    let p = world.at_work().await;
    // The ids sort against the order of the turns.
    for (id, sequence, bodies) in [("z", 1, ["1a", "1b"]), ("m", 2, ["2a", "2b"]), ("a", 3, ["3a", "3b"])] {
        let mut turn = with_actions(with_id(id, p.turn("c", sequence)), &bodies);
        turn.actions.reverse();
        assert_eq!(p.commit([turn]).await, [committed(1)]);
    }
    let bodies: Vec<_> = p.held("c").await.outbox.into_iter().map(|row| row.body).collect();
    assert_eq!(bodies, ["1a", "1b", "2a", "2b", "3a", "3b"]);
}

pub async fn a_full_group_lands_in_one_go(world: World) {
    let p = world.at_work().await;
    let turns = |sequence| -> Vec<_> {
        (0..256).map(|c| with_actions(p.turn(&format!("c{c}"), sequence), &["x", "y"])).collect()
    };
    assert_eq!(p.commit(turns(1)).await, vec![committed(1); 256]);
    assert_eq!(world.rows().await, "256 256 512");
    let done: Vec<_> = turns(1).iter().flat_map(|turn| [key(turn, 0), key(turn, 1)]).collect();
    let group = Group { turns: turns(2), done, ..Group::default() };
    assert_eq!(p.store.commit(group.clone()).await.unwrap(), vec![committed(1); 256]);
    assert_eq!(world.rows().await, "256 256 512");
    assert_eq!(p.store.commit(group).await.unwrap(), vec![TurnOutcome::AlreadyCommitted; 256]);
    assert_eq!(world.rows().await, "256 256 512");
    assert_eq!(p.held("c77").await.variables, r#"{"at":2}"#);
    assert_eq!(p.store.held(&"1".into(), &"ada".into()).await.unwrap().len(), 256);
}

pub async fn a_dialog_twice_in_a_group_breaks_the_rule(world: World) {
    let p = world.at_work().await;
    let turns = vec![p.turn("d", 1), p.turn("c", 1), p.turn("c", 2)];
    let error = p.store.commit(Group { turns, ..Group::default() }).await.unwrap_err();
    assert!(matches!(&error, StoreError::Rule(words) if words.contains("dialog c twice")), "{error}");
    assert_eq!(world.rows().await, "0 0 0");
}

pub async fn two_dialogs_of_a_conversation_share_a_group(world: World) {
    let p = world.at_work().await;
    let (main, mut survey) =
        (with_actions(p.turn("c", 1), &["main"]), with_actions(p.turn("c", 2), &["survey"]));
    survey.dialog = "s".into();
    assert_eq!(p.commit([main, p.turn("d", 1), survey]).await, [committed(1), committed(1), committed(1)]);
    let held = p.held("c").await;
    assert_eq!((held.variables.as_str(), held.cursors.len()), (r#"{"at":2}"#, 2));
    let bodies: Vec<_> = held.outbox.into_iter().map(|row| row.body).collect();
    assert_eq!(bodies, ["main", "survey"]);
}

pub async fn a_value_that_the_database_cannot_hold_refuses_only_itself(world: World) {
    let p = world.at_work().await;
    let settled = with_actions(p.turn("old", 1), &["done", "dead"]);
    p.commit([settled.clone()]).await;
    let group = Group {
        turns: vec![p.turn("a", 1), with_actions(p.turn("b", 1), &["fine", "a\0b"]), p.turn("c", 1)],
        done: vec![key(&settled, 0)],
        dead: vec![(key(&settled, 1), "no\0good".to_owned())],
        ..Group::default()
    };
    let outcomes = p.store.commit(group).await.unwrap();
    assert_eq!([&outcomes[0], &outcomes[2]], [&committed(1); 2]);
    assert!(p.held("old").await.outbox.is_empty());
    assert_eq!(p.store.dead_letters(9).await.unwrap()[0].reason, "no\u{fffd}good");
    match world.kind {
        Kind::postgres => {
            assert!(
                matches!(&outcomes[1], TurnOutcome::Refused(Refusal::Rejected(words)) if words.contains("0x00"))
            );
            assert_eq!(p.claim("b").await, "none");
        }
        Kind::sqlite => {
            assert_eq!(outcomes[1], committed(1));
            assert_eq!(p.held("b").await.outbox[1].body, "a\0b");
        }
    }
}

pub async fn equal_ids_of_other_accounts_and_pools_are_strangers(world: World) {
    let p = world.at_work().await;
    p.store.own_bots(&p.me, &[("2".into(), "ada".into())]).await.unwrap();
    let (mut account, mut pool) = (p.turn("c", 1), by("bob", p.turn("c", 1)));
    account.account = "2".into();
    pool.pool = "survey".into();
    let turns =
        [with_actions(p.turn("c", 1), &["1"]), with_actions(account, &["2"]), with_actions(pool, &["3"])];
    assert_eq!(p.commit(turns.clone()).await, vec![committed(1); 3]);
    assert_eq!(p.commit(turns.clone()).await, vec![TurnOutcome::AlreadyCommitted; 3]);
    p.store.commit(Group { done: vec![key(&turns[1], 0)], ..Group::default() }).await.unwrap();
    for (account, bot, unsent) in [("1", "ada", vec!["1"]), ("2", "ada", vec![]), ("1", "bob", vec!["3"])] {
        let held = p.store.held(&account.into(), &bot.into()).await.unwrap();
        let bodies: Vec<_> = held.iter().flat_map(|held| &held.outbox).map(|row| row.body.as_str()).collect();
        assert_eq!((held.len(), bodies), (1, unsent), "{account} {bot}");
    }
}

pub async fn two_bots_that_race_for_a_conversation_have_one_winner(world: World) {
    let p = world.at_work().await;
    for round in 0..30 {
        let (conversation, fill) = (format!("c{round}"), format!("f{round}"));
        let group = |bot: &str, dialog: &str| {
            let mut turn = with_actions(with_id(dialog, by(bot, p.turn(&conversation, 1))), &["x"]);
            turn.dialog = dialog.into();
            vec![by(bot, p.turn(&format!("{fill}{bot}"), 1)), turn]
        };
        let (ada, bob) = tokio::join!(p.commit(group("ada", "main")), p.commit(group("bob", "other")));
        assert_eq!([&ada[0], &bob[0]], [&committed(1); 2]);
        let won = (ada[1].clone(), bob[1].clone());
        let one = won == (committed(1), held_by("ada")) || won == (held_by("bob"), committed(1));
        assert!(one, "round {round}: {won:?}");
    }
    assert_eq!(world.rows().await, "90 90 30");
}

pub async fn a_store_without_tables_says_what_to_run(world: World) {
    let error = world.store.declared().await.unwrap_err();
    assert!(matches!(error, StoreError::Migration { .. }), "{error:?}");
    assert!(error.to_string().contains("muster migrate"), "{error}");
}
