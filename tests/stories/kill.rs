//! kill -9 of `muster run` in mid-load, five times in a row: nothing lost, nothing twice.

use std::time::Duration;

use liveperson_sim::Ledger;

use crate::outside::{Store, World};

/// How late an answer is does not matter here: each restart on Postgres waits out a lease.
const LOAD: [&str; 10] =
    ["--bots", "3", "--consumers", "12", "--think", "60", "--burst", "2", "--answer-within", "180000"];

const LATE: Option<Duration> = Some(Duration::from_secs(3));

/// Kills so many times; the verdict comes after an orderly end, when nothing is in doubt any more.
async fn killed(times: usize, store: Store, late: Option<Duration>, sabotage: &str) -> (bool, Ledger) {
    let world = World::new(store, &LOAD).await;
    world.control.apply_late(late).await.unwrap();
    let sabotage = [("MUSTER_SABOTAGE", sabotage)];
    for _ in 0..times {
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
    let settled = world.settled(Duration::from_secs(if sabotage[0].1.is_empty() { 60 } else { 20 })).await;
    // An orderly end waits until every action is confirmed: a second answer would come before.
    let mut process = last.process;
    process.terminate();
    assert_eq!(process.ended().await, 0, "{}", process.log());
    world.search_for_secrets().await;
    (settled.is_ok(), world.ledger().await)
}

async fn five_kills_change_nothing(store: Store, late: Option<Duration>) {
    let (settled, ledger) = killed(5, store, late, "").await;
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

/// The proof that the stories above can fail.
#[tokio::test]
async fn without_reconciliation_messages_are_answered_twice() {
    let (_, ledger) = killed(5, Store::Sqlite, LATE, "reconcile").await;
    assert!(ledger.more_than_once > 0, "nobody noticed that reconciliation was off: {ledger}");
}

/// The proof that the stories above can fail. One kill is enough: who spoke meanwhile stays unheard.
#[tokio::test]
async fn without_catch_up_messages_are_lost() {
    let (_, ledger) = killed(1, Store::Sqlite, None, "catch-up").await;
    assert!(ledger.never + ledger.waiting > 0, "nobody noticed that catch-up was off: {ledger}");
    assert_eq!(ledger.more_than_once, 0, "{ledger}");
}
