//! A store that is restored from an older backup: the platform's history knows what was answered since.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::outside::{SOON, Store, World};

const LOAD: [&str; 8] = ["--bots", "2", "--consumers", "6", "--think", "60", "--answer-within", "600000"];
const ACCOUNT: &str = "10000001";
/// The first two speak before the backup is made, all of them after it, and again after it is restored.
const NAMED: [&str; 4] = ["Ada", "Bob", "Cyd", "Dan"];

/// Every bot greets: an opening that the store has forgotten must not be said again either.
fn all_greet(world: &World) {
    let file = world.dir.path().join("fleet.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("\"echo\"", "\"greeting\"");
    std::fs::write(&file, text).unwrap();
}

fn tool(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status();
    assert!(
        status.as_ref().is_ok_and(std::process::ExitStatus::success),
        "{program} {arguments:?}: {status:?}"
    );
}

/// Backs up as `docs/how-to/back-up-and-restore.md` says, while the fleet runs.
async fn back_up(world: &World, store: Store, to: &Path) {
    let to = to.to_str().unwrap();
    match store {
        Store::Postgres => tool("pg_dump", &["--format=custom", "--file", to, &world.store_url]),
        Store::Sqlite => {
            let arguments = ["backup", "--to", to, "--store", &world.store_url];
            let mut backup = world.start(world.muster(&arguments));
            assert_eq!(backup.ended().await, 0, "{}", backup.log());
            assert!(backup.log().contains("KiB") && backup.log().contains("held"), "{}", backup.log());
            let mode = std::fs::metadata(to).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "nobody else may read it");
            let mut again = world.start(world.muster(&arguments));
            assert_eq!(again.ended().await, 1);
            assert!(again.log().contains("exists and is not overwritten"), "{}", again.log());
        }
    }
}

/// Restores as the same page says, with no fleet running.
async fn restore(world: &World, store: Store, from: &Path) {
    match store {
        Store::Postgres => {
            let mut database = PgConnection::connect(&world.store_url).await.unwrap();
            database.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await.unwrap();
            let from = from.to_str().unwrap();
            tool("pg_restore", &["--no-owner", "--exit-on-error", "--dbname", &world.store_url, from]);
        }
        Store::Sqlite => {
            let database = world.dir.path().join("muster.db");
            for suffix in ["-wal", "-shm"] {
                let _ = std::fs::remove_file(format!("{}{suffix}", database.display()));
            }
            std::fs::copy(from, &database).unwrap();
        }
    }
}

async fn heard(world: &World) -> BTreeMap<&'static str, Vec<String>> {
    let mut heard = BTreeMap::new();
    for name in NAMED {
        let (lines, _) = world.control.consumer_heard(ACCOUNT, name).await.unwrap();
        heard.insert(name, lines.into_iter().map(|line| line.text).collect());
    }
    heard
}

async fn nothing_is_heard_twice(store: Store) {
    let world = World::new(store, &LOAD).await;
    all_greet(&world);
    let mut fleet = world.run(&[], &[]).await;
    for name in &NAMED[..2] {
        world.control.consumer_opens(ACCOUNT, name, &format!("m-{name}-0"), "-1").await.unwrap();
        world.control.consumer_hears(ACCOUNT, name, 2, SOON).await.unwrap().unwrap();
    }
    world.answered(20).await;
    let backup = world.dir.path().join("older.backup");
    back_up(&world, store, &backup).await;

    // Since then: many answers, and conversations that the backup knows nothing of.
    for (n, name) in NAMED.iter().enumerate() {
        let says = format!("m-{name}-1");
        if n < 2 {
            world.control.consumer_says(ACCOUNT, name, &says).await.unwrap();
            world.control.consumer_hears(ACCOUNT, name, 3, SOON).await.unwrap().unwrap();
        } else {
            world.control.consumer_opens(ACCOUNT, name, &says, "-1").await.unwrap();
            world.control.consumer_hears(ACCOUNT, name, 2, SOON).await.unwrap().unwrap();
        }
    }
    world.answered(world.ledger().await.once + 60).await;
    fleet.process.terminate();
    assert_eq!(fleet.process.ended().await, 0, "{}", fleet.process.log());
    let before = heard(&world).await;
    world.unheard(4).await;

    restore(&world, store, &backup).await;
    let mut fleet = world.run(&[], &[]).await;
    world.answered(world.ledger().await.once + 40).await;
    for name in NAMED {
        world.control.consumer_says(ACCOUNT, name, &format!("m-{name}-2")).await.unwrap();
        world.control.consumer_hears(ACCOUNT, name, before[name].len() + 1, SOON).await.unwrap().unwrap();
    }
    world.judged(SOON).await.unwrap();
    fleet.process.terminate();
    assert_eq!(fleet.process.ended().await, 0, "{}", fleet.process.log());
    let found = fleet.process.log().matches("found answered in the platform's history").count();
    assert!(found >= 2, "the backup was no older than the conversations: {found}");
    let ledger = world.ledger().await;
    assert!(ledger.is_clean(), "{ledger}\n{:?}", ledger.details);
    for (name, lines) in heard(&world).await {
        assert_eq!(lines.len(), before[name].len() + 1, "{name} heard {lines:?}");
        assert_eq!(lines[..before[name].len()], before[name], "{name}");
        let greetings = lines.iter().filter(|line| line.starts_with("Hello!")).count();
        assert_eq!(greetings, 1, "{name} heard {lines:?}");
    }
}

#[tokio::test]
async fn a_store_restored_from_an_older_backup_answers_nothing_twice_on_sqlite() {
    nothing_is_heard_twice(Store::Sqlite).await;
}

#[tokio::test]
async fn a_store_restored_from_an_older_backup_answers_nothing_twice_on_postgres() {
    nothing_is_heard_twice(Store::Postgres).await;
}
