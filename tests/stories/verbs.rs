//! Verbs on the bots of a running fleet, and what they cost.

use serde_json::Value;

use crate::outside::{Fleet, SOON, Store, World};
use crate::steering::{counted, done, said, shows};
use crate::wait::until;

const ACCOUNT: &str = "10000001";
const WHY: [&str; 4] = ["--reason", "a rollout", "--by", "bea"];

/// What a verb on bots says.
fn tells(world: &World, verb: &str, bots: &[&str]) -> String {
    done(world, &[&["bots", verb], bots, &WHY].concat())
}

/// The bot that handles something, and the other one.
async fn busy_and_idle(fleet: &Fleet) -> (&'static str, &'static str) {
    until("one of two bots has a conversation", SOON, async || {
        let bots = fleet.bots();
        let has = |name: &str| bots.iter().any(|bot| bot["bot"] == name && bot["open_conversations"] == 1);
        match (has("bot-1"), has("bot-2")) {
            (true, false) => Ok(("bot-1", "bot-2")),
            (false, true) => Ok(("bot-2", "bot-1")),
            _ => Err(format!("{bots:?}")),
        }
    })
    .await
}

fn login(bot: &str) -> String {
    bot.replace("bot-", "bot-1-")
}

async fn bots_are_restarted_logged_in_anew_stopped_and_started(store: Store) {
    let world = World::new(store, &["--bots", "2", "--answer-within", "600000"]).await;
    world.keeps_sessions();
    let mut fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    world.control.consumer_opens(ACCOUNT, "Ada", "m-ada-1", "-1").await.unwrap();
    world.answered(1).await;
    let (busy, idle) = busy_and_idle(&fleet).await;

    let out = tells(&world, "restart", &[busy]);
    assert!(out.contains(&format!("{ACCOUNT}/{busy}: it is online in a fresh life")), "{out}");
    assert_eq!(counted(&world, &login(busy)).await, (1, 0, 2), "one reconnect, no login");
    assert_eq!(counted(&world, &login(idle)).await, (1, 0, 1), "nobody else notices");
    world.control.consumer_says(ACCOUNT, "Ada", "m-ada-2").await.unwrap();
    world.answered(2).await;

    let out = tells(&world, "relogin", &["--all"]);
    assert_eq!(out.matches(": it has logged in anew and is online").count(), 2, "{out}");
    assert_eq!(counted(&world, &login(busy)).await, (2, 0, 3), "one login, one reconnect");
    assert_eq!(counted(&world, &login(idle)).await, (2, 0, 2));
    world.control.consumer_says(ACCOUNT, "Ada", "m-ada-3").await.unwrap();
    world.answered(3).await;

    // What it held is handed back: the other one answers.
    let out = tells(&world, "stop", &[busy]);
    assert!(out.contains("it is parked: what it held is handed back, and it is logged out"), "{out}");
    shows(&fleet, busy, "state", |state| state == "parked").await;
    world.control.consumer_says(ACCOUNT, "Ada", "m-ada-4").await.unwrap();
    world.answered(4).await;
    let (code, out, _) = said(&world, &["bots", "restart", busy, "--reason", "none"]);
    assert!(code == 1 && out.contains("it is parked: start it first"), "{out}");

    // It stays so over a restart of the fleet, and over what is declared anew.
    fleet.process.terminate();
    assert_eq!(fleet.process.ended().await, 0, "{}", fleet.process.log());
    let mut fleet = world.run(&[], &[]).await;
    shows(&fleet, idle, "state", |state| state == "online").await;
    done(&world, &["apply", "fleet.toml"]);
    shows(&fleet, busy, "state", |state| state == "parked").await;
    assert_eq!(counted(&world, &login(busy)).await, (2, 0, 3));
    let out = tells(&world, "start", &[busy]);
    assert!(out.contains("it is online"), "{out}");
    assert_eq!(counted(&world, &login(busy)).await, (3, 0, 4), "it had logged out");
    fleet.all_online().await;

    let audit = done(&world, &["audit", &format!("bot={busy}"), "--json"]);
    let acts: Value = serde_json::from_str(&audit).unwrap();
    for what in ["restart", "relogin", "stop", "start"] {
        let found = acts.to_string().contains(&format!("\"what\":\"{what}"));
        assert!(found, "{what} is not in\n{audit}");
    }
    world.judged(SOON).await.unwrap();
    fleet.process.terminate();
    assert_eq!(fleet.process.ended().await, 0);
    let (code, _, err) = said(&world, &["bots", "restart", busy, "--reason", "none"]);
    assert!(code == 1 && err.contains("nobody runs the fleet"), "{err}");
    let out = tells(&world, "stop", &[busy]);
    assert!(out.contains("kept for the next `muster run`"), "{out}");
    let fleet = world.run(&[], &[]).await;
    shows(&fleet, idle, "state", |state| state == "online").await;
    shows(&fleet, busy, "state", |state| state == "parked").await;
}

#[tokio::test]
async fn bots_are_restarted_logged_in_anew_stopped_and_started_on_sqlite() {
    bots_are_restarted_logged_in_anew_stopped_and_started(Store::Sqlite).await;
}

#[tokio::test]
async fn bots_are_restarted_logged_in_anew_stopped_and_started_on_postgres() {
    bots_are_restarted_logged_in_anew_stopped_and_started(Store::Postgres).await;
}

#[tokio::test]
async fn a_state_that_a_person_wants_holds_until_another_or_the_next_life() {
    let world = World::new(Store::Sqlite, &["--bots", "1", "--answer-within", "600000"]).await;
    let fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    let states = async || {
        let counters = world.control.counters().await.unwrap();
        counters.identity(ACCOUNT, "bot-1-1").unwrap().states_set
    };
    let out = tells(&world, "agent-state", &["away", "bot-1"]);
    assert!(out.contains("the platform takes it for AWAY"), "{out}");
    shows(&fleet, "bot-1", "cause", |cause| cause == "AWAY: bea wants it: a rollout").await;
    let before = states().await;
    world.control.consumer_opens(ACCOUNT, "Ada", "m-ada-1", "-1").await.unwrap();
    world.unheard(1).await;
    // Whatever the platform told of its state meanwhile came before the answer to this.
    done(&world, &["bots", "refresh", "bot-1"]);
    assert_eq!(states().await, before, "what a person wants is not set back");
    assert_eq!(world.ledger().await.waiting, 1, "nothing rings");
    let out = tells(&world, "agent-state", &["ONLINE", "bot-1"]);
    assert!(out.contains("the platform takes it for ONLINE"), "{out}");
    world.answered(1).await;

    tells(&world, "agent-state", &["back_soon", "bot-1"]);
    tells(&world, "restart", &["bot-1"]);
    world.control.consumer_opens(ACCOUNT, "Bob", "m-bob-1", "-1").await.unwrap();
    world.answered(2).await;
    let (code, _, err) = said(&world, &["bots", "agent-state", "OFFLINE", "bot-1", "--reason", "none"]);
    assert!(code == 2 && err.contains("no state to choose"), "{err}");
    world.judged(SOON).await.unwrap();
}
