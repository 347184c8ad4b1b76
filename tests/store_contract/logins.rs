//! The login budget: shared by processes, remembered over their ends.

use std::time::Duration;

use muster::store::{LoginSlot, Store};
use muster_core::budget::Allowance;

use crate::world::{Kind, World};

const RULES: Allowance = Allowance { per_second: 1, burst: 3, in_flight: 2 };

async fn slot(store: &Store, account: &str) -> LoginSlot {
    store.login_slot(&account.into(), RULES).await.unwrap()
}

/// The database's clock stands still from now on, so that no test is a race against it.
async fn stop_the_clock(world: &World) {
    world.store.migrate().await.unwrap();
    set_clock(world, 1_700_000_000_000).await;
}

async fn set_clock(world: &World, ms: i64) {
    let view = format!("VIEW clock AS SELECT CAST({ms} AS bigint) AS ms");
    match world.kind {
        Kind::sqlite => {
            world.sql("DROP VIEW clock").await;
            world.sql(&format!("CREATE {view}")).await;
        }
        Kind::postgres => world.sql(&format!("CREATE OR REPLACE {view}")).await,
    }
}

pub async fn a_burst_is_granted_once_over_all_processes_and_then_by_the_rate(world: World) {
    stop_the_clock(&world).await;
    let other = world.another_store().await;
    for store in [&world.store, &other, &world.store] {
        assert_eq!(slot(store, "1").await, LoginSlot::Granted);
    }
    for store in [&world.store, &other] {
        let LoginSlot::Later(wait) = slot(store, "1").await else { panic!("the burst is used up") };
        assert_eq!(wait, Duration::from_secs(1));
    }
    assert_eq!(slot(&other, "2").await, LoginSlot::Granted, "each account has its own");
    set_clock(&world, 1_700_000_001_000).await;
    assert_eq!(slot(&other, "1").await, LoginSlot::Granted, "a second later one more");
    assert!(matches!(slot(&world.store, "1").await, LoginSlot::Later(_)));
}

pub async fn a_long_pause_fills_no_more_than_a_burst(world: World) {
    stop_the_clock(&world).await;
    assert_eq!(slot(&world.store, "1").await, LoginSlot::Granted);
    set_clock(&world, 1_700_900_000_000).await;
    for _ in 0..3 {
        assert_eq!(slot(&world.store, "1").await, LoginSlot::Granted);
    }
    assert!(matches!(slot(&world.store, "1").await, LoginSlot::Later(_)));
}

pub async fn logins_that_one_process_closed_are_closed_to_all(world: World) {
    stop_the_clock(&world).await;
    let other = world.another_store().await;
    assert_eq!(slot(&world.store, "1").await, LoginSlot::Granted);
    world.store.close_logins(&"1".into(), Duration::from_secs(20), "too many logins").await.unwrap();
    let closed = LoginSlot::Closed { wait: Duration::from_secs(20), why: "too many logins".to_owned() };
    assert_eq!(slot(&other, "1").await, closed);
    assert_eq!(slot(&other, "2").await, LoginSlot::Granted, "the account's neighbours are not");
    other.close_logins(&"1".into(), Duration::ZERO, "").await.unwrap();
    assert_eq!(slot(&world.store, "1").await, LoginSlot::Granted);
}

pub async fn a_clock_that_was_set_back_closes_nothing(world: World) {
    stop_the_clock(&world).await;
    assert_eq!(slot(&world.store, "1").await, LoginSlot::Granted);
    world.store.close_logins(&"1".into(), Duration::from_secs(9), "503").await.unwrap();
    set_clock(&world, 1_600_000_000_000).await;
    for _ in 0..3 {
        assert_eq!(slot(&world.store, "1").await, LoginSlot::Granted);
    }
    assert!(matches!(slot(&world.store, "1").await, LoginSlot::Later(_)));
}
