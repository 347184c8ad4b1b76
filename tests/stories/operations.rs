//! Verbs on many bots: at a rate, with progress, ended by hand or by failures, and gone on with after a crash.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::outside::{Fleet, SOON, Store, World};
use crate::steering::{done, said, shows};
use crate::wait::until;

const BOTS: usize = 500;
/// So many bots log in before the story begins.
const LONG: Duration = Duration::from_mins(4);

/// Begins an operation; its id.
fn begins(world: &World, verb: &[&str], more: &[&str]) -> String {
    let arguments =
        [&["bots"], verb, more, &["--reason", "a rollout", "--by", "bea", "--detach", "--json"]].concat();
    let begun: Value = serde_json::from_str(&done(world, &arguments)).unwrap();
    begun["operation"].as_str().unwrap().to_owned()
}

fn shown(world: &World, id: &str) -> Value {
    serde_json::from_str(&done(world, &["operations", "show", id, "--json"])).unwrap()
}

fn number(operation: &Value, field: &str) -> u64 {
    operation[field].as_u64().unwrap()
}

/// Waits until an operation is as it should be.
async fn comes_to(world: &World, id: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    until(&format!("the operation {what}"), LONG, async || {
        let operation = shown(world, id);
        if is(&operation) { Ok(operation) } else { Err(operation.to_string()) }
    })
    .await
}

async fn all_online(fleet: &Fleet, count: usize) {
    until(&format!("{count} bots are online"), LONG, async || {
        let online = fleet.bots().iter().filter(|bot| bot["state"] == "online").count();
        if online == count { Ok(()) } else { Err(format!("{online} of {count}")) }
    })
    .await;
}

/// States set, logins and sockets of each bot.
async fn counted(world: &World) -> BTreeMap<String, (u64, u64, u64)> {
    let counters = world.control.counters().await.unwrap();
    let identities = counters.identities.iter();
    identities.map(|one| (one.login.clone(), (one.states_set, one.logins, one.sockets_opened))).collect()
}

#[tokio::test]
async fn a_filter_acts_on_five_hundred_bots_until_somebody_cancels_it() {
    let world = World::new(Store::Sqlite, &["--plain", "--bots", &BOTS.to_string()]).await;
    world.is_patient();
    world.rewrites("login_per_second = 50\nlogin_burst = 50\nprocess_login_per_second = 50", {
        "login_per_second = 500\nlogin_burst = 500\nprocess_login_per_second = 500"
    });
    let fleet = world.run(&[], &[]).await;
    all_online(&fleet, BOTS).await;
    let filter = ["--filter", "state=wanted bot=bot-*"];
    let out =
        done(&world, &[&["bots", "agent-state", "AWAY", "--reason", "x", "--dry-run"], &filter[..]].concat());
    assert!(out.starts_with("500 bots, and nothing was done"), "{out}");
    assert_eq!(out.lines().count(), 101, "the first hundred are named: {out}");
    assert!(done(&world, &["operations", "list"]).lines().count() == 1, "a dry run writes nothing");

    let before = counted(&world).await;
    let id = begins(&world, &["agent-state", "AWAY"], &[&filter[..], &["--rate", "20"]].concat());
    let early = comes_to(&world, &id, "has begun", |one| number(one, "done") >= 10).await;
    assert_eq!((number(&early, "total"), &early["state"]), (500, &Value::from("running")));
    let later =
        comes_to(&world, &id, "goes on", |one| number(one, "done") >= number(&early, "done") + 10).await;
    assert!(number(&later, "done") < 500, "{later}");
    let out = done(&world, &["operations", "cancel", &id, "--reason", "enough", "--by", "bob"]);
    assert!(out.contains("is cancelled"), "{out}");
    let over = comes_to(&world, &id, "is over", |one| one["state"] == "cancelled").await;
    assert_eq!(over["outcome"], "cancelled by bob: enough");
    let (touched, left) = (number(&over, "done"), number(&over, "skipped"));
    assert_eq!((touched + left, number(&over, "failed")), (500, 0), "{over}");
    assert!(left > 0, "{over}");
    let after = counted(&world).await;
    let moved = |login: &String| after[login].0 - before[login].0;
    assert_eq!(before.keys().map(moved).sum::<u64>(), touched, "once each, and nobody else");
    assert_eq!(before.keys().map(moved).max(), Some(1));
    let (code, _, err) = said(&world, &["operations", "cancel", &id, "--reason", "again"]);
    assert!(code == 1 && err.contains("it is cancelled already"), "{err}");
    let audit = done(&world, &["audit"]);
    for part in
        ["agent-state AWAY 500 bots (state=wanted bot=bot-*)", "a rollout", "cancel agent-state AWAY", "bob"]
    {
        assert!(audit.contains(part), "{part} is not in\n{audit}");
    }
    // Nobody is touched later either: what goes through the same hands comes after all that was asked.
    done(&world, &["bots", "refresh", "bot-1"]);
    assert_eq!(counted(&world).await, after);
}

