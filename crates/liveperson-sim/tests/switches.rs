//! Where the real platform's behaviour is not known there is a switch, and each makes a difference.

mod support;

use std::time::{Duration, Instant};

use liveperson_sim::{Acceptance, LostRings, PlatformSettings};
use serde_json::{Value, json};
use support::{ACCOUNT, PATIENCE, bot, content, is_change, login, online, platform, socket};
use tokio::net::TcpSocket;

fn plain() -> PlatformSettings {
    PlatformSettings { tls: false, ..Default::default() }
}

#[tokio::test]
async fn a_ring_whose_agent_lost_its_socket_comes_again_or_is_left_to_expire() {
    for lost_rings in [LostRings::OfferedAgain, LostRings::LeftToExpire] {
        let ring_life = Duration::from_secs(1);
        let ring_pause = Duration::from_millis(10);
        let platform = platform(PlatformSettings { lost_rings, ring_life, ring_pause, ..plain() }).await;
        platform.add_bot(ACCOUNT, bot("bot1", 5));
        let mut one = online(&platform, "bot1").await;
        let since = Instant::now();
        platform.consumer(ACCOUNT, "Ada").opens_conversation("hi").await;
        let first = one.ring().await;
        platform.drop_socket_of(ACCOUNT, "bot1");
        platform.add_bot(ACCOUNT, bot("bot2", 5));
        let mut other = online(&platform, "bot2").await;
        match lost_rings {
            LostRings::OfferedAgain => assert_ne!(other.ring().await.id, first.id),
            LostRings::LeftToExpire => {
                let mut one = online(&platform, "bot1").await;
                let told = one.until(|frame| frame["type"] == ".ams.routing.RoutingTaskNotification").await;
                assert_eq!(told["body"]["changes"], json!([]), "the new socket is not told");
                assert_ne!(other.ring().await.id, first.id);
                assert!(since.elapsed() >= ring_life, "nobody else is offered it until it has expired");
            }
        }
    }
}

#[tokio::test]
async fn rings_can_be_accepted_in_the_agents_name() {
    let platform = platform(PlatformSettings { acceptance: Acceptance::Automatic, ..plain() }).await;
    platform.add_bot(ACCOUNT, bot("bot1", 5));
    let mut one = online(&platform, "bot1").await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    ada.opens_conversation("hi m-1").await;
    let ring = one.ring().await;
    let late = one.answers_ring(&ring, "ACCEPTED").await;
    assert_eq!((&late["code"], &late["body"]), (&json!(400), &json!("Ring is not waiting")));
    let accepted =
        |frame: &Value| frame["body"]["changes"][0]["result"]["ringsDetails"][0]["ringState"] == "ACCEPTED";
    one.until(accepted).await;
    assert_eq!(ada.conversation().unwrap().assigned.as_deref(), Some("bot1"));
    one.says(&ring.conversation, "m-1").await;
    assert_eq!(ada.hears(1, PATIENCE).await.unwrap(), ["m-1"]);
}

#[tokio::test]
async fn a_token_can_be_good_at_one_address_only() {
    for (tokens_bound_to_address, there) in [(false, 101), (true, 401)] {
        let platform = platform(PlatformSettings { tokens_bound_to_address, ..plain() }).await;
        platform.add_bot(ACCOUNT, bot("bot1", 5));
        let session = login(&platform, "bot1").await;
        assert_eq!(upgrade_from("127.0.0.2", &platform, &session.bearer).await, there);
        assert!(socket(&platform, &session).await.is_ok());
    }
}

/// The status that an upgrade from that address gets.
#[expect(clippy::unwrap_used, reason = "a test's helper")]
async fn upgrade_from(address: &str, platform: &liveperson_sim::Platform, bearer: &str) -> u16 {
    let tcp = TcpSocket::new_v4().unwrap();
    tcp.bind(format!("{address}:0").parse().unwrap()).unwrap();
    let stream = tcp.connect(platform.address()).await.unwrap();
    let url = format!("ws://localhost/ws_api/account/{ACCOUNT}/messaging/brand/{bearer}?v=2.1");
    match tokio_tungstenite::client_async(url, stream).await {
        Ok((_, answer)) => answer.status().as_u16(),
        Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => answer.status().as_u16(),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_survey_follows_the_main_dialog_and_ends_the_conversation() {
    let platform = platform(PlatformSettings { surveys: true, ..plain() }).await;
    platform.add_bot(ACCOUNT, bot("bot1", 5));
    let mut one = online(&platform, "bot1").await;
    one.ask(".ams.aam.SubscribeExConversations", json!({"stage": ["OPEN"]})).await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    ada.opens_conversation("hi m-1").await;
    let id = one.accepts().await;
    one.says(&id, "m-1").await;
    let close =
        json!([{"field": "DialogChange", "type": "UPDATE", "dialog": {"dialogId": id, "state": "CLOSE"}}]);
    assert_eq!(one.update(&id, close).await["code"], 200);

    let details = |frame: &Value| frame["body"]["changes"][0]["result"]["conversationDetails"].clone();
    let surveyed = one.until(|frame| is_change(frame, "UPSERT") && details(frame)["state"] == "CLOSE").await;
    let shown = details(&surveyed);
    assert_eq!(shown["stage"], "OPEN");
    let survey = &shown["dialogs"][1];
    assert_eq!((&survey["dialogType"], &survey["state"]), (&json!("POST_SURVEY"), &json!("OPEN")));
    let dialog = survey["dialogId"].as_str().unwrap().to_owned();
    assert_ne!(dialog, id);

    for (text, role) in [("How did we do, from 1 to 5?", "AGENT"), ("5", "CONSUMER")] {
        let event = one.until(|frame| frame["body"]["dialogId"] == dialog.as_str()).await;
        let body = &event["body"];
        assert_eq!((&body["event"]["message"], &body["conversationId"]), (&json!(text), &json!(id)));
        assert_eq!(body["originatorMetadata"]["role"], role);
    }
    let refused = one.ask(".ams.ms.PublishEvent", content(&dialog, "thank you")).await;
    assert_eq!(refused["code"], 400);
    assert_eq!((one.history(&dialog).await.len(), one.history(&id).await.len()), (2, 2));
    let over = one.until(|frame| is_change(frame, "DELETE") && details(frame)["stage"] == "CLOSE").await;
    assert_eq!(details(&over)["dialogs"][1]["state"], "CLOSE");
    let view = ada.conversation().unwrap();
    assert_eq!((view.state.as_str(), view.stage.as_str()), ("CLOSE", "CLOSE"));
    assert!(platform.ledger().is_clean() && platform.ledger().once == 1);
}

#[tokio::test]
async fn a_conversation_that_is_closed_as_a_whole_has_no_survey() {
    let platform = platform(PlatformSettings { surveys: true, ..plain() }).await;
    platform.add_bot(ACCOUNT, bot("bot1", 5));
    let mut one = online(&platform, "bot1").await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    ada.opens_conversation("hi").await;
    let id = one.accepts().await;
    let close = json!([{"field": "ConversationStateField", "conversationState": "CLOSE"}]);
    assert_eq!(one.update(&id, close).await["code"], 200);
    assert_eq!(ada.conversation().unwrap().stage, "CLOSE");
}
