//! One process owns the fleet, and a late one changes nothing.

use std::time::Duration;

use muster::store::{AcquireError, Group, Refusal, Renewal, StoreError, TurnOutcome};
use sqlx::Connection;

use crate::world::{Kind, Process, World, committed, is_fenced, process, with_actions};

pub async fn the_second_process_is_refused_until_the_first_lets_go(world: World) {
    let first = world.at_work().await;
    let (store, second) = (world.another_store().await, process("second"));
    let refused = store.acquire(&second, false).await.unwrap_err();
    let words = refused.to_string();
    assert!(words.contains("process 7 on first") && words.contains("--take-over"), "{words}");
    let AcquireError::Held { name, pid, since_ms, remaining } = refused else { panic!("{words}") };
    assert_eq!((name.as_str(), pid), ("first", 7));
    assert!(since_ms > 1_600_000_000_000);
    assert_eq!(remaining.is_some(), world.kind == Kind::postgres);
    assert!(remaining.is_none_or(|left| left <= Duration::from_secs(15) && left > Duration::from_secs(5)));

    assert_eq!(first.store.renew(&first.me).await.unwrap(), Renewal::Kept);
    first.store.acquire(&first.me, false).await.expect("its own fleet");
    first.store.release(&first.me).await.unwrap();
    assert!(is_fenced(&first.commit([first.turn("c", 1)]).await[0]), "what was given up is given up");
    store.acquire(&second, false).await.unwrap();
}

pub async fn a_take_over_fences_the_old_owner_out(world: World) {
    let first = world.at_work().await;
    let turn = with_actions(first.turn("c", 1), &["hello"]);
    first.commit([turn.clone()]).await;
    first.store.save_session(&"1".into(), &"ada".into(), "mine").await.unwrap();
    let second = Process::start(&world.another_store().await, process("second"), true).await;
    second.store.save_session(&"1".into(), &"ada".into(), "newer").await.unwrap();

    assert!(is_fenced(&first.commit([first.turn("c", 2)]).await[0]));
    let own = first.store.own_bots(&first.me, &[("1".into(), "ada".into())]).await;
    assert!(matches!(own, Err(StoreError::Fenced)), "{own:?}");
    first.release("c", "ada").await;
    let dead = vec![(crate::world::key(&turn, 0), "late".to_owned())];
    first.store.commit(Group { dead, ..Group::default() }).await.unwrap();
    first.store.save_session(&"1".into(), &"ada".into(), "late").await.unwrap();
    assert_eq!(first.store.renew(&first.me).await.unwrap(), Renewal::Lost { to: "second".to_owned() });
    first.store.release(&first.me).await.unwrap();

    assert_eq!(second.held("c").await.outbox.len(), 1, "neither released nor dead");
    assert_eq!(
        second.store.load_session(&"1".into(), &"ada".into()).await.unwrap().as_deref(),
        Some("newer")
    );
    assert_eq!(second.store.renew(&second.me).await.unwrap(), Renewal::Kept);
    assert_eq!(second.commit([second.turn("c", 2)]).await, [committed(1)]);
}

pub async fn an_epoch_grows_only_when_the_owner_changes(world: World) {
    let first = world.at_work().await;
    let bots = [("1".into(), "ada".into()), ("1".into(), "new".into()), ("1".into(), "ada".into())];
    let owned = first.store.own_bots(&first.me, &bots).await.unwrap();
    assert_eq!((owned[&bots[0]], owned[&bots[1]], owned.len()), (1, 1, 2));
    first.store.release(&first.me).await.unwrap();
    let second = Process::start(&world.store, process("first"), false).await;
    let owned = second.store.own_bots(&second.me, &bots).await.unwrap();
    assert_eq!((owned[&bots[0]], owned[&bots[1]]), (2, 2), "a name is no identity");
    assert!(second.store.own_bots(&second.me, &[]).await.unwrap().is_empty());
}

pub async fn a_fenced_process_learns_nothing_of_what_it_committed(world: World) {
    let first = world.at_work().await;
    let turn = first.turn("c", 1);
    assert_eq!(first.commit([turn.clone()]).await, [committed(1)]);
    Process::start(&world.another_store().await, process("second"), true).await;
    assert!(is_fenced(&first.commit([turn]).await[0]), "a known turn would be a permit to publish");
}

pub async fn the_fleet_alone_gives_no_right_to_its_bots(world: World) {
    let mut first = world.at_work().await;
    let second = process("second");
    world.another_store().await.acquire(&second, true).await.unwrap();
    first.me = second.clone();
    let outcome = first.commit([first.turn("c", 1)]).await;
    let TurnOutcome::Refused(Refusal::Fenced { owner, epoch, lease_live }) = &outcome[0] else {
        panic!("{outcome:?}")
    };
    assert_ne!(owner.as_ref(), Some(&second.incarnation));
    assert_eq!((*epoch, *lease_live), (Some(1), true));
}

