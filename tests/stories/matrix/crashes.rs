//! kill -9 at every crash point, one life after the other: nothing lost, nothing twice.

use std::time::Duration;

use fastrand::Rng;
use liveperson_sim::{Ledger, Revocation};
use muster::crash::Point;

use super::replay;
use crate::outside::{Store, World};

/// How late an answer is does not matter here: on Postgres each life waits for the end of a lease.
const LOAD: [&str; 10] =
    ["--bots", "2", "--consumers", "10", "--think", "40", "--burst", "2", "--answer-within", "180000"];

const ACCOUNT: &str = "10000001";

/// What was in flight at the kill is applied when the next life may be at work already.
const LATE: Duration = Duration::from_millis(1500);

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Intake {
    Rings,
    All,
}

pub(super) async fn world(store: Store, intake: Intake) -> World {
    let world = World::new(store, &LOAD).await;
    world.rewrites("node_lease = \"4s\"", "node_lease = \"2s\"");
    // Who kills the process here is no bot.
    world.rewrites("settle = \"4s\"", "settle = \"2s\"\nrefresh_every = \"2s\"\nstart_deaths = 1000");
    if intake == Intake::All {
        world.joins_by_itself();
    }
    world.control.apply_late(Some(LATE)).await.unwrap();
    world
}

/// The points that bots with this intake pass.
pub(super) fn points(intake: Intake) -> impl Iterator<Item = Point> {
    let elsewhere = match intake {
        Intake::Rings => Point::JoinSent,
        Intake::All => Point::RingAccepted,
    };
    let passed = Point::ALL.iter().copied().filter(move |point| *point != elsewhere);
    passed.filter(|point| replay::is_wanted(point.name()))
}

/// Which passing it is: the first where there are few, else any of the first few.
pub(super) fn passing(point: Point, rng: &mut Rng) -> u32 {
    match point {
        Point::LoggedIn | Point::SessionSealed => 1,
        Point::Refreshed | Point::RingAccepted | Point::JoinSent | Point::ClaimAsked | Point::Claimed => {
            rng.u32(1..3)
        }
        _ => rng.u32(1..8),
    }
}

/// What a life needs to come to this point: without a stored session that holds each logs in.
pub(super) async fn prepare(world: &World, point: Point) {
    if !matches!(point, Point::LoggedIn | Point::SessionSealed) {
        return;
    }
    for login in ["bot-1-1", "bot-1-2"] {
        world.control.revoke_token_of(ACCOUNT, login, Revocation::Silent).await.unwrap();
    }
}

/// Nothing is wrong so far; what still waits for an answer is not.
pub(super) fn require_clean(ledger: &Ledger, what: &str) {
    assert!(ledger.is_clean(), "{what}\n{ledger}");
}

pub(super) async fn dies_at(world: &World, point: Point, passing: u32, environment: &[(&str, &str)]) {
    let plan = format!("{}:{passing}:kill", point.name());
    let mut command = world.muster(&["run", "fleet.toml", "--migrate"]);
    command.env("MUSTER_CRASH", plan).envs(environment.iter().copied());
    world.start(command).kills_itself().await;
}

/// An orderly life after all those, until nothing is owed or in doubt any more.
pub(super) async fn ends_well(world: &World, what: &str) {
    let last = world.run(&[], &[]).await;
    let settled = world.settled(Duration::from_mins(1)).await;
    last.all_online().await;
    let mut process = last.process;
    process.terminate();
    assert_eq!(process.ended().await, 0, "{}", process.log());
    world.search_for_secrets().await;
    let ledger = world.ledger().await;
    assert!(settled.is_ok() && ledger.is_clean(), "{what}\n{settled:?}\n{ledger}");
}

async fn every_point_kills(test: &str, store: Store, intake: Intake) {
    let seed = replay::seed();
    let mut rng = Rng::with_seed(seed);
    let world = world(store, intake).await;
    let mut what = String::new();
    for point in points(intake) {
        let passing = passing(point, &mut rng);
        what = format!(
            "kill -9 at {}, passing {passing}, on {}; again: {}",
            point.name(),
            replay::name(store),
            replay::command(test, point.name(), seed)
        );
        println!("{what}");
        prepare(&world, point).await;
        dies_at(&world, point, passing, &[]).await;
        require_clean(&world.ledger().await, &what);
    }
    ends_well(&world, &what).await;
    let ledger = world.ledger().await;
    println!("{} messages", ledger.sent);
    if intake == Intake::All {
        let counters = world.control.counters().await.unwrap();
        let twice = counters.joins.iter().find(|join| counters.joins_of(&join.conversation) > 1);
        assert!(!counters.joins.is_empty() && twice.is_none(), "{what}\njoined twice: {twice:?}");
    }
}

#[tokio::test]
async fn a_kill_at_any_point_changes_nothing_on_sqlite() {
    every_point_kills("a_kill_at_any_point_changes_nothing_on_sqlite", Store::Sqlite, Intake::Rings).await;
}

#[tokio::test]
async fn a_kill_at_any_point_changes_nothing_on_postgres() {
    every_point_kills("a_kill_at_any_point_changes_nothing_on_postgres", Store::Postgres, Intake::Rings)
        .await;
}

#[tokio::test]
async fn a_kill_at_any_point_of_a_pool_that_joins_changes_nothing_on_sqlite() {
    let test = "a_kill_at_any_point_of_a_pool_that_joins_changes_nothing_on_sqlite";
    every_point_kills(test, Store::Sqlite, Intake::All).await;
}

#[tokio::test]
async fn a_kill_at_any_point_of_a_pool_that_joins_changes_nothing_on_postgres() {
    let test = "a_kill_at_any_point_of_a_pool_that_joins_changes_nothing_on_postgres";
    every_point_kills(test, Store::Postgres, Intake::All).await;
}
