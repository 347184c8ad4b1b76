//! What happens in a fleet and what people do, told as it happens.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::outside::{SOON, Store, World};
use crate::wait::until;

const ACCOUNT: &str = "10000001";

/// A command on the world's store.
fn command(world: &World, arguments: &[&str]) -> Command {
    let mut command = world.muster(arguments);
    command.env("MUSTER_STORE", &world.store_url);
    command
}

/// What a command on the store says, which must end well.
fn done(world: &World, arguments: &[&str]) -> String {
    let output = command(world, arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The events that `muster events list` shows as JSON.
fn listed(world: &World, filter: &str) -> Vec<Value> {
    let lines = done(world, &["events", "list", "--json", "--limit", "1000", "--filter", filter]);
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn the_stream_tells_what_happens_and_what_people_do(store: Store) {
    let world = World::new(store, &["--bots", "2"]).await;
    world.control.refuse_logins(ACCOUNT, 2, 503, None).await.unwrap();
    let mut fleet = world.run(&[], &[]).await;
    let tail = world.start(command(&world, &["events", "tail", "--since", "1h"]));
    fleet.all_online().await;
    done(&world, &["pause", "bot-2", "--reason", "a look", "--by", "bea"]);
    tail.says_somewhere("10000001/bot-2  act  (pause: a look)  by bea").await;
    tail.says_somewhere("10000001/bot-2  paused  (paused by bea").await;
    done(&world, &["resume", "bot-2", "--reason", "seen", "--by", "bea"]);
    tail.says_somewhere("10000001/bot-2  resumed").await;
    world.control.drop_socket_of(ACCOUNT, "bot-1").await.unwrap();
    tail.says_somewhere("10000001/bot-1  state  waiting").await;
    fleet.process.terminate();
    assert_eq!(fleet.process.ended().await, 0, "{}", fleet.process.log());
    tail.says_somewhere("fleet  fleet-ended  (its bots stay logged in)").await;

    let all = listed(&world, "kind!=none");
    assert!(all.is_sorted_by_key(|event| event["id"].as_i64()), "{all:?}");
    let kinds: Vec<_> = listed(&world, "account=10000001 kind=login-trouble,login-trouble-over");
    let kinds: Vec<_> = kinds.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["login-trouble", "login-trouble-over"]);
    let started = listed(&world, "kind=fleet-started");
    assert!(started.len() == 1 && started[0]["account"].is_null() && started[0]["bot"].is_null());
    assert!(listed(&world, "bot=bot-2 state=online kind=state").iter().all(|event| event["bot"] == "bot-2"));
    // What was followed is what is listed, each once and in order.
    let ids: Vec<_> = all.iter().map(|event| event["id"].to_string()).collect();
    until("the tail has told all", SOON, async || {
        let log = tail.log();
        let told: Vec<_> = log.lines().filter_map(|line| line.split("  ").nth(1)).collect();
        if told == ids { Ok(()) } else { Err(format!("{told:?}\n{ids:?}")) }
    })
    .await;
    let refused = command(&world, &["events", "list", "--filter", "pool=x"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("there is no filter \"pool\""));
    world.settled(Duration::from_secs(1)).await.unwrap();
}

#[tokio::test]
async fn the_stream_tells_what_happens_and_what_people_do_on_sqlite() {
    the_stream_tells_what_happens_and_what_people_do(Store::Sqlite).await;
}

#[tokio::test]
async fn the_stream_tells_what_happens_and_what_people_do_on_postgres() {
    the_stream_tells_what_happens_and_what_people_do(Store::Postgres).await;
}
