//! The login budget: shared by processes, remembered over their ends.

use std::time::Duration;

use muster::store::{LoginSlot, Store};
use muster_core::budget::Allowance;

use crate::world::World;

const RULES: Allowance = Allowance { per_second: 1, burst: 3, in_flight: 2 };

async fn slot(store: &Store, account: &str) -> LoginSlot {
    store.login_slot(&account.into(), RULES).await.unwrap()
}

pub async fn a_burst_is_granted_once_over_all_processes_and_then_by_the_rate(world: World) {
    world.store.migrate().await.unwrap();
    let other = world.another_store().await;
    for store in [&world.store, &other, &world.store] {
        assert_eq!(slot(store, "1").await, LoginSlot::Granted);
    }
    for store in [&world.store, &other] {
        let LoginSlot::Later(wait) = slot(store, "1").await else { panic!("the burst is used up") };
        assert!(wait <= Duration::from_secs(1) && wait > Duration::from_millis(10), "{wait:?}");
    }
    assert_eq!(slot(&other, "2").await, LoginSlot::Granted, "each account has its own");
    world.sql("UPDATE login_budget SET paid_until = paid_until - 1000000 WHERE account_id = '1'").await;
    assert_eq!(slot(&other, "1").await, LoginSlot::Granted, "a second later one more");
    assert!(matches!(slot(&world.store, "1").await, LoginSlot::Later(_)));
}

pub async fn a_long_pause_fills_no_more_than_a_burst(world: World) {
    world.store.migrate().await.unwrap();
    assert_eq!(slot(&world.store, "1").await, LoginSlot::Granted);
    world.sql("UPDATE login_budget SET paid_until = 0").await;
    for _ in 0..3 {
        assert_eq!(slot(&world.store, "1").await, LoginSlot::Granted);
    }
    assert!(matches!(slot(&world.store, "1").await, LoginSlot::Later(_)));
}

pub async fn logins_that_one_process_closed_are_closed_to_all(world: World) {
    world.store.migrate().await.unwrap();
    let other = world.another_store().await;
    assert_eq!(slot(&world.store, "1").await, LoginSlot::Granted);
    world.store.close_logins(&"1".into(), Duration::from_secs(20), "too many logins").await.unwrap();
    let LoginSlot::Closed { wait, why } = slot(&other, "1").await else { panic!("it is closed") };
    assert!(wait <= Duration::from_secs(20) && wait > Duration::from_secs(5), "{wait:?}");
    assert_eq!(why, "too many logins");
    assert_eq!(slot(&other, "2").await, LoginSlot::Granted, "the account's neighbours are not");
    other.close_logins(&"1".into(), Duration::ZERO, "").await.unwrap();
    assert_eq!(slot(&world.store, "1").await, LoginSlot::Granted);
}

pub async fn a_clock_that_was_set_back_closes_nothing(world: World) {
    world.store.migrate().await.unwrap();
    assert_eq!(slot(&world.store, "1").await, LoginSlot::Granted);
    world.store.close_logins(&"1".into(), Duration::from_secs(9), "503").await.unwrap();
    world.sql("UPDATE login_budget SET closed_until = closed_until + 9000000000").await;
    world.sql("UPDATE login_budget SET paid_until = paid_until + 9000000000000").await;
    for _ in 0..3 {
        assert_eq!(slot(&world.store, "1").await, LoginSlot::Granted);
    }
    assert!(matches!(slot(&world.store, "1").await, LoginSlot::Later(_)));
}
