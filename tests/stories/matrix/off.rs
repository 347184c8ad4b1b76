//! Without what protects, the matrix fails: for each protection the case that shows it. That of catch-up is
//! in `kill`, where consumers speak while nobody is there.

use std::time::Duration;

use liveperson_sim::{Aim, Fault, Order};
use muster::crash::Point;
use muster::protection::Protection;

use super::crashes::{Intake, dies_at, world};
use super::stops::{RESENT, stopped_at};
use crate::outside::{SOON, Store, World};
use crate::wait::until;

/// What stands in front of each run.
fn without(protection: Protection) -> [(&'static str, &'static str); 1] {
    [("MUSTER_SABOTAGE", protection.name())]
}

/// One more life without the protection, until nothing is owed or it is clear that something stays owed.
async fn lives_on(world: &World, protection: Protection) {
    let fleet = world.run(&[], &without(protection)).await;
    fleet.all_online().await;
    let _ = world.settled(Duration::from_secs(8)).await;
}

#[tokio::test]
async fn without_reconciliation_a_kill_after_the_write_answers_twice() {
    let world = world(Store::Sqlite, Intake::Rings).await;
    // A death may also take along what the platform had not read yet: then that one is not there twice.
    for passing in [4, 12, 20] {
        dies_at(&world, Point::Published, passing, &without(Protection::Reconciliation)).await;
    }
    lives_on(&world, Protection::Reconciliation).await;
    let ledger = world.ledger().await;
    assert!(ledger.more_than_once > 0, "nobody noticed that reconciliation was off: {ledger}");
}

#[tokio::test]
async fn without_dedupe_an_event_that_comes_twice_is_answered_twice() {
    let world = world(Store::Sqlite, Intake::Rings).await;
    let twice = Order::of(Fault::DoubleNotification).at(Aim::default().request("ms.OnlineEventDistribution"));
    world.control.order(&twice).await.unwrap();
    let _fleet = world.run(&[], &without(Protection::Dedupe)).await;
    world.answered(60).await;
    let ledger = world.ledger().await;
    assert!(ledger.more_than_once > 0, "nobody noticed that dedupe was off: {ledger}");
}

#[tokio::test]
async fn without_the_fence_a_process_that_lost_the_fleet_answers_what_its_successor_answered() {
    let world = world(Store::Postgres, Intake::Rings).await;
    // By then a turn has something to say.
    let old = stopped_at(&world, Point::CommitHeard, 35, &without(Protection::Fence)).await;
    let new = world.run(&[], &[]).await;
    new.process.says_somewhere(RESENT).await;
    world.answered(world.ledger().await.once + 10).await;
    old.goes_on();
    until("something is answered twice", SOON, async || {
        let ledger = world.ledger().await;
        if ledger.more_than_once > 0 { Ok(()) } else { Err(format!("nobody noticed: {ledger}")) }
    })
    .await;
}

#[tokio::test]
async fn without_claims_a_kill_after_the_join_joins_again() {
    let world = world(Store::Sqlite, Intake::All).await;
    // The next life is at work before the join is there.
    world.control.apply_late(Some(Duration::from_secs(6))).await.unwrap();
    for _ in 0..4 {
        dies_at(&world, Point::JoinSent, 1, &without(Protection::Claims)).await;
    }
    lives_on(&world, Protection::Claims).await;
    let counters = world.control.counters().await.unwrap();
    let twice = counters.joins.iter().any(|join| counters.joins_of(&join.conversation) > 1);
    assert!(twice, "nobody noticed that claims were off: {:?}", counters.joins);
}
