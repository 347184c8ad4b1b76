//! Login rules: who gets a token, how long it lives, and what ends it.

mod support;

use std::time::Duration;

use liveperson_sim::{BadToken, Credential, PlatformSettings, Revocation, SecondLogin};
use serde_json::json;
use support::{
    ACCOUNT, Login, PATIENCE, bot, connect, http, login, login_with, online, platform, refresh, socket,
};
use tokio::io::AsyncReadExt;

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let platform = platform(PlatformSettings::default()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 1));
    for (login, password) in [("bot1", "wrong"), ("nobody", "secret")] {
        let answer = login_with(&platform, login, password).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.json()["error"]["responseStatus"], "UNAUTHORIZED");
    }
    let answer =
        http(&platform, "POST", "/api/account/404/login?v=1.3", "", r#"{"username":"x","password":"y"}"#);
    assert_eq!(answer.await.status, 401);
}

#[tokio::test]
async fn a_second_login_takes_the_first_ones_token_but_not_its_socket() {
    let platform = platform(PlatformSettings { tls: false, ..Default::default() }).await;
    platform.add_bot(ACCOUNT, bot("bot1", 1));
    let first = login(&platform, "bot1").await;
    let mut open = socket(&platform, &first).await.unwrap();
    let second = login(&platform, "bot1").await;

    let answer = refresh(&platform, &first).await;
    assert_eq!((answer.status, &answer.json()["error"]["internalCode"]), (401, &10.into()));
    assert_eq!(socket(&platform, &first).await.err(), Some(401));
    assert_eq!(open.ask(".GetClock", serde_json::json!({})).await["code"], 200);
    assert_eq!(refresh(&platform, &second).await.status, 200);
    assert!(socket(&platform, &second).await.is_ok());
    assert_eq!(platform.counters().max_sockets_at_once(), 2);
}

#[tokio::test]
async fn a_second_login_closes_the_first_socket_where_it_is_set_to() {
    let soon = Duration::from_millis(20);
    for (rule, code) in [
        (SecondLogin::AtOnce(4401), 4401),
        (SecondLogin::AtOnce(1006), 1006),
        (SecondLogin::After(soon, 4407), 4407),
    ] {
        let settings = PlatformSettings { tls: false, second_login_closes: rule, ..Default::default() };
        let platform = platform(settings).await;
        platform.add_bot(ACCOUNT, bot("bot1", 1));
        let mut first = online(&platform, "bot1").await;
        login(&platform, "bot1").await;
        assert_eq!(first.ends().await, code, "{rule:?}");
    }
}

#[tokio::test]
async fn a_login_that_is_not_refreshed_expires_and_takes_its_socket_along() {
    let settings =
        PlatformSettings { tls: false, token_life: Duration::from_millis(300), ..Default::default() };
    let platform = platform(settings).await;
    platform.add_bot(ACCOUNT, bot("bot1", 1));
    let mut bot = online(&platform, "bot1").await;
    assert_eq!(refresh(&platform, &bot.login).await.status, 200);
    assert_eq!(bot.ends().await, 4401);
    assert_eq!(refresh(&platform, &bot.login).await.status, 401);
    assert_eq!(socket(&platform, &bot.login).await.err(), Some(401));
}

#[tokio::test]
async fn a_logout_ends_the_session() {
    let platform = platform(PlatformSettings { tls: false, ..Default::default() }).await;
    platform.add_bot(ACCOUNT, bot("bot1", 1));
    let login = login(&platform, "bot1").await;
    let body = format!(r#"{{"csrf":"{}"}}"#, login.csrf);
    let path = format!("/api/account/{ACCOUNT}/logout");
    assert_eq!(http(&platform, "POST", &path, "Session_id=wrong", &body).await.status, 401);
    assert_eq!(http(&platform, "POST", &path, &login.cookie, &body).await.status, 200);
    assert_eq!(refresh(&platform, &login).await.status, 401);
}

#[tokio::test]
async fn a_revoked_token_shows_as_told() {
    for (how, code) in
        [(Revocation::Close4401, Some(4401)), (Revocation::Drop1006, Some(1006)), (Revocation::Silent, None)]
    {
        let platform = platform(PlatformSettings { tls: false, ..Default::default() }).await;
        platform.add_bot(ACCOUNT, bot("bot1", 1));
        let mut bot = online(&platform, "bot1").await;
        platform.revoke_token_of(ACCOUNT, "bot1", how);
        match code {
            Some(code) => assert_eq!(bot.ends().await, code),
            None => assert_eq!(bot.ask("GetClock", serde_json::json!({})).await["type"], "GetClockResponse"),
        }
        assert_eq!(socket(&platform, &bot.login).await.err(), Some(401), "{how:?}");
    }
}

#[tokio::test]
async fn refusals_are_used_up_one_by_one() {
    let platform = platform(PlatformSettings { tls: false, ..Default::default() }).await;
    platform.add_bot(ACCOUNT, bot("bot1", 1));
    platform.refuse_logins(ACCOUNT, 2, 429, Some(7));
    for _ in 0..2 {
        let answer = login_with(&platform, "bot1", "secret").await;
        assert_eq!(answer.status, 429);
        assert!(answer.head.contains("retry-after: 7"));
    }
    let login = login(&platform, "bot1").await;
    platform.refuse_sockets(ACCOUNT, 1, 503);
    assert_eq!(socket(&platform, &login).await.err(), Some(503));
    assert!(socket(&platform, &login).await.is_ok());
}

#[tokio::test]
async fn close_codes_and_drops_reach_the_client() {
    let platform = platform(PlatformSettings::default()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 1));
    let mut bot = online(&platform, "bot1").await;
    platform.close_socket_of(ACCOUNT, "bot1", 1011);
    assert_eq!(bot.ends().await, 1011);
    let mut bot = online(&platform, "bot1").await;
    platform.drop_socket_of(ACCOUNT, "bot1");
    assert_eq!(bot.ends().await, 1006);
}

