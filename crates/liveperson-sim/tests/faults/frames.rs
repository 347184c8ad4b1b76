//! Notifications that come twice, late, in another order or never, and frames that nobody can read.

use std::time::Duration;

use liveperson_sim::{Aim, Fault, Order, Platform, Swap};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{ACCOUNT, Bot, PATIENCE, is_change};
use crate::{at_events, clock, effects, stage};

/// The texts of all events that come until the consumer's "end".
async fn texts_until_the_end(platform: &Platform, bot: &mut Bot) -> Vec<String> {
    platform.consumer(ACCOUNT, "Ada").says("end").await;
    let mut texts = Vec::new();
    loop {
        let frame = bot.until(|frame| frame["body"]["event"]["type"] == "ContentEvent").await;
        let text = frame["body"]["event"]["message"].as_str().unwrap_or_default().to_owned();
        if text == "end" {
            return texts;
        }
        texts.push(text);
    }
}

async fn says(platform: &Platform, texts: &[&str]) {
    for text in texts {
        platform.consumer(ACCOUNT, "Ada").says(text).await;
    }
}

#[tokio::test]
async fn notifications_are_doubled_and_lost_as_often_as_ordered() {
    for (fault, heard) in [
        (Fault::DoubleNotification, ["one", "one", "two", "two", "three"].as_slice()),
        (Fault::LoseNotification, &["three"]),
    ] {
        let (platform, mut bot, id) = stage().await;
        platform.order(at_events(fault.clone()).times(2));
        says(&platform, &["one", "two", "three"]).await;
        assert_eq!(texts_until_the_end(&platform, &mut bot).await, heard);
        assert_eq!(effects(&platform, fault.name()), 2);
        assert_eq!(bot.history(&id).await.len(), 5, "the history has everything once");
    }
}

#[tokio::test]
async fn two_events_of_a_dialog_change_places() {
    let (platform, mut bot, _) = stage().await;
    platform.order(at_events(Fault::ReorderNotification { with: Swap::SameDialog }).times(1));
    says(&platform, &["one"]).await;
    // Another dialog's event overtakes without being the one that is waited for.
    let bea = platform.consumer(ACCOUNT, "Bea");
    bea.opens_conversation("hi").await;
    bot.accepts().await;
    bea.says("other").await;
    says(&platform, &["two", "three"]).await;
    assert_eq!(texts_until_the_end(&platform, &mut bot).await, ["other", "two", "one", "three"]);
    assert_eq!(effects(&platform, "reorder_notification"), 1);
}

#[tokio::test]
async fn notifications_of_two_kinds_change_places() {
    let (platform, mut bot, _) = stage().await;
    platform.order(at_events(Fault::ReorderNotification { with: Swap::OtherType }).times(1));
    says(&platform, &["one"]).await;
    let change = |frame: &Value| is_change(frame, "UPSERT");
    let event = |frame: &Value| frame["body"]["event"]["message"] == "one";
    let first = bot.until(|frame| change(frame) || event(frame)).await;
    assert!(change(&first), "{first}");
    bot.until(event).await;
    assert_eq!(effects(&platform, "reorder_notification"), 1);
}

#[tokio::test]
async fn what_finds_nothing_to_change_places_with_goes_out_alone_and_is_not_counted() {
    let (platform, mut bot, _) = stage().await;
    platform.order(at_events(Fault::ReorderNotification { with: Swap::SameDialog }).times(1));
    says(&platform, &["one"]).await;
    bot.until(|frame| frame["body"]["event"]["message"] == "one").await;
    assert_eq!(effects(&platform, "reorder_notification"), 0);
}

#[tokio::test]
async fn delayed_notifications_keep_their_order_and_are_overtaken_by_answers() {
    let (platform, mut bot, _) = stage().await;
    platform.order(at_events(Fault::DelayNotification { by: Duration::from_secs(1) }).times(1));
    says(&platform, &["one", "two"]).await;
    clock(&mut bot).await;
    assert!(platform.settled(Duration::ZERO).await.is_err_and(|left| left.in_flight >= 2));
    assert!(bot.hears_nothing());
    assert_eq!(texts_until_the_end(&platform, &mut bot).await, ["one", "two"]);
    assert_eq!(effects(&platform, "delay_notification"), 1);
}

