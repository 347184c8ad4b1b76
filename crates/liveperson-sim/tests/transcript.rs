//! The golden transcript: the frames that the vendor's SDKs were seen to need, in their order.

mod support;

use liveperson_sim::PlatformSettings;
use serde_json::json;
use support::{ACCOUNT, bot, http, is_change, login, platform, refresh, socket};

#[tokio::test]
async fn the_golden_transcript_plays_over_tls() {
    let platform = platform(PlatformSettings::default()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 3));

    let path = format!("/api/account/{ACCOUNT}/service/baseURI.json?version=1.0");
    let services = http(&platform, "GET", &path, "", "").await.json();
    let names: Vec<_> = services["baseURIs"].as_array().unwrap().iter().map(|one| &one["service"]).collect();
    assert_eq!(names, ["agentVep", "asyncMessagingEnt", "facadeMsg", "idp"]);
    assert_eq!(services["baseURIs"][0]["baseURI"], platform.host());

    let login = login(&platform, "bot1").await;
    let mut bot = socket(&platform, &login).await.unwrap();
    let me = login.agent.clone();

    let body = json!({"availability": "ONLINE", "channels": ["MESSAGING"], "agentUserId": me});
    let answer = bot.ask(".ams.routing.SetAgentState", body).await;
    assert_eq!((&answer["code"], &answer["type"]), (&json!(202), &json!(".ReqBody$StringResp")));

    let body = json!({"agentIds": [me], "convState": ["OPEN"]});
    let answer = bot.ask(".ams.aam.SubscribeExConversations", body).await;
    assert_eq!(answer["body"]["subscriptionId"], "s-1");
    let note = bot.next().await.unwrap();
    assert_eq!(note["type"], ".ams.aam.ExConversationChangeNotification");
    assert_eq!(note["body"]["changes"], json!([]));

    bot.ask(".ams.routing.SubscribeRoutingTasks", json!({"channelType": "MESSAGING"})).await;
    let note = bot.next().await.unwrap();
    assert_eq!(note["body"], json!({"subscriptionId": "s-2", "changes": []}));

    let ada = platform.consumer(ACCOUNT, "Ada");
    let conversation = ada.opens_conversation("hi").await;
    let ring = bot.ring().await;
    assert_eq!(ring.conversation, conversation);
    assert!(ring.id.starts_with(&format!("{conversation}_{ACCOUNT}_")));

    bot.send(".ams.routing.UpdateRingState", json!({"ringId": ring.id, "ringState": "ACCEPTED"})).await;
    let answer = bot.next().await.unwrap();
    assert_eq!((&answer["kind"], &answer["code"]), (&json!("resp"), &json!(202)));
    let task = bot.next().await.unwrap();
    assert_eq!(task["body"]["changes"][0]["result"]["taskCompleted"], true);
    let upsert = bot.next().await.unwrap();
    assert!(is_change(&upsert, "UPSERT"));
    let details = &upsert["body"]["changes"][0]["result"]["conversationDetails"];
    assert_eq!(details["participants"]["ASSIGNED_AGENT"], json!([me]));
    assert_eq!(details["participantsPId"]["ASSIGNED_AGENT"], json!([login.pid]));

    let profile = bot.ask(".ams.userprofile.GetUserProfile", json!(ada.id())).await;
    assert_eq!(profile["body"]["firstName"], "Ada");

    let history = bot.history(&conversation).await;
    assert_eq!((&history[0]["sequence"], &history[0]["event"]["message"]), (&json!(0), &json!("hi")));

    let answer = bot.says(&conversation, "Hi Ada!").await;
    assert_eq!(answer["body"], json!({"sequence": 1}));
    let echo = bot.next().await.unwrap();
    assert_eq!(echo["type"], ".ams.ms.OnlineEventDistribution");
    assert_eq!(echo["body"]["originatorId"], me);
    assert_eq!(echo["body"]["originatorPId"], login.pid);
    bot.next().await.unwrap();

    ada.says("how are you?").await;
    let note = bot.next().await.unwrap();
    assert_eq!(note["body"]["event"]["message"], "how are you?");

    let body = json!({
        "dialogId": conversation,
        "event": {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [2]},
    });
    let answer = bot.ask(".ams.ms.PublishEvent", body).await;
    assert_eq!(answer["body"], json!({"sequence": 3}));

    let close = json!([{"field": "ConversationStateField", "conversationState": "CLOSE"}]);
    let answer = bot.update(&conversation, close).await;
    assert_eq!(answer["body"], "OK Conversation resolved successfully");
    let delete = bot.until(|frame| is_change(frame, "DELETE")).await;
    let details = &delete["body"]["changes"][0]["result"]["conversationDetails"];
    assert_eq!((&details["state"], &details["stage"]), (&json!("CLOSE"), &json!("CLOSE")));
    assert!(details["participantsPId"].is_object() && details["dialogs"].is_array());

    let answer = refresh(&platform, &login).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(ada.heard()[0].text, "Hi Ada!");
}