#[tokio::test]
async fn an_idle_socket_is_dropped() {
    let settings =
        PlatformSettings { tls: false, idle_limit: Duration::from_millis(100), ..Default::default() };
    let platform = platform(settings).await;
    platform.add_bot(ACCOUNT, bot("bot1", 1));
    assert_eq!(online(&platform, "bot1").await.ends().await, 1006);
}

#[tokio::test]
async fn a_bad_token_can_be_turned_away_with_a_close_code_too() {
    let settings = PlatformSettings { tls: false, bad_token: BadToken::Close4401, ..Default::default() };
    let platform = platform(settings).await;
    platform.add_bot(ACCOUNT, bot("bot1", 1));
    let login = login(&platform, "bot1").await;
    platform.revoke_token_of(ACCOUNT, "bot1", Revocation::Silent);
    assert_eq!(socket(&platform, &login).await.unwrap().ends().await, 4401);
}

fn login_of(token: &str) -> Login {
    let nothing = String::new;
    Login { bearer: token.to_owned(), csrf: nothing(), cookie: nothing(), agent: nothing(), pid: nothing() }
}

fn key() -> Credential {
    let [app_key, secret, access_token, access_token_secret] = ["k", "s", "t", "ts"].map(str::to_owned);
    Credential::Key { app_key, secret, access_token, access_token_secret }
}

fn client() -> Credential {
    Credential::Client { client_id: "k".into(), client_secret: "s".into() }
}

fn app(values: [&str; 4]) -> String {
    let [key, secret, token, token_secret] = values;
    format!(
        r#"{{"username":"bot1","appKey":"{key}","secret":"{secret}","accessToken":"{token}","accessTokenSecret":"{token_secret}"}}"#
    )
}

const SAML: &str = r#"{"jwt":"dummy","assertion":"YXNz"}"#;

