//! The same handle from another process.

mod support;

use std::time::Duration;

use liveperson_sim::control::{Control, serve};
use liveperson_sim::{
    Aim, ConsumerScript, Credential, Fault, HumanScript, Order, PlatformSettings, Revocation,
};
use serde_json::json;
use support::{ACCOUNT, PATIENCE, bot, login_with, online, platform};

#[tokio::test]
async fn faults_consumers_and_observation_work_over_http() {
    let platform = platform(PlatformSettings::default()).await;
    let control = Control::new(serve(platform.clone(), "127.0.0.1:0".parse().unwrap()).await.unwrap());
    let place = control.place().await.unwrap();
    assert_eq!((place.host, place.ca_pem.as_str()), (platform.host(), platform.ca_pem()));

    control.add_account("2").await.unwrap();
    control.add_bot(ACCOUNT, &bot("bot1", 1)).await.unwrap();
    let mut one = online(&platform, "bot1").await;
    let id = control.consumer_opens(ACCOUNT, "Ada", "hi m-1", "-1").await.unwrap();
    assert_eq!(one.accepts().await, id);
    let left = control.settled(Duration::ZERO).await.unwrap().unwrap_err();
    assert_eq!(left.owed, 1);
    one.says(&id, "m-1").await;
    assert_eq!(control.consumer_says(ACCOUNT, "Ada", "thanks").await.unwrap(), 2);
    assert_eq!(control.consumer_hears(ACCOUNT, "Ada", 1, PATIENCE).await.unwrap().unwrap(), ["m-1"]);
    assert!(control.consumer_hears(ACCOUNT, "Ada", 2, Duration::ZERO).await.unwrap().is_err());
    let (heard, view) = control.consumer_heard(ACCOUNT, "Ada").await.unwrap();
    assert_eq!((heard.len(), view.unwrap().assigned.as_deref()), (1, Some("bot1")));
    control.consumer_closes(ACCOUNT, "Ada").await.unwrap();

    control.revoke_token_of(ACCOUNT, "bot1", Revocation::Close4401).await.unwrap();
    assert_eq!(one.ends().await, 4401);
    let mut one = online(&platform, "bot1").await;
    control.close_socket_of(ACCOUNT, "bot1", 1011).await.unwrap();
    assert_eq!(one.ends().await, 1011);
    control.refuse_logins(ACCOUNT, 1, 503, None).await.unwrap();
    assert_eq!(login_with(&platform, "bot1", "secret").await.status, 503);
    let credential = Credential::Assertion { assertion: "YXNz".into() };
    control.set_credential(ACCOUNT, "bot1", &credential).await.unwrap();
    assert_eq!(login_with(&platform, "bot1", "secret").await.status, 401);
    assert!(!control.issue_token(ACCOUNT, "bot1").await.unwrap().is_empty());
    assert!(control.issue_token(ACCOUNT, "nobody").await.is_err());
    for outcome in [
        control.fail_domains(Some(503)).await,
        control.fail_domains(None).await,
        control.name_domain("idp", "localhost:1").await,
        control.drop_socket_of(ACCOUNT, "bot1").await,
        control.drop_all_sockets().await,
        control.apply_late(Some(PATIENCE)).await,
        control.apply_late(None).await,
        control.duplicate_events(false).await,
        control.refuse_sockets(ACCOUNT, 0, 503).await,
        control.hold_answers_of(ACCOUNT, "bot1", false).await,
        control.stall_socket_of(ACCOUNT, "bot1", false).await,
        control.consumers("2", &ConsumerScript::default()).await,
        control.stop_consumers().await,
        control.humans("2", &HumanScript::default()).await,
        control.stop_humans().await,
        control.let_watch_all(ACCOUNT, "bot1", false).await,
    ] {
        outcome.unwrap();
    }
    let counters = control.counters().await.unwrap();
    assert_eq!(counters, platform.counters());
    assert_eq!(counters.identity(ACCOUNT, "bot1").unwrap().logins, 2);
    let latencies = control.latencies().await.unwrap();
    assert_eq!((latencies.count(), &latencies), (1, &platform.latencies()));
    let ledger = control.ledger().await.unwrap();
    assert!(ledger.is_clean() && ledger.once == 1, "{ledger}");
}

#[tokio::test]
async fn orders_are_placed_counted_and_withdrawn_over_http() {
    let platform = platform(PlatformSettings { tls: false, ..Default::default() }).await;
    let control = Control::new(serve(platform.clone(), "127.0.0.1:0".parse().unwrap()).await.unwrap());
    platform.add_bot(ACCOUNT, bot("bot1", 1));
    let mut one = online(&platform, "bot1").await;
    let refuse = Order::of(Fault::Refuse { status: 503 }).at(Aim::default().request("GetClock"));
    let id = control.order(&refuse).await.unwrap();
    assert_eq!(one.ask("GetClock", json!({})).await["code"], 503);
    control.withdraw(id).await.unwrap();
    assert_eq!(one.ask("GetClock", json!({})).await["code"], 200);
    control.order(&refuse).await.unwrap();
    control.withdraw_all().await.unwrap();
    assert_eq!(one.ask("GetClock", json!({})).await["code"], 200);
    assert_eq!(control.fault_effects().await.unwrap(), platform.fault_effects());
    assert_eq!(control.fault_effects().await.unwrap()["refuse"], 1);
    let refused = control.order(&refuse.chance(7.0)).await.unwrap_err().to_string();
    assert!(refused.contains("400") && refused.contains("between 0 and 1"), "{refused}");

    control.consumer_opens(ACCOUNT, "Ada", "hi", "-1").await.unwrap();
    let new = control.consumer_steps_up(ACCOUNT, "Ada").await.unwrap().unwrap();
    assert_eq!(platform.consumer(ACCOUNT, "Ada").id(), new);
}

#[tokio::test]
async fn a_human_is_driven_over_http() {
    let platform = platform(PlatformSettings { tls: false, ..Default::default() }).await;
    let control = Control::new(serve(platform.clone(), "127.0.0.1:0".parse().unwrap()).await.unwrap());
    let id = control.consumer_opens(ACCOUNT, "Ada", "hi m-1", "-1").await.unwrap();
    control.human_takes_over(ACCOUNT, "Eve", &id).await.unwrap();
    assert_eq!(control.human_answers(ACCOUNT, "Eve", &id, "m-1").await.unwrap(), 1);
    assert_eq!(control.consumer_says(ACCOUNT, "Ada", "m-2").await.unwrap(), 2);
    assert_eq!(control.human_answers_what_is_owed(ACCOUNT, "Eve", &id).await.unwrap(), 1);
    assert_eq!(control.human_whispers(ACCOUNT, "Eve", &id, "psst").await.unwrap(), 4);
    control.human_gives_back(ACCOUNT, "Eve", &id, "7").await.unwrap();
    control.human_joins(ACCOUNT, "Eve", &id, "AGENT").await.unwrap();
    let (heard, view) = control.consumer_heard(ACCOUNT, "Ada").await.unwrap();
    let view = view.unwrap();
    assert_eq!((view.skill.as_str(), view.assigned), ("7", None));
    assert_eq!(view.members, [("Eve".to_owned(), "AGENT".to_owned())]);
    assert!(heard.len() == 2 && heard.iter().all(|one| one.originator == "Eve"), "{heard:?}");
    control.human_closes(ACCOUNT, "Eve", &id).await.unwrap();
    let refused = control.human_leaves(ACCOUNT, "Eve", &id).await.unwrap_err().to_string();
    assert!(refused.contains("Conversation is closed"), "{refused}");
    assert_eq!(control.ledger().await.unwrap().once, 2);
}
