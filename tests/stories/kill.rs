//! kill -9 of `muster run` in mid-load, five times in a row: nothing lost, nothing twice.

use std::time::Duration;

use liveperson_sim::Ledger;

use crate::outside::{Store, World};

/// How late an answer is does not matter here: each restart on Postgres waits out a lease.
const LOAD: [&str; 10] =
    ["--bots", "3", "--consumers", "12", "--think", "60", "--burst", "2", "--answer-within", "180000"];

const ACCOUNT: &str = "10000001";

const LATE: Option<Duration> = Some(Duration::from_secs(3));

/// Kills five times; the verdict comes after an orderly end, when nothing is in doubt any more.
async fn killed_five_times(store: Store, late: Option<Duration>, sabotage: &str) -> (bool, Ledger) {
    killed(&World::new(store, &LOAD).await, late, sabotage).await
}

pub(crate) async fn killed(world: &World, late: Option<Duration>, sabotage: &str) -> (bool, Ledger) {
    world.control.apply_late(late).await.unwrap();
    let sabotage = [("MUSTER_SABOTAGE", sabotage)];
    for _ in 0..5 {
        let mut fleet = world.run(&[], &sabotage).await;
        // Twice a load: what the platform applies late lands in the middle of it.
        let rounds = if late.is_some() { 12 } else { 1 };
        for _ in 0..rounds {
            world.answered(world.ledger().await.once + 20).await;
        }
        fleet.process.kill9();
        // Nobody is there: every consumer gets to say something that the next life has to find.
        world.unheard(12).await;
    }
    let last = world.run(&[], &sabotage).await;
    let settled = world.settled(Duration::from_mins(1)).await;
    // An orderly end waits until every action is confirmed: a second answer would come before.
    let mut process = last.process;
    process.terminate();
    assert_eq!(process.ended().await, 0, "{}", process.log());
    world.search_for_secrets().await;
    (settled.is_ok(), world.ledger().await)
}

async fn five_kills_change_nothing(store: Store, late: Option<Duration>) {
    let (settled, ledger) = killed_five_times(store, late, "").await;
    assert!(settled && ledger.is_clean(), "{ledger}\n{:?}", ledger.details);
    assert!(ledger.sent > 100, "too little load: {ledger}");
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_over_kill_9_on_sqlite() {
    five_kills_change_nothing(Store::Sqlite, None).await;
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_over_kill_9_on_postgres() {
    five_kills_change_nothing(Store::Postgres, None).await;
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_when_requests_are_applied_late_on_sqlite() {
    five_kills_change_nothing(Store::Sqlite, LATE).await;
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_when_requests_are_applied_late_on_postgres() {
    five_kills_change_nothing(Store::Postgres, LATE).await;
}

/// The same for a pool that watches the account: no bot joins a conversation twice.
async fn five_kills_join_nothing_twice(store: Store, late: Option<Duration>) {
    let world = World::new(store, &LOAD).await;
    world.joins_by_itself();
    let (settled, ledger) = killed(&world, late, "").await;
    assert!(settled && ledger.is_clean(), "{ledger}\n{:?}", ledger.details);
    assert!(ledger.sent > 100, "too little load: {ledger}");
    let counters = world.control.counters().await.unwrap();
    assert!(counters.joins.len() > 12, "{:?}", counters.joins);
    assert_eq!(counters.max_joins_per_user_and_conversation(), 1);
    let twice: Vec<_> =
        counters.joins.iter().filter(|join| counters.joins_of(&join.conversation) > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[tokio::test]
async fn a_pool_that_joins_loses_and_doubles_nothing_over_kill_9_on_sqlite() {
    five_kills_join_nothing_twice(Store::Sqlite, LATE).await;
}

#[tokio::test]
async fn a_pool_that_joins_loses_and_doubles_nothing_over_kill_9_on_postgres() {
    five_kills_join_nothing_twice(Store::Postgres, None).await;
}

/// The proof that the stories above can fail.
#[tokio::test]
async fn without_reconciliation_messages_are_answered_twice() {
    let (_, ledger) = killed_five_times(Store::Sqlite, LATE, "reconcile").await;
    assert!(ledger.more_than_once > 0, "nobody noticed that reconciliation was off: {ledger}");
}

/// Three consumers speak while nobody is there; returns what became of it after an orderly end.
async fn spoken_meanwhile(sabotage: &str, answered: usize) -> Ledger {
    let world = World::new(Store::Sqlite, &["--bots", "1"]).await;
    let sabotage = [("MUSTER_SABOTAGE", sabotage)];
    let mut fleet = world.run(&[], &sabotage).await;
    for name in ["ada", "bob", "cyd"] {
        world.control.consumer_opens(ACCOUNT, name, &format!("m-{name}-1"), "-1").await.unwrap();
    }
    world.answered(3).await;
    world.control.settled(Duration::from_secs(20)).await.unwrap().unwrap();
    fleet.process.kill9();
    for name in ["ada", "bob", "cyd"] {
        world.control.consumer_says(ACCOUNT, name, &format!("m-{name}-2")).await.unwrap();
    }
    let mut next = world.run(&[], &sabotage).await;
    next.all_online().await;
    world.answered(answered).await;
    next.process.terminate();
    assert_eq!(next.process.ended().await, 0, "{}", next.process.log());
    world.ledger().await
}

#[tokio::test]
async fn what_is_said_while_nobody_is_there_is_answered_by_the_next_start() {
    let ledger = spoken_meanwhile("", 6).await;
    assert!(ledger.once == 6 && ledger.is_clean(), "{ledger}");
}

/// The proof that the story above can fail.
#[tokio::test]
async fn without_catch_up_messages_are_lost() {
    let ledger = spoken_meanwhile("catch-up", 3).await;
    assert_eq!((ledger.once, ledger.never + ledger.waiting), (3, 3), "{ledger}");
}
