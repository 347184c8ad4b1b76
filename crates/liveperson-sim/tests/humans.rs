//! Human agents who take over, answer and give back; and bots that watch a whole account beside them.

mod support;

use std::time::Duration;

use liveperson_sim::{ConsumerScript, HumanScript, Platform, PlatformSettings};
use serde_json::{Value, json};
use support::{ACCOUNT, Bot, PATIENCE, bot, content, is_change, login, online, platform, socket};

async fn stage() -> Platform {
    let settings =
        PlatformSettings { tls: false, ring_pause: Duration::from_millis(20), ..Default::default() };
    let platform = platform(settings).await;
    platform.add_bot(ACCOUNT, bot("bot1", 50));
    platform
}

/// A bot that hears no rings.
#[expect(clippy::unwrap_used, reason = "a test's helper")]
async fn watcher(platform: &Platform) -> Bot {
    let login = login(platform, "bot1").await;
    socket(platform, &login).await.unwrap()
}

fn change(kind: &str, role: &str) -> Value {
    json!({"field": "ParticipantsChange", "type": kind, "role": role})
}

#[tokio::test]
async fn a_human_takes_a_conversation_over_and_gives_it_back() {
    let platform = stage().await;
    let mut one = online(&platform, "bot1").await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    let id = ada.opens_conversation("m-1").await;
    one.accepts().await;
    one.says(&id, "m-1").await;

    let eve = platform.human(ACCOUNT, "Eve");
    eve.takes_over(&id).await.unwrap();
    one.until(|frame| is_change(frame, "DELETE")).await;
    assert_eq!(ada.conversation().unwrap().assigned.as_deref(), Some("Eve"));
    ada.says("m-2").await;
    assert_eq!(one.says(&id, "m-2").await["code"], 400, "the bot takes no part any more");
    assert_eq!(eve.answers_what_is_owed(&id).await.unwrap(), 1);
    ada.says("m-3").await;

    eve.gives_back(&id, "7").await.unwrap();
    assert_eq!(one.accepts().await, id);
    assert_eq!(one.says(&id, "m-3").await["code"], 200);
    let heard: Vec<String> = ada.heard().into_iter().map(|heard| heard.originator).collect();
    assert_eq!(heard, ["bot1", "Eve", "bot1"]);
    let view = ada.conversation().unwrap();
    assert_eq!((view.assigned.as_deref(), view.skill.as_str()), (Some("bot1"), "7"));
    platform.settled(PATIENCE).await.unwrap();
    assert_eq!(platform.ledger().once, 3, "{}", platform.ledger());
    assert!(platform.ledger().is_clean());
}

#[tokio::test]
async fn a_message_that_a_human_and_a_bot_answer_is_answered_twice() {
    let platform = stage().await;
    let mut one = watcher(&platform).await;
    let id = platform.consumer(ACCOUNT, "Ada").opens_conversation("m-1").await;
    assert_eq!(one.update(&id, change("ADD", "AGENT")).await["code"], 200);
    let eve = platform.human(ACCOUNT, "Eve");
    eve.takes_over(&id).await.unwrap();
    assert_eq!(eve.answers(&id, "you mean m-1?").await, Ok(1));
    assert_eq!(one.says(&id, "m-1").await["code"], 200, "an agent beside the human may speak");
    assert_eq!(platform.ledger().more_than_once, 1);
}

#[tokio::test]
async fn what_a_human_may_not_do_is_refused_in_words() {
    let platform = stage().await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    let id = ada.opens_conversation("hi").await;
    let eve = platform.human(ACCOUNT, "Eve");
    assert_eq!(eve.answers(&id, "hi").await.unwrap_err(), "400: User is not a participant");
    assert_eq!(eve.leaves(&id).await.unwrap_err(), "400: User is not a participant");
    assert_eq!(eve.gives_back(&id, "7").await.unwrap_err(), "400: Agent does not exist in conversation");
    assert_eq!(eve.takes_over("nowhere").await.unwrap_err(), "400: Unknown conversation");
    ada.closes().await;
    assert_eq!(eve.takes_over(&id).await.unwrap_err(), "400: Conversation is closed");
}

#[tokio::test]
async fn scripted_humans_and_a_right_bot_owe_nothing_together() {
    let platform = stage().await;
    let echo = tokio::spawn(online(&platform, "bot1").await.echoes());
    let ms = Duration::from_millis;
    let humans = HumanScript { count: 3, pause: ms(5), reply: ms(5), hold: ms(30), ..Default::default() };
    platform.humans(ACCOUNT, humans);
    let crowd = ConsumerScript { count: 12, messages: 15, think: ms(5), ..Default::default() };
    platform.consumers(ACCOUNT, crowd);
    let left = platform.settled(ms(60)).await.unwrap_err();
    assert!(left.scripts > 0, "{left}");
    platform.stop_humans();
    platform.settled(PATIENCE).await.unwrap();
    let ledger = platform.ledger();
    assert!(ledger.is_clean() && ledger.once == 180, "{ledger}");
    let by_bots: u64 = platform.counters().publishes.iter().map(|one| one.count).sum();
    assert!(by_bots > 0 && by_bots < 180, "both answered some: {by_bots} by the bot");
    echo.abort();
}

