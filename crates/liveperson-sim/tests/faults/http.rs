//! Logins, refreshes, upgrades and the domain API that go wrong.

use std::time::Duration;

use liveperson_sim::{Aim, Fault, Order, Platform, Revocation, SocketEnd, Trouble};
use tokio::time::timeout;

use crate::support::{ACCOUNT, Answer, Login, bot, http, login, login_with, platform, refresh, socket};
use crate::{effects, plain, stage};

async fn asks_domains(platform: &Platform) -> Answer {
    let path = format!("/api/account/{ACCOUNT}/service/baseURI.json?version=1.0");
    http(platform, "GET", &path, "", "").await
}

/// Whoever wants an answer and gets silence waits; a moment of that is enough to see.
async fn is_silent(answer: impl Future<Output = Answer>) -> bool {
    timeout(Duration::from_millis(100), answer).await.is_err()
}

fn statuses() -> [Trouble; 5] {
    [401, 403, 429, 451, 503].map(|status| {
        let retry_after = (status == 429).then_some(7);
        Trouble::Status { status, retry_after }
    })
}

#[tokio::test]
async fn logins_and_refreshes_are_refused_left_unanswered_or_answered_with_rubbish() {
    let platform = platform(plain()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 1));
    platform.add_bot(ACCOUNT, bot("bot2", 1));
    let session: Login = login(&platform, "bot1").await;
    let aim = Aim::bot(ACCOUNT, "bot1");
    for how in statuses() {
        let Trouble::Status { status, retry_after } = how else { continue };
        platform.order(Order::of(Fault::LoginFault { how }).at(aim.clone()).times(1));
        platform.order(Order::of(Fault::RefreshFault { how }).at(aim.clone()).times(1));
        assert_eq!(login_with(&platform, "bot2", "secret").await.status, 200, "it is aimed at the other");
        for answer in [login_with(&platform, "bot1", "secret").await, refresh(&platform, &session).await] {
            assert_eq!(answer.status, status);
            assert_eq!(answer.head.contains("retry-after: 7"), retry_after.is_some());
        }
        assert_eq!(refresh(&platform, &session).await.status, 200, "the session lives on");
    }
    platform.order(Order::of(Fault::LoginFault { how: Trouble::Rubbish }).times(1));
    platform.order(Order::of(Fault::RefreshFault { how: Trouble::Rubbish }).times(1));
    for answer in [login_with(&platform, "bot1", "secret").await, refresh(&platform, &session).await] {
        assert_eq!((answer.status, answer.body.starts_with("<html>")), (200, true));
    }
    platform.order(Order::of(Fault::LoginFault { how: Trouble::Silence }).times(1));
    platform.order(Order::of(Fault::RefreshFault { how: Trouble::Silence }).times(1));
    assert!(is_silent(login_with(&platform, "bot1", "secret")).await);
    assert!(is_silent(refresh(&platform, &session)).await);
    assert_eq!((effects(&platform, "login_fault"), effects(&platform, "refresh_fault")), (7, 7));
}

#[tokio::test]
async fn the_domain_service_is_down_silent_full_of_rubbish_or_wrong() {
    let platform = platform(plain()).await;
    for (how, status) in [(Trouble::status(503), 503), (Trouble::Rubbish, 200)] {
        platform.order(Order::of(Fault::DomainFault { how }).at(Aim::account(ACCOUNT)).times(1));
        let answer = asks_domains(&platform).await;
        assert_eq!(answer.status, status);
        assert!(!answer.body.contains("baseURI"));
    }
    platform.order(Order::of(Fault::DomainFault { how: Trouble::Silence }).times(1));
    assert!(is_silent(asks_domains(&platform)).await);
    let (service, host) = ("idp".to_owned(), "nowhere.example".to_owned());
    platform.order(Order::of(Fault::WrongDomain { service, host }).times(1));
    assert!(asks_domains(&platform).await.body.contains("nowhere.example"));
    assert!(!asks_domains(&platform).await.body.contains("nowhere.example"));
    assert_eq!((effects(&platform, "domain_fault"), effects(&platform, "wrong_domain")), (3, 1));
}

#[tokio::test]
async fn a_socket_is_not_opened_as_told() {
    let platform = platform(plain()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 1));
    let session = login(&platform, "bot1").await;
    for status in [401, 500, 503] {
        let how = Trouble::status(status);
        platform.order(Order::of(Fault::UpgradeFault { how }).at(Aim::bot(ACCOUNT, "bot1")).times(1));
        assert_eq!(socket(&platform, &session).await.err(), Some(status));
    }
    assert!(socket(&platform, &session).await.is_ok());
    platform.order(Order::of(Fault::UpgradeFault { how: Trouble::Silence }).times(1));
    assert!(timeout(Duration::from_millis(100), socket(&platform, &session)).await.is_err());
    assert_eq!(effects(&platform, "upgrade_fault"), 4);
}

#[tokio::test]
async fn a_token_is_revoked_or_stolen_once_and_nobody_elses() {
    for fault in [Fault::RevokeToken { how: Revocation::Silent }, Fault::StealSession] {
        let (platform, mut bot, _) = stage().await;
        platform.order(Order::of(fault.clone()).at(Aim::bot(ACCOUNT, "nobody")));
        assert_eq!(effects(&platform, fault.name()), 0);
        platform.order(Order::of(fault.clone()).at(Aim::bot(ACCOUNT, "bot1")));
        assert_eq!(refresh(&platform, &bot.login).await.status, 401);
        assert_eq!(crate::clock(&mut bot).await["code"], 200, "the socket lives on");
        platform.order(Order::of(Fault::DropSocket { how: SocketEnd::Close(4401) }));
        assert_eq!(bot.ends().await, 4401);
        assert_eq!(effects(&platform, fault.name()), 1);
    }
}