#[tokio::test]
async fn what_waits_for_its_time_goes_out_though_its_order_is_withdrawn() {
    let (platform, mut bot, _) = stage().await;
    let id = platform.order(at_events(Fault::DelayNotification { by: Duration::from_millis(50) }));
    says(&platform, &["one"]).await;
    platform.withdraw(id);
    says(&platform, &["two"]).await;
    assert_eq!(texts_until_the_end(&platform, &mut bot).await, ["one", "two"]);
}

/// The text and binary messages up to the event that says "one".
async fn before_the_event(fault: Fault) -> Vec<Message> {
    let (platform, mut bot, _) = stage().await;
    platform.order(at_events(fault.clone()).times(1));
    says(&platform, &["one"]).await;
    let mut before = Vec::new();
    loop {
        match bot.message().await.expect("the socket lives") {
            Message::Text(text) if serde_json::from_str::<Value>(&text).is_ok_and(is_one) => break,
            other => before.push(other),
        }
    }
    assert_eq!(effects(&platform, fault.name()), 1);
    assert_eq!(clock(&mut bot).await["code"], 200);
    before
}

fn is_one(frame: Value) -> bool {
    frame["body"]["event"]["message"] == "one"
}

#[tokio::test]
async fn frames_that_nobody_can_read_come_before_one_that_everybody_can() {
    let before = before_the_event(Fault::GarbageFrame).await;
    let [Message::Text(garbage)] = before.as_slice() else { panic!("{before:?}") };
    assert!(serde_json::from_str::<Value>(garbage).is_err());

    let before = before_the_event(Fault::TruncatedFrame).await;
    let [Message::Text(half)] = before.as_slice() else { panic!("{before:?}") };
    assert!(half.starts_with('{') && serde_json::from_str::<Value>(half).is_err());

    let before = before_the_event(Fault::BinaryFrame).await;
    assert!(matches!(before.as_slice(), [Message::Binary(_)]), "{before:?}");

    let before = before_the_event(Fault::HugeFrame { bytes: 100_000 }).await;
    let [Message::Text(huge)] = before.as_slice() else { panic!("{before:?}") };
    assert_eq!(huge.len(), 100_000);
    assert!(serde_json::from_str::<Value>(huge).is_ok());
}

#[tokio::test]
async fn null_stands_where_a_list_belongs_and_then_the_list_comes() {
    let (platform, mut bot, _) = stage().await;
    platform.order(Order::of(Fault::NullList).times(1));
    says(&platform, &["one"]).await;
    let spoilt = bot.until(|frame| frame["body"].get("changes") == Some(&Value::Null)).await;
    let good = bot.until(|frame| frame["type"] == spoilt["type"]).await;
    assert!(good["body"]["changes"].is_array() && !is_one(spoilt));
    assert_eq!(effects(&platform, "null_list"), 1);
}

#[tokio::test]
async fn a_page_of_history_is_null_only_when_history_is_aimed_at() {
    let (platform, mut bot, id) = stage().await;
    platform.order(Order::of(Fault::NullList));
    assert_eq!(bot.history(&id).await.len(), 1);
    platform.withdraw_all();
    platform.order(Order::of(Fault::NullList).at(Aim::default().request("ms.QueryMessages")).times(1));
    let answer = bot.ask("ms.QueryMessages", json!({"dialogId": id})).await;
    assert_eq!((&answer["code"], &answer["body"]), (&json!(200), &Value::Null));
    assert_eq!(bot.history(&id).await.len(), 1);
}

#[tokio::test]
async fn a_right_bot_stays_clean_while_frames_come_twice_and_late() {
    let (platform, bot, _) = stage().await;
    tokio::spawn(bot.echoes());
    for fault in [
        Fault::DoubleNotification,
        Fault::DoubleAnswer,
        Fault::DelayAnswer { by: Duration::from_millis(20) },
        Fault::DelayNotification { by: Duration::from_millis(20) },
    ] {
        platform.order(Order::of(fault).chance(0.5));
    }
    let script = liveperson_sim::ConsumerScript {
        count: 4,
        messages: 10,
        think: Duration::from_millis(1),
        ..Default::default()
    };
    platform.consumers(ACCOUNT, script);
    platform.consumer(ACCOUNT, "Ada").closes().await;
    platform.settled(PATIENCE).await.expect("everything is answered");
    let ledger = platform.ledger();
    assert!(ledger.never == 1 && ledger.more_than_once == 0 && ledger.once == 40, "{ledger}");
    for name in ["double_notification", "double_answer", "delay_answer", "delay_notification"] {
        assert!(effects(&platform, name) > 0, "{name}");
    }
}
