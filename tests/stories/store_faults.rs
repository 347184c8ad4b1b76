//! Postgres in a bad mood: whatever it does, nothing is lost, nothing is answered twice, and it is told.

use std::time::Duration;

use liveperson_sim::{ConsumerScript, SECRET_MARK};

use sqlx::{Connection as _, Executor as _};

use crate::outside::{Fleet, SOON, Store, World};
use crate::own_postgres::OwnPostgres;
use crate::small_disk::SmallDisk;
use crate::store_proxy::StoreProxy;
use crate::wait::until;

const LOAD: [&str; 8] = ["--bots", "2", "--consumers", "8", "--think", "40", "--answer-within", "600000"];
/// Three leases of the stories' fleets: long enough for every right to run out.
const AWAY: Duration = Duration::from_secs(12);

/// A world whose store is reached through a proxy.
async fn world() -> (World, StoreProxy) {
    let mut world = World::new(Store::Postgres, &LOAD).await;
    let proxy = StoreProxy::to(&world.store_url);
    world.store_url = proxy.url(&format!("{SECRET_MARK}-store"));
    (world, proxy)
}

/// Waits until no bot does anything that counts, and health says so.
pub(crate) async fn fenced(fleet: &Fleet) {
    until("every bot is fenced", SOON, async || {
        let bots = fleet.bots();
        let all = !bots.is_empty() && bots.iter().all(|bot| bot["state"] == "fenced");
        if all { Ok(()) } else { Err(format!("{bots:?}")) }
    })
    .await;
    assert!(fleet.get("/readyz").contains("503"), "{}", fleet.get("/readyz"));
    assert!(fleet.get("/livez").contains("200 OK"), "a store that is away must not restart the process");
}

/// After the trouble: everybody is back, answers go on, and the ledger is clean.
pub(crate) async fn goes_on(world: &World, fleet: Fleet) {
    fleet.all_online().await;
    world.answered(world.ledger().await.once + 20).await;
    until("health says so", SOON, async || {
        let ready = fleet.get("/readyz");
        if ready.contains("200 OK") { Ok(()) } else { Err(ready) }
    })
    .await;
    world.judged(SOON).await.unwrap();
    let mut process = fleet.process;
    process.terminate();
    // An orderly end waits until every action is confirmed: a second answer would have come before.
    assert_eq!(process.ended().await, 0, "{}", process.log());
    let ledger = world.ledger().await;
    assert!(ledger.is_clean(), "{ledger}");
    let counters = world.control.counters().await.unwrap();
    assert!(counters.identities.iter().all(|bot| bot.logins == 1), "no login for the store's troubles");
}

