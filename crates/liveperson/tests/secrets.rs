//! Nothing that a log could print holds a secret or an address of the platform.

#[cfg(test)]
mod platform;

use liveperson::proto::AccountId;
use liveperson::{Client, ClientSettings, Credentials, Proxy};
use platform::{Http, SHORT, domains, pair, session, settings, shown};
use tokio::net::TcpListener;

/// An answer full of secrets, none of it what any call expects.
const BODY: &str =
    r#"{"bearer":"planted-bearer","csrf":["planted-csrf"],"config":"planted-password","baseURIs":"planted"}"#;

fn password() -> Credentials {
    Credentials::Password { username: "bot".to_owned(), password: "planted-password".into() }
}

fn every_kind() -> [Credentials; 5] {
    let planted = || "planted-secret".into();
    [
        password(),
        Credentials::Key {
            username: "bot".to_owned(),
            app_key: "key".to_owned(),
            secret: planted(),
            access_token: planted(),
            access_token_secret: planted(),
        },
        Credentials::Client {
            username: "bot".to_owned(),
            client_id: "id".to_owned(),
            client_secret: planted(),
        },
        Credentials::Assertion { assertion: planted() },
        Credentials::Token { user: "34".into(), token: planted() },
    ]
}

async fn everything_that_fails(client: &Client, host: &str) -> String {
    let (domains, session, account) = (domains(&host), session(), AccountId::from("12"));
    let mut text = String::new();
    for credentials in every_kind() {
        if let Err(error) = client.login(&domains, &account, &credentials).await {
            text += &shown(&error);
        }
    }
    if let Err(error) = client.refresh(&domains, &session).await {
        text += &shown(&error);
    }
    if let Err(error) = client.open_socket(&domains, &session).await {
        text += &shown(&error);
    }
    assert!(!text.is_empty());
    text
}

fn assert_clean(text: &str) {
    for secret in ["planted-", "ws_api", "/api/", "://", "?v="] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn no_error_of_any_status_holds_a_secret() {
    for status in [200, 302, 400, 401, 403, 429, 451, 500] {
        let headers =
            "Location: https://x.example/planted-bearer\r\nSet-Cookie: Session_id=planted-cookie\r\n";
        let http = Http::with_status(status, headers, BODY).await;
        assert_clean(&everything_that_fails(&http.client(), &http.at.to_string()).await);
    }
}

#[tokio::test]
async fn no_error_of_a_broken_connection_holds_a_secret() {
    let half = Http::answering("HTTP/1.1 200 x\r\nContent-Length: 100\r\n\r\nplanted-bearer").await;
    assert_clean(&everything_that_fails(&half.client(), &half.at.to_string()).await);
    let nonsense = Http::answering("planted-bearer\r\n\r\n").await;
    assert_clean(&everything_that_fails(&nonsense.client(), &nonsense.at.to_string()).await);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let impatient = ClientSettings { request_timeout: SHORT, ..settings(at) };
    assert_clean(&everything_that_fails(&Client::new(impatient).unwrap(), &at.to_string()).await);
    drop(listener);
    assert_clean(&everything_that_fails(&Client::new(settings(at)).unwrap(), &at.to_string()).await);
    // Its own name makes the host unusable, at the moment it is resolved.
    assert_clean(&everything_that_fails(&Client::new(settings(at)).unwrap(), "no-such-host.invalid").await);
}

#[tokio::test]
async fn no_error_of_a_proxy_holds_a_secret() {
    for status in [200, 403, 407, 502] {
        let proxy = Http::with_status(status, "", "planted-bearer").await;
        let url = format!("http://user:planted-password@{}", proxy.at);
        for plain in [true, false] {
            let settings = ClientSettings {
                proxy: Some(Proxy::parse(&url).unwrap()),
                plain,
                request_timeout: SHORT * 10,
                ..settings(proxy.at)
            };
            assert_clean(&everything_that_fails(&Client::new(settings).unwrap(), "lp.invalid:1").await);
        }
        assert!(proxy.requests().iter().all(|request| request.contains("Basic ")), "{:?}", proxy.requests());
    }
}

#[tokio::test]
async fn nothing_held_shows_a_secret() {
    let (socket, _peer) = pair(|_| {}).await;
    let http = Http::with_status(200, "", "").await;
    let settings = ClientSettings {
        proxy: Some(Proxy::parse("http://user:planted-password@proxy:1").unwrap()),
        ..settings(http.at)
    };
    let text = format!(
        "{:?} {:#?} {:?} {:?} {socket:?} {settings:?}",
        session(),
        session(),
        every_kind(),
        http.client()
    )
    // A proxy is shown, without its login.
    .replace("http://***@proxy:1", "");
    assert_clean(&text);
    assert!(text.contains("Session") && text.contains("34") && text.contains("bot"), "{text}");
}
