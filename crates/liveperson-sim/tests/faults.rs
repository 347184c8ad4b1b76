//! Faults on order, as a raw client meets them; each is counted.

mod support;

use std::time::Duration;

use liveperson_sim::{Aim, Fault, Order, Platform, PlatformSettings, SocketEnd};
use serde_json::{Value, json};
use support::{ACCOUNT, Bot, bot, content, online, platform};

const PUBLISH: &str = ".ams.ms.PublishEvent";

/// A bot with a conversation.
async fn stage() -> (Platform, Bot, String) {
    let platform = platform(PlatformSettings { tls: false, ..Default::default() }).await;
    platform.add_bot(ACCOUNT, bot("bot1", 5));
    let mut bot = online(&platform, "bot1").await;
    platform.consumer(ACCOUNT, "Ada").opens_conversation("hi m-1").await;
    let id = bot.accepts().await;
    (platform, bot, id)
}

fn at_publish(fault: Fault) -> Order {
    Order::of(fault).at(Aim::bot(ACCOUNT, "bot1").request("ms.PublishEvent"))
}

fn effects(platform: &Platform, name: &str) -> u64 {
    platform.fault_effects().get(name).copied().unwrap_or_default()
}

async fn clock(bot: &mut Bot) -> Value {
    bot.ask("GetClock", json!({})).await
}

#[tokio::test]
async fn a_refused_request_has_no_effect_and_its_message_is_counted_apart() {
    for (status, refused) in [(400, 1), (403, 1), (404, 1), (429, 0), (500, 0), (503, 0)] {
        let (platform, mut bot, id) = stage().await;
        platform.order(at_publish(Fault::Refuse { status }).times(1));
        assert_eq!(bot.says(&id, "m-1").await["code"], status);
        let ledger = platform.ledger();
        assert_eq!((ledger.refused, ledger.waiting, ledger.once), (refused, 1 - refused, 0), "{status}");
        assert_eq!(
            platform.settled(Duration::ZERO).await.map_err(|left| left.owed).err().unwrap_or(0),
            1 - refused
        );
        assert_eq!(bot.history(&id).await.len(), 1);
        assert_eq!(bot.says(&id, "m-1").await["code"], 200, "only once");
        assert_eq!((platform.ledger().refused, platform.ledger().once), (0, 1));
        assert_eq!(effects(&platform, "refuse"), 1);
    }
}

#[tokio::test]
async fn a_request_may_be_refused_though_it_had_its_effect() {
    let (platform, mut bot, id) = stage().await;
    platform.order(at_publish(Fault::RefuseAfterEffect { status: 500 }).times(1));
    assert_eq!(bot.says(&id, "m-1").await["code"], 500);
    assert_eq!((platform.ledger().once, effects(&platform, "refuse_after_effect")), (1, 1));
}

#[tokio::test]
async fn requests_and_answers_are_lost_and_doubled() {
    for (fault, applied, answers) in
        [(Fault::LoseRequest, 0, 0), (Fault::LoseAnswer, 1, 0), (Fault::DoubleAnswer, 1, 2)]
    {
        let (platform, mut bot, id) = stage().await;
        platform.order(at_publish(fault.clone()));
        let asked = bot.send(PUBLISH, content(&id, "m-1")).await;
        let mut heard = 0;
        let after = bot.send("GetClock", json!({})).await;
        loop {
            let answer = bot.until(|frame| frame["kind"] == "resp").await;
            if answer["reqId"] == after.as_str() {
                break;
            }
            assert_eq!(answer["reqId"], asked.as_str());
            heard += 1;
        }
        assert_eq!((platform.ledger().once, heard), (applied, answers), "{fault:?}");
        assert_eq!(effects(&platform, fault.name()), 1);
    }
}

#[tokio::test]
async fn a_delayed_answer_is_overtaken_by_notifications() {
    let (platform, mut bot, id) = stage().await;
    platform.order(at_publish(Fault::DelayAnswer { by: Duration::from_millis(100) }));
    bot.send(PUBLISH, content(&id, "m-1")).await;
    clock(&mut bot).await;
    bot.until(|frame| frame["body"]["event"]["message"] == "m-1").await;
    assert_eq!(platform.settled(Duration::ZERO).await.unwrap_err().in_flight, 1);
    bot.until(|frame| frame["kind"] == "resp" && frame["body"]["sequence"] == 1).await;
    assert_eq!(effects(&platform, "delay_answer"), 1);
}

#[tokio::test]
async fn a_socket_ends_as_told_at_once_or_instead_of_an_answer() {
    for (how, code) in [
        (SocketEnd::Reset, 1006),
        (SocketEnd::Close(1006), 1006),
        (SocketEnd::Close(1000), 1000),
        (SocketEnd::Close(4407), 4407),
    ] {
        let (platform, mut bot, id) = stage().await;
        let order = Order::of(Fault::DropSocket { how });
        platform.order(order.clone().at(Aim::bot(ACCOUNT, "nobody")));
        assert_eq!(effects(&platform, "drop_socket"), 0);
        platform.order(order.clone().at(Aim::account(ACCOUNT)));
        assert_eq!(bot.ends().await, code, "{how:?}");

        let mut bot = online(&platform, "bot1").await;
        platform.order(at_publish(Fault::DropSocket { how }).times(1));
        bot.send(PUBLISH, content(&id, "m-1")).await;
        assert_eq!(bot.ends().await, code, "{how:?}");
        assert_eq!((platform.ledger().once, effects(&platform, "drop_socket")), (1, 2));
    }
}

#[tokio::test]
async fn a_doubled_notification_comes_twice_to_the_aimed_bot() {
    let (platform, mut bot, _) = stage().await;
    platform
        .order(Order::of(Fault::DoubleNotification).at(Aim::default().request("OnlineEventDistribution")));
    platform.consumer(ACCOUNT, "Ada").says("twice").await;
    for _ in 0..2 {
        bot.until(|frame| frame["body"]["event"]["message"] == "twice").await;
    }
    assert_eq!(effects(&platform, "double_notification"), 1);
    platform.withdraw_all();
    platform.consumer(ACCOUNT, "Ada").says("once").await;
    clock(&mut bot).await;
    bot.until(|frame| frame["body"]["event"]["message"] == "once").await;
    assert_eq!(effects(&platform, "double_notification"), 1);
}
