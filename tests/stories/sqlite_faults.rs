//! SQLite in a bad mood: locked by somebody else, without room, not to be written.

use sqlx::{Connection as _, Executor as _, SqliteConnection};

use crate::outside::{SOON, Store, World};
use crate::small_disk::{SmallDisk, done, text};
use crate::store_faults::{fenced, goes_on};
use crate::wait::until;

const LOAD: [&str; 8] = ["--bots", "2", "--consumers", "8", "--think", "40", "--answer-within", "600000"];
const TOLD: &str = "the store does not commit; turns wait";

#[tokio::test]
async fn a_database_that_somebody_else_locks_is_waited_for() {
    let world = World::new(Store::Sqlite, &LOAD).await;
    let fleet = world.run(&[], &[]).await;
    world.answered(10).await;
    let mut stranger = SqliteConnection::connect(&world.store_url).await.unwrap();
    stranger.execute("PRAGMA busy_timeout = 20000").await.unwrap();
    stranger.execute("BEGIN IMMEDIATE").await.unwrap();
    fenced(&fleet).await;
    fleet.process.says_somewhere(TOLD).await;
    stranger.execute("ROLLBACK").await.unwrap();
    goes_on(&world, fleet).await;
}

#[tokio::test]
async fn a_full_disk_holds_the_fleet_still_until_there_is_room() {
    let mut world = World::new(Store::Sqlite, &LOAD).await;
    let Some(disk) = SmallDisk::mount(world.dir.path().join("fleet.secrets").join("disk"), "6m") else {
        eprintln!("not told: only root can mount a small disk");
        return;
    };
    world.store_url = format!("sqlite:{}", disk.0.join("muster.db").display());
    let fleet = world.run(&[], &[]).await;
    for round in 1..=2 {
        world.answered(world.ledger().await.once + 10).await;
        let filler = disk.fill();
        until("the full disk is felt", SOON, async || {
            let felt = fleet.process.log().matches(TOLD).count();
            if felt >= round { Ok(()) } else { Err(fleet.process.log()) }
        })
        .await;
        fenced(&fleet).await;
        std::fs::remove_file(filler).unwrap();
        fleet.all_online().await;
    }
    goes_on(&world, fleet).await;
}

#[tokio::test]
async fn files_that_may_not_be_written_any_more_hold_the_fleet_still() {
    let world = World::new(Store::Sqlite, &LOAD).await;
    let fleet = world.run(&[], &[]).await;
    world.answered(10).await;
    let files = ["muster.db", "muster.db-wal"].map(|name| world.dir.path().join(name));
    if !files.iter().all(|file| done("chattr", &["+i", text(file)])) {
        eprintln!("not told: only root, on some file systems, can make an open file immutable");
        return;
    }
    let told = fleet.process.says_somewhere(TOLD);
    let fenced = async {
        told.await;
        fenced(&fleet).await;
    };
    // Also where the story fails the files must be let go of.
    let ended = tokio::time::timeout(SOON * 2, fenced).await;
    assert!(files.iter().all(|file| done("chattr", &["-i", text(file)])));
    ended.unwrap();
    goes_on(&world, fleet).await;
}
