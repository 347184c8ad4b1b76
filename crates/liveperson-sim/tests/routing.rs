//! Rings: who gets them, how long they wait, and what happens when nobody takes them.

mod support;

use std::time::Duration;

use liveperson_sim::{Aim, Fault, Order, PlatformSettings};
use serde_json::{Value, json};
use support::{ACCOUNT, PATIENCE, bot, is_change, online, platform, socket};

fn plain() -> PlatformSettings {
    PlatformSettings { tls: false, ring_pause: Duration::from_millis(20), ..Default::default() }
}

fn shows(frame: &Value, ring: &str, state: &str) -> bool {
    let details = &frame["body"]["changes"][0]["result"]["ringsDetails"][0];
    details["ringId"] == ring && details["ringState"] == state
}

#[tokio::test]
async fn a_ring_expires_and_comes_again_under_another_id() {
    let platform = platform(PlatformSettings { ring_life: Duration::from_millis(80), ..plain() }).await;
    platform.add_bot(ACCOUNT, bot("bot1", 1));
    let mut bot = online(&platform, "bot1").await;
    let conversation = platform.consumer(ACCOUNT, "Ada").opens_conversation("hi").await;
    let first = bot.ring().await;
    bot.until(|frame| shows(frame, &first.id, "EXPIRED")).await;
    let second = bot.ring().await;
    assert_eq!(second.conversation, conversation);
    assert_ne!(second.id, first.id);
    assert_eq!(bot.answers_ring(&first, "ACCEPTED").await["code"], 400);
}

#[tokio::test]
async fn a_rejected_ring_goes_to_the_next_agent() {
    let platform = platform(plain()).await;
    for name in ["bot1", "bot2"] {
        platform.add_bot(ACCOUNT, bot(name, 1));
    }
    let mut one = online(&platform, "bot1").await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    let conversation = ada.opens_conversation("hi").await;
    let ring = one.ring().await;
    let mut two = online(&platform, "bot2").await;
    assert_eq!(two.answers_ring(&ring, "ACCEPTED").await["code"], 400, "a ring is for its agent alone");
    assert_eq!(one.answers_ring(&ring, "REJECTED").await["code"], 202);
    assert_eq!(two.accepts().await, conversation);
    assert_eq!(ada.conversation().unwrap().assigned.as_deref(), Some("bot2"));
}

#[tokio::test]
async fn a_ring_of_an_agent_who_vanished_goes_to_the_next_and_its_conversations_stay() {
    let platform = platform(plain()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 5));
    let mut one = online(&platform, "bot1").await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    ada.opens_conversation("hi").await;
    one.accepts().await;
    let bea = platform.consumer(ACCOUNT, "Bea");
    let conversation = bea.opens_conversation("hi").await;
    one.ring().await;
    platform.add_bot(ACCOUNT, bot("bot2", 5));
    let mut two = online(&platform, "bot2").await;
    one.dies();
    assert_eq!(two.accepts().await, conversation);
    assert_eq!(ada.conversation().unwrap().assigned.as_deref(), Some("bot1"));
}

#[tokio::test]
async fn a_waiting_ring_is_in_the_first_notification_of_a_second_socket() {
    let platform = platform(plain()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 1));
    let mut one = online(&platform, "bot1").await;
    platform.consumer(ACCOUNT, "Ada").opens_conversation("hi").await;
    let ring = one.ring().await;
    let mut other = socket(&platform, &one.login).await.unwrap();
    other.ask(".ams.routing.SubscribeRoutingTasks", json!({})).await;
    assert_eq!(other.ring().await.id, ring.id);
}

#[tokio::test]
async fn capacity_holds_conversations_back_until_one_is_closed() {
    let platform = platform(plain()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 2));
    let mut bot = online(&platform, "bot1").await;
    let mut taken = Vec::new();
    for name in ["Ada", "Bea"] {
        platform.consumer(ACCOUNT, name).opens_conversation("hi").await;
        taken.push(bot.accepts().await);
    }
    let third = platform.consumer(ACCOUNT, "Cy").opens_conversation("hi").await;
    let left = platform.settled(PATIENCE).await;
    assert_eq!(left, Ok(()), "nothing rings while the only agent is full");
    bot.update(&taken[0], json!({"field": "Stage", "conversationState": "CLOSE"})).await;
    assert_eq!(bot.accepts().await, third);
}

#[tokio::test]
async fn the_least_loaded_agent_with_the_skill_is_rung() {
    let platform = platform(plain()).await;
    for name in ["bot1", "bot2"] {
        platform.add_bot(ACCOUNT, bot(name, 5));
    }
    let mut other = bot("bot3", 5);
    other.skills = vec!["8".into()];
    platform.add_bot(ACCOUNT, other);
    let mut one = online(&platform, "bot1").await;
    let mut two = online(&platform, "bot2").await;
    let mut three = online(&platform, "bot3").await;
    platform.consumer(ACCOUNT, "Ada").opens_with_skill("hi", "7").await;
    platform.consumer(ACCOUNT, "Bea").opens_with_skill("hi", "7").await;
    let special = platform.consumer(ACCOUNT, "Cy").opens_with_skill("hi", "8").await;
    assert_eq!(three.accepts().await, special);
    assert_ne!(one.accepts().await, two.accepts().await);
}

