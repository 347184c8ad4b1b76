//! Sockets that end, stall, trickle or fall silent.

use std::io;
use std::time::{Duration, Instant};

use liveperson_sim::{Aim, Fault, Order, PlatformSettings, Side, SocketEnd};
use serde_json::json;
use tokio_tungstenite::tungstenite::Error;

use crate::support::{ACCOUNT, bot, consumer_socket, content, online, sign_up, socket};
use crate::{clock, effects, plain, stage, stage_with};

#[tokio::test]
async fn a_reset_is_told_from_an_end_without_a_close_frame() {
    for (how, is_reset) in [(SocketEnd::Reset, true), (SocketEnd::Close(1006), false)] {
        let (platform, mut bot, _) = stage().await;
        platform.order(Order::of(Fault::DropSocket { how }));
        let error = loop {
            if let Err(error) = bot.message().await {
                break error;
            }
        };
        let found = matches!(&error, Error::Io(error) if error.kind() == io::ErrorKind::ConnectionReset);
        assert_eq!(found, is_reset, "{how:?}: {error}");
    }
}

#[tokio::test]
async fn a_half_open_socket_is_silent_for_ever_and_no_socket_of_the_bot_any_more() {
    let settings = PlatformSettings { idle_limit: Duration::from_secs(2), ..plain() };
    let (platform, mut old, id) = stage_with(settings).await;
    let login = old.login.clone();
    platform.order(Order::of(Fault::DropSocket { how: SocketEnd::HalfOpen }).at(Aim::bot(ACCOUNT, "bot1")));
    old.send(".ams.ms.PublishEvent", content(&id, "m-1")).await;
    let mut new = socket(&platform, &login).await.unwrap();
    platform.consumer(ACCOUNT, "Ada").says("are you there?").await;
    new.until(|frame| frame["body"]["event"]["message"] == "are you there?").await;
    assert!(old.hears_nothing());
    assert_eq!(new.history(&id).await.len(), 2, "what was sent into it never arrives");
    assert_eq!(platform.counters().max_sockets_at_once(), 1);
    // The new one dies of the idle limit, and by then the old one was forgotten too; its TCP stays.
    assert_eq!(new.ends().await, 1006);
    assert!(old.hears_nothing());
    assert_eq!(effects(&platform, "drop_socket"), 1);
}

#[tokio::test]
async fn a_stall_ends_with_its_order_and_what_was_sent_meanwhile_arrives() {
    let (platform, mut bot, id) = stage().await;
    let order = Order::of(Fault::Stall).at(Aim::bot(ACCOUNT, "bot1")).lasting(Duration::from_millis(50));
    platform.order(order);
    assert_eq!(bot.says(&id, "m-1").await["code"], 200);
    assert_eq!((platform.ledger().once, effects(&platform, "stall")), (1, 1));
}

#[tokio::test]
async fn what_a_client_leaves_behind_in_a_stall_is_no_second_socket() {
    let (platform, old, _) = stage().await;
    let login = old.login.clone();
    let stall = platform.order(Order::of(Fault::Stall).at(Aim::bot(ACCOUNT, "bot1")));
    platform.withdraw(stall);
    // The old one's client may be gone: its close would not have been read.
    let _new = socket(&platform, &login).await.unwrap();
    assert_eq!(platform.counters().max_sockets_at_once(), 1);
    drop(old);
}

#[tokio::test]
async fn bytes_trickle_until_the_order_is_withdrawn() {
    let (platform, mut bot, id) = stage().await;
    let order = platform.order(Order::of(Fault::SlowSocket { bytes_per_second: 4_000 }));
    let start = Instant::now();
    bot.says(&id, &"m-1 ".repeat(500)).await;
    assert!(start.elapsed() > Duration::from_millis(400), "{:?}", start.elapsed());
    platform.withdraw(order);
    let start = Instant::now();
    for _ in 0..100 {
        clock(&mut bot).await;
    }
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "a slow line needs two beats each: {:?}",
        start.elapsed()
    );
    assert_eq!(effects(&platform, "slow_socket"), 1);
}

#[tokio::test]
async fn an_order_concerns_the_side_it_is_aimed_at_and_no_more_than_its_times() {
    let platform = crate::support::platform(plain()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 1));
    platform.add_bot(ACCOUNT, bot("bot2", 1));
    let mut bots = [online(&platform, "bot1").await, online(&platform, "bot2").await];
    let mut consumer = consumer_socket(&platform, Some(&sign_up(&platform).await)).await.unwrap();
    let drop = Order::of(Fault::DropSocket { how: SocketEnd::Close(1001) });
    platform.order(drop.clone().at(Aim { side: Side::Consumer, ..Aim::default() }));
    assert_eq!(consumer.ends().await, 1001);
    platform.order(drop.clone().times(1));
    assert_eq!(effects(&platform, "drop_socket"), 2);
    platform.order(drop.clone().chance(0.0));
    assert_eq!(effects(&platform, "drop_socket"), 2);
    platform.order(drop);
    assert_eq!(effects(&platform, "drop_socket"), 3);
    for bot in &mut bots {
        assert_eq!(bot.ends().await, 1001);
    }
}

#[tokio::test]
async fn requests_are_applied_after_their_socket_died_and_each_is_counted() {
    let settings = PlatformSettings { in_flight_window: Duration::from_mins(1), ..plain() };
    let (platform, mut bot, id) = stage_with(settings).await;
    platform.order(Order::of(Fault::ApplyLate { after: Duration::from_millis(20) }));
    for text in ["one m-1", "two"] {
        bot.send(".ams.ms.PublishEvent", content(&id, text)).await;
    }
    bot.send("GetClock", json!({})).await;
    while platform.settled(Duration::ZERO).await.map_err(|left| left.in_flight) != Err(3) {
        tokio::task::yield_now().await;
    }
    platform.drop_socket_of(ACCOUNT, "bot1");
    let heard = platform.consumer(ACCOUNT, "Ada").hears(2, crate::support::PATIENCE).await.unwrap();
    assert_eq!(heard, ["one m-1", "two"]);
    assert_eq!(effects(&platform, "apply_late"), 2);
}
