//! Consumers on the wire: identity, sockets, conversations, and what they are shown.

mod support;

use std::time::Duration;

use liveperson_sim::{BadToken, Platform, PlatformSettings};
use serde_json::{Value, json};
use support::{
    ACCOUNT, Answer, Bot, PATIENCE, bot, consumer_socket, content, http, online, platform, sign_up,
};

fn plain() -> PlatformSettings {
    PlatformSettings { tls: false, ..Default::default() }
}

/// A platform with one bot, and a consumer who is on the line.
#[expect(clippy::unwrap_used, reason = "a test's helper")]
async fn stage() -> (Platform, Bot, Bot) {
    let platform = platform(plain()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 5));
    let one = online(&platform, "bot1").await;
    let consumer = consumer_socket(&platform, Some(&sign_up(&platform).await)).await.unwrap();
    (platform, one, consumer)
}

async fn post(platform: &Platform, path: &str, body: &Value) -> Answer {
    http(platform, "POST", &format!("/api/account/{ACCOUNT}/{path}"), "", &body.to_string()).await
}

#[expect(clippy::unwrap_used, reason = "a test's helper")]
async fn opens(consumer: &mut Bot) -> String {
    let body = json!({"brandId": ACCOUNT, "channelType": "MESSAGING", "skillId": "7"});
    let answer = consumer.ask("cm.ConsumerRequestConversation", body).await;
    assert_eq!((&answer["code"], &answer["type"]), (&json!(200), &json!("cm.RequestConversationResponse")));
    answer["body"]["conversationId"].as_str().unwrap().to_owned()
}

async fn subscribes(consumer: &mut Bot, conversation: &str, from: i64) -> Value {
    let body = json!({"dialogId": conversation, "conversationId": conversation, "fromSeq": from});
    let answer = consumer.ask("ms.SubscribeMessagingEvents", body).await;
    assert_eq!((&answer["code"], &answer["type"]), (&json!(200), &json!("GenericSubscribeResponse")));
    consumer.until(|frame| frame["type"] == "ms.MessagingEventNotification").await["body"]["changes"].clone()
}

fn texts(changes: &Value) -> Vec<&str> {
    let list = changes.as_array().map_or(&[][..], Vec::as_slice);
    list.iter().filter_map(|change| change["event"]["message"].as_str()).collect()
}

#[tokio::test]
async fn a_consumer_opens_says_hears_and_closes() {
    let (platform, mut one, mut ada) = stage().await;
    let answer = ada.ask("cqm.SubscribeExConversations", json!({"stage": ["OPEN"]})).await;
    assert_eq!(answer["body"]["subscriptionId"], "s-1");
    let first = ada.until(|frame| frame["type"] == "cqm.ExConversationChangeNotification").await;
    assert_eq!(first["body"]["changes"], json!([]));

    let id = opens(&mut ada).await;
    assert_eq!(one.accepts().await, id, "it rings before anything is said");
    let assigned = |frame: &Value| {
        let details = &frame["body"]["changes"][0]["result"]["conversationDetails"];
        details["participants"][1] == json!({"id": one.login.pid, "role": "ASSIGNED_AGENT"})
    };
    ada.until(assigned).await;
    assert_eq!(subscribes(&mut ada, &id, 0).await, json!([]));

    let said = ada.ask("ms.PublishEvent", content(&id, "hello m-1")).await;
    assert_eq!(said["body"], json!({"sequence": 0}));
    let echo = ada.until(|frame| frame["body"]["changes"][0]["event"]["message"] == "hello m-1").await;
    assert_eq!(echo["body"]["changes"][0]["originatorMetadata"]["role"], "CONSUMER");
    let heard = one.until(|frame| frame["type"] == ".ams.ms.OnlineEventDistribution").await;
    assert_eq!(heard["body"]["event"]["message"], "hello m-1");

    let mut whisper = content(&id, "who is Ada?");
    whisper["messageAudience"] = "AGENTS_AND_MANAGERS".into();
    one.ask(".ams.ms.PublishEvent", whisper).await;
    one.says(&id, "hello Ada, m-1").await;
    let of_brand = |frame: &Value| frame["body"]["changes"][0]["originatorId"] == one.login.pid.as_str();
    let answer = ada.until(of_brand).await;
    assert_eq!(texts(&answer["body"]["changes"]), ["hello Ada, m-1"], "and nothing private before");
    let change = &answer["body"]["changes"][0];
    assert_eq!(change["sequence"], 2);
    assert_eq!(change["dialogId"], id.as_str());

    let close = json!({"conversationId": id, "conversationField":
        {"field": "ConversationStateField", "conversationState": "CLOSE"}});
    assert_eq!(ada.ask("cm.UpdateConversationField", close).await["code"], 200);
    let gone = ada.until(|frame| frame["body"]["changes"][0]["type"] == "DELETE").await;
    assert_eq!(gone["body"]["changes"][0]["result"]["conversationDetails"]["closeReason"], "CONSUMER");
    platform.settled(PATIENCE).await.unwrap();
    let ledger = platform.ledger();
    assert!(ledger.is_clean() && ledger.once == 1, "{ledger}");
}

