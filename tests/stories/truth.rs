//! What API, command line and metrics say while a bot lacks one leg to stand on, and while it lacks none.

use std::time::{SystemTime, UNIX_EPOCH};

use liveperson_sim::{Aim, Fault, Order, Revocation};
use muster::board::rfc3339;
use muster_core::health::Degraded;
use serde_json::Value;

use crate::outside::{Fleet, SOON, Store, World};
use crate::store_away::set_away;
use crate::wait::until;

const ACCOUNT: &str = "10000001";
const BOT: &str = "bot-1";
/// Its login.
const LOGIN: &str = "bot-1-1";

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

fn api(fleet: &Fleet, path: &str) -> Value {
    let answer = fleet.get(path);
    let json = &answer[answer.find('{').unwrap()..=answer.rfind('}').unwrap()];
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{path}: {error}\n{answer}"))
}

fn shown(fleet: &Fleet) -> Value {
    api(fleet, &format!("/api/v1/bots/{ACCOUNT}/{BOT}"))
}

/// Every event of the bot, the latest first.
fn events(fleet: &Fleet) -> Vec<Value> {
    let page = api(fleet, &format!("/api/v1/bots/{ACCOUNT}/{BOT}/events?limit=1000"));
    page["items"].as_array().unwrap().clone()
}

/// Waits until the bot is shown so.
async fn until_shown(fleet: &Fleet, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    until(what, SOON, async || {
        let bot = shown(fleet);
        if is_so(&bot) { Ok(bot) } else { Err(bot.to_string()) }
    })
    .await
}

/// Waits until the time line tells of something.
async fn until_told(fleet: &Fleet, what: &str, tells: impl Fn(&Value) -> bool) {
    until(what, SOON, async || {
        let events = events(fleet);
        if events.iter().any(&tells) { Ok(()) } else { Err(format!("{events:?}")) }
    })
    .await;
}

/// Online, and nothing to say beside it.
async fn until_well(fleet: &Fleet) -> Value {
    let is_well = |bot: &Value| {
        bot["state"] == "online"
            && bot["degraded"] == Value::Array(Vec::new())
            && bot["oldest_owed_known"] == true
    };
    until_shown(fleet, "the bot is online and nothing else", is_well).await
}

/// What `muster bots` says of the bot.
async fn said(world: &World, fleet: &Fleet, arguments: &[&str]) -> String {
    let mut command = world.muster(&["bots"]);
    command.args(arguments).args(["--server", &fleet.address.to_string()]);
    command.env("MUSTER_STORE", &world.store_url);
    let mut process = world.start(command);
    assert_eq!(process.ended().await, 0, "{}", process.log());
    process.log()
}

async fn until_said(world: &World, fleet: &Fleet, words: &str) {
    until(&format!("`muster bots` says {words}"), SOON, async || {
        let said = said(world, fleet, &["list"]).await;
        if said.contains(words) { Ok(()) } else { Err(said) }
    })
    .await;
}

async fn one_bot(store: Store) -> (World, Fleet) {
    let world = World::new(store, &["--bots", "1", "--answer-within", "600000"]).await;
    world.rewrites("[timing]", "[timing]\nbehind_after = \"500ms\"\nstore_slow_after = \"30s\"");
    let fleet = world.run(&[], &[]).await;
    until_well(&fleet).await;
    (world, fleet)
}

