//! Every kind of fault can be met and is counted, and no other is.

use std::time::Duration;

use liveperson_sim::{Aim, Fault, Order, Platform, Revocation, SocketEnd, Swap, Trouble};
use serde_json::json;

use crate::support::{ACCOUNT, Bot, content, http, login_with, refresh, socket};
use crate::{effects, stage};

/// One fault of that name; a kind without one here fails the tests below.
fn example(name: &str) -> Fault {
    let how = Trouble::status(503);
    match name {
        "drop_socket" => Fault::DropSocket { how: SocketEnd::Reset },
        "stall" => Fault::Stall,
        "slow_socket" => Fault::SlowSocket { bytes_per_second: 50_000 },
        "lose_request" => Fault::LoseRequest,
        "refuse" => Fault::Refuse { status: 500 },
        "refuse_after_effect" => Fault::RefuseAfterEffect { status: 500 },
        "lose_answer" => Fault::LoseAnswer,
        "delay_answer" => Fault::DelayAnswer { by: Duration::from_millis(1) },
        "double_answer" => Fault::DoubleAnswer,
        "double_notification" => Fault::DoubleNotification,
        "reorder_notification" => Fault::ReorderNotification { with: Swap::OtherType },
        "delay_notification" => Fault::DelayNotification { by: Duration::from_millis(1) },
        "lose_notification" => Fault::LoseNotification,
        "garbage_frame" => Fault::GarbageFrame,
        "null_list" => Fault::NullList,
        "truncated_frame" => Fault::TruncatedFrame,
        "huge_frame" => Fault::HugeFrame { bytes: 10_000 },
        "binary_frame" => Fault::BinaryFrame,
        "apply_late" => Fault::ApplyLate { after: Duration::from_millis(1) },
        "login_fault" => Fault::LoginFault { how },
        "refresh_fault" => Fault::RefreshFault { how },
        "domain_fault" => Fault::DomainFault { how },
        "wrong_domain" => Fault::WrongDomain { service: "idp".into(), host: "nowhere.example".into() },
        "upgrade_fault" => Fault::UpgradeFault { how },
        "revoke_token" => Fault::RevokeToken { how: Revocation::Silent },
        "steal_session" => Fault::StealSession,
        "set_away" => Fault::SetAway,
        "close_conversation" => Fault::CloseConversation,
        "transfer_conversation" => Fault::TransferConversation { skill: None },
        "human_takes_over" => Fault::HumanTakesOver { answers: false },
        "step_up" => Fault::StepUp,
        _ => panic!("the fault {name} has no example here, so nothing shows that it can be met"),
    }
}

/// All that a client does; what it gets for it is not looked at.
async fn does_everything(platform: &Platform, mut bot: Bot, id: &str) {
    let session = bot.login.clone();
    platform.consumer(ACCOUNT, "Ada").says("one").await;
    bot.tries_to_send(".ams.ms.PublishEvent", content(id, "m-1")).await;
    bot.dies();
    // The drop is seen when nothing travels any more and the conversation has all there is.
    while platform.settled(Duration::ZERO).await.is_err_and(|left| left.in_flight > 0) {
        tokio::task::yield_now().await;
    }
    refresh(platform, &session).await;
    let path = format!("/api/account/{ACCOUNT}/service/baseURI.json?version=1.0");
    http(platform, "GET", &path, "", "").await;
    login_with(platform, "bot1", "secret").await;
    let _ = socket(platform, &session).await;
}

#[tokio::test]
async fn every_fault_can_be_met_and_is_counted_and_no_other_is() {
    for name in Fault::NAMES {
        let (platform, bot, id) = stage().await;
        platform.order(Order::of(example(name)).at(Aim::account(ACCOUNT)));
        does_everything(&platform, bot, &id).await;
        let met = async {
            while effects(&platform, name) == 0 {
                tokio::task::yield_now().await;
            }
        };
        let met = tokio::time::timeout(crate::support::PATIENCE, met).await;
        assert!(met.is_ok(), "{name} was ordered and never met: {:?}", platform.fault_effects());
        let others: Vec<_> = platform.fault_effects().into_keys().filter(|other| other != name).collect();
        assert!(others.is_empty(), "{name} was ordered, and {others:?} happened");
    }
    let (platform, bot, id) = stage().await;
    does_everything(&platform, bot, &id).await;
    assert!(platform.fault_effects().is_empty(), "{:?}", platform.fault_effects());
}

#[test]
fn every_name_is_the_same_in_the_code_and_on_the_wire() {
    for name in Fault::NAMES {
        let fault = example(name);
        assert_eq!(fault.name(), *name);
        let order = Order::of(fault).at(Aim::bot("1", "b").request("ms.PublishEvent")).times(3).chance(0.5);
        let order = order.lasting(Duration::from_millis(1500));
        let wire = serde_json::to_value(&order).unwrap();
        assert_eq!((&wire["fault"], &wire["lasts_ms"]), (&json!(name), &json!(1500)));
        assert_eq!(serde_json::from_value::<Order>(wire).unwrap(), order);
        assert!(order.to_string().starts_with(name), "{order}");
    }
}

#[test]
fn an_order_that_means_nothing_is_refused_with_a_cure() {
    for (order, words) in [
        (Order::of(Fault::Stall).chance(1.5), "between 0 and 1"),
        (Order::of(Fault::LoseAnswer).times(0), "leave it out"),
        (Order::of(Fault::SlowSocket { bytes_per_second: 0 }), "`stall`"),
        (Order::of(Fault::Refuse { status: 200 }), "400 or more"),
    ] {
        let why = order.check().unwrap_err();
        assert!(why.contains(words), "{why}");
    }
}