/// What the user has, what is offered, and the status.
#[tokio::test]
async fn each_kind_of_login_takes_its_own_values_and_nothing_else() {
    let platform = platform(PlatformSettings { tls: false, ..Default::default() }).await;
    platform.add_bot(ACCOUNT, bot("bot1", 1));
    let path = format!("/api/account/{ACCOUNT}/login?v=1.3");
    let password = || Credential::Password { password: "secret".into() };
    let assertion = || Credential::Assertion { assertion: "YXNz".into() };
    let with_password = r#"{"username":"bot1","password":"secret"}"#.to_owned();
    for (credential, offered, status) in [
        (password(), with_password.clone(), 200),
        (password(), app(["k", "secret", "dummy", "dummy"]), 401),
        (password(), SAML.to_owned(), 401),
        (password(), "{}".to_owned(), 400),
        (password(), r#"{"username":"bot1","password":"secret","appKey":"k"}"#.to_owned(), 400),
        (key(), app(["k", "s", "t", "ts"]), 200),
        (key(), app(["x", "s", "t", "ts"]), 401),
        (key(), app(["k", "x", "t", "ts"]), 401),
        (key(), app(["k", "s", "x", "ts"]), 401),
        (key(), app(["k", "s", "t", "x"]), 401),
        (key(), app(["k", "s", "dummy", "dummy"]), 401),
        (key(), r#"{"username":"bot1","appKey":"k","secret":"s"}"#.to_owned(), 400),
        (key(), with_password, 401),
        (client(), app(["k", "s", "dummy", "dummy"]), 200),
        (client(), app(["k", "x", "dummy", "dummy"]), 401),
        (client(), app(["k", "s", "t", "ts"]), 401),
        (assertion(), SAML.to_owned(), 200),
        (assertion(), r#"{"jwt":"dummy","assertion":"b3RoZXI="}"#.to_owned(), 401),
        (assertion(), r#"{"assertion":"YXNz"}"#.to_owned(), 400),
    ] {
        platform.set_credential(ACCOUNT, "bot1", credential.clone());
        let answer = http(&platform, "POST", &path, "", &offered).await;
        assert_eq!(answer.status, status, "{credential:?}: {offered}");
    }
    let counters = platform.counters();
    let identity = counters.identity(ACCOUNT, "bot1").unwrap();
    let kinds: Vec<_> = identity.logins_by_kind.iter().map(|(kind, n)| (kind.as_str(), *n)).collect();
    assert_eq!(kinds, [("assertion", 1), ("client", 1), ("key", 1), ("password", 1)]);
    assert_eq!((identity.logins, identity.logins_refused), (4, 9));
}

#[tokio::test]
async fn a_token_is_issued_without_a_login_and_outlives_its_time() {
    let settings =
        PlatformSettings { tls: false, token_life: Duration::from_millis(1), ..Default::default() };
    let platform = platform(settings).await;
    platform.add_bot(ACCOUNT, bot("bot1", 1));
    let token = platform.issue_token(ACCOUNT, "bot1").unwrap();
    let mut holder = login_of(&token);
    assert!(socket(&platform, &holder).await.is_ok());
    platform.revoke_token_of(ACCOUNT, "bot1", Revocation::Silent);
    assert_eq!(socket(&platform, &holder).await.err(), Some(401));
    holder.bearer = platform.issue_token(ACCOUNT, "bot1").unwrap();
    assert!(socket(&platform, &holder).await.is_ok());
    let counters = platform.counters();
    let identity = counters.identity(ACCOUNT, "bot1").unwrap();
    assert_eq!((identity.logins, identity.tokens_issued), (0, 2));
    assert_eq!(platform.issue_token(ACCOUNT, "nobody"), None);
}

#[tokio::test]
async fn the_domain_service_fails_and_lies_as_told() {
    let platform = platform(PlatformSettings { tls: false, ..Default::default() }).await;
    let all = format!("/api/account/{ACCOUNT}/service/baseURI.json?version=1.0");
    let one = format!("/api/account/{ACCOUNT}/service/agentVep/baseURI.json?version=1.0");
    platform.fail_domains(Some(503));
    for path in [&all, &one] {
        assert_eq!(http(&platform, "GET", path, "", "").await.status, 503);
    }
    platform.fail_domains(None);
    platform.name_domain("agentVep", "https://evil.example/path");
    let answer = http(&platform, "GET", &one, "", "").await.json();
    assert_eq!(answer["baseURI"], "https://evil.example/path");
    let answer = http(&platform, "GET", &all, "", "").await.json();
    assert_eq!(answer["baseURIs"][1]["baseURI"], platform.host());
    assert_eq!(platform.counters().domains_asked[ACCOUNT], 4);
}

#[tokio::test]
async fn logins_are_counted_with_their_peaks_an_account_and_in_all() {
    let platform = platform(PlatformSettings::default()).await;
    let accounts = [(ACCOUNT, 3), ("20000002", 2)];
    for (account, logins) in accounts {
        platform.add_bot(account, bot("bot1", 1));
        for _ in 0..logins {
            let path = format!("/api/account/{account}/login?v=1.3");
            let body = json!({"username": "bot1", "password": "secret"}).to_string();
            assert_eq!(http(&platform, "POST", &path, "", &body).await.status, 200);
        }
    }
    let counters = platform.counters();
    // On a slow machine they may be more than a second apart.
    for (account, logins) in accounts {
        let peak = counters.logins_per_second_peaks[account];
        assert!((1..=logins).contains(&peak) && counters.logins_per_second_peak >= peak, "{peak}");
    }
    let in_all = counters.logins_per_second_peak_in_all;
    assert!((counters.logins_per_second_peak..=5).contains(&in_all), "{in_all}");
    let said = counters.logins();
    assert!(
        said.starts_with("logins              5, 0 refused") && said.ends_with(&format!("{in_all} in all"))
    );
}

#[tokio::test]
async fn nothing_outlives_the_platform() {
    let platform = platform(PlatformSettings::default()).await;
    platform.add_bot(ACCOUNT, bot("bot1", 1));
    let mut bot = online(&platform, "bot1").await;
    let mut idle = connect(&platform).await;
    drop(platform);
    assert_eq!(bot.ends().await, 1006);
    let end = tokio::time::timeout(PATIENCE, idle.read(&mut [0; 1])).await.expect("an end in time");
    assert!(matches!(end, Ok(0) | Err(_)));
}
