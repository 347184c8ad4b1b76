//! Passwords, bearers, csrf tokens and cookies stand in no log, error, metric, answer or database.
//!
//! Every secret that the simulated platform makes begins with one mark, so that a search finds it.
//! The output of every process of every other story is searched in the same way.

use std::fs;

use liveperson_sim::{Revocation, SECRET_MARK};

use crate::outside::{Store, World};

const ACCOUNT: &str = "10000001";

#[tokio::test]
async fn no_secret_is_written_down() {
    let world = World::new(Store::Sqlite, &["--bots", "2", "--consumers", "4", "--think", "50"]).await;
    let trace = [("RUST_LOG", "trace")];
    let fleet = world.run(&[], &trace).await;
    world.answered(10).await;
    // Errors are where secrets slip out: refused logins, dead tokens, sockets that fail.
    world.control.refuse_logins(ACCOUNT, 1, 500, None).await.unwrap();
    world.control.revoke_token_of(ACCOUNT, "bot-1-1", Revocation::Close4401).await.unwrap();
    world.control.refuse_sockets(ACCOUNT, 1, 503).await.unwrap();
    world.control.drop_socket_of(ACCOUNT, "bot-1-2").await.unwrap();
    world.answered(world.ledger().await.once + 20).await;
    for path in
        ["/", "/metrics", "/api/v1/bots", "/readyz?verbose", "/api/v1/bots/10000001/bot-1", "/nothing"]
    {
        // Every answer is searched as it arrives.
        assert!(fleet.get(path).contains("HTTP/1.1"), "{path}");
    }
    world.judged(crate::outside::SOON).await.unwrap();
    fleet.process.terminate();
    let mut process = fleet.process;
    assert_eq!(process.ended().await, 0, "{}", process.log());
    world.search_for_secrets().await;
}

#[tokio::test]
async fn a_wrong_password_is_told_without_the_password() {
    let world = World::new(Store::Sqlite, &["--bots", "1"]).await;
    let secret = world.dir.path().join("fleet.secrets/10000001-bot-1-1");
    fs::write(&secret, format!("{SECRET_MARK}-wrong")).unwrap();
    let fleet = world.run(&[], &[("RUST_LOG", "trace")]).await;
    let cause = crate::wait::until("the bot is quarantined", crate::outside::SOON, async || {
        let bots = fleet.bots();
        let bot = &bots[0];
        if bot["state"] == "quarantined" { Ok(bot["cause"].to_string()) } else { Err(bot.to_string()) }
    })
    .await;
    assert!(cause.contains("bad credentials"), "{cause}");
    world.search_for_secrets().await;
}