#[tokio::test]
async fn whoever_comes_back_is_shown_the_history_without_what_is_private() {
    let (platform, mut one, ada) = stage().await;
    let token = sign_up(&platform).await;
    ada.dies();
    let mut ada = consumer_socket(&platform, Some(&token)).await.unwrap();
    let id = opens(&mut ada).await;
    one.accepts().await;
    ada.ask("ms.PublishEvent", content(&id, "one")).await;
    ada.dies();
    let gone = |frame: &Value| frame["body"]["event"]["chatState"] == "GONE";
    one.until(gone).await;
    let mut whisper = content(&id, "who is that?");
    whisper["messageAudience"] = "AGENTS_AND_MANAGERS".into();
    one.ask(".ams.ms.PublishEvent", whisper).await;
    one.says(&id, "two").await;

    let mut ada = consumer_socket(&platform, Some(&token)).await.unwrap();
    one.until(|frame| frame["body"]["event"]["chatState"] == "ACTIVE").await;
    ada.ask("cqm.SubscribeExConversations", json!({"stage": ["OPEN"]})).await;
    let shown = ada.until(|frame| frame["type"] == "cqm.ExConversationChangeNotification").await;
    assert_eq!(shown["body"]["changes"][0]["result"]["convId"], id.as_str());
    assert_eq!(texts(&subscribes(&mut ada, &id, 0).await), ["one", "two"]);
    one.says(&id, "three").await;
    ada.until(|frame| texts(&frame["body"]["changes"]) == ["three"]).await;
    let later = json!({"dialogId": id, "newerThanSequence": 0});
    assert_eq!(texts(&ada.ask("ms.QueryMessages", later).await["body"]), ["two", "three"]);
}

#[tokio::test]
async fn a_bad_token_is_turned_away() {
    let settings = |bad_token| PlatformSettings { bad_token, ..plain() };
    for (bad_token, refused) in [(BadToken::Http401, Err(401)), (BadToken::Close4401, Ok(4401))] {
        let platform = platform(settings(bad_token)).await;
        let token = sign_up(&platform).await;
        let (_, signature) = token.rsplit_once('.').unwrap();
        let stranger = sign_up(&platform).await;
        let stranger = format!("{}.{signature}", stranger.rsplit_once('.').unwrap().0);
        let ext = post(&platform, "anonymous/authorize", &json!({})).await.json();
        let ext = ext["token"].as_str().unwrap_or_default();
        for bad in ["nonsense", stranger.as_str(), ext] {
            let outcome = match consumer_socket(&platform, Some(bad)).await {
                Ok(mut socket) => Ok(socket.ends().await),
                Err(status) => Err(status),
            };
            assert_eq!(outcome, refused, "{bad}");
        }
        assert!(consumer_socket(&platform, Some(&token)).await.is_ok());
    }
}

#[tokio::test]
async fn an_identity_that_expires_is_closed_with_4407() {
    let consumer_token_life = Duration::from_millis(300);
    let platform = platform(PlatformSettings { consumer_token_life, ..plain() }).await;
    let token = sign_up(&platform).await;
    let mut ada = consumer_socket(&platform, Some(&token)).await.unwrap();
    assert_eq!(ada.ends().await, 4407);
    let mut again = consumer_socket(&platform, Some(&token)).await.unwrap();
    assert_eq!(again.ends().await, 4407);
}

#[tokio::test]
async fn an_anonymous_token_buys_a_messaging_token_and_is_renewed_for_the_same_consumer() {
    let platform = platform(plain()).await;
    let renewed = async |old: &Value| {
        let answer = post(&platform, "anonymous/authorize", &json!({ "id_token": old })).await;
        answer.json()["token"].clone()
    };
    let first = post(&platform, "anonymous/authorize", &json!({})).await.json()["token"].clone();
    let second = renewed(&first).await;
    let mut ids = Vec::new();
    for token in [first, second] {
        let bought = post(&platform, "app/4/authenticate?v=3.0", &json!({ "id_token": token })).await.json();
        let token = bought["token"].as_str().unwrap().to_owned();
        let mut socket = consumer_socket(&platform, Some(&token)).await.unwrap();
        ids.push(socket.ask("userprofile.GetUserProfile", json!({})).await["body"]["userId"].clone());
    }
    assert!(ids[0].is_string() && ids[0] == ids[1], "{ids:?}");
    let bad = post(&platform, "app/4/authenticate?v=3.0", &json!({"id_token": "x.y"})).await;
    assert_eq!((bad.status, bad.json()), (400, json!({"error": "invalid_code"})));
    let stranger = http(&platform, "POST", "/api/account/99/signup", "", "").await;
    assert_eq!((stranger.status, stranger.json()), (400, json!({"error": "unauthorized_client"})));
}