#[tokio::test]
async fn a_transfer_to_a_skill_is_one_step_and_rings_there() {
    let platform = platform(plain()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 5));
    let mut other = bot("bot2", 5);
    other.skills = vec!["8".into()];
    platform.add_bot(ACCOUNT, other);
    let mut one = online(&platform, "bot1").await;
    let mut two = online(&platform, "bot2").await;
    let ada = platform.consumer(ACCOUNT, "Ada");
    let conversation = ada.opens_with_skill("hi", "7").await;
    one.accepts().await;
    let transfer = json!([
        {"field": "ParticipantsChange", "type": "REMOVE", "role": "ASSIGNED_AGENT", "userId": one.login.pid},
        {"field": "Skill", "type": "UPDATE", "skill": "8"},
    ]);
    let nonsense = json!([transfer[0], {"field": "Skill", "type": "UPDATE"}]);
    assert_eq!(one.update(&conversation, nonsense).await["code"], 400);
    assert_eq!(ada.conversation().unwrap().assigned.as_deref(), Some("bot1"), "all or nothing");

    let answer = one.update(&conversation, transfer.clone()).await;
    assert_eq!((&answer["code"], &answer["body"]), (&json!(200), &json!("OK Agent removed successfully")));
    one.until(|frame| is_change(frame, "DELETE")).await;
    let answer = one.update(&conversation, transfer).await;
    assert_eq!(
        (&answer["code"], &answer["body"]),
        (&json!(400), &json!("Agent does not exist in conversation"))
    );
    assert_eq!(answer["type"], ".ReqBody$StringResp");
    assert_eq!(two.accepts().await, conversation);
    assert_eq!(ada.conversation().unwrap().skill, "8");
}

#[tokio::test]
async fn an_agent_who_goes_away_loses_its_ring() {
    let platform = platform(plain()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 5));
    let mut one = online(&platform, "bot1").await;
    platform.consumer(ACCOUNT, "Ada").opens_conversation("hi").await;
    let ring = one.ring().await;
    one.ask(".ams.routing.SetAgentState", json!({"availability": "AWAY"})).await;
    one.until(|frame| shows(frame, &ring.id, "CANCELLED")).await;
    assert_eq!(one.answers_ring(&ring, "ACCEPTED").await["code"], 400);
    one.ask(".ams.routing.SetAgentState", json!({"availability": "ONLINE"})).await;
    one.accepts().await;
}

#[tokio::test]
async fn an_agent_that_the_platform_sets_away_hears_of_it_and_is_rung_when_it_sets_itself_back() {
    let platform = platform(plain()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 5));
    let mut one = online(&platform, "bot1").await;
    let agent = one.login.agent.clone();
    one.ask(".ams.routing.SubscribeAgentsState", json!({"brandId": ACCOUNT, "agentId": agent})).await;
    let shows_state = |frame: &Value, state: &str| {
        frame["type"] == ".ams.routing.AgentStateNotification"
            && frame["body"]["changes"][0]["result"]["availability"] == state
    };
    one.until(|frame| shows_state(frame, "ONLINE")).await;
    platform.order(Order::of(Fault::SetAway).at(Aim::bot(ACCOUNT, "bot1")));
    one.until(|frame| shows_state(frame, "AWAY")).await;
    platform.order(Order::of(Fault::SetAway).at(Aim::bot(ACCOUNT, "bot1")));
    assert_eq!(platform.fault_effects()["set_away"], 1, "it was away already");
    let states_set = platform.counters().identity(ACCOUNT, "bot1").unwrap().states_set;
    platform.consumer(ACCOUNT, "Ada").opens_conversation("hi").await;
    one.ask(".ams.routing.SetAgentState", json!({"availability": "ONLINE"})).await;
    one.accepts().await;
    assert_eq!(platform.counters().identity(ACCOUNT, "bot1").unwrap().states_set, states_set + 1);
}

#[tokio::test]
async fn a_suggested_agent_is_asked_first_and_shown_as_suggested() {
    let platform = platform(plain()).await;
    for name in ["bot1", "bot2", "bot3"] {
        platform.add_bot(ACCOUNT, bot(name, 5));
    }
    let mut one = online(&platform, "bot1").await;
    let conversation = platform.consumer(ACCOUNT, "Ada").opens_conversation("hi").await;
    one.accepts().await;
    let _two = online(&platform, "bot2").await;
    let mut three = online(&platform, "bot3").await;
    one.ask(".ams.aam.SubscribeExConversations", json!({})).await;
    let transfer = json!([
        {"field": "ParticipantsChange", "type": "SUGGEST", "role": "ASSIGNED_AGENT", "userId": three.login.agent},
        {"field": "ParticipantsChange", "type": "REMOVE", "role": "ASSIGNED_AGENT"},
        {"field": "Skill", "type": "UPDATE", "skill": "7"},
    ]);
    assert_eq!(one.update(&conversation, transfer).await["code"], 200);
    let is_suggested = |frame: &Value| {
        let dialog = &frame["body"]["changes"][0]["result"]["conversationDetails"]["dialogs"][0];
        dialog["participantsDetails"][1]
            == json!({"id": three.login.agent, "role": "ASSIGNED_AGENT", "state": "SUGGESTED"})
    };
    one.until(is_suggested).await;
    assert_eq!(three.accepts().await, conversation);
}
