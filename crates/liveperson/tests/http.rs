//! Domains, login, refresh and logout against scripted answers.

#[cfg(test)]
mod platform;

use liveperson::proto::AccountId;
use liveperson::{
    AnswerFault, Client, ClientSettings, Credentials, DomainError, DomainOverride, LoginError, RefreshError,
    ServiceFault, Session,
};
use platform::{Http, SHORT, domains, session, settings};
use secrecy::ExposeSecret;
use tokio::net::TcpListener;

const LOGIN: &str = r#"{"csrf":"c","bearer":"b","config":{"userId":"34","userPid":"p"},"new":[]}"#;

fn account() -> AccountId {
    AccountId::from("12")
}

fn password() -> Credentials {
    Credentials::Password { username: "bot".to_owned(), password: "planted-password".into() }
}

async fn login(http: &Http) -> Result<Session, LoginError> {
    http.client().login(&http.domains(), &account(), &password()).await
}

async fn refresh(http: &Http) -> Result<(), RefreshError> {
    http.client().refresh(&http.domains(), &session()).await
}

#[tokio::test]
async fn domains_are_asked_for_and_overridden() {
    let body = r#"{"baseURIs":[{"service":"agentVep","baseURI":"a.example"},{"service":"idp","baseURI":"i.example"}]}"#;
    let http = Http::with_status(200, "", body).await;
    let instead = |account: Option<&str>, host: &str| DomainOverride {
        account: account.map(AccountId::from),
        service: "agentVep".to_owned(),
        host: host.to_owned(),
    };
    let overrides = vec![instead(None, "localhost:1"), instead(Some("13"), "localhost:2")];
    let client = Client::new(ClientSettings { domain_overrides: overrides, ..settings(http.at) }).unwrap();
    let domains = client.domains(&account()).await.unwrap();
    assert_eq!((domains.host("agentVep"), domains.host("idp")), (Some("localhost:1"), Some("i.example")));
    let of_another = client.domains(&AccountId::from("13")).await.unwrap();
    assert_eq!(
        of_another.host("agentVep"),
        Some("localhost:2"),
        "an account's own comes before all accounts'"
    );
    let request = &http.requests()[0];
    assert!(
        request.starts_with("GET /api/account/12/service/baseURI.json?version=1.0 HTTP/1.1"),
        "{request}"
    );
    assert!(request.contains("user-agent: muster/"), "{request}");
}