/// The items by their state.
fn items(operation: &Value) -> BTreeMap<String, String> {
    let item =
        |item: &Value| (item["bot"].as_str().unwrap().to_owned(), item["state"].as_str().unwrap().to_owned());
    operation["items"].as_array().unwrap().iter().map(item).collect()
}

async fn an_operation_goes_on_after_a_crash_and_does_nothing_twice(store: Store) {
    const COUNT: usize = 20;
    let world = World::new(store, &["--bots", &COUNT.to_string()]).await;
    world.keeps_sessions();
    world.is_patient();
    let mut fleet = world.run(&[], &[]).await;
    all_online(&fleet, COUNT).await;
    let id = begins(&world, &["restart"], &["--all", "--rate", "4"]);
    comes_to(&world, &id, "has begun", |one| number(one, "done") >= 3).await;
    fleet.process.kill9();
    let then = items(&shown(&world, &id));
    assert!(then.values().any(|state| state == "waiting"), "it was in the middle: {then:?}");
    let fleet = world.run(&[], &[]).await;
    let over = comes_to(&world, &id, "is over", |one| one["state"] == "done").await;
    assert_eq!(number(&over, "done"), COUNT as u64, "{over}");
    all_online(&fleet, COUNT).await;
    for (login, (_, logins, sockets)) in counted(&world).await {
        let bot = login.replace("bot-1-", "bot-");
        // The start of a process, the operation, and the start of the next; that start is all that it takes
        // for whoever was on its way.
        let expected = if then[&bot] == "asked" { 2..=3 } else { 3..=3 };
        assert!(
            expected.contains(&sockets),
            "{bot} was {} and has had {sockets} sockets: {over}",
            then[&bot]
        );
        assert_eq!(logins, 1, "{bot}");
    }
}

#[tokio::test]
async fn an_operation_goes_on_after_a_crash_and_does_nothing_twice_on_sqlite() {
    an_operation_goes_on_after_a_crash_and_does_nothing_twice(Store::Sqlite).await;
}

#[tokio::test]
async fn an_operation_goes_on_after_a_crash_and_does_nothing_twice_on_postgres() {
    an_operation_goes_on_after_a_crash_and_does_nothing_twice(Store::Postgres).await;
}

#[tokio::test]
async fn an_operation_that_fails_again_and_again_stops_by_itself() {
    let world = World::new(Store::Sqlite, &["--bots", "40"]).await;
    let fleet = world.run(&[], &[]).await;
    all_online(&fleet, 40).await;
    done(&world, &["bots", "suspend", "--all", "--reason", "a fault"]);
    for n in 1..=40 {
        shows(&fleet, &format!("bot-{n}"), "state", |state| state == "quarantined").await;
    }
    // Within the forty seconds that all of them take there is time to hear of three.
    let rate = ["--all", "--rate", "1", "--stop-after", "3", "--reason", "a rollout"];
    let (code, out, err) = said(&world, &[&["bots", "restart"], &rate[..]].concat());
    assert!(code == 1 && err.contains("it is failed, and failed for"), "{out}{err}");
    assert!(out.contains("it is held off (") && out.contains("release it first"), "{out}");
    assert!(out.contains("not begun: ") && out.contains("failed: nothing more is begun"), "{out}");
    assert!(fleet.bots().iter().all(|bot| bot["state"] == "quarantined"), "nobody moved");
    // What the store alone decides goes over many bots too.
    done(&world, &["bots", "release", "--filter", "state=quarantined bot=bot-1*", "--reason", "mended"]);
    until("those are online", SOON, async || {
        let online =
            |bot: &&Value| bot["state"] == "online" && bot["bot"].as_str().unwrap().starts_with("bot-1");
        let bots = fleet.bots();
        if bots.iter().filter(online).count() == 11 { Ok(()) } else { Err(format!("{bots:?}")) }
    })
    .await;
    let (code, _, err) = said(&world, &["bots", "stop", "--filter", "state=online", "--reason", "x"]);
    assert!(code == 2 && err.contains("known are wanted, parked, quarantined"), "{err}");
}
