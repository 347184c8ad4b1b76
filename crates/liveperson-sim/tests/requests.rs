//! Requests and notifications beyond the golden transcript.

mod support;

use liveperson_sim::PlatformSettings;
use serde_json::{Value, json};
use support::{ACCOUNT, bot, content, is_change, login, online, platform, socket};

fn plain() -> PlatformSettings {
    PlatformSettings { tls: false, ..Default::default() }
}

#[expect(clippy::unwrap_used, reason = "a test's helper")]
fn ids(note: &Value) -> Vec<String> {
    let changes = note["body"]["changes"].as_array().unwrap();
    changes.iter().map(|change| change["result"]["convId"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn filters_combine() {
    let platform = platform(plain()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 5));
    platform.add_bot(ACCOUNT, bot("watcher", 5));
    let mut bot = online(&platform, "bot1").await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    let mine = ada.opens_conversation("hi").await;
    bot.accepts().await;
    let bea = platform.consumer(ACCOUNT, "Bea");
    let done = bea.opens_conversation("hi").await;
    bot.accepts().await;
    bea.closes().await;
    bot.ask(".ams.routing.SetAgentState", json!({"availability": "AWAY"})).await;
    let waiting = platform.consumer(ACCOUNT, "Cy").opens_conversation("hi").await;

    let login = login(&platform, "watcher").await;
    let mut watcher = socket(&platform, &login).await.unwrap();
    let (me, pid) = (bot.login.agent.clone(), bot.login.pid.clone());
    for (query, expected) in [
        (json!({"agentIds": [me], "convState": ["OPEN"]}), vec![&mine]),
        (json!({"agentIds": [pid], "stage": ["OPEN", "CLOSE"]}), vec![&mine, &done]),
        (json!({"agentId": me, "state": ["CLOSE"]}), vec![&done]),
        (json!({"stage": ["OPEN"]}), vec![&mine, &waiting]),
        (json!({"consumerId": ada.id()}), vec![&mine]),
        (json!({"agentIds": ["nobody"]}), vec![]),
        (json!({}), vec![&mine, &done, &waiting]),
    ] {
        let answer = watcher.ask("cqm.SubscribeExConversations", query.clone()).await;
        assert_eq!(answer["type"], "cqm.SubscribeExConversationsResponse");
        let subscription = answer["body"]["subscriptionId"].clone();
        let note = watcher.until(|frame| frame["body"]["subscriptionId"] == subscription).await;
        let mut found = ids(&note);
        found.sort();
        let mut expected: Vec<String> = expected.into_iter().cloned().collect();
        expected.sort();
        assert_eq!(found, expected, "{query}");
        let gone =
            watcher.ask(".ams.aam.UnsubscribeExConversations", json!({"subscriptionId": subscription}));
        assert_eq!(gone.await["code"], 200);
    }
}

#[tokio::test]
async fn a_manager_joins_speaks_and_leaves() {
    let platform = platform(plain()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 5));
    let login = login(&platform, "bot1").await;
    let mut bot = socket(&platform, &login).await.unwrap();
    bot.ask(".ams.aam.SubscribeExConversations", json!({"stage": ["OPEN"]})).await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    let id = ada.opens_conversation("hi").await;
    bot.until(|frame| is_change(frame, "UPSERT")).await;

    assert_eq!(bot.says(&id, "too early").await["code"], 400);
    let join = json!([{"field": "ParticipantsChange", "type": "ADD", "role": "MANAGER"}]);
    assert_eq!(bot.update(&id, join.clone()).await["body"], "OK Agent added successfully");
    assert_eq!(bot.update(&id, join).await["code"], 200, "joining twice changes nothing");
    assert_eq!(bot.says(&id, "hello").await["body"]["sequence"], 1);
    let mut private = content(&id, "psst");
    private["messageAudience"] = "AGENTS_AND_MANAGERS".into();
    assert_eq!(bot.ask(".ams.ms.PublishEvent", private).await["body"]["sequence"], 2);
    let leave = json!({"field": "ParticipantsChange", "type": "REMOVE", "role": "MANAGER"});
    assert_eq!(bot.update(&id, leave).await["body"], "OK Agent removed successfully");
    assert_eq!(bot.says(&id, "too late").await["code"], 400);
    let heard: Vec<_> = ada.heard().into_iter().map(|one| (one.text, one.originator_role)).collect();
    assert_eq!(heard, [("hello".to_owned(), "MANAGER".to_owned())], "private messages stay private");
}

#[tokio::test]
async fn metadata_comes_back_in_echo_and_history_and_is_checked() {
    let platform = platform(plain()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 5));
    let mut bot = online(&platform, "bot1").await;
    platform.consumer(ACCOUNT, "Ada").opens_conversation("hi").await;
    let id = bot.accepts().await;
    let publish = ".ams.ms.PublishEvent";
    for (metadata, code) in [
        (json!([{"type": "ExternalId", "id": "x".repeat(65)}]), 400),
        (json!([{"id": "no type"}]), 400),
        (json!([{"type": "ExternalId", "id": "x".repeat(64)}]), 200),
        (json!({"type": "ExternalId", "id": "turn-1"}), 200),
    ] {
        assert_eq!(
            bot.ask_with(publish, content(&id, "a"), metadata.clone()).await["code"],
            code,
            "{metadata}"
        );
    }
    let tag = json!([{"type": "ExternalId", "id": "turn-1"}]);
    bot.until(|frame| frame["body"]["metadata"] == tag).await;
    assert_eq!(bot.history(&id).await.last().unwrap()["metadata"], tag);
}

