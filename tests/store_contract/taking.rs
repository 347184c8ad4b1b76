//! Taking conversations up.

use muster::store::{Group, HeldConversation, Taken};

use crate::world::{World, by, committed, held_by, is_fenced, process, with_actions};

fn held(taken: Taken) -> HeldConversation {
    match taken {
        Taken::Held(held) => *held,
        Taken::Done | Taken::Fenced => panic!("{taken:?}"),
    }
}

pub async fn a_claim_on_something_new_is_empty_and_the_same_again(world: World) {
    let p = world.at_work().await;
    for _ in 0..2 {
        let held = held(p.take_up("ada", "c", true).await);
        assert_eq!((held.claim_epoch, held.variables.as_str()), (1, "{}"));
        assert!(held.cursors.is_empty() && held.outbox.is_empty(), "{held:?}");
    }
    assert_eq!(p.held("c").await.claim_epoch, 1, "it is there for the next start, before any turn");
    assert_eq!(p.commit([p.turn("c", 1)]).await, [committed(1)]);
}

pub async fn a_claim_moves_with_all_that_the_pool_remembers(world: World) {
    let p = world.at_work().await;
    p.commit([with_actions(p.turn("c", 1), &["from ada"])]).await;
    let held = held(p.take_up("bob", "c", false).await);
    assert_eq!((held.claim_epoch, held.variables.as_str()), (2, r#"{"at":1}"#));
    let [(dialog, cursor, turn)] = &held.cursors[..] else { panic!("{held:?}") };
    assert_eq!((dialog.as_str(), cursor.to_string(), turn.as_str()), ("c", "1".to_owned(), "c-1"));
    let bodies: Vec<_> = held.outbox.iter().map(|row| row.body.as_str()).collect();
    assert_eq!(bodies, ["from ada"], "what ada committed is bob's to finish");
    assert_eq!(p.commit([p.turn("c", 2)]).await, [held_by("bob")]);
    assert_eq!(p.commit([p.turn("c", 1)]).await, [held_by("bob")], "nor is it ada's to publish any more");
    assert_eq!(p.commit([by("bob", p.turn("c", 2))]).await, [committed(2)]);
    p.release("c", "ada").await;
    assert_eq!(p.claim("c").await, r#"bob 2 {"at":2}"#, "another's claim is not released");
    assert_eq!(p.store.dead_letters(10).await.unwrap(), []);
    let bobs = p.store.held(&"1".into(), &"bob".into()).await.unwrap();
    assert_eq!(bobs[0].outbox.len(), 1, "and its actions are not dropped");
}

pub async fn a_released_claim_comes_back_with_what_was_not_sent(world: World) {
    let p = world.at_work().await;
    p.commit([with_actions(p.turn("c", 1), &["unsent"])]).await;
    p.release("c", "ada").await;
    assert_eq!(p.store.dead_letters(10).await.unwrap(), [], "it may come back");
    let taken = held(p.take_up("bob", "c", true).await);
    assert_eq!((taken.claim_epoch, taken.variables.as_str(), taken.outbox.len()), (2, r#"{"at":1}"#, 1));
}

pub async fn a_pool_joins_nothing_again_that_it_has_done_with(world: World) {
    let p = world.at_work().await;
    p.commit([p.turn("c", 1)]).await;
    p.release_for_good("c", "ada").await;
    assert_eq!(p.take_up("bob", "c", true).await, Taken::Done);
    assert_eq!(p.claim("c").await, r#"ada 1 {"at":1}"#);
    held(p.take_up("bob", "c", false).await);
    p.release("c", "bob").await;
    held(p.take_up("ada", "c", true).await);
}

pub async fn a_claim_needs_the_right_to_its_bot(world: World) {
    let p = world.at_work().await;
    let mut stale = crate::world::Process { store: p.store.clone(), me: p.me.clone(), epoch: p.epoch - 1 };
    assert_eq!(stale.take_up("ada", "c", true).await, Taken::Fenced);
    stale.epoch = p.epoch;
    let other = world.another_store().await;
    let q = crate::world::Process::start(&other, process("second"), true).await;
    assert_eq!(stale.take_up("ada", "c", true).await, Taken::Fenced, "after a take-over");
    held(q.take_up("ada", "c", true).await);
    assert!(is_fenced(
        &p.store.commit(Group { turns: vec![p.turn("c", 1)], ..Group::default() }).await.unwrap()[0]
    ));
}
