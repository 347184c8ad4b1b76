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
    let words = second.log();
    for part in ["the fleet is run by process", "since 20", "--take-over"] {
        assert!(words.contains(part), "{words}");
    }
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
    let left = |line: &str| -> Option<u32> {
        line.strip_prefix("waiting for its lease to end: ")?.split(' ').next()?.parse().ok()
    };
    let countdown: Vec<_> = log.lines().filter_map(left).collect();
    let falls = countdown.is_sorted_by(|before, after| before >= after);
    assert!(falls && countdown.first() > countdown.last(), "{countdown:?} in:\n{log}");
    assert!(log.contains("the fleet is run by process"), "{log}");
}

async fn taken_over(store: Store) {
    let world = World::new(store, &QUIET).await;
    let mut first = world.run(&[], &[]).await;
    first.all_online().await;
    world.control.consumer_opens("10000001", "Ada", "m-1", "-1").await.unwrap();
    world.answered(1).await;
    let next = world.run(&["--take-over"], &[]).await;
    next.all_online().await;
    assert_eq!(first.process.ended().await, 4, "{}", first.process.log());
    assert!(first.process.log().contains("taken over by"), "{}", first.process.log());
    assert!(!next.process.log().contains("waiting for its lease"), "{}", next.process.log());
    next.all_online().await;
    world.control.consumer_says("10000001", "Ada", "m-2").await.unwrap();
    world.answered(2).await;
    let ledger = world.judged(crate::outside::SOON).await.unwrap();
    assert_eq!(ledger.once, 2);
    // Two processes, one conversation: each socket that saw it read it once.
    let counters = world.control.counters().await.unwrap();
    assert!(counters.history_reads.len() >= 2, "{:?}", counters.history_reads);
    assert_eq!(counters.max_history_reads_per_socket_and_dialog(), 1, "{:?}", counters.history_reads);
}

#[tokio::test]
async fn take_over_skips_the_wait_and_the_old_owner_goes_on_sqlite() {
    taken_over(Store::Sqlite).await;
}

#[tokio::test]
async fn take_over_skips_the_wait_and_the_old_owner_goes_on_postgres() {
    taken_over(Store::Postgres).await;
}
