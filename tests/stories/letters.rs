//! Dead letters: what the platform refuses for good, until somebody resolves it beside a running fleet.

use liveperson_sim::{Aim, Fault, Order};
use serde_json::Value;

use crate::outside::{SOON, Store, World};
use crate::wait::until;

const ACCOUNT: &str = "10000001";

/// What `muster dead-letters` says, and whether it ended well.
async fn asked(world: &World, arguments: &[&str]) -> (i32, String) {
    let mut command = world.muster(&["dead-letters"]);
    command.args(arguments).env("MUSTER_STORE", &world.store_url);
    let mut process = world.start(command);
    (process.ended().await, process.log())
}

async fn listed(world: &World, more: &[&str]) -> Vec<Value> {
    let (code, said) = asked(world, &[&["list", "--json"], more].concat()).await;
    assert_eq!(code, 0, "{said}");
    let page: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    page["items"].as_array().unwrap().clone()
}

/// Waits for so many letters; returns the ids.
async fn letters(world: &World, count: usize) -> Vec<String> {
    until(&format!("{count} letters are dead"), SOON, async || {
        let letters = listed(world, &[]).await;
        let ids = letters.iter().map(|letter| letter["id"].as_str().unwrap().to_owned());
        if letters.len() == count { Ok(ids.collect()) } else { Err(format!("{letters:?}")) }
    })
    .await
}

/// What Ada says is answered under this fault; returns the dead letter.
async fn answered_under(world: &World, fault: Fault, says: &str) -> String {
    // Receipts are events too, so that nobody can say which request the reply will be.
    let order = Order::of(fault).at(Aim::account(ACCOUNT).request("ms.PublishEvent"));
    let order = world.control.order(&order).await.unwrap();
    world.control.consumer_says(ACCOUNT, "Ada", says).await.unwrap();
    let letter = letters(world, 1).await.remove(0);
    world.control.withdraw(order).await.unwrap();
    letter
}

/// Waits until every action is confirmed.
async fn nothing_is_on_its_way(world: &World) {
    until("nothing is on its way", SOON, async || {
        let mut command = world.muster(&["conversations", "--json"]);
        command.env("MUSTER_STORE", &world.store_url);
        let mut process = world.start(command);
        assert_eq!(process.ended().await, 0);
        let said = process.log();
        if said.contains("\"outbox\":0") { Ok(()) } else { Err(said) }
    })
    .await;
}

async fn resolved_beside_a_running_fleet(store: Store) {
    let world = World::new(store, &["--bots", "1", "--answer-within", "600000"]).await;
    let mut fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    world.control.consumer_opens(ACCOUNT, "Ada", "m-ada-1", "-1").await.unwrap();
    world.answered(1).await;

    // Refused for good: told with the platform's words and without the text, and it blocks nothing.
    let refused = answered_under(&world, Fault::Refuse { status: 400 }, "m-ada-2").await;
    for n in 3..=5 {
        world.control.consumer_says(ACCOUNT, "Ada", &format!("m-ada-{n}")).await.unwrap();
    }
    world.answered(4).await;
    let (_, words) = asked(&world, &["list"]).await;
    assert!(words.contains("400") && words.contains(&refused) && words.contains("bot-1"), "{words}");
    assert!(!words.contains("m-ada-2"), "a text is only shown when asked for: {words}");
    let (_, words) = asked(&world, &["list", "--show-text"]).await;
    assert!(words.contains("m-ada-2"), "{words}");

    // Retried: the running fleet hears of it, and sends it once.
    let (code, words) = asked(&world, &["retry", &refused]).await;
    assert!(code == 0 && words.contains("bot-1 looks for it"), "{words}");
    world.answered(5).await;
    letters(&world, 0).await;

    // Refused in words, and yet done: it is found done, and no letter is left of it.
    let order = Order::of(Fault::RefuseAfterEffect { status: 400 });
    let order = order.at(Aim::account(ACCOUNT).request("ms.PublishEvent"));
    let order = world.control.order(&order).await.unwrap();
    world.control.consumer_says(ACCOUNT, "Ada", "m-ada-6").await.unwrap();
    world.answered(6).await;
    world.control.withdraw(order).await.unwrap();
    for n in 7..=9 {
        world.control.consumer_says(ACCOUNT, "Ada", &format!("m-ada-{n}")).await.unwrap();
    }
    world.answered(9).await;
    nothing_is_on_its_way(&world).await;
    letters(&world, 0).await;

    // Dropped: by whom and why is kept, the text is not.
    let dropped = answered_under(&world, Fault::Refuse { status: 400 }, "m-ada-10").await;
    let (code, words) = asked(&world, &["drop", &dropped, "--reason", "told by phone", "--by", "bea"]).await;
    assert_eq!(code, 0, "{words}");
    letters(&world, 0).await;
    let all = listed(&world, &["--all", "--show-text"]).await;
    assert_eq!(
        (&all[0]["dropped"]["by"], &all[0]["dropped"]["reason"]),
        (&"bea".into(), &"told by phone".into())
    );
    assert!(all[0]["text"].is_null(), "{all:?}");
    let (code, words) = asked(&world, &["retry", &dropped]).await;
    assert!(code == 1 && words.contains("it was dropped"), "{words}");

    let effects = world.control.fault_effects().await.unwrap();
    assert!(effects["refuse"] >= 2 && effects["refuse_after_effect"] >= 1, "{effects:?}");
    fleet.process.terminate();
    assert_eq!(fleet.process.ended().await, 0, "{}", fleet.process.log());
    let ledger = world.ledger().await;
    // What was retried came after what was said since: the only fault that a dead letter cannot help.
    assert_eq!((ledger.once, ledger.refused, ledger.out_of_order), (9, 1, 3), "{ledger}");
    assert_eq!((ledger.never, ledger.more_than_once, ledger.late), (0, 0, 0), "{ledger}");
}

#[tokio::test]
async fn dead_letters_are_resolved_beside_a_running_fleet_on_sqlite() {
    resolved_beside_a_running_fleet(Store::Sqlite).await;
}

#[tokio::test]
async fn dead_letters_are_resolved_beside_a_running_fleet_on_postgres() {
    resolved_beside_a_running_fleet(Store::Postgres).await;
}