pub async fn the_owner_is_on_record(world: World) {
    world.store.migrate().await.unwrap();
    assert_eq!(world.store.owner().await.unwrap(), None);
    let first = world.at_work().await;
    let owner = world.another_store().await.owner().await.unwrap().unwrap();
    assert_eq!(owner.node, first.me);
    assert_eq!(owner.remaining.is_some(), world.kind == Kind::postgres);
    first.store.release(&first.me).await.unwrap();
    assert_eq!(first.store.owner().await.unwrap(), None);
    assert_eq!(first.store.renew(&first.me).await.unwrap(), Renewal::Lost { to: "nobody".to_owned() });
}

pub async fn a_dead_owner_is_recognised_at_once(world: World) {
    let dead = world.another_store().await;
    dead.migrate().await.unwrap();
    dead.acquire(&process("dead"), false).await.unwrap();
    dead.close().await;
    drop(dead);
    world.store.acquire(&process("next"), false).await.unwrap();
}

pub async fn an_owner_without_the_lock_is_respected_and_gets_it_later(world: World) {
    let first = world.at_work().await;
    let second = Process::start(&world.another_store().await, process("second"), true).await;
    assert_eq!(first.store.renew(&first.me).await.unwrap(), Renewal::Lost { to: "second".to_owned() });

    // The lock file is free now, and yet the fleet is not.
    let third = world.another_store().await;
    let refused = third.acquire(&process("third"), false).await.unwrap_err();
    assert!(matches!(refused, AcquireError::Held { remaining: Some(_), .. }), "{refused}");
    assert_eq!(second.store.renew(&second.me).await.unwrap(), Renewal::Kept);
    let refused = third.acquire(&process("third"), false).await.unwrap_err();
    assert!(matches!(refused, AcquireError::Held { remaining: None, .. }), "{refused}");
}

pub async fn a_lease_expires_by_the_databases_clock(world: World) {
    let first = world.at_work().await;
    world.sql("UPDATE node SET expires_at = (SELECT ms FROM clock)").await;
    let outcome = first.commit([first.turn("c", 1)]).await;
    assert!(matches!(
        &outcome[0],
        TurnOutcome::Refused(Refusal::Fenced { lease_live: false, epoch: Some(1), .. })
    ));
    assert_eq!(first.store.renew(&first.me).await.unwrap(), Renewal::Kept, "nobody took it meanwhile");
    assert_eq!(first.commit([first.turn("c", 1)]).await, [committed(1)]);

    world.sql("UPDATE node SET expires_at = (SELECT ms FROM clock)").await;
    assert_eq!(first.store.owner().await.unwrap().unwrap().remaining, Some(Duration::ZERO));
    let second = Process::start(&world.another_store().await, process("second"), false).await;
    assert!(is_fenced(&first.commit([first.turn("c", 2)]).await[0]));
    assert_eq!(second.commit([second.turn("c", 2)]).await, [committed(1)]);
}

pub async fn a_take_over_waits_for_the_group_under_way(world: World) {
    let first = world.at_work().await;
    first.commit([first.turn("c", 1)]).await;
    let mut other = world.postgres().await;
    let mut blocker = other.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM cursor FOR UPDATE").execute(&mut *blocker).await.unwrap();

    let (store, group) = (first.store.clone(), vec![first.turn("c", 2)]);
    let group =
        tokio::spawn(async move { store.commit(Group { turns: group, ..Group::default() }).await.unwrap() });
    waits_for_a_lock(&world, 1).await;
    assert_eq!(first.store.renew(&first.me).await.unwrap(), Renewal::Kept, "a renewal does not wait");
    let store = world.another_store().await;
    let take_over = tokio::spawn(async move { store.acquire(&process("second"), true).await });
    waits_for_a_lock(&world, 2).await;
    assert!(!take_over.is_finished());

    blocker.rollback().await.unwrap();
    assert_eq!(group.await.unwrap(), [committed(1)]);
    take_over.await.unwrap().unwrap();
    assert_eq!(first.held("c").await.variables, r#"{"at":2}"#, "the next owner sees the group");
}

/// Waits until so many of the database's sessions wait for a lock.
async fn waits_for_a_lock(world: &World, sessions: usize) {
    let query = "SELECT CAST(count(*) AS text) FROM pg_stat_activity \
         WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let waiting = async {
        while world.text(query).await != sessions.to_string() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(8), waiting).await.expect("somebody should wait for a lock");
}