#[tokio::test]
async fn a_healthy_fleet_says_nothing_alarming() {
    let (world, fleet) = one_bot(Store::Sqlite).await;
    world.control.consumer_opens(ACCOUNT, "Ada", "m-ada-1", "-1").await.unwrap();
    world.answered(1).await;
    let bot = until_shown(&fleet, "nothing is owed any more", |bot| {
        bot["oldest_owed_at"].is_null() && bot["turns"] != 0 && bot["degraded"] == Value::Array(Vec::new())
    })
    .await;
    assert!(bot["heard_at"].is_string() && bot["waits_until"].is_null(), "{bot}");
    let metrics = fleet.get("/metrics");
    let taken = format!("muster_rings_total{{account=\"{ACCOUNT}\",outcome=\"taken\"}} 1");
    let lead = format!("muster_ring_lead_seconds_count{{account=\"{ACCOUNT}\"}} 1");
    assert!(metrics.contains(&taken) && metrics.contains(&lead), "{metrics}");
    assert!(!metrics.contains("oldest_owed_timestamp_seconds{"), "{metrics}");
    // A machine that stood still for seconds is something to say: it passes.
    until("nobody says anything alarming", SOON, async || {
        let account = api(&fleet, "/api/v1/accounts")["items"][0].clone();
        let (list, metrics) = (said(&world, &fleet, &["list"]).await, fleet.get("/metrics"));
        let degraded = metrics.lines().filter(|line| line.starts_with("muster_bots_degraded{"));
        let degraded: Vec<_> = degraded.collect();
        let is_calm = account["states"] == serde_json::json!({"online": 1})
            && account["degraded"] == serde_json::json!({})
            && account["oldest_owed_at"].is_null()
            && account["oldest_owed_unknown_to"] == 0
            && list.contains(" online  ")
            && degraded.len() == Degraded::ALL.len()
            && degraded.iter().all(|line| line.ends_with(" 0"));
        if is_calm { Ok(()) } else { Err(format!("{account}\n{list}\n{degraded:?}")) }
    })
    .await;
}

#[tokio::test]
async fn a_message_that_waits_is_owed_from_when_it_was_said_also_while_its_bot_is_away() {
    let (world, fleet) = one_bot(Store::Sqlite).await;
    world.control.consumer_opens(ACCOUNT, "Ada", "m-ada-1", "-1").await.unwrap();
    world.answered(1).await;
    until_well(&fleet).await;
    let refuse =
        Order::of(Fault::Refuse { status: 429 }).at(Aim::account(ACCOUNT).request("ms.PublishEvent"));
    let order = world.control.order(&refuse).await.unwrap();
    let before = now_ms();
    world.control.consumer_says(ACCOUNT, "Ada", "m-ada-2").await.unwrap();
    let after = now_ms();
    let bot = until_shown(&fleet, "the bot is online and behind", |bot| {
        bot["state"] == "online" && bot["degraded"] == serde_json::json!(["behind"])
    })
    .await;
    // The platform's clock is measured, and so a little off.
    let owed = bot["oldest_owed_at"].as_str().unwrap().to_owned();
    assert!(*rfc3339(before - 2_000) <= *owed && *owed <= *rfc3339(after + 2_000), "{before} {owed} {after}");
    assert_eq!(api(&fleet, "/api/v1/accounts")["items"][0]["oldest_owed_at"], owed);
    until_said(&world, &fleet, "online: behind").await;
    let metrics = fleet.get("/metrics");
    for line in [
        format!("muster_oldest_owed_timestamp_seconds{{account=\"{ACCOUNT}\"}} "),
        format!("muster_bot_oldest_owed_timestamp_seconds{{account=\"{ACCOUNT}\",bot=\"{BOT}\"}} "),
        format!("muster_bots_degraded{{account=\"{ACCOUNT}\",degraded=\"behind\"}} 1\n"),
    ] {
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }

    world.control.refuse_sockets(ACCOUNT, 1_000, 503).await.unwrap();
    world.control.drop_socket_of(ACCOUNT, LOGIN).await.unwrap();
    let bot = until_shown(&fleet, "the bot waits", |bot| bot["state"] == "waiting").await;
    assert_eq!(
        (&bot["oldest_owed_at"], &bot["oldest_owed_known"]),
        (&Value::from(owed), &Value::from(false))
    );
    world.control.refuse_sockets(ACCOUNT, 0, 503).await.unwrap();
    world.control.withdraw(order).await.unwrap();
    world.answered(2).await;
    let bot = until_well(&fleet).await;
    assert!(bot["oldest_owed_at"].is_null(), "{bot}");
}

#[tokio::test]
async fn a_half_open_socket_is_not_online() {
    let (world, fleet) = one_bot(Store::Sqlite).await;
    world.control.stall_socket_of(ACCOUNT, LOGIN, true).await.unwrap();
    // It may be back before anybody looks: the time line remembers.
    until_told(&fleet, "the time line tells of the silence", |event| {
        event["state"] == "waiting" && event["cause"].to_string().contains("no sign of life")
    })
    .await;
    world.control.stall_socket_of(ACCOUNT, LOGIN, false).await.unwrap();
    until_well(&fleet).await;
}

