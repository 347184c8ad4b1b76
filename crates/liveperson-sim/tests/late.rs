//! Requests that were in flight when their socket died take effect later, or not at all.

mod support;

use std::time::Duration;

use liveperson_sim::{Platform, PlatformSettings};
use serde_json::json;
use support::{ACCOUNT, Bot, PATIENCE, bot, content, online, platform};

async fn stage(in_flight_window: Duration) -> (Platform, Bot, String) {
    let platform = platform(PlatformSettings { tls: false, in_flight_window, ..Default::default() }).await;
    platform.add_bot(ACCOUNT, bot("bot1", 5));
    let mut bot = online(&platform, "bot1").await;
    platform.consumer(ACCOUNT, "Ada").opens_conversation("hi").await;
    let id = bot.accepts().await;
    (platform, bot, id)
}

#[tokio::test]
async fn what_was_in_flight_when_the_socket_was_dropped_is_applied_later_and_in_order() {
    let (platform, mut bot, id) = stage(PATIENCE).await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    platform.apply_late(Some(Duration::from_millis(150)));
    for text in ["one", "two"] {
        bot.send(".ams.ms.PublishEvent", content(&id, text)).await;
    }
    while platform.settled(Duration::ZERO).await.map_err(|left| left.in_flight) != Err(2) {
        tokio::task::yield_now().await;
    }
    platform.drop_socket_of(ACCOUNT, "bot1");
    let mut again = online(&platform, "bot1").await;
    assert_eq!(again.history(&id).await.len(), 1, "not applied yet");
    assert_eq!(ada.hears(2, PATIENCE).await.unwrap(), ["one", "two"]);
    platform.settled(PATIENCE).await.unwrap();
    assert_eq!(again.history(&id).await.len(), 3);
}

#[tokio::test]
async fn a_killed_client_leaves_its_requests_behind() {
    let (platform, mut bot, id) = stage(PATIENCE).await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    platform.apply_late(Some(Duration::from_millis(1)));
    bot.send(".ams.ms.PublishEvent", content(&id, "one")).await;
    bot.dies();
    assert_eq!(ada.hears(1, PATIENCE).await.unwrap(), ["one"]);
}

#[tokio::test]
async fn with_the_switch_on_a_living_socket_is_answered_after_the_window_in_order() {
    let (platform, mut bot, id) = stage(Duration::from_millis(20)).await;
    platform.apply_late(Some(PATIENCE));
    let first = bot.send(".ams.ms.PublishEvent", content(&id, "one")).await;
    let second = bot.send(".GetClock", json!({})).await;
    for expected in [first, second] {
        let answer = bot.until(|frame| frame["kind"] == "resp").await;
        assert_eq!((&answer["reqId"], &answer["code"]), (&json!(expected), &json!(200)));
    }
}

#[tokio::test]
async fn an_acceptance_in_flight_assigns_the_conversation_though_its_agent_is_gone() {
    let (platform, mut bot, _) = stage(PATIENCE).await;
    let bea = platform.consumer(ACCOUNT, "Bea");
    bea.opens_conversation("hi").await;
    let ring = bot.ring().await;
    platform.apply_late(Some(Duration::from_millis(20)));
    bot.send(".ams.routing.UpdateRingState", json!({"ringId": ring.id, "ringState": "ACCEPTED"})).await;
    bot.dies();
    bea.sees(|view| view.assigned.as_deref() == Some("bot1"), PATIENCE).await.unwrap();
}
