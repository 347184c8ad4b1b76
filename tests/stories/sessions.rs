//! Tokens that die, are refreshed, are sealed: what a bot does about each, counted by the platform.

use liveperson_sim::Revocation;

use crate::outside::{Fleet, SOON, Store, World};
use crate::wait::until;

const ACCOUNT: &str = "10000001";
const BOT: &str = "bot-1-1";

struct Counted {
    logins: u64,
    refreshes: u64,
    sockets: u64,
}

async fn counted(world: &World, login: &str) -> Counted {
    let counters = world.control.counters().await.unwrap();
    let bot = counters.identity(ACCOUNT, login).unwrap();
    Counted { logins: bot.logins, refreshes: bot.refreshes, sockets: bot.sockets_opened }
}

async fn sockets(world: &World, count: u64) {
    until(&format!("{count} sockets were opened"), SOON, async || {
        let sockets = counted(world, BOT).await.sockets;
        if sockets >= count { Ok(()) } else { Err(sockets.to_string()) }
    })
    .await;
}

const LOAD: [&str; 6] = ["--bots", "2", "--consumers", "4", "--think", "50"];

#[tokio::test]
async fn a_revoked_token_costs_its_bot_one_login_and_nobody_else_any() {
    let world = World::new(Store::Sqlite, &LOAD).await;
    let fleet = world.run(&[], &[]).await;
    world.answered(10).await;
    world.control.revoke_token_of(ACCOUNT, BOT, Revocation::Close4401).await.unwrap();
    sockets(&world, 2).await;
    fleet.all_online().await;
    let (bot, other) = (counted(&world, BOT).await, counted(&world, "bot-1-2").await);
    assert_eq!((bot.logins, other.logins, other.sockets), (2, 1, 1));
    world.judged(SOON).await.unwrap();
}

#[tokio::test]
async fn a_close_without_a_code_is_probed_by_a_refresh_and_needs_no_login() {
    let world = World::new(Store::Sqlite, &LOAD).await;
    let fleet = world.run(&[], &[]).await;
    world.answered(10).await;
    let before = counted(&world, BOT).await;
    world.control.drop_socket_of(ACCOUNT, BOT).await.unwrap();
    sockets(&world, 2).await;
    fleet.all_online().await;
    let after = counted(&world, BOT).await;
    assert_eq!((after.logins, after.refreshes), (1, before.refreshes + 1));
    world.judged(SOON).await.unwrap();
}

#[tokio::test]
async fn a_token_revoked_and_seen_as_1006_comes_back_with_one_login() {
    let world = World::new(Store::Sqlite, &LOAD).await;
    let fleet = world.run(&[], &[]).await;
    world.answered(10).await;
    world.control.revoke_token_of(ACCOUNT, BOT, Revocation::Drop1006).await.unwrap();
    sockets(&world, 2).await;
    fleet.all_online().await;
    assert_eq!(counted(&world, BOT).await.logins, 2);
    world.judged(SOON).await.unwrap();
}

#[tokio::test]
async fn a_token_is_refreshed_in_time_also_one_from_a_sealed_session() {
    let world = World::new(Store::Sqlite, &["--bots", "1", "--token-life", "3000"]).await;
    let file = world.dir.path().join("fleet.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("[timing]", "[timing]\nrefresh_every = \"500ms\"")).unwrap();
    let mut first = world.run(&[], &[]).await;
    first.all_online().await;
    first.process.terminate();
    assert_eq!(first.process.ended().await, 0);
    let before = counted(&world, BOT).await.refreshes;
    let next = world.run(&[], &[]).await;
    // Ten refreshes outlive the token's three seconds.
    until("the token was refreshed ten times", SOON, async || {
        let refreshes = counted(&world, BOT).await.refreshes;
        if refreshes >= before + 10 { Ok(()) } else { Err(refreshes.to_string()) }
    })
    .await;
    let bot = counted(&world, BOT).await;
    assert_eq!((bot.logins, bot.sockets), (1, 2), "no login and no reconnect since the restart");
    assert!(next.bots()[0]["token_refreshed_at"].is_string(), "{:?}", next.bots());
}

