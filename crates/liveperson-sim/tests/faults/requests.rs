//! Requests and answers that go wrong.

use std::time::Duration;

use liveperson_sim::{Aim, Fault, Order, SocketEnd};
use serde_json::json;

use crate::support::{ACCOUNT, content, online};
use crate::{at_publish, clock, effects, stage};

const PUBLISH: &str = ".ams.ms.PublishEvent";

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
    platform.order(at_publish(Fault::DelayAnswer { by: Duration::from_secs(1) }));
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