#[tokio::test]
async fn silent_humans_leave_all_that_is_owed_to_whoever_comes_next() {
    let platform = stage().await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    ada.opens_conversation("m-1").await;
    let (rounds, answers, pause, hold) = (1, false, Duration::ZERO, Duration::from_millis(20));
    let reply = hold;
    platform.humans(ACCOUNT, HumanScript { rounds, answers, pause, reply, hold, ..Default::default() });
    ada.sees(|view| view.assigned.as_deref() == Some("Human 1"), PATIENCE).await.unwrap();
    ada.sees(|view| view.assigned.is_none(), PATIENCE).await.unwrap();
    let mut one = online(&platform, "bot1").await;
    let id = one.accepts().await;
    one.says(&id, "m-1").await;
    platform.settled(PATIENCE).await.unwrap();
    assert!(platform.ledger().is_clean() && platform.ledger().once == 1, "{}", platform.ledger());
}

#[tokio::test]
async fn watching_a_whole_account_is_a_right() {
    let platform = stage().await;
    let id = platform.consumer(ACCOUNT, "Ada").opens_conversation("hi").await;
    let mut one = watcher(&platform).await;
    let me = one.login.agent.clone();
    let subscribe = ".ams.aam.SubscribeExConversations";
    platform.let_watch_all(ACCOUNT, "bot1", false);
    for query in [json!({"convState": ["OPEN"]}), json!({"agentIds": ["1.2"]}), json!({"consumerId": "c"})] {
        assert_eq!(one.ask(subscribe, query).await["code"], 401);
    }
    assert_eq!(one.ask(subscribe, json!({"agentIds": [me]})).await["code"], 200);
    platform.let_watch_all(ACCOUNT, "bot1", true);
    assert_eq!(one.ask(subscribe, json!({"convState": ["OPEN"]})).await["code"], 200);
    let shown = one.until(|frame| is_change(frame, "UPSERT")).await;
    assert_eq!(shown["body"]["changes"][0]["result"]["convId"], id.as_str());
}

#[tokio::test]
async fn a_bot_joins_and_leaves_in_the_role_it_names_and_each_join_is_counted() {
    let platform = stage().await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    let id = ada.opens_conversation("m-1").await;
    let mut one = watcher(&platform).await;
    for role in ["AGENT", "MANAGER"] {
        assert_eq!(one.update(&id, change("ADD", role)).await["code"], 200);
        assert_eq!(ada.conversation().unwrap().members, [("bot1".to_owned(), role.to_owned())]);
        assert_eq!(one.update(&id, change("REMOVE", role)).await["code"], 200);
        assert_eq!(one.update(&id, change("REMOVE", role)).await["code"], 400);
    }
    assert_eq!(one.says(&id, "m-1").await["code"], 400, "whoever left may not speak");
    assert_eq!(platform.counters().max_joins_per_user_and_conversation(), 2);
    one.update(&id, change("ADD", "AGENT")).await;
    one.update(&id, change("ADD", "AGENT")).await;
    platform.human(ACCOUNT, "Eve").joins(&id, "MANAGER").await.unwrap();
    let joins = platform.counters().joins;
    let as_agent = joins.iter().find(|join| join.role == "AGENT").unwrap();
    assert_eq!((as_agent.login.as_str(), as_agent.count), ("bot1", 3), "also when it changed nothing");
    assert_eq!(platform.counters().joins_of(&id), 4, "those of humans are not counted");
}

#[tokio::test]
async fn a_private_message_reaches_the_brand_alone() {
    let platform = stage().await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    let id = ada.opens_conversation("m-1").await;
    let mut one = watcher(&platform).await;
    one.update(&id, change("ADD", "MANAGER")).await;
    let eve = platform.human(ACCOUNT, "Eve");
    eve.takes_over(&id).await.unwrap();
    eve.whispers(&id, "m-1, who is that?").await.unwrap();
    let shown = one.until(|frame| frame["body"]["messageAudience"] == "AGENTS_AND_MANAGERS").await;
    assert_eq!(shown["body"]["event"]["message"], "m-1, who is that?");
    let mut body = content(&id, "a bot's note");
    body["messageAudience"] = "AGENTS_AND_MANAGERS".into();
    assert_eq!(one.ask(".ams.ms.PublishEvent", body).await["code"], 200);
    assert_eq!(ada.heard(), []);
    assert_eq!(platform.ledger().waiting, 1);
}