#[tokio::test]
async fn a_domain_with_a_path_is_refused() {
    for host in ["evil.example/path", "user@evil.example", ""] {
        let body = format!(r#"{{"baseURIs":[{{"service":"agentVep","baseURI":"{host}"}}]}}"#);
        let http = Http::with_status(200, "", &body).await;
        let error = http.client().domains(&account()).await.unwrap_err();
        let DomainError::Malformed(why) = error else { panic!("{host}: {error}") };
        assert!(why.to_string().contains("agentVep is not a bare host"), "{host}: {why}");
    }
}

#[tokio::test]
async fn domain_statuses_tell_whose_fault_it_is() {
    for (status, kind) in
        [(400, "refused"), (401, "refused"), (404, "refused"), (429, "asked"), (500, "failed")]
    {
        let http = Http::with_status(status, "", "").await;
        let error = http.client().domains(&account()).await.unwrap_err().to_string();
        assert!(error.contains(kind), "{status}: {error}");
    }
}

#[tokio::test]
async fn an_account_cannot_change_the_path() {
    let http = Http::with_status(200, "", "").await;
    let error = http.client().domains(&AccountId::from("..")).await.unwrap_err();
    assert!(matches!(error, DomainError::BadAccount));
    assert!(http.requests().is_empty());
}

#[tokio::test]
async fn a_login_makes_a_session() {
    let http = Http::with_status(200, "Set-Cookie: Session_id=k; Path=/; Secure\r\n", LOGIN).await;
    let session = login(&http).await.unwrap();
    assert_eq!((session.agent.as_str(), session.user.as_str()), ("12.34", "34"));
    assert!(session.can_refresh());
    assert_eq!(
        session.seal().expose_secret(),
        r#"{"account":"12","user":"34","persistent":"p","username":"bot","bearer":"b","csrf":"c","cookie":"Session_id=k"}"#
    );
    let request = &http.requests()[0];
    assert!(request.starts_with("POST /api/account/12/login?v=1.3 HTTP/1.1"), "{request}");
    assert!(request.ends_with(r#"{"username":"bot","password":"planted-password"}"#), "{request}");
}

#[tokio::test]
async fn each_kind_of_login_has_its_body() {
    let username = || "bot".to_owned();
    for (credentials, body) in [
        (
            Credentials::Key {
                username: username(),
                app_key: "k".to_owned(),
                secret: "s".into(),
                access_token: "t".into(),
                access_token_secret: "ts".into(),
            },
            r#"{"username":"bot","appKey":"k","secret":"s","accessToken":"t","accessTokenSecret":"ts"}"#,
        ),
        (
            Credentials::Client {
                username: username(),
                client_id: "id".to_owned(),
                client_secret: "cs".into(),
            },
            r#"{"username":"bot","appKey":"id","secret":"cs","accessToken":"dummy","accessTokenSecret":"dummy"}"#,
        ),
        (Credentials::Assertion { assertion: "YXNz".into() }, r#"{"jwt":"dummy","assertion":"YXNz"}"#),
    ] {
        let http = Http::with_status(200, "", LOGIN).await;
        http.client().login(&http.domains(), &account(), &credentials).await.unwrap();
        let request = &http.requests()[0];
        assert!(request.starts_with("POST /api/account/12/login?v=1.3 HTTP/1.1"), "{request}");
        assert!(request.ends_with(body), "{request}");
    }
}

#[tokio::test]
async fn login_statuses_tell_what_to_do() {
    for (status, expected) in [
        (400, "Refused { status: 400 }"),
        (401, "Refused { status: 401 }"),
        (403, "Blocked { status: 403 }"),
        (451, "Blocked { status: 451 }"),
        (429, "Service(TooMany { retry_after: Some(7s) })"),
        (404, "Service(Server { status: 404 })"),
        (500, "Service(Server { status: 500 })"),
        (503, "Service(Server { status: 503 })"),
    ] {
        let http = Http::with_status(status, "Retry-After: 7\r\n", "{}").await;
        assert_eq!(format!("{:?}", login(&http).await.unwrap_err()), expected);
    }
}

#[tokio::test]
async fn a_login_without_its_fruit_is_malformed() {
    let too_large = format!(r#"{{"bearer":"{}"}}"#, "b".repeat(2 * 1024 * 1024));
    for (body, fault) in [
        (r#"{"bearer":"","config":{"userId":"1"}}"#, Some(AnswerFault::NoToken)),
        (too_large.as_str(), Some(AnswerFault::TooLarge)),
        (r#"{"bearer":"b","config":{}}"#, None),
        (r#"{"error":{"internalCode":10}}"#, None),
        ("<html>", None),
        ("", None),
    ] {
        let http = Http::with_status(200, "", body).await;
        let Err(LoginError::Malformed(found)) = login(&http).await else { panic!("{body:.40}") };
        assert!(fault.is_none_or(|fault| fault == found), "{body:.40}: {found}");
    }
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    // No length is announced: the bound must count.
    let http = Http::answering(format!("HTTP/1.1 200 x\r\n\r\n{}", "x".repeat(2 * 1024 * 1024))).await;
    assert!(matches!(login(&http).await, Err(LoginError::Malformed(AnswerFault::TooLarge))));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let trap = Http::with_status(200, "", LOGIN).await;
    for status in [301, 302, 307, 308] {
        let http = Http::with_status(status, &format!("Location: http://{}/\r\n", trap.at), "").await;
        let error = login(&http).await.unwrap_err();
        assert!(
            matches!(error, LoginError::Service(ServiceFault::Server { status: found }) if found == status),
            "{error}"
        );
    }
    assert!(trap.requests().is_empty());
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let client = Client::new(ClientSettings { request_timeout: SHORT, ..settings(at) }).unwrap();
    let error = client.login(&domains(&at), &account(), &password()).await.unwrap_err();
    assert!(matches!(error, LoginError::Service(ServiceFault::NoAnswer { .. })), "{error}");
}

#[tokio::test]
async fn a_body_that_stops_half_way_is_given_up() {
    let http = Http::answering("HTTP/1.1 200 x\r\nContent-Length: 100\r\n\r\nhalf").await;
    assert!(matches!(login(&http).await, Err(LoginError::Service(ServiceFault::NoAnswer { .. }))));
}

#[tokio::test]
async fn refresh_and_logout_prove_the_session() {
    let http = Http::with_status(200, "", "").await;
    refresh(&http).await.unwrap();
    http.client().logout(&http.domains(), &session()).await.unwrap();
    for (request, what) in http.requests().iter().zip(["refresh", "logout"]) {
        assert!(request.starts_with(&format!("POST /api/account/12/{what}?v=1.3 ")), "{request}");
        assert!(request.contains("cookie: Session_id=planted-cookie\r\n"), "{request}");
        assert!(request.ends_with(r#"{"csrf":"planted-csrf"}"#), "{request}");
    }
}

#[tokio::test]
async fn refresh_statuses_tell_what_to_do() {
    for (status, expected) in [
        (401, "Unauthorized"),
        (429, "Service(TooMany { retry_after: None })"),
        (400, "Service(Server { status: 400 })"),
        (500, "Service(Server { status: 500 })"),
        (302, "Service(Server { status: 302 })"),
    ] {
        let http = Http::with_status(status, "Location: /\r\n", "").await;
        assert_eq!(format!("{:?}", refresh(&http).await.unwrap_err()), expected);
    }
}

#[tokio::test]
async fn what_cannot_work_is_not_tried() {
    let http = Http::with_status(200, "", "").await;
    let sealed = r#"{"account":"12","user":"34","persistent":null,"bearer":"b","csrf":"","cookie":""}"#;
    let unrefreshable = Session::unseal(sealed).unwrap();
    assert!(!unrefreshable.can_refresh());
    let error = http.client().refresh(&http.domains(), &unrefreshable).await.unwrap_err();
    assert!(matches!(error, RefreshError::NotRefreshable));
    let nowhere = liveperson::Domains::default();
    let error = http.client().refresh(&nowhere, &session()).await.unwrap_err();
    assert!(matches!(error, RefreshError::Service(ServiceFault::NoDomain { service: "agentVep" })));
    let token = Credentials::Token { user: "34".into(), token: "planted-bearer".into() };
    let error = http.client().login(&http.domains(), &account(), &token).await.unwrap_err();
    assert!(matches!(error, LoginError::NoLogin));
    assert!(http.requests().is_empty());
}

#[tokio::test]
async fn plain_http_is_spoken_only_if_asked_for() {
    let http = Http::with_status(200, "", LOGIN).await;
    let settings = ClientSettings { plain: false, connect_timeout: SHORT, ..settings(http.at) };
    let error = Client::new(settings).unwrap().domains(&account()).await.unwrap_err();
    assert!(matches!(error, DomainError::NoAnswer { .. }), "{error}");
}