#[tokio::test]
async fn chat_states_have_no_place_and_receipts_have() {
    let platform = platform(plain()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 5));
    let mut bot = online(&platform, "bot1").await;
    platform.consumer(ACCOUNT, "Ada").opens_conversation("hi").await;
    let id = bot.accepts().await;
    let body = json!({"dialogId": id, "event": {"type": "ChatStateEvent", "chatState": "COMPOSING"}});
    assert_eq!(bot.ask("ms.PublishEvent", body).await["body"], json!({"sequence": 0}));
    let note = bot.until(|frame| frame["body"]["event"]["type"] == "ChatStateEvent").await;
    assert!(note["body"].get("sequence").is_none() && note["body"].get("serverTimestamp").is_none());
    let body = json!({"dialogId": id, "event": {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [0]}});
    assert_eq!(bot.ask("ms.PublishEvent", body).await["type"], "ms.PublishEventResponse");
    assert_eq!(bot.history(&id).await.len(), 2);
}

#[tokio::test]
async fn a_capped_history_page_keeps_the_newest() {
    let platform = platform(PlatformSettings { history_page: 3, ..plain() }).await;
    platform.add_bot(ACCOUNT, bot("bot1", 5));
    let mut bot = online(&platform, "bot1").await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    ada.opens_conversation("0").await;
    let id = bot.accepts().await;
    for n in 1..6 {
        ada.says(&n.to_string()).await;
    }
    for (query, expected) in [
        (json!({"dialogId": id}), vec![3, 4, 5]),
        (json!({"dialogId": id, "newerThanSequence": 0, "olderThanSequence": 3}), vec![1, 2]),
        (json!({"dialogId": id, "maxQuantity": 1}), vec![5]),
    ] {
        let answer = bot.ask(".ams.ms.QueryMessages", query.clone()).await;
        let events = answer["body"].as_array().unwrap();
        let found: Vec<_> = events.iter().map(|event| event["sequence"].as_i64().unwrap()).collect();
        assert_eq!(found, expected, "{query}");
    }
    assert_eq!(platform.counters().max_history_reads_per_socket_and_dialog(), 3);
}

#[tokio::test]
async fn unknown_requests_are_answered_with_400_and_a_text() {
    let platform = platform(plain()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 5));
    let mut bot = online(&platform, "bot1").await;
    for (name, kind) in [(".ams.brandprofile.GetBrands", ".ReqBody$StringResp"), ("x.Y", "StringResponse")] {
        let answer = bot.ask(name, json!({})).await;
        assert_eq!((&answer["code"], &answer["type"]), (&json!(400), &json!(kind)));
        assert!(answer["body"].is_string());
    }
}