async fn felt(proxy: &StoreProxy, effect: &str, times: u64) {
    until(&format!("{effect} is felt"), SOON, async || {
        let felt = proxy.felt(effect);
        if felt >= times { Ok(()) } else { Err(felt.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn connections_that_are_cut_under_load_change_nothing() {
    let (world, proxy) = world().await;
    let fleet = world.run(&[], &[]).await;
    for _ in 0..10 {
        world.answered(world.ledger().await.once + 10).await;
        proxy.cut();
    }
    felt(&proxy, "cut", 10).await;
    goes_on(&world, fleet).await;
}

#[tokio::test]
async fn commits_that_are_cut_in_their_middle_are_made_again() {
    let (world, proxy) = world().await;
    let fleet = world.run(&[], &[]).await;
    for round in 1..=10 {
        world.answered(world.ledger().await.once + 5).await;
        proxy.cut_commits(1);
        felt(&proxy, "commit cut", round).await;
    }
    goes_on(&world, fleet).await;
}

#[tokio::test]
async fn commits_whose_answer_is_lost_are_known_again() {
    let (world, proxy) = world().await;
    let fleet = world.run(&[], &[]).await;
    for round in 1..=10 {
        world.answered(world.ledger().await.once + 5).await;
        // The same commit again and again: landed each time, heard of at last.
        proxy.swallow_commits(2);
        felt(&proxy, "answer swallowed", 2 * round).await;
    }
    goes_on(&world, fleet).await;
}

#[tokio::test]
async fn a_slow_store_slows_the_fleet_down_and_one_that_is_too_slow_fences_it() {
    let (world, proxy) = world().await;
    let fleet = world.run(&[], &[]).await;
    proxy.set_slow(Duration::from_millis(150));
    world.answered(world.ledger().await.once + 20).await;
    felt(&proxy, "slowed", 20).await;
    fleet.all_online().await;
    proxy.set_slow(Duration::from_secs(6));
    fenced(&fleet).await;
    proxy.set_slow(Duration::ZERO);
    goes_on(&world, fleet).await;
}

#[tokio::test]
async fn a_store_that_says_nothing_any_more_fences_the_fleet_until_it_speaks() {
    let (world, proxy) = world().await;
    let fleet = world.run(&[], &[]).await;
    world.answered(10).await;
    proxy.set_stalled(true);
    fenced(&fleet).await;
    felt(&proxy, "stalled", 1).await;
    proxy.set_stalled(false);
    goes_on(&world, fleet).await;
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_for_long_is_waited_for() {
    let (world, proxy) = world().await;
    let fleet = world.run(&[], &[]).await;
    world.answered(10).await;
    proxy.set_away(true);
    fenced(&fleet).await;
    // The length of the outage is what this story is about. By hand: MUSTER_STORY_AWAY=300.
    let seconds = std::env::var("MUSTER_STORY_AWAY").ok().and_then(|seconds| seconds.parse().ok());
    let long = seconds.map_or(AWAY, Duration::from_secs);
    let began = std::time::Instant::now();
    until("it was away for long", long + SOON, async || {
        if began.elapsed() >= long { Ok(()) } else { Err(format!("{:?}", began.elapsed())) }
    })
    .await;
    felt(&proxy, "refused", 10).await;
    fenced(&fleet).await;
    assert_eq!(world.ledger().await.more_than_once, 0);
    proxy.set_away(false);
    goes_on(&world, fleet).await;
}

#[tokio::test]
async fn a_database_that_crashes_and_comes_back_twice_changes_nothing() {
    let mut world = World::new(Store::Sqlite, &LOAD).await;
    let server = OwnPostgres::start();
    world.store_url = server.url("postgres", &format!("{SECRET_MARK}-store"));
    let fleet = world.run(&[], &[]).await;
    for round in 1..=2 {
        world.answered(world.ledger().await.once + 10).await;
        server.crash();
        fenced(&fleet).await;
        server.start_again();
        fleet.all_online().await;
        let felt = fleet.process.log().matches("the store does not commit; turns wait").count();
        assert!(felt >= round, "nobody noticed the crash: {felt}");
    }
    goes_on(&world, fleet).await;
}

#[tokio::test]
async fn sigterm_during_a_start_leaves_no_lease() {
    let (world, proxy) = world().await;
    let migrated = world.run(&[], &[]).await;
    let mut process = migrated.process;
    process.terminate();
    assert_eq!(process.ended().await, 0);
    // Slow enough to be met in the middle of it: the lease is taken, the start is not over.
    proxy.set_slow(Duration::from_millis(400));
    let mut early = world.start(world.muster(&["run", "fleet.toml"]));
    let mut look = sqlx::PgConnection::connect(&world.direct_url()).await.unwrap();
    until("the lease is taken", SOON, async || {
        let nodes: i64 = sqlx::query_scalar("SELECT count(*) FROM node").fetch_one(&mut look).await.unwrap();
        if nodes == 1 { Ok(()) } else { Err(nodes.to_string()) }
    })
    .await;
    early.terminate();
    assert_eq!(early.ended().await, 1);
    assert!(early.log().contains("SIGTERM before the start was over"), "{}", early.log());
    let nodes: i64 = sqlx::query_scalar("SELECT count(*) FROM node").fetch_one(&mut look).await.unwrap();
    assert_eq!(nodes, 0, "a lease is left of nobody");
}

#[tokio::test]
async fn a_full_disk_of_the_database_holds_commits_until_there_is_room() {
    let mut world = World::new(Store::Sqlite, &LOAD).await;
    let server = OwnPostgres::start();
    let Some(disk) = SmallDisk::mount(server.folder().join("disk"), "16m") else {
        eprintln!("not told: only root can mount a small disk");
        return;
    };
    let place = disk.0.join("space");
    std::fs::create_dir(&place).unwrap();
    server.give(&place);
    let password = format!("{SECRET_MARK}-store");
    let mut admin = sqlx::PgConnection::connect(&server.url("postgres", &password)).await.unwrap();
    for statement in [
        format!("CREATE TABLESPACE small LOCATION '{}'", place.display()),
        "CREATE DATABASE muster TABLESPACE small".to_owned(),
    ] {
        admin.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
    }
    world.store_url = server.url("muster", &password);
    let fleet = world.run(&[], &[]).await;
    world.answered(10).await;
    let filler = disk.fill();
    // New conversations need new pages.
    let script = ConsumerScript { count: 60, ..ConsumerScript::default() };
    world.control.consumers("10000001", &script).await.unwrap();
    fleet.process.says_somewhere("the store does not commit; turns wait").await;
    let log = fleet.process.log();
    assert!(log.contains("No space left on device"), "{log}");
    until("health says so", SOON, async || {
        let ready = fleet.get("/readyz");
        if ready.contains("503") { Ok(()) } else { Err(ready) }
    })
    .await;
    std::fs::remove_file(filler).unwrap();
    goes_on(&world, fleet).await;
}
