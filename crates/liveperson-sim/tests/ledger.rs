//! The ledger is judged too: a bot that answers once is clean, and every other kind is caught.

mod support;

use std::time::Duration;

use liveperson_sim::{ConsumerScript, Ledger, Platform, PlatformSettings};
use serde_json::{Value, json};
use support::{ACCOUNT, Bot, PATIENCE, bot, content, online, platform};

async fn stage(answer_within: Duration) -> (Platform, Bot) {
    let platform = platform(PlatformSettings { tls: false, answer_within, ..Default::default() }).await;
    platform.add_bot(ACCOUNT, bot("bot1", 50));
    let bot = online(&platform, "bot1").await;
    (platform, bot)
}

/// Has a consumer say these tokens and a bot say those answers; judges at the end.
async fn judged(says: &[&str], answers: &[Value]) -> Ledger {
    let (platform, mut bot) = stage(PATIENCE).await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    ada.opens_conversation("hello").await;
    let id = bot.accepts().await;
    for text in says {
        ada.says(text).await;
    }
    for event in answers {
        let mut body = content(&id, "");
        body["event"] = event.clone();
        assert_eq!(bot.ask(".ams.ms.PublishEvent", body).await["code"], 200);
    }
    ada.closes().await;
    platform.ledger()
}

fn text(text: &str) -> Value {
    json!({"type": "ContentEvent", "contentType": "text/plain", "message": text})
}

fn counts(ledger: &Ledger) -> [usize; 5] {
    [ledger.once, ledger.never, ledger.more_than_once, ledger.out_of_order, ledger.late]
}

#[tokio::test]
async fn answers_are_judged_by_what_the_consumer_saw() {
    let card = json!({"type": "RichContentEvent", "content": {"type": "text", "text": "card for\nm-a-1"}});
    for (says, answers, expected) in [
        (vec!["m-a-1", "m-a-2"], vec![text("you said m-a-1"), text("(m-a-2)")], [2, 0, 0, 0, 0]),
        (vec!["m-a-1", "m-a-2"], vec![text("m-a-1, m-a-2")], [2, 0, 0, 0, 0]),
        (vec!["m-a-1"], vec![card], [1, 0, 0, 0, 0]),
        (vec!["m-a-1"], vec![text("m-a-1"), text("m-a-1")], [0, 0, 1, 0, 0]),
        (vec!["m-a-1"], vec![text("m-a-1 m-a-1")], [1, 0, 0, 0, 0]),
        (vec!["m-a-1"], vec![text("what?")], [0, 1, 0, 0, 0]),
        (vec!["m-a-1"], vec![text("m-a-10")], [0, 1, 0, 0, 0]),
        (vec!["m-a-1", "m-a-2"], vec![text("m-a-2"), text("m-a-1")], [2, 0, 0, 1, 0]),
        (vec!["no token"], vec![], [0, 0, 0, 0, 0]),
    ] {
        let ledger = judged(&says, &answers).await;
        assert_eq!(counts(&ledger), expected, "{says:?} {answers:?}");
        assert_eq!(ledger.is_clean(), expected[1..] == [0, 0, 0, 0]);
        assert_eq!(ledger.details.is_empty(), ledger.is_clean());
    }
}

#[tokio::test]
async fn a_private_answer_is_no_answer() {
    let (platform, mut bot) = stage(PATIENCE).await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    ada.opens_conversation("m-1").await;
    let id = bot.accepts().await;
    let mut body = content(&id, "m-1");
    body["messageAudience"] = "AGENTS_AND_MANAGERS".into();
    bot.ask(".ams.ms.PublishEvent", body).await;
    let left = platform.settled(Duration::from_millis(1)).await.unwrap_err();
    assert_eq!((left.owed, left.tokens), (1, vec!["m-1".to_owned()]));
}

#[tokio::test]
async fn a_late_answer_is_late_and_before_that_it_is_missing() {
    let (platform, mut bot) = stage(Duration::ZERO).await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    ada.opens_conversation("m-1").await;
    let id = bot.accepts().await;
    assert_eq!(counts(&platform.ledger()), [0, 1, 0, 0, 0]);
    bot.says(&id, "m-1").await;
    assert_eq!(counts(&platform.ledger()), [1, 0, 0, 0, 1]);
    assert!(platform.ledger().to_string().ends_with("verdict: NOT CLEAN"));
}

#[tokio::test]
async fn scripted_consumers_finish_and_a_right_bot_is_clean() {
    let (platform, bot) = stage(PATIENCE).await;
    let bot = tokio::spawn(bot.echoes());
    let script = ConsumerScript {
        count: 20,
        messages: 6,
        burst: 1,
        think: Duration::from_millis(2),
        ..Default::default()
    };
    platform.consumers(ACCOUNT, script);
    platform.settled(PATIENCE).await.unwrap();
    let ledger = platform.ledger();
    assert!(ledger.is_clean(), "{ledger}");
    assert_eq!((ledger.sent, ledger.once), (120, 120));
    bot.abort();
}

#[tokio::test]
async fn endless_consumers_stop_when_told_and_owe_nothing() {
    let (platform, bot) = stage(PATIENCE).await;
    let bot = tokio::spawn(bot.echoes());
    let think = Duration::from_millis(1);
    let script =
        ConsumerScript { count: 5, messages: 0, messages_per_conversation: 2, think, ..Default::default() };
    platform.consumers(ACCOUNT, script);
    let unsettled = platform.settled(Duration::from_millis(100)).await.unwrap_err();
    assert_eq!(unsettled.scripts, 5);
    platform.stop_consumers();
    platform.settled(PATIENCE).await.unwrap();
    assert!(platform.ledger().is_clean() && platform.ledger().waiting == 0, "{}", platform.ledger());
    bot.abort();
}

#[tokio::test]
async fn a_hundred_bots_serve_two_hundred_consumers() {
    let platform = platform(PlatformSettings { tls: false, ..Default::default() }).await;
    for number in 0..100 {
        let name = format!("bot{number}");
        platform.add_bot(ACCOUNT, bot(&name, 3));
        tokio::spawn(online(&platform, &name).await.echoes());
    }
    let script = ConsumerScript { count: 200, think: Duration::from_millis(100), ..Default::default() };
    platform.consumers(ACCOUNT, script);
    platform.settled(3 * PATIENCE).await.unwrap();
    let ledger = platform.ledger();
    assert!(ledger.is_clean() && ledger.once == 1_000, "{ledger}");
    let counters = platform.counters();
    assert_eq!(counters.max_sockets_at_once(), 1);
    assert!(counters.acceptances.len() == 200 && counters.acceptances.iter().all(|one| one.count == 1));
}

#[tokio::test]
async fn a_new_crowd_comes_after_the_old_one_was_stopped() {
    let (platform, bot) = stage(PATIENCE).await;
    tokio::spawn(bot.echoes());
    let endless = ConsumerScript { count: 3, messages: 0, ..Default::default() };
    platform.consumers(ACCOUNT, endless);
    platform.stop_consumers();
    let script =
        ConsumerScript { count: 2, messages: 3, burst: 3, think: Duration::ZERO, ..Default::default() };
    platform.consumers(ACCOUNT, script);
    platform.settled(PATIENCE).await.unwrap();
    assert!(platform.ledger().is_clean() && platform.ledger().once == 6, "{}", platform.ledger());
}
