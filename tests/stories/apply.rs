//! Declared against running: what changes in the file moves, and nobody else.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::outside::{Fleet, SOON, Store, World};
use crate::wait::until;

const ACCOUNT: &str = "10000001";

/// What `muster apply` says, and how it ends.
fn applies(world: &World, more: &[&str]) -> (i32, String, String) {
    ends(world.muster(&[&["apply", "fleet.toml"], more].concat()))
}

fn ends(mut command: Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// Logins and sockets of every bot so far.
async fn counted(world: &World) -> BTreeMap<String, (u64, u64)> {
    let counters = world.control.counters().await.unwrap();
    counters.identities.iter().map(|one| (one.login.clone(), (one.logins, one.sockets_opened))).collect()
}

/// Cuts a bot's table out of the fleet file; returns it.
fn cut(world: &World, name: &str) -> String {
    let file = world.dir.path().join("fleet.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let at = text.find(&format!("name = \"{name}\"\n")).unwrap();
    let from = text[..at].rfind("[[accounts.bots]]").unwrap();
    let to = text[at..].find("\n\n").map_or(text.len(), |end| at + end + 2);
    std::fs::write(&file, [&text[..from], &text[to..]].concat()).unwrap();
    text[from..to].to_owned()
}

/// Puts a bot's table where another one's stands.
fn put_before(world: &World, name: &str, table: &str) {
    let before = format!("[[accounts.bots]]\nname = \"{name}\"\n");
    world.rewrites(&before, &format!("{table}{before}"));
}

/// Waits until exactly these bots of the fleet are in these states.
async fn shown(fleet: &Fleet, count: usize, states: &[(&str, &str)]) {
    until("the fleet is as it is declared", SOON, async || {
        let bots = fleet.bots();
        let is = |name: &str| bots.iter().find(|bot| bot["bot"] == name).map(|bot| bot["state"].clone());
        let right = states.iter().all(|(name, state)| is(name) == Some(Value::from(*state)));
        let moving = bots.iter().any(|bot| bot["state"] != "online" && bot["state"] != "parked");
        if right && bots.len() == count && !moving { Ok(()) } else { Err(format!("{bots:?}")) }
    })
    .await;
}

/// Two changed, one added, one removed, one parked: the rest of the fleet never notices.
async fn only_what_changed_moves(bots: usize, store: Store) {
    let world = World::new(store, &["--bots", &bots.to_string()]).await;
    let newcomer = cut(&world, "bot-7");
    let fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    world.control.consumer_opens(ACCOUNT, "Ada", "m-ada-1", "-1").await.unwrap();
    world.answered(1).await;
    let before = counted(&world).await;

    put_before(&world, "bot-8", &newcomer);
    cut(&world, "bot-6");
    world.rewrites("name = \"bot-1\"\nlogic = \"echo\"\n", "name = \"bot-1\"\nlogic = \"greeting\"\n");
    world.rewrites("name = \"bot-2\"\n", "name = \"bot-2\"\ncapacity = 7\n");
    world.rewrites("name = \"bot-3\"\n", "name = \"bot-3\"\nwanted = \"parked\"\n");
    let (code, out, err) = applies(&world, &["--prune", "--dry-run", "--json"]);
    assert_eq!(code, 0, "{out}{err}");
    let planned: Value = serde_json::from_str(&out).unwrap();
    let steps: BTreeMap<_, _> = planned["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (change["bot"].as_str().unwrap(), change["step"].as_str().unwrap()))
        .collect();
    let expected = [
        ("bot-1", "goes on"),
        ("bot-2", "goes on"),
        ("bot-3", "is parked"),
        ("bot-6", "is removed"),
        ("bot-7", "starts"),
    ];
    assert_eq!(steps, expected.into());
    assert_eq!(counted(&world).await, before, "to plan moves nobody");

    let (code, out, err) = applies(&world, &["--prune"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("declared: 5 bots move:") && out.contains("stay as they are"), "{out}");
    shown(&fleet, bots - 1, &[("bot-3", "parked"), ("bot-7", "online"), ("bot-1", "online")]).await;
    let logics: Vec<_> = fleet.bots().iter().map(|bot| bot["logic"].clone()).collect();
    assert_eq!(logics[0], "greeting", "what is changed is shown");
    let after = counted(&world).await;
    for (login, counts) in &after {
        let expected = if login == "bot-1-7" { (1, 1) } else { before[login] };
        assert_eq!(*counts, expected, "{login}: logins and sockets");
    }
    // Whoever stayed goes on answering.
    for n in 2..=4 {
        world.control.consumer_says(ACCOUNT, "Ada", &format!("m-ada-{n}")).await.unwrap();
    }
    world.answered(4).await;
    world.judged(SOON).await.unwrap();
}

#[tokio::test]
async fn only_what_changed_moves_in_a_running_fleet_on_sqlite() {
    // At its true scale by hand: MUSTER_STORY_BOTS=100.
    let bots = std::env::var("MUSTER_STORY_BOTS").ok().and_then(|bots| bots.parse().ok());
    only_what_changed_moves(bots.unwrap_or(30), Store::Sqlite).await;
}

#[tokio::test]
async fn only_what_changed_moves_in_a_running_fleet_on_postgres() {
    only_what_changed_moves(12, Store::Postgres).await;
}

#[tokio::test]
async fn a_hangup_reads_the_file_again_and_a_faulty_one_changes_nothing() {
    let world = World::new(Store::Sqlite, &["--bots", "8"]).await;
    let newcomer = cut(&world, "bot-7");
    let fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    let before = counted(&world).await;

    put_before(&world, "bot-8", &newcomer.replace("logic", "colour"));
    fleet.process.hang_up();
    fleet.process.says_somewhere("the fleet goes on as it was, for its file has faults").await;
    fleet.process.says_somewhere("colour: unknown key").await;
    let (code, out, err) = applies(&world, &[]);
    assert!(code == 1 && err.contains("unknown key"), "{out}{err}");
    assert_eq!((fleet.bots().len(), counted(&world).await), (7, before.clone()), "nothing has changed");

    world.rewrites("colour = ", "logic = ");
    world.rewrites("[timing]", "[timing]\nping_every = \"7s\"");
    fleet.process.hang_up();
    fleet.process.says_somewhere("SIGHUP: 1 bot moves: 10000001/bot-7 (starts); 7 stay as they are").await;
    fleet.process.says_somewhere("these need a restart of muster: [timing]").await;
    shown(&fleet, 8, &[("bot-7", "online")]).await;
    let after = counted(&world).await;
    assert!(before.iter().all(|(login, counts)| after[login] == *counts), "{before:?} {after:?}");
    assert_eq!(after["bot-1-7"], (1, 1));
}