#[tokio::test]
async fn a_browser_brings_its_token_in_the_first_frame() {
    let platform = platform(plain()).await;
    let token = sign_up(&platform).await;
    let frame = |token: &str| {
        let headers = json!([{"type": ".ams.headers.ConsumerAuthentication", "jwt": token}]);
        json!({"kind": "req", "id": "0", "type": "InitConnection", "body": {}, "headers": headers})
            .to_string()
    };
    let mut ada = consumer_socket(&platform, None).await.unwrap();
    assert_eq!(ada.ask("GetClock", json!({})).await["code"], 401, "nothing before that");
    ada.sends_text(&frame(&token)).await;
    let answer = ada.until(|frame| frame["reqId"] == "0").await;
    assert_eq!((&answer["code"], &answer["type"]), (&json!(200), &json!("InitConnectionResponse")));
    opens(&mut ada).await;
    let mut eve = consumer_socket(&platform, None).await.unwrap();
    eve.sends_text(&frame("nonsense")).await;
    assert_eq!(eve.ends().await, 4401);
}

#[tokio::test]
async fn a_consumer_may_do_only_what_is_its_own() {
    let (platform, one, mut ada) = stage().await;
    let id = opens(&mut ada).await;
    let again = json!({"channelType": "MESSAGING"});
    assert_eq!(ada.ask("cm.ConsumerRequestConversation", again.clone()).await["code"], 400, "one at a time");
    let eve = consumer_socket(&platform, Some(&sign_up(&platform).await)).await.unwrap();
    let theirs = json!({"dialogId": id, "conversationId": id});
    let field = json!({"field": "ParticipantsChange", "type": "ADD", "role": "AGENT"});
    let (eve_asks, ada_asks, one_asks) = (0, 1, 2);
    let mut sockets = [eve, ada, one];
    for (who, name, body, code) in [
        (eve_asks, "ms.PublishEvent", content(&id, "hi"), 400),
        (eve_asks, "ms.SubscribeMessagingEvents", theirs.clone(), 400),
        (eve_asks, "ms.QueryMessages", theirs, 400),
        (eve_asks, "routing.SetAgentState", json!({"availability": "ONLINE"}), 401),
        (eve_asks, "cm.ConsumerRequestConversation", json!({}), 400),
        (
            ada_asks,
            "cm.UpdateConversationField",
            json!({"conversationId": id, "conversationField": field}),
            401,
        ),
        (one_asks, "cm.ConsumerRequestConversation", again, 401),
    ] {
        let answer = sockets[who].ask(name, body).await;
        assert_eq!(answer["code"], code, "{name}: {answer}");
    }
    let [mut eve, ..] = sockets;
    eve.ask("cqm.SubscribeExConversations", json!({})).await;
    let shown = eve.until(|frame| frame["type"] == "cqm.ExConversationChangeNotification").await;
    assert_eq!(shown["body"]["changes"], json!([]));
}

#[tokio::test]
async fn typing_and_receipts_reach_the_other_side() {
    let (_platform, mut one, mut ada) = stage().await;
    let id = opens(&mut ada).await;
    one.accepts().await;
    subscribes(&mut ada, &id, 0).await;
    one.says(&id, "hello").await;
    for event in [
        json!({"type": "ChatStateEvent", "chatState": "COMPOSING"}),
        json!({"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [0]}),
    ] {
        let body = json!({"dialogId": id, "conversationId": id, "event": event});
        assert_eq!(ada.ask("ms.PublishEvent", body.clone()).await["code"], 200);
        one.until(|frame| {
            frame["body"]["event"] == event && frame["body"]["originatorMetadata"]["role"] == "CONSUMER"
        })
        .await;
        one.ask(".ams.ms.PublishEvent", body).await;
        ada.until(|frame| {
            let change = &frame["body"]["changes"][0];
            change["event"] == event && change["originatorMetadata"]["role"] == "ASSIGNED_AGENT"
        })
        .await;
    }
}

#[tokio::test]
async fn a_consumers_socket_can_be_dropped() {
    let (platform, _one, mut ada) = stage().await;
    let profile = ada.ask("userprofile.GetUserProfile", json!({})).await;
    platform.drop_socket_of_consumer(profile["body"]["userId"].as_str().unwrap());
    assert_eq!(ada.ends().await, 1006);
}
