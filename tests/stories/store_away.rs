//! The store goes away and comes back: the fleet holds still, and nothing is lost or doubled.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};

use crate::outside::{SOON, Store, World};
use crate::wait::until;

/// Cuts every connection and lets nobody in, as if the server were gone; or lets all in again.
pub(crate) async fn set_away(url: &str, away: bool) {
    let options = PgConnectOptions::from_str(url).unwrap();
    let name = options.get_database().unwrap().to_owned();
    let mut admin = options.database("postgres").connect().await.unwrap();
    let door = format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {}", !away);
    admin.execute(AssertSqlSafe(door)).await.unwrap();
    if away {
        let cut = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        admin.execute(AssertSqlSafe(cut)).await.unwrap();
    }
}

#[tokio::test]
async fn a_fleet_holds_still_while_its_store_is_away_and_goes_on_where_it_was() {
    let world = World::new(Store::Postgres, &["--bots", "2", "--consumers", "6", "--think", "60"]).await;
    let fleet = world.run(&[], &[]).await;
    world.answered(30).await;
    set_away(&world.store_url, true).await;
    until("every bot is fenced", SOON, async || {
        let bots = fleet.bots();
        if !bots.is_empty() && bots.iter().all(|bot| bot["state"] == "fenced") {
            Ok(())
        } else {
            Err(format!("{bots:?}"))
        }
    })
    .await;
    assert!(fleet.get("/readyz").contains("503"), "{}", fleet.get("/readyz"));
    assert!(fleet.get("/livez").contains("200 OK"), "a store that is away must not restart the process");
    set_away(&world.store_url, false).await;
    fleet.all_online().await;
    world.answered(world.ledger().await.once + 20).await;
    let ledger = world.judged(SOON).await.unwrap();
    let counters = world.control.counters().await.unwrap();
    assert!(counters.identities.iter().all(|bot| (bot.logins, bot.sockets_opened) == (1, 1)), "{ledger}");
}

#[tokio::test]
async fn the_first_signal_ends_in_order_and_the_second_at_once() {
    let world = World::new(Store::Postgres, &["--bots", "1", "--consumers", "4", "--think", "20"]).await;
    let mut fleet = world.run(&[], &[]).await;
    world.answered(10).await;
    // Turns that cannot be committed keep the end in order waiting.
    set_away(&world.store_url, true).await;
    fleet.process.says_somewhere("turns wait").await;
    fleet.process.terminate();
    until("the bot is draining", SOON, async || {
        let bots = fleet.bots();
        if bots[0]["state"] == "draining" { Ok(()) } else { Err(format!("{bots:?}")) }
    })
    .await;
    fleet.process.terminate();
    assert_eq!(fleet.process.ended().await, 1);
    assert!(fleet.process.log().contains("SIGTERM again: ends at once"), "{}", fleet.process.log());
    set_away(&world.store_url, false).await;
    let _next = world.run(&[], &[]).await;
    world.judged(SOON).await.unwrap();
}
