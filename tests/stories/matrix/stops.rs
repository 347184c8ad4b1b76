//! A process that is stopped at a crash point, past its lease, and goes on: it changes nothing any more
//! once another one runs the fleet.

use std::time::{Duration, Instant};

use fastrand::Rng;
use muster::crash::Point;

use super::crashes::{Intake, ends_well, passing, points, prepare, require_clean, world};
use super::replay;
use crate::outside::{Fleet, Running, Store, World};
use crate::wait::until;

/// As [`world`] sets it.
const LEASE: Duration = Duration::from_secs(2);

pub(super) async fn stopped_at(
    world: &World,
    point: Point,
    passing: u32,
    environment: &[(&str, &str)],
) -> Running {
    let plan = format!("{}:{passing}:stop", point.name());
    let mut command = world.muster(&["run", "fleet.toml", "--migrate"]);
    command.env("MUSTER_CRASH", plan).envs(environment.iter().copied());
    let process = world.start(command);
    process.stops_itself().await;
    process
}

async fn ends_in_order(mut process: Running) {
    process.terminate();
    assert_eq!(process.ended().await, 0, "{}", process.log());
}

/// What a process says when it has done again what its predecessor left in doubt.
pub(super) const RESENT: &str = "an action in doubt was not done; it is sent again";

/// Another process waits for the lease to end, takes the fleet, and gets as far as saying these words; the
/// old one goes on, and finds the fleet gone.
async fn another_takes_over(world: &World, mut old: Running, words: &str) {
    let Fleet { process: new, .. } = world.run(&[], &[]).await;
    new.says_somewhere(words).await;
    world.answered(world.ledger().await.once + 10).await;
    old.goes_on();
    assert_eq!(old.ended().await, 4, "{}", old.log());
    world.answered(world.ledger().await.once + 10).await;
    ends_in_order(new).await;
}

/// The lock file outlasts the lease: a second process is refused, and the first one goes on.
async fn another_is_refused(world: &World, old: Running) {
    let stopped = Instant::now();
    let mut second = world.start(world.muster(&["run", "fleet.toml"]));
    let code = second.ended().await;
    // In the middle of a write the old one holds the database too, and nobody can be asked who it is.
    let refused = code == 3 || second.log().contains("the store is not available");
    assert!(refused, "{code}: {}", second.log());
    until("the lease is over", LEASE * 2, async || {
        if stopped.elapsed() > LEASE { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    old.goes_on();
    world.answered(world.ledger().await.once + 10).await;
    ends_in_order(old).await;
}

async fn every_point_stops(test: &str, store: Store) {
    let seed = replay::seed();
    let mut rng = Rng::with_seed(seed);
    let world = world(store, Intake::Rings).await;
    let mut what = String::new();
    // Between the look at the right and the write nothing can be promised; see the last test.
    for point in points(Intake::Rings).filter(|point| *point != Point::RightChecked) {
        let passing = passing(point, &mut rng);
        what = format!(
            "stopped at {}, passing {passing}, on {}; again: {}",
            point.name(),
            replay::name(store),
            replay::command(test, point.name(), seed)
        );
        println!("{what}");
        prepare(&world, point).await;
        let old = stopped_at(&world, point, passing, &[]).await;
        match store {
            Store::Postgres => another_takes_over(&world, old, "listening").await,
            Store::Sqlite => another_is_refused(&world, old).await,
        }
        require_clean(&world.ledger().await, &what);
    }
    ends_well(&world, &what).await;
}

#[tokio::test]
async fn a_stop_at_any_point_past_the_lease_changes_nothing_on_sqlite() {
    every_point_stops("a_stop_at_any_point_past_the_lease_changes_nothing_on_sqlite", Store::Sqlite).await;
}

#[tokio::test]
async fn a_stop_at_any_point_past_the_lease_changes_nothing_on_postgres() {
    every_point_stops("a_stop_at_any_point_past_the_lease_changes_nothing_on_postgres", Store::Postgres)
        .await;
}

/// The one window that is left, as documented: one action may be done twice, and no more than that.
#[tokio::test]
async fn a_stop_between_the_look_at_the_right_and_the_write_doubles_one_action_at_most() {
    let world = world(Store::Postgres, Intake::Rings).await;
    let old = stopped_at(&world, Point::RightChecked, 1, &[]).await;
    another_takes_over(&world, old, RESENT).await;
    let last = world.run(&[], &[]).await;
    world.settled(Duration::from_mins(1)).await.unwrap();
    ends_in_order(last.process).await;
    let ledger = world.ledger().await;
    println!("{} answered twice", ledger.more_than_once);
    // The old process ends at once: what it wrote may go down with its socket.
    assert!(ledger.more_than_once <= 1 && ledger.never + ledger.late == 0, "{ledger}");
}
