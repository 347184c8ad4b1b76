//! Opening a socket: what is asked for, and every way it fails.

#[cfg(test)]
mod platform;

use std::sync::{Arc, Mutex};

use liveperson::{Client, ClientSettings, Domains, OpenError};
use platform::{Http, SHORT, domains, session, settings};
use tokio::net::TcpListener;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

#[expect(clippy::unwrap_used, reason = "a test may fail loudly")]
async fn open(http: &Http) -> OpenError {
    http.client().open_socket(&http.domains(), &session()).await.unwrap_err()
}

#[tokio::test]
async fn the_upgrade_asks_for_the_bots_socket_and_says_no_more_than_needed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(None));
    let noted = asked.clone();
    #[expect(clippy::result_large_err, reason = "the library's signature")]
    let note = move |request: &Request, answer: Response| {
        let mut names: Vec<_> = request.headers().keys().map(|name| name.as_str().to_owned()).collect();
        names.sort();
        *noted.lock().unwrap() = Some((request.uri().to_string(), names.join(" ")));
        Ok(answer)
    };
    let accepted = async { accept_hdr_async(listener.accept().await.unwrap().0, note).await.unwrap() };
    let client = Client::new(settings(at)).unwrap();
    let (domains, session) = (domains(&at), session());
    let (socket, _peer) = tokio::join!(client.open_socket(&domains, &session), accepted);
    socket.unwrap();
    let (path, headers) = asked.lock().unwrap().take().unwrap();
    assert_eq!(path, "/ws_api/account/12/messaging/brand/planted-bearer?v=2.1");
    assert_eq!(headers, "connection host sec-websocket-key sec-websocket-version upgrade");
}

#[tokio::test]
async fn a_refused_upgrade_tells_the_status() {
    for status in [302, 400, 401, 403, 404, 429, 500, 503] {
        let http = Http::with_status(status, "Location: /\r\n", "planted").await;
        let error = open(&http).await;
        assert!(matches!(error, OpenError::Refused { status: found } if found == status), "{error}");
        assert_eq!(http.requests().len(), 1);
    }
}

#[tokio::test]
async fn what_speaks_no_web_socket_is_told_apart_from_silence() {
    let upgraded =
        "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n";
    for (answer, no_web_socket) in
        [(upgraded, true), ("nonsense\r\n\r\n", true), ("", false), ("HTTP/1.1 101", false)]
    {
        let error = open(&Http::answering(answer).await).await;
        assert_eq!(matches!(error, OpenError::NotAWebSocket { .. }), no_web_socket, "{answer:?}: {error}");
        assert_eq!(matches!(error, OpenError::NoAnswer { .. }), !no_web_socket, "{answer:?}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    for plain in [true, false] {
        let settings = ClientSettings { request_timeout: SHORT, plain, ..settings(at) };
        let error = Client::new(settings).unwrap().open_socket(&domains(&at), &session()).await.unwrap_err();
        let OpenError::NoAnswer { source } = error else { panic!("{error}") };
        assert_eq!(source.kind(), std::io::ErrorKind::TimedOut);
    }
}

#[tokio::test]
async fn nobody_at_home_is_no_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    drop(listener);
    let error = Client::new(settings(at)).unwrap().open_socket(&domains(&at), &session()).await.unwrap_err();
    assert!(matches!(error, OpenError::NoAnswer { .. }), "{error}");
}

#[tokio::test]
async fn the_socket_service_is_chosen_by_preference() {
    let there = Http::with_status(401, "", "").await;
    let elsewhere = Http::with_status(500, "", "").await;
    let known = |services: &[(&str, &Http)]| {
        let mut domains = Domains::default();
        for (service, http) in services {
            domains.replace(service, &http.at.to_string());
        }
        domains
    };
    for (preferred, services, found) in [
        (None, vec![("asyncMessagingEnt", &there), ("facadeMsg", &elsewhere)], Some(401)),
        (None, vec![("facadeMsg", &there), ("agentVep", &elsewhere)], Some(401)),
        (Some("facadeMsg"), vec![("asyncMessagingEnt", &elsewhere), ("facadeMsg", &there)], Some(401)),
        (Some("absent"), vec![("asyncMessagingEnt", &there)], Some(401)),
        (None, vec![("agentVep", &there)], None),
    ] {
        let settings = ClientSettings { socket_service: preferred.map(str::to_owned), ..settings(there.at) };
        let opened = Client::new(settings).unwrap().open_socket(&known(&services), &session()).await;
        match opened.unwrap_err() {
            OpenError::Refused { status } => assert_eq!(Some(status), found),
            OpenError::NoDomain { .. } => assert_eq!(None, found),
            error => panic!("{error}"),
        }
    }
}
