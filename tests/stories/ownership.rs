//! One process runs a fleet; the next one is told who does, or waits for a dead one's lease.

use crate::outside::{Store, World};

const QUIET: [&str; 2] = ["--bots", "1"];

#[tokio::test]
async fn a_second_run_is_refused_with_words_on_sqlite() {
    let world = World::new(Store::Sqlite, &QUIET).await;
    let first = world.run(&[], &[]).await;
    first.all_online().await;
    let mut second = world.start(world.muster(&["run", "fleet.toml"]));
    assert_eq!(second.ended().await, 3);
    let words = second.log();
    for part in ["the fleet is run by process", "since 20", "--take-over"] {
        assert!(words.contains(part), "{words}");
    }
    first.all_online().await;
    assert_eq!(world.control.counters().await.unwrap().max_sockets_at_once(), 1);
}

#[tokio::test]
async fn a_second_run_is_refused_with_words_on_postgres() {
    let world = World::new(Store::Postgres, &QUIET).await;
    let first = world.run(&[], &[]).await;
    first.all_online().await;
    let mut second = world.start(world.muster(&["run", "fleet.toml"]));
    assert_eq!(second.ended().await, 3, "{}", second.log());
    assert!(second.log().contains("the fleet is run by process"), "{}", second.log());
    first.all_online().await;
}

#[tokio::test]
async fn after_kill_9_the_next_run_starts_at_once_on_sqlite() {
    let world = World::new(Store::Sqlite, &QUIET).await;
    world.run(&[], &[]).await.process.kill9();
    let next = world.run(&[], &[]).await;
    next.all_online().await;
    assert!(!next.process.log().contains("waiting for its lease"), "{}", next.process.log());
}

#[tokio::test]
async fn after_kill_9_the_next_run_counts_down_the_lease_on_postgres() {
    let world = World::new(Store::Postgres, &QUIET).await;
    let mut first = world.run(&[], &[]).await;
    first.all_online().await;
    first.process.kill9();
    let next = world.run(&[], &[]).await;
    next.all_online().await;
    let log = next.process.log();
    assert!(log.contains("waiting for its lease to end"), "{log}");
    assert!(log.contains("the fleet is run by process"), "{log}");
}

async fn taken_over(store: Store) {
    let world = World::new(store, &QUIET).await;
    let mut first = world.run(&[], &[]).await;
    first.all_online().await;
    let next = world.run(&["--take-over"], &[]).await;
    next.all_online().await;
    assert_eq!(first.process.ended().await, 4, "{}", first.process.log());
    assert!(first.process.log().contains("taken over by"), "{}", first.process.log());
    assert!(!next.process.log().contains("waiting for its lease"), "{}", next.process.log());
    next.all_online().await;
}

#[tokio::test]
async fn take_over_skips_the_wait_and_the_old_owner_goes_on_sqlite() {
    taken_over(Store::Sqlite).await;
}

#[tokio::test]
async fn take_over_skips_the_wait_and_the_old_owner_goes_on_postgres() {
    taken_over(Store::Postgres).await;
}
