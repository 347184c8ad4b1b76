//! kill -9 of `muster run` in mid-load, five times in a row: nothing lost, nothing twice.

use std::time::Duration;

use crate::outside::{Store, World};

const LOAD: [&str; 8] = ["--bots", "3", "--consumers", "12", "--think", "60", "--burst", "2"];

async fn killed_five_times(store: Store, late: Option<Duration>, sabotage: &str) -> Result<(), String> {
    let world = World::new(store, &LOAD).await;
    world.control.apply_late(late).await.unwrap();
    let mut answered = 0;
    for _ in 0..5 {
        let mut fleet = world.run(&[], &[("MUSTER_SABOTAGE", sabotage)]).await;
        answered += 30;
        world.answered(answered.max(world.ledger().await.once + 20)).await;
        fleet.process.kill9();
    }
    let _last = world.run(&[], &[("MUSTER_SABOTAGE", sabotage)]).await;
    // Far beyond what a fleet that keeps its promise takes: restart, settle, answer.
    let within = Duration::from_secs(if sabotage.is_empty() { 60 } else { 20 });
    let ledger = world.judged(within).await?;
    assert!(ledger.sent > 100, "too little load: {ledger}");
    Ok(())
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_over_kill_9_on_sqlite() {
    killed_five_times(Store::Sqlite, None, "").await.unwrap();
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_over_kill_9_on_postgres() {
    killed_five_times(Store::Postgres, None, "").await.unwrap();
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_when_requests_are_applied_late_on_sqlite() {
    killed_five_times(Store::Sqlite, Some(Duration::from_secs(3)), "").await.unwrap();
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_when_requests_are_applied_late_on_postgres() {
    killed_five_times(Store::Postgres, Some(Duration::from_secs(3)), "").await.unwrap();
}

/// The proof that the stories above can fail.
#[tokio::test]
async fn without_reconciliation_messages_are_answered_twice() {
    let judged = killed_five_times(Store::Sqlite, Some(Duration::from_secs(3)), "reconcile").await;
    assert!(judged.is_err(), "nobody noticed that reconciliation was off");
}

/// The proof that the stories above can fail.
#[tokio::test]
async fn without_catch_up_messages_are_lost() {
    let judged = killed_five_times(Store::Sqlite, None, "catch-up").await;
    assert!(judged.is_err(), "nobody noticed that catch-up was off");
}
