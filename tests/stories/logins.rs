//! Every way to a token, and every way to the platform: kinds of login, domains, a proxy.

use std::collections::BTreeMap;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use liveperson_sim::counters::Identity;
use liveperson_sim::{Revocation, SECRET_MARK};
use serde_json::Value;

use crate::outside::{Fleet, SOON, Store, World};
use crate::proxy::Proxy;
use crate::wait::until;

const ACCOUNT: &str = "10000001";

/// The kinds of `lpsim --logins each`, and the logins of its bots.
const KINDS: [(&str, &str); 4] =
    [("bot-1-1", "password"), ("bot-1-2", "key"), ("bot-1-3", "client"), ("bot-1-4", "assertion")];
const HANDED_IN: &str = "bot-1-5";

async fn identity(world: &World, login: &str) -> Identity {
    world.control.counters().await.unwrap().identity(ACCOUNT, login).unwrap().clone()
}

/// Waits until a bot is in a state, and returns why.
async fn is(fleet: &Fleet, bot: &str, state: &str) -> String {
    until(&format!("{bot} is {state}"), SOON, async || {
        let bots = fleet.bots();
        let bot = bots.iter().find(|one| one["bot"] == bot).unwrap();
        if bot["state"] == state { Ok(bot["cause"].to_string()) } else { Err(bot.to_string()) }
    })
    .await
}

async fn everybody_says(world: &World, round: usize) {
    for n in 1..=5 {
        world.control.consumer_says(ACCOUNT, &format!("c{n}"), &format!("m-{n}-{round}")).await.unwrap();
    }
}

