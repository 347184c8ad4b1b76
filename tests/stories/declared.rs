//! Declared state: a file is applied to the store, and the store runs without the file.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::outside::{Fleet, SOON, Store, World};
use crate::wait::until;

/// `muster run` without a file, until it listens.
async fn run_stored(world: &World, more: &[&str]) -> Fleet {
    let mut command = stored(world, &["run", "--listen", "127.0.0.1:0", "--authentication", "off"]);
    command.args(more);
    let mut process = world.start(command);
    let rest = process.says("listening  http://").await;
    Fleet { process, address: rest.split('/').next().unwrap().parse().unwrap() }
}

/// A command that knows the store from its environment alone, and is started elsewhere than the file.
fn stored(world: &World, arguments: &[&str]) -> Command {
    let mut command = world.muster(arguments);
    command.env("MUSTER_STORE", &world.store_url).env("RUST_LOG", "warn").current_dir("/");
    command
}

fn answer(mut command: Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn names(fleet: &Fleet) -> Vec<String> {
    fleet.bots().iter().map(|bot| bot["bot"].as_str().unwrap().to_owned()).collect()
}

async fn ends(mut fleet: Fleet) {
    fleet.process.terminate();
    assert_eq!(fleet.process.ended().await, 0, "{}", fleet.process.log());
}

async fn a_declared_fleet_runs_without_its_file(store: Store) {
    let world = World::new(store, &["--accounts", "2", "--bots", "2"]).await;
    let fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    ends(fleet).await;
    std::fs::rename(world.dir.path().join("fleet.toml"), world.dir.path().join("gone.toml")).unwrap();

    let fleet = run_stored(&world, &[]).await;
    fleet.all_online().await;
    assert_eq!(names(&fleet), ["bot-1", "bot-2", "bot-1", "bot-2"]);
    world.control.consumer_opens("10000001", "Ada", "m-1", "-1").await.unwrap();
    world.answered(1).await;
    world.judged(SOON).await.unwrap();
}

#[tokio::test]
async fn a_declared_fleet_runs_without_its_file_on_sqlite() {
    a_declared_fleet_runs_without_its_file(Store::Sqlite).await;
}

#[tokio::test]
async fn a_declared_fleet_runs_without_its_file_on_postgres() {
    a_declared_fleet_runs_without_its_file(Store::Postgres).await;
}

/// Takes the second bot out of the fleet file.
fn remove_bot_2(file: &Path) {
    let text = std::fs::read_to_string(file).unwrap();
    let from = text.rfind("[[accounts.bots]]").unwrap();
    let to = from + text[from..].find("\n[timing]").unwrap();
    std::fs::write(file, [&text[..from], &text[to..]].concat()).unwrap();
}

#[tokio::test]
async fn a_bot_that_left_the_file_runs_on_and_is_told_until_it_is_pruned() {
    let world = World::new(Store::Sqlite, &["--bots", "2"]).await;
    ends(world.run(&[], &[]).await).await;
    remove_bot_2(&world.dir.path().join("fleet.toml"));

    let fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    assert_eq!(names(&fleet), ["bot-1", "bot-2"], "nothing is pruned unasked");
    let told = "1 bot of the store is not in this file and runs all the same: 10000001/bot-2;";
    fleet.process.says_somewhere(told).await;
    ends(fleet).await;

    let fleet = world.run(&["--prune"], &[]).await;
    fleet.all_online().await;
    assert_eq!(names(&fleet), ["bot-1"]);
    assert!(!fleet.process.log().contains("not in this file"), "{}", fleet.process.log());
    ends(fleet).await;
    let fleet = run_stored(&world, &[]).await;
    fleet.all_online().await;
    assert_eq!(names(&fleet), ["bot-1"]);
}

#[tokio::test]
async fn a_store_that_is_not_there_or_declares_nothing_says_what_to_run() {
    let world = World::new(Store::Sqlite, &["--bots", "1"]).await;
    for arguments in [&["run"][..], &["bots"], &["conversations", "list"]] {
        let (code, _, err) = answer(stored(&world, arguments));
        assert_eq!(code, 1, "{err}");
        assert!(err.contains("there is no store at") && err.contains("`muster run fleet.toml`"), "{err}");
    }
    assert!(!world.dir.path().join("muster.db").exists(), "to look makes nothing");
    let (code, _, err) = answer(stored(&world, &["run", "--store", "postgres://u:hunter2-planted@db/m"]));
    assert_eq!(code, 1);
    assert!(err.contains("a password must not stand in") && !err.contains("hunter2-planted"), "{err}");
}

async fn listed_with_and_without_a_fleet(store: Store) {
    let world = World::new(store, &["--bots", "2"]).await;
    let fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    world.control.consumer_opens("10000001", "Ada", "m-1 4111", "-1").await.unwrap();
    world.answered(1).await;
    let items = |arguments: &[&str]| -> Vec<Value> {
        let (code, out, err) = answer(stored(&world, arguments));
        assert_eq!(code, 0, "{out}{err}");
        let page: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"));
        page["items"].as_array().unwrap().clone()
    };
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for (server, state) in [(fleet.address.to_string(), "online"), (nobody, "running")] {
        let bots = items(&["bots", "list", "--json", "--server", &server]);
        let states: Vec<_> = bots.iter().map(|bot| bot["state"].as_str().unwrap()).collect();
        assert_eq!(states, [state, state], "{bots:?}");
    }
    // The turn's action is confirmed a little after the consumer heard it.
    let conversation = until("the conversation is confirmed", SOON, async || {
        let held = items(&["conversations", "list", "state=held", "--json"]);
        match &held[..] {
            [one] if one["outbox"] == 0 && one["turns"].as_i64() > Some(0) => Ok(one.clone()),
            _ => Err(format!("{held:?}")),
        }
    })
    .await;
    let bot = conversation["bot"].as_str().unwrap();
    assert!(items(&["conversations", "state=released", "--json"]).is_empty());
    let id = conversation["conversation"].as_str().unwrap();
    let (code, out, err) = answer(stored(&world, &["conversations", "show", id]));
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("state         held") && out.contains("DIALOG") && !out.contains("4111"), "{out}");
    ends(fleet).await;

    let (code, out, err) = answer(stored(&world, &["bots", "show", bot]));
    assert_eq!(code, 0, "{err}");
    for part in
        ["state               stopped", "conversations held  1", "muster conversations list account=10000001"]
    {
        assert!(out.contains(part), "{part} is not in\n{out}");
    }
    let (_, out, _) = answer(stored(&world, &["bots", "--limit", "1"]));
    assert!(out.contains("1 bot, and more: --after 10000001/bot-1; nobody runs the fleet"), "{out}");
    let (_, out, _) = answer(stored(&world, &["bots", "--after", "10000001/bot-1"]));
    assert!(out.contains("bot-2") && out.contains("1 bot; nobody"), "{out}");
    for (arguments, code, words) in [
        (&["bots", "show", "ghost"][..], 1, "no bot ghost is declared: `muster bots list` shows all"),
        (&["bots", "skill=1"], 2, "there is no filter \"skill\": known are account, pool, bot"),
        (&["conversations", "state=open"], 2, "write state=held or state=released"),
        (&["conversations", "show", "ghost"], 1, "no conversation ghost is known"),
    ] {
        let (ended, _, err) = answer(stored(&world, arguments));
        assert!(ended == code && err.contains(words), "{arguments:?}: {ended} {err}");
    }
    let (code, out, _) = answer(stored(&world, &["bots", "account=9"]));
    assert!(code == 0 && out.starts_with("no bot fits these filters"), "{out}");
}

#[tokio::test]
async fn bots_and_conversations_are_listed_with_and_without_a_fleet_on_sqlite() {
    listed_with_and_without_a_fleet(Store::Sqlite).await;
}

#[tokio::test]
async fn bots_and_conversations_are_listed_with_and_without_a_fleet_on_postgres() {
    listed_with_and_without_a_fleet(Store::Postgres).await;
}