async fn waits_for_logins(status: u16, outcome: &str) {
    let world = World::new(Store::Sqlite, &["--bots", "1"]).await;
    world.control.refuse_logins(ACCOUNT, 2, status, Some(1)).await.unwrap();
    let fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    let metrics = fleet.get("/metrics");
    for (outcome, count) in [(outcome, 2), ("ok", 1)] {
        let line = format!("muster_logins_total{{account=\"{ACCOUNT}\",outcome=\"{outcome}\"}} {count}");
        assert!(metrics.contains(&line), "{line} is missing in:\n{metrics}");
    }
    let bot = counted(&world, BOT).await;
    assert_eq!((bot.logins, bot.sockets), (1, 1));
}

#[tokio::test]
async fn a_login_service_in_trouble_is_waited_for() {
    waits_for_logins(503, "unavailable").await;
}

#[tokio::test]
async fn too_many_logins_are_waited_for() {
    waits_for_logins(429, "throttled").await;
}

/// How many login attempts of the account had this outcome.
fn attempts(fleet: &Fleet, outcome: &str) -> u64 {
    let start = format!("muster_logins_total{{account=\"{ACCOUNT}\",outcome=\"{outcome}\"}} ");
    let metrics = fleet.get("/metrics");
    metrics.lines().find_map(|line| line.strip_prefix(&start)?.parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn while_logins_are_throttled_one_bot_probes_for_all_and_then_everybody_comes() {
    let world = World::new(Store::Sqlite, &["--bots", "12"]).await;
    world.control.refuse_logins(ACCOUNT, 1_000, 429, Some(1)).await.unwrap();
    let fleet = world.run(&[], &[]).await;
    let began = std::time::Instant::now();
    until("three probes were turned away", SOON, async || {
        let throttled = attempts(&fleet, "throttled");
        if throttled >= 5 { Ok(()) } else { Err(throttled.to_string()) }
    })
    .await;
    let metrics = fleet.get("/metrics");
    assert!(metrics.contains(&format!("muster_login_trouble{{account=\"{ACCOUNT}\"}} 1")), "{metrics}");
    let causes: Vec<_> = fleet.bots().iter().map(|bot| bot["cause"].to_string()).collect();
    assert!(causes.iter().filter(|cause| cause.contains("too many logins")).count() >= 10, "{causes:?}");
    world.control.refuse_logins(ACCOUNT, 0, 429, None).await.unwrap();
    fleet.all_online().await;
    // Two were under way when the trouble began; then one a second.
    let (throttled, seconds) = (attempts(&fleet, "throttled"), began.elapsed().as_secs());
    assert!(throttled <= 3 + seconds, "{throttled} attempts in {seconds} s");
    assert_eq!(attempts(&fleet, "ok"), 12);
    fleet.process.says_somewhere("12 of 12 bots online after").await;
}

#[tokio::test]
async fn a_process_that_starts_anew_heeds_what_the_last_one_was_told() {
    let world = World::new(Store::Sqlite, &["--bots", "3"]).await;
    world.control.refuse_logins(ACCOUNT, 1_000, 429, Some(8)).await.unwrap();
    let mut first = world.run(&[], &[]).await;
    until("the login service was met", SOON, async || {
        let throttled = attempts(&first, "throttled");
        if throttled >= 1 { Ok(()) } else { Err(throttled.to_string()) }
    })
    .await;
    first.process.kill9();
    let next = world.run(&[], &[]).await;
    until("the bots know why they wait", SOON, async || {
        let told =
            next.bots().iter().filter(|bot| bot["cause"].to_string().contains("too many logins")).count();
        if told == 3 { Ok(()) } else { Err(format!("{:?}", next.bots())) }
    })
    .await;
    assert_eq!(attempts(&next, "throttled"), 0, "nobody asked again");
    world.control.refuse_logins(ACCOUNT, 0, 429, None).await.unwrap();
    next.all_online().await;
}

#[tokio::test]
async fn when_many_bots_of_an_account_drop_together_their_return_is_spread() {
    let world = World::new(Store::Sqlite, &["--bots", "20"]).await;
    let fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    let drops = (1..=20).map(|n| {
        let control = &world.control;
        async move { control.drop_socket_of(ACCOUNT, &format!("bot-1-{n}")).await.unwrap() }
    });
    tokio::join!(
        futures_util::future::join_all(drops),
        until("some bot says that its return is spread", SOON, async || {
            let bots = fleet.bots();
            let spread = bots.iter().any(|bot| bot["cause"].to_string().contains("the return is spread"));
            if spread { Ok(()) } else { Err(format!("{bots:?}")) }
        }),
    );
    fleet.all_online().await;
}