#[tokio::test]
async fn held_answers_leave_the_request_applied() {
    let platform = platform(plain()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 5));
    let mut bot = online(&platform, "bot1").await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    ada.opens_conversation("hi").await;
    let id = bot.accepts().await;
    platform.hold_answers_of(ACCOUNT, "bot1", true);
    let asked = bot.send(".ams.ms.PublishEvent", content(&id, "hello")).await;
    bot.until(|frame| frame["body"]["event"]["message"] == "hello").await;
    platform.hold_answers_of(ACCOUNT, "bot1", false);
    let clock = bot.send(".GetClock", json!({})).await;
    let next = bot.until(|frame| frame["kind"] == "resp").await;
    assert_eq!(next["reqId"], clock, "the answer to {asked} never comes");
    assert_eq!(ada.heard().len(), 1);
}

#[tokio::test]
async fn a_stalled_socket_is_silent_until_it_is_let_go() {
    let platform = platform(plain()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 5));
    let mut bot = online(&platform, "bot1").await;
    platform.stall_socket_of(ACCOUNT, "bot1", true);
    bot.send(".ams.routing.SetAgentState", json!({"availability": "AWAY"})).await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    ada.opens_conversation("hi").await;
    platform.stall_socket_of(ACCOUNT, "bot1", false);
    bot.ring().await;
    bot.until(|frame| frame["kind"] == "resp" && frame["code"] == 202).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_loses_its_socket() {
    let platform = platform(plain()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 5));
    let mut bot = online(&platform, "bot1").await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    ada.opens_conversation("hi").await;
    bot.accepts().await;
    platform.stall_socket_of(ACCOUNT, "bot1", true);
    for _ in 0..2_100 {
        ada.says("hello?").await;
    }
    assert_eq!(bot.ends().await, 1006);
}

#[tokio::test]
async fn messages_can_be_made_to_need_a_subscription() {
    let platform = platform(PlatformSettings { messages_need_subscription: true, ..plain() }).await;
    platform.add_bot(ACCOUNT, bot("bot1", 5));
    let mut bot = online(&platform, "bot1").await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    ada.opens_conversation("one").await;
    let id = bot.accepts().await;
    ada.says("two").await;
    let answer = bot.ask("ms.SubscribeMessagingEvents", json!({"dialogId": id, "fromSeq": 0})).await;
    assert_eq!(answer["type"], "GenericSubscribeResponse");
    let history = bot.until(|frame| frame["type"] == "ms.MessagingEventNotification").await;
    assert_eq!(history["body"]["changes"].as_array().unwrap().len(), 2);
    ada.says("three").await;
    let live = bot.until(|frame| frame["type"] == ".ams.ms.OnlineEventDistribution").await;
    assert_eq!(live["body"]["event"]["message"], "three");
}

#[tokio::test]
async fn pings_are_answered_and_numbers_are_good_request_ids() {
    let platform = platform(plain()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 5));
    let mut bot = online(&platform, "bot1").await;
    bot.pings().await;
    bot.sends_text(r#"{"kind":"req","id":77,"type":".GetClock"}"#).await;
    bot.sends_text("no json").await;
    let answer = bot.until(|frame| frame["kind"] == "resp").await;
    assert_eq!(answer["reqId"], "77");
    assert!(answer["body"]["currentTime"].is_i64());
}

#[tokio::test]
async fn events_come_twice_when_told_to() {
    let platform = platform(plain()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 5));
    let mut bot = online(&platform, "bot1").await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    ada.opens_conversation("hi").await;
    bot.accepts().await;
    platform.duplicate_events(true);
    ada.says("twice").await;
    for _ in 0..2 {
        bot.until(|frame| frame["body"]["event"]["message"] == "twice").await;
    }
    assert_eq!(platform.ledger().sent, 0);
}