/// Edits the fleet file.
fn edit(world: &World, from: &str, to: &str) {
    let file = world.dir.path().join("fleet.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(&file, text.replacen(from, to, 1)).unwrap();
}

async fn ends(mut fleet: Fleet) {
    fleet.process.terminate();
    assert_eq!(fleet.process.ended().await, 0, "{}", fleet.process.log());
}

/// Each bot has room for one conversation, so that each has one.
const ONE_OF_EACH: [&str; 6] = ["--bots", "5", "--logins", "each", "--capacity", "1"];

async fn every_kind_comes_back(store: Store) {
    let world = World::new(store, &ONE_OF_EACH).await;
    let fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    for n in 1..=5 {
        let (name, text) = (format!("c{n}"), format!("m-{n}-0"));
        world.control.consumer_opens(ACCOUNT, &name, &text, "-1").await.unwrap();
    }
    world.answered(5).await;

    for (login, _) in KINDS {
        world.control.revoke_token_of(ACCOUNT, login, Revocation::Close4401).await.unwrap();
    }
    world.control.revoke_token_of(ACCOUNT, HANDED_IN, Revocation::Close4401).await.unwrap();
    everybody_says(&world, 1).await;
    world.answered(9).await;
    let cause = is(&fleet, "bot-5", "quarantined").await;
    assert!(cause.contains("handed in") && cause.contains("supply a new one"), "{cause}");
    for (login, kind) in KINDS {
        let identity = identity(&world, login).await;
        assert_eq!(identity.logins_by_kind, BTreeMap::from([(kind.to_owned(), 2)]), "{identity:?}");
        assert_eq!((identity.sockets_opened, identity.logins_refused), (2, 0), "{identity:?}");
    }
    assert_eq!(world.ledger().await.once, 9, "the fifth waits for a token");
    ends(fleet).await;

    let token = world.control.issue_token(ACCOUNT, HANDED_IN).await.unwrap();
    let file = world.dir.path().join(format!("fleet.secrets/{ACCOUNT}-{HANDED_IN}.token"));
    fs::write(file, token).unwrap();
    let mut release = world.muster(&["bots", "release", "bot-5", "--reason", "a new token"]);
    release.env("MUSTER_STORE", &world.store_url);
    assert_eq!(world.start(release).ended().await, 0);
    let fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    world.answered(10).await;
    let handed_in = identity(&world, HANDED_IN).await;
    assert_eq!((handed_in.logins, handed_in.tokens_issued, handed_in.refreshes), (0, 2, 0), "{handed_in:?}");
    world.judged(SOON).await.unwrap();
    ends(fleet).await;
    world.search_for_secrets().await;
}

#[tokio::test]
async fn every_kind_of_login_answers_and_comes_back_after_a_revoked_token_on_sqlite() {
    every_kind_comes_back(Store::Sqlite).await;
}

#[tokio::test]
async fn every_kind_of_login_answers_and_comes_back_after_a_revoked_token_on_postgres() {
    every_kind_comes_back(Store::Postgres).await;
}

#[tokio::test]
async fn a_token_that_was_handed_in_survives_dropped_sockets_and_is_not_logged_out() {
    let world = World::new(Store::Sqlite, &ONE_OF_EACH).await;
    let fleet = world.run(&["--retire"], &[]).await;
    fleet.all_online().await;
    world.control.drop_socket_of(ACCOUNT, HANDED_IN).await.unwrap();
    until("its second socket is open", SOON, async || {
        let sockets = identity(&world, HANDED_IN).await.sockets_opened;
        if sockets == 2 { Ok(()) } else { Err(sockets.to_string()) }
    })
    .await;
    fleet.all_online().await;
    ends(fleet).await;
    // Whoever handed the token in may go on using it: so may the next start.
    let fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    assert_eq!(identity(&world, HANDED_IN).await.sockets_opened, 3);
    ends(fleet).await;
}

async fn domains_asked(world: &World) -> u64 {
    world.control.counters().await.unwrap().domains_asked.get(ACCOUNT).copied().unwrap_or_default()
}

#[tokio::test]
async fn a_domain_service_that_is_down_never_stops_a_reconnect() {
    let world = World::new(Store::Sqlite, &["--bots", "2", "--consumers", "4", "--think", "50"]).await;
    edit(&world, "[timing]", "[timing]\ndomains_fresh = \"1ms\"");
    let fleet = world.run(&[], &[]).await;
    world.answered(10).await;

    world.control.fail_domains(Some(503)).await.unwrap();
    let before = domains_asked(&world).await;
    // A socket and a login that fail make their bots ask for the domains again.
    world.control.refuse_sockets(ACCOUNT, 2, 503).await.unwrap();
    world.control.refuse_logins(ACCOUNT, 1, 503, None).await.unwrap();
    world.control.revoke_token_of(ACCOUNT, "bot-1-1", Revocation::Close4401).await.unwrap();
    world.control.drop_socket_of(ACCOUNT, "bot-1-2").await.unwrap();
    until("both bots have a second socket", SOON, async || {
        let (one, two) = (identity(&world, "bot-1-1").await, identity(&world, "bot-1-2").await);
        let sockets = (one.sockets_opened, two.sockets_opened);
        if sockets == (2, 2) { Ok(()) } else { Err(format!("{sockets:?}")) }
    })
    .await;
    fleet.all_online().await;
    assert!(domains_asked(&world).await >= before + 2, "nobody asked while the service was down");
    fleet.process.says_somewhere("the last good ones are used").await;
    world.judged(SOON).await.unwrap();
    ends(fleet).await;
}

#[tokio::test]
async fn a_start_without_domains_says_why_and_waits() {
    let world = World::new(Store::Sqlite, &["--bots", "1"]).await;
    world.control.fail_domains(Some(503)).await.unwrap();
    let fleet = world.run(&[], &[]).await;
    let cause = is(&fleet, "bot-1", "waiting").await;
    assert!(cause.contains("the domain service failed (503)"), "{cause}");
    world.control.fail_domains(None).await.unwrap();
    fleet.all_online().await;
    ends(fleet).await;
}

#[tokio::test]
async fn a_domain_that_is_no_bare_host_is_refused_in_words_and_hosts_of_ones_own_help() {
    let world = World::new(Store::Sqlite, &["--bots", "1"]).await;
    let host = world.control.place().await.unwrap().host;
    world.control.name_domain("agentVep", &format!("https://{host}/")).await.unwrap();
    let fleet = world.run(&[], &[]).await;
    let cause = is(&fleet, "bot-1", "waiting").await;
    assert!(cause.contains("the domain of service agentVep is not a bare host[:port]"), "{cause}");
    assert!(world.control.counters().await.unwrap().identities.is_empty(), "nobody logged in");
    ends(fleet).await;

    // One host for the account, one that must not count for it, and the other service for sockets.
    world.control.name_domain("asyncMessagingEnt", "localhost:1").await.unwrap();
    edit(
        &world,
        "[platform]\n",
        "[platform]\nsocket_service = \"facadeMsg\"\ndomains = { agentVep = \"localhost:1\" }\n",
    );
    let id = format!("id = \"{ACCOUNT}\"\n");
    edit(&world, &id, &format!("{id}domains = {{ agentVep = \"{host}\" }}\n"));
    let fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    ends(fleet).await;
}

#[tokio::test]
async fn a_proxy_carries_http_and_sockets_and_its_password_is_written_nowhere() {
    let world = World::new(Store::Sqlite, &["--bots", "1"]).await;
    let place = world.control.place().await.unwrap();
    let login = format!("muster:{SECRET_MARK}-proxy");
    let proxy = Proxy::to(place.address, &format!("Basic {}", STANDARD.encode(&login))).await;
    // Nothing listens at these ports: only the proxy leads anywhere.
    world.control.name_domain("agentVep", "localhost:2").await.unwrap();
    world.control.name_domain("asyncMessagingEnt", "localhost:3").await.unwrap();
    let csds = format!("csds_domain = \"{}\"", place.host);
    edit(&world, &csds, "csds_domain = \"localhost:1\"\nproxy = \"env:STORY_PROXY\"");
    let url = format!("http://{login}@{}", proxy.address);

    let fleet = world.run(&[], &[("STORY_PROXY", &url), ("RUST_LOG", "trace")]).await;
    fleet.all_online().await;
    world.control.consumer_opens(ACCOUNT, "ada", "m-ada-0", "-1").await.unwrap();
    world.answered(1).await;
    let count = |target: &str| proxy.tunnels().iter().filter(|tunnel| *tunnel == target).count();
    assert!(count("localhost:1") >= 1 && count("localhost:2") >= 1, "{:?}", proxy.tunnels());
    assert_eq!(count("localhost:3"), 1, "{:?}", proxy.tunnels());
    ends(fleet).await;

    // The wrong password is a trouble that is waited for, and no fault of the bot's.
    let wrong = url.replace("-proxy@", "-wrong@");
    let fleet = world.run(&[], &[("STORY_PROXY", &wrong), ("RUST_LOG", "trace")]).await;
    let cause = is(&fleet, "bot-1", "waiting").await;
    assert!(cause.contains("did not answer") || cause.contains("the proxy refused"), "{cause}");
    ends(fleet).await;
    world.search_for_secrets().await;
}

#[tokio::test]
async fn a_wrong_value_of_any_kind_is_a_bad_credential() {
    let world = World::new(Store::Sqlite, &ONE_OF_EACH).await;
    for file in ["bot-1-2.access_token", "bot-1-3.client_secret", "bot-1-4.assertion", "bot-1-5.token"] {
        let file = world.dir.path().join(format!("fleet.secrets/{ACCOUNT}-{file}"));
        fs::write(file, format!("{SECRET_MARK}-wrong")).unwrap();
    }
    let fleet = world.run(&[], &[("RUST_LOG", "trace")]).await;
    is(&fleet, "bot-1", "online").await;
    for bot in ["bot-2", "bot-3", "bot-4"] {
        let cause = is(&fleet, bot, "quarantined").await;
        assert!(cause.contains("bad credentials"), "{bot}: {cause}");
    }
    let cause = is(&fleet, "bot-5", "quarantined").await;
    assert!(cause.contains("supply a new one"), "{cause}");
    let metrics = fleet.get("/metrics");
    let line = format!("muster_logins_total{{account=\"{ACCOUNT}\",outcome=\"refused\"}} 6");
    assert!(metrics.contains(&line), "{line} is missing in:\n{metrics}");
    let bots: Vec<Value> = fleet.bots();
    assert_eq!(bots.iter().filter(|bot| bot["state"] == "online").count(), 1, "{bots:?}");
    ends(fleet).await;
    world.search_for_secrets().await;
}

#[tokio::test]
async fn a_bot_that_is_given_another_user_does_not_go_on_as_the_one_before() {
    let world = World::new(Store::Sqlite, &["--bots", "2"]).await;
    edit(&world, "logic = \"greeting\"", "wanted = \"parked\"\nlogic = \"greeting\"");
    let fleet = world.run(&[], &[]).await;
    is(&fleet, "bot-1", "online").await;
    ends(fleet).await;
    // The two bots change places.
    let file = world.dir.path().join("fleet.toml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replace("bot-1-1", "bot-1-0").replace("bot-1-2", "bot-1-1").replace("bot-1-0", "bot-1-2");
    fs::write(&file, text).unwrap();
    let fleet = world.run(&[], &[]).await;
    is(&fleet, "bot-1", "online").await;
    assert_eq!(identity(&world, "bot-1-1").await.sockets_opened, 1);
    assert_eq!(identity(&world, "bot-1-2").await.sockets_opened, 1);
    ends(fleet).await;
}
