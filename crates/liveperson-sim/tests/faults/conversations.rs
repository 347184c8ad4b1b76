//! Conversations that are closed, transferred, taken over, and whose consumer becomes somebody else.

use std::time::Duration;

use liveperson_sim::{Aim, Fault, Order};
use serde_json::{Value, json};

use crate::support::{ACCOUNT, PATIENCE, is_change};
use crate::{at_publish, effects, stage};

#[tokio::test]
async fn a_conversation_is_closed_and_what_was_owed_is_counted_apart() {
    let (platform, mut bot, id) = stage().await;
    platform.order(Order::of(Fault::CloseConversation).at(Aim::account("other")));
    assert_eq!(effects(&platform, "close_conversation"), 0);
    platform.order(Order::of(Fault::CloseConversation).at(Aim::bot(ACCOUNT, "bot1")));
    bot.until(|frame| is_change(frame, "DELETE")).await;
    assert_eq!(bot.says(&id, "m-1").await["code"], 400);
    let ledger = platform.ledger();
    assert_eq!((ledger.cut_off, ledger.never, ledger.is_clean()), (1, 0, true), "{ledger}");
    assert!(ledger.to_string().contains("cut off"), "{ledger}");
    assert_eq!(effects(&platform, "close_conversation"), 1);
    platform.settled(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn a_conversation_is_closed_right_before_the_reply_is_applied() {
    let (platform, mut bot, id) = stage().await;
    platform.order(at_publish(Fault::CloseConversation));
    let answer = bot.says(&id, "m-1").await;
    assert_eq!((&answer["code"], &answer["body"]), (&json!(400), &json!("Dialog is closed")));
    assert_eq!(platform.ledger().cut_off, 1);
}

#[tokio::test]
async fn a_conversation_loses_its_agent_and_rings_again() {
    let (platform, mut bot, id) = stage().await;
    let skill = Some("7".to_owned());
    platform.order(Order::of(Fault::TransferConversation { skill }).at(Aim::account(ACCOUNT)));
    assert_eq!(bot.accepts().await, id);
    let view = platform.consumer(ACCOUNT, "Ada").conversation().unwrap();
    assert_eq!((view.skill.as_str(), view.assigned.as_deref()), ("7", Some("bot1")));
    assert_eq!(effects(&platform, "transfer_conversation"), 1);
}

#[tokio::test]
async fn a_human_takes_over_and_gives_back_when_the_order_is_over() {
    for (answers, once) in [(false, 0), (true, 1)] {
        let (platform, mut bot, id) = stage().await;
        let order = Order::of(Fault::HumanTakesOver { answers }).lasting(Duration::from_millis(50));
        platform.order(order.at(Aim::account(ACCOUNT)));
        assert_eq!(bot.says(&id, "m-1").await["code"], 400, "it is the human's");
        assert_eq!(platform.ledger().once, once);
        assert_eq!(bot.accepts().await, id);
        assert_eq!(effects(&platform, "human_takes_over"), 1);
    }
}

#[tokio::test]
async fn a_consumer_becomes_somebody_else_and_the_conversation_goes_on() {
    let (platform, mut bot, id) = stage().await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    let old = ada.id().to_owned();
    let new = ada.steps_up().await.unwrap();
    let changed = |frame: &Value| {
        frame["body"]["changes"][0]["result"]["conversationDetails"]["participants"]["CONSUMER"]
            == json!([new])
    };
    let frame = bot.until(changed).await;
    assert!(is_change(&frame, "UPSERT") && new != old);
    ada.says("it is still me m-2").await;
    let heard = bot.until(|frame| frame["body"]["event"]["message"] == "it is still me m-2").await;
    assert_eq!(heard["body"]["originatorId"], new);
    let history = bot.history(&id).await;
    assert_eq!((&history[0]["originatorId"], &history[1]["originatorId"]), (&json!(old), &json!(new)));
    let profile = bot.ask(".ams.userprofile.GetUserProfile", json!(new)).await;
    assert_eq!(profile["body"]["firstName"], "Ada");
    bot.says(&id, "m-1").await;
    bot.says(&id, "m-2").await;
    assert_eq!(ada.hears(2, PATIENCE).await.unwrap(), ["m-1", "m-2"]);
    assert_eq!(platform.consumer(ACCOUNT, "Ada").heard().len(), 2, "the name means the same person");
    ada.closes().await;
    assert_eq!(ada.steps_up().await, None);
    assert!(platform.ledger().is_clean() && platform.ledger().once == 2);
}

#[tokio::test]
async fn scripted_consumers_step_up_and_go_on() {
    let (platform, bot, _) = stage().await;
    tokio::spawn(bot.echoes());
    platform.consumer(ACCOUNT, "Ada").closes().await;
    let script = liveperson_sim::ConsumerScript {
        count: 3,
        messages: 20,
        think: Duration::from_millis(5),
        ..Default::default()
    };
    platform.consumers(ACCOUNT, script);
    while platform.settled(Duration::from_millis(2)).await.is_err_and(|left| left.scripts > 0) {
        platform.order(Order::of(Fault::StepUp));
    }
    platform.settled(PATIENCE).await.unwrap();
    let ledger = platform.ledger();
    assert!(ledger.once == 60 && ledger.more_than_once == 0, "{ledger}");
    assert!(effects(&platform, "step_up") > 3);
}
