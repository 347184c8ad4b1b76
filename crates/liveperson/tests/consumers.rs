//! The consumer's side: identities, what a socket is opened with, and what it hears.

#[cfg(test)]
mod platform;

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use liveperson::proto::consumer::ConsumerRequest;
use liveperson::proto::frame::Notification;
use liveperson::{Client, ConsumerIdentity, Heard, IdentityError, OpenError, Outcome};
use platform::{Http, Peer, domains, settings, shown};
use tokio::net::TcpListener;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

fn token() -> String {
    format!("planted.{}.planted", BASE64_URL_SAFE_NO_PAD.encode(r#"{"sub":"c-1","exp":1700000000}"#))
}

#[expect(clippy::unwrap_used, reason = "a test may fail loudly")]
fn identity() -> ConsumerIdentity {
    ConsumerIdentity::unseal(&"12".into(), token().into()).unwrap()
}

#[tokio::test]
async fn a_signup_makes_an_identity() {
    let http = Http::with_status(200, "", &format!(r#"{{"jwt":"{}"}}"#, token())).await;
    let made = http.client().sign_up(&http.domains(), &"12".into()).await.unwrap();
    assert_eq!((made.consumer.as_str(), made.expires), ("c-1", Some(1_700_000_000)));
    let [request] = &http.requests()[..] else { panic!("{:?}", http.requests()) };
    assert!(request.starts_with("POST /api/account/12/signup HTTP/1.1\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\n"), "{request}");
}

#[tokio::test]
async fn a_connector_takes_an_anonymous_token_and_gives_a_messaging_token() {
    let http = Http::with_status(200, "", &format!(r#"{{"token":"{}"}}"#, token())).await;
    http.client().sign_up_through(&http.domains(), &"12".into(), "4/2").await.unwrap();
    let [first, second] = &http.requests()[..] else { panic!("{:?}", http.requests()) };
    assert!(first.starts_with("POST /api/account/12/anonymous/authorize HTTP/1.1\r\n"), "{first}");
    assert!(second.starts_with("POST /api/account/12/app/4%2F2/authenticate?v=3.0 HTTP/1.1\r\n"), "{second}");
    assert!(second.ends_with(&format!(r#"{{"id_token":"{}"}}"#, token())), "{second}");
}

#[tokio::test]
async fn identity_statuses_tell_what_to_do() {
    for (status, headers, expected) in [
        (400, "", "the identity service refused (400)"),
        (401, "", "the identity service refused (401)"),
        (429, "Retry-After: 7\r\n", "the identity service was asked too often"),
        (503, "", "the identity service failed (503)"),
        (302, "Location: /\r\n", "the identity service failed (302)"),
        (200, "", "the identity service's answer is of no use"),
    ] {
        let http = Http::with_status(status, headers, r#"{"planted":1}"#).await;
        let error = http.client().sign_up(&http.domains(), &"12".into()).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
        let shown = shown(&error);
        assert!(!shown.contains("planted") && !shown.contains("/api/"), "{shown}");
        if let IdentityError::TooMany { retry_after } = error {
            assert_eq!(retry_after.map(|wait| wait.as_secs()), Some(7));
        }
    }
}

#[tokio::test]
async fn a_socket_is_opened_with_the_token_in_a_header_and_never_in_the_path() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(None));
    let noted = asked.clone();
    #[expect(clippy::result_large_err, reason = "the library's signature")]
    let note = move |request: &Request, answer: Response| {
        let header = request.headers()["Authorization"].to_str().unwrap().to_owned();
        *noted.lock().unwrap() = Some((request.uri().to_string(), header));
        Ok(answer)
    };
    let accepted = async { Peer(accept_hdr_async(listener.accept().await.unwrap().0, note).await.unwrap()) };
    let client = Client::new(settings(at)).unwrap();
    let (domains, identity) = (domains(&at), identity());
    let (socket, mut peer) = tokio::join!(client.open_consumer_socket(&domains, &identity), accepted);
    let mut socket = socket.unwrap();
    let (path, header) = asked.lock().unwrap().take().unwrap();
    assert_eq!(path, "/ws_api/account/12/messaging/consumer?v=3");
    assert_eq!(header, format!("jwt {}", token()));
    assert!(!format!("{socket:?} {identity:?}").contains("planted"));

    socket.send(1, &ConsumerRequest::OpenConversation { account: "12".into(), skill: None }).await.unwrap();
    let id = peer.hears("cm.ConsumerRequestConversation").await;
    peer.answers(&id, 200, r#"{"conversationId":"C1"}"#).await;
    let Heard::Answered { ticket: 1, outcome: Outcome::Done(done) } = socket.next().await else { panic!() };
    assert_eq!(done.conversation().unwrap().as_str(), "C1");
    peer.says(
        r#"{"kind":"notification","type":"ms.MessagingEventNotification","body":{"changes":[
            {"sequence":0,"dialogId":"C1","originatorId":"p","event":{"type":"ContentEvent","message":"hi"}}]}}"#,
    )
    .await;
    let heard = socket.next().await;
    let Heard::Notification(Notification::Messages { events, lost: 0 }) = heard else { panic!("{heard:?}") };
    assert_eq!(events.len(), 1);
}

#[tokio::test]
async fn the_time_is_asked_in_the_consumers_words() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let accepted = async {
        let stream = listener.accept().await.unwrap().0;
        Peer(tokio_tungstenite::accept_async(stream).await.unwrap())
    };
    let client = Client::new(settings(at)).unwrap();
    let (domains, identity) = (domains(&at), identity());
    let (socket, mut peer) = tokio::join!(client.open_consumer_socket(&domains, &identity), accepted);
    let mut socket = socket.unwrap();
    let answers = async {
        let id = peer.hears("GetClock").await;
        peer.answers(&id, 200, r#"{"currentTime":1}"#).await;
    };
    let (heard, ()) = tokio::join!(socket.next(), answers);
    assert!(matches!(heard, Heard::ClockOffset { .. }), "{heard:?}");
}

#[tokio::test]
async fn a_refused_token_is_told_by_its_status() {
    let http = Http::with_status(401, "", "planted").await;
    let error = http.client().open_consumer_socket(&http.domains(), &identity()).await.unwrap_err();
    assert!(matches!(error, OpenError::Refused { status: 401 }), "{error}");
    let shown = shown(&error);
    assert!(!shown.contains("planted") && !shown.contains("ws_api"), "{shown}");
}