#[tokio::test]
async fn a_bot_without_its_subscription_is_not_online() {
    let (world, fleet) = one_bot(Store::Sqlite).await;
    let aim = Aim::account(ACCOUNT).request("SubscribeExConversations");
    let order = world.control.order(&Order::of(Fault::Refuse { status: 500 }).at(aim)).await.unwrap();
    world.control.drop_socket_of(ACCOUNT, LOGIN).await.unwrap();
    let bot = until_shown(&fleet, "the bot says that it was refused", |bot| {
        bot["state"] == "waiting" && bot["cause"].to_string().contains("a subscription was refused: 500")
    })
    .await;
    assert_eq!(bot["degraded"], serde_json::json!(["waiting"]));
    assert!(bot["waits_until"].is_string() && bot["heard_at"].is_null(), "{bot}");
    until_said(&world, &fleet, " waiting  ").await;
    world.control.withdraw(order).await.unwrap();
    until_well(&fleet).await;
}

#[tokio::test]
async fn a_bot_whose_token_is_dead_waits_in_words_until_it_has_a_new_one() {
    let (world, fleet) = one_bot(Store::Sqlite).await;
    world.control.refuse_logins(ACCOUNT, 1_000, 503, None).await.unwrap();
    world.control.revoke_token_of(ACCOUNT, LOGIN, Revocation::Close4401).await.unwrap();
    until_told(&fleet, "a failed login is told", |event| event["kind"] == "login-failed").await;
    let bot = until_shown(&fleet, "the bot waits for its login", |bot| bot["state"] == "waiting").await;
    let words = bot["degraded"].as_array().unwrap();
    assert!(bot["cause"].is_string() && words.contains(&"waiting".into()), "{bot}");
    world.control.refuse_logins(ACCOUNT, 0, 503, None).await.unwrap();
    // Nobody told the bot why its token died: as far as it knows somebody took it.
    let is_back =
        |bot: &Value| bot["state"] == "online" && bot["degraded"] == serde_json::json!(["session-taken"]);
    until_shown(&fleet, "the bot is back, and says what it was", is_back).await;
}

#[tokio::test]
async fn a_fleet_whose_store_is_away_says_so_and_remembers_it() {
    let (world, fleet) = one_bot(Store::Postgres).await;
    set_away(&world.store_url, true).await;
    let is_fenced =
        |bot: &Value| bot["state"] == "fenced" && bot["degraded"] == serde_json::json!(["fenced"]);
    until_shown(&fleet, "the bot is fenced", is_fenced).await;
    let shown = api(&fleet, "/api/v1/fleet");
    assert!(shown["fenced"].is_string() && shown["store_ok"] == false, "{shown}");
    set_away(&world.store_url, false).await;
    until_well(&fleet).await;
    until_told(&fleet, "what happened meanwhile is written", |event| event["state"] == "fenced").await;
}

/// What an event tells: the state from then on, or else its kind.
fn word(event: &Value) -> String {
    event["state"].as_str().or(event["kind"].as_str()).unwrap().to_owned()
}

#[tokio::test]
async fn a_time_line_outlives_a_restart_and_is_shown() {
    let (world, mut fleet) = one_bot(Store::Sqlite).await;
    fleet.process.terminate();
    assert_eq!(fleet.process.ended().await, 0);
    let fleet = world.run(&[], &[]).await;
    until_well(&fleet).await;
    let told = until("both lives are told in order", SOON, async || {
        let told: Vec<_> = events(&fleet).iter().rev().map(word).collect();
        let mut rest = told.iter();
        let course = ["login", "online", "parked", "connecting", "online"];
        let in_order = course.iter().all(|step| rest.any(|word| word == step));
        if in_order { Ok(told) } else { Err(format!("{told:?}")) }
    })
    .await;
    assert_eq!(told.iter().filter(|word| *word == "login").count(), 1, "{told:?}");
    let name = format!("{ACCOUNT}/{BOT}");
    let shown = said(&world, &fleet, &["show", &name, "--limit", "500"]).await;
    for words in ["TIME", "  parked", "  login", "degraded", "oldest owed"] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }
    let shown = said(&world, &fleet, &["show", &name, "--json", "--limit", "2"]).await;
    let shown: Value = serde_json::from_str(shown.lines().last().unwrap()).unwrap();
    assert_eq!((shown["events"].as_array().unwrap().len(), &shown["bot"]), (2, &Value::from(BOT)), "{shown}");
}
