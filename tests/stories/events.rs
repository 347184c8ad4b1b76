//! What happens in a fleet and what people do, told as it happens.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::outside::{Fleet, SOON, Store, World};
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

/// A client of server-sent events.
struct Client {
    connection: TcpStream,
    text: String,
}

impl Client {
    async fn connects(fleet: &Fleet, path: &str, last_id: i64) -> Self {
        let mut connection = TcpStream::connect(fleet.address).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.0\r\nhost: {}\r\naccept: text/event-stream\r\nlast-event-id: {last_id}\r\n\r\n",
            fleet.address
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut client = Self { connection, text: String::new() };
        let head = client.block("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.0 200 OK") && head.contains("text/event-stream"), "{head}");
        client
    }

    /// The next block of what is said.
    async fn block(&mut self, end: &str) -> String {
        let reading = async {
            loop {
                if let Some((block, rest)) = self.text.split_once(end) {
                    let (block, rest) = (block.to_owned(), rest.to_owned());
                    self.text = rest;
                    return block;
                }
                let mut bytes = [0; 4096];
                let read = self.connection.read(&mut bytes).await.unwrap();
                assert!(read > 0, "it ended: {}", self.text);
                self.text.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
            }
        };
        tokio::time::timeout(SOON, reading).await.expect("something is said")
    }

    async fn says(&mut self) -> String {
        self.block("\n\n").await
    }
}

fn id_of(block: &str) -> Option<i64> {
    block.lines().find_map(|line| line.strip_prefix("id: "))?.parse().ok()
}

async fn a_client_that_comes_back_misses_nothing_and_hears_nothing_twice(store: Store) {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let world = World::new(store, &["--bots", "3"]).await;
    let fleet = world.run(&[], &[]).await;
    let (mut told, mut last) = (Vec::new(), 0);
    for round in 0..6 {
        fleet.all_online().await;
        let bot = format!("bot-{}", chance.u8(1..=3));
        world.control.drop_socket_of(ACCOUNT, &bot).await.unwrap();
        done(&world, &["pause", &bot, "--reason", "a look"]);
        done(&world, &["resume", &bot, "--reason", "seen"]);
        // It leaves in the middle, wherever that is; at last it hears all.
        let wanted = if round < 5 { chance.usize(1..6) } else { 0 };
        let end = listed(&world, "kind!=none").last().unwrap()["id"].as_i64().unwrap();
        let mut client = Client::connects(&fleet, "/api/v1/events", last).await;
        let mut heard = 0;
        while if round < 5 { heard < wanted } else { last < end } {
            let block = client.says().await;
            assert!(!block.contains("event: gap") && !block.contains("event: dropped"), "{block}");
            let Some(id) = id_of(&block) else { continue };
            if block.contains("\ndata: ") {
                told.push(id);
                heard += 1;
            }
            last = id;
        }
    }
    let all = listed(&world, "kind!=none");
    let ids: Vec<_> =
        all.iter().map(|event| event["id"].as_i64().unwrap()).filter(|id| *id <= last).collect();
    assert_eq!(told, ids, "each event once and in order");
    assert!(told.len() > 30, "{told:?}");
}

#[tokio::test]
async fn a_client_that_comes_back_misses_nothing_and_hears_nothing_twice_on_sqlite() {
    a_client_that_comes_back_misses_nothing_and_hears_nothing_twice(Store::Sqlite).await;
}

#[tokio::test]
async fn a_client_that_comes_back_misses_nothing_and_hears_nothing_twice_on_postgres() {
    a_client_that_comes_back_misses_nothing_and_hears_nothing_twice(Store::Postgres).await;
}
