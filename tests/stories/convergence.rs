//! A whole fleet comes back: within the login budget, whom it concerns most first, and with nothing lost.

use std::collections::BTreeSet;

use liveperson_sim::{Fault, Order, Revocation, Trouble};

use crate::outside::{Fleet, SOON, Store, World};
use crate::wait::until;

const ACCOUNT: &str = "10000001";
const BOTS: u64 = 40;
const BOTS_OUT: usize = 10;
const PER_SECOND: usize = 10;
const BURST: usize = 2;

fn login(n: u64) -> String {
    format!("bot-1-{n}")
}

async fn logins(world: &World) -> u64 {
    world.control.counters().await.unwrap().identities.iter().map(|bot| bot.logins).sum()
}

/// The bots that handle something, once so many conversations are handled.
async fn busy(fleet: &Fleet, conversations: u64) -> BTreeSet<String> {
    until("the fleet shows what it handles", SOON, async || {
        let bots = fleet.bots();
        let open = |bot: &serde_json::Value| bot["open_conversations"].as_u64().unwrap();
        let busy = bots.iter().filter(|bot| open(bot) > 0);
        let names = busy.map(|bot| bot["bot"].as_str().unwrap().to_owned()).collect();
        if bots.iter().map(open).sum::<u64>() == conversations { Ok(names) } else { Err(format!("{bots:?}")) }
    })
    .await
}

/// The bots in the order of their logins.
fn logged_in(fleet: &Fleet) -> Vec<String> {
    let log = fleet.process.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let logins = lines.filter(|line| line["message"] == "logged in");
    logins.map(|line| line["span"]["bot.id"].as_str().unwrap().to_owned()).collect()
}

async fn all_wait_for_a_login(fleet: &Fleet) {
    until("all bots wait for a login", SOON, async || {
        let waits = |bot: &&serde_json::Value| bot["cause"].to_string().contains("too many logins");
        let bots = fleet.bots();
        let waiting = bots.iter().filter(waits).count() as u64;
        if waiting == BOTS { Ok(()) } else { Err(format!("{waiting}: {bots:?}")) }
    })
    .await;
}

#[tokio::test]
async fn a_cold_start_keeps_to_the_budget_and_bots_with_open_conversations_come_first() {
    let world = World::new(Store::Sqlite, &["--bots", &BOTS.to_string()]).await;
    let mut first = world.run(&[], &[]).await;
    first.all_online().await;
    for consumer in ["Ada", "Bea", "Cleo"] {
        world.control.consumer_opens(ACCOUNT, consumer, &format!("m-{consumer}-1"), "-1").await.unwrap();
    }
    world.answered(3).await;
    let busy = busy(&first, 3).await;
    first.process.terminate();
    assert_eq!(first.process.ended().await, 0);
    // No session holds any more, and the service is too busy until all stand at its door.
    for n in 1..=BOTS {
        world.control.revoke_token_of(ACCOUNT, &login(n), Revocation::Silent).await.unwrap();
    }
    world.rewrites("login_per_second = 50\nlogin_burst = 50", &{
        format!("login_per_second = {PER_SECOND}\nlogin_burst = {BURST}")
    });
    world.control.refuse_logins(ACCOUNT, 1_000, 429, Some(1)).await.unwrap();
    let next = world.run(&[], &[]).await;
    all_wait_for_a_login(&next).await;
    world.control.refuse_logins(ACCOUNT, 0, 429, None).await.unwrap();
    next.all_online().await;
    let order = logged_in(&next);
    assert_eq!(order.len() as u64, BOTS, "{order:?}");
    // Whoever probed may have been chosen before those that matter had come to the door.
    let early: BTreeSet<_> = order[..=busy.len()].iter().cloned().collect();
    assert!(busy.is_subset(&early), "{busy:?} of {order:?}");
    world.judged(SOON).await.unwrap();
}

#[tokio::test]
async fn an_outage_of_the_whole_platform_costs_no_login_and_loses_nothing() {
    let load =
        ["--bots", &BOTS_OUT.to_string(), "--consumers", "20", "--think", "200", "--answer-within", "120000"];
    let world = World::new(Store::Sqlite, &load).await;
    let fleet = world.run(&[], &[]).await;
    world.answered(20).await;
    let before = logins(&world).await;
    let how = Trouble::Status { status: 503, retry_after: None };
    for fault in [
        Fault::DomainFault { how },
        Fault::LoginFault { how },
        Fault::RefreshFault { how },
        Fault::UpgradeFault { how },
    ] {
        world.control.order(&Order::of(fault)).await.unwrap();
    }
    world.control.drop_all_sockets().await.unwrap();
    until("every bot waits, and consumers too", SOON, async || {
        let online = fleet.bots().iter().filter(|bot| bot["state"] == "online").count();
        let ledger = world.ledger().await;
        if online == 0 && ledger.waiting >= 20 { Ok(()) } else { Err(format!("{online} online, {ledger}")) }
    })
    .await;
    until("all bots know of the trouble, and one probes for all", SOON, async || {
        let bots = fleet.bots();
        let waits = |bot: &&serde_json::Value| bot["cause"].to_string().contains("503");
        let waiting = bots.iter().filter(waits).count();
        if waiting >= BOTS_OUT - 1 { Ok(()) } else { Err(format!("{waiting}: {bots:?}")) }
    })
    .await;
    let effects = world.control.fault_effects().await.unwrap();
    let met = |fault: &str| effects.get(fault).copied().unwrap_or(0);
    let calls = met("login_fault") + met("refresh_fault");
    assert!((1..=BOTS_OUT as u64).contains(&calls), "a service in trouble was asked {calls} times");
    for path in ["/livez", "/readyz"] {
        assert!(fleet.get(path).starts_with("HTTP/1.1 200"), "an outage is no reason to restart: {path}");
    }
    world.control.withdraw_all().await.unwrap();
    fleet.all_online().await;
    assert_eq!(logins(&world).await, before, "the tokens still held");
    assert_eq!(world.control.counters().await.unwrap().max_sockets_at_once(), 1);
    world.judged(SOON).await.unwrap();
}
