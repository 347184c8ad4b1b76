//! A platform small enough to be made by hand: scripted HTTP answers, and the far end of a socket.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    dead_code,
    reason = "each test binary uses its own part"
)]

use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use liveperson::{BrandSocket, Client, ClientSettings, Domains, Heard, Session};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Long enough never to be reached by a test that passes.
pub(crate) const LONG: Duration = Duration::from_mins(1);
/// Short enough to be waited for.
pub(crate) const SHORT: Duration = Duration::from_millis(50);

/// A session with planted secrets.
pub(crate) fn session() -> Session {
    let sealed = r#"{"account":"12","user":"34","persistent":"p","bearer":"planted-bearer","csrf":"planted-csrf","cookie":"Session_id=planted-cookie"}"#;
    Session::unseal(sealed).unwrap()
}

/// Settings of a plain platform in which nothing happens by itself, apart from one clock request.
pub(crate) fn settings(at: SocketAddr) -> ClientSettings {
    ClientSettings {
        csds_domain: at.to_string(),
        plain: true,
        request_timeout: LONG,
        connect_timeout: LONG,
        ping_every: LONG,
        clock_every: LONG,
        answer_within: LONG,
        ..ClientSettings::default()
    }
}

/// All services at one address.
pub(crate) fn domains(at: &impl ToString) -> Domains {
    let at = at.to_string();
    let uri = |service| format!(r#"{{"service":"{service}","account":"12","baseURI":"{at}"}}"#);
    let all = ["agentVep", "asyncMessagingEnt", "idp"].map(uri).join(",");
    Domains::parse(&format!(r#"{{"baseURIs":[{all}]}}"#)).unwrap()
}

/// Everything that an error would show to a log.
pub(crate) fn shown(error: &dyn Error) -> String {
    let mut text = format!("{error:?} {error:#?}");
    let mut link = Some(error);
    while let Some(error) = link {
        text = format!("{text} | {error}");
        link = error.source();
    }
    text
}

/// An HTTP server that gives the same answer to all.
pub(crate) struct Http {
    pub(crate) at: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Http {
    pub(crate) async fn answering(answer: impl Into<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = Self { at: listener.local_addr().unwrap(), requests: Arc::default() };
        let (requests, answer) = (http.requests.clone(), answer.into());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read_request(&mut stream).await;
                requests.lock().unwrap().push(request);
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        http
    }

    pub(crate) async fn with_status(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::answering(format!(
            "HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        ))
        .await
    }

    /// The requests so far, head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(settings(self.at)).unwrap()
    }

    pub(crate) fn domains(&self) -> Domains {
        domains(&self.at)
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut bytes = [0; 4096];
    loop {
        let read = stream.read(&mut bytes).await.unwrap_or(0);
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(read > 0, "a request ended early");
            continue;
        };
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) || read == 0 {
            return text;
        }
    }
}

/// The far end of a socket.
pub(crate) struct Peer(pub(crate) WebSocketStream<TcpStream>);

/// A bot's socket and its far end.
pub(crate) async fn pair(change: impl FnOnce(&mut ClientSettings)) -> (BrandSocket, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let mut settings = settings(at);
    change(&mut settings);
    let client = Client::new(settings).unwrap();
    let accepted = async {
        let (stream, _) = listener.accept().await.unwrap();
        tokio_tungstenite::accept_async(stream).await.unwrap()
    };
    let (domains, session) = (domains(&at), session());
    let (socket, peer) = tokio::join!(client.open_socket(&domains, &session), accepted);
    (socket.unwrap(), Peer(peer))
}

impl Peer {
    pub(crate) async fn says(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// Answers pings and reads on until a request of this type comes; returns its id.
    pub(crate) async fn hears(&mut self, kind: &str) -> String {
        loop {
            let Some(Ok(message)) = self.0.next().await else { panic!("the bot left") };
            let Message::Text(text) = message else { continue };
            let request: serde_json::Value = serde_json::from_str(&text).unwrap();
            if request["type"] == kind {
                return request["id"].as_str().unwrap().to_owned();
            }
        }
    }

    pub(crate) async fn answers(&mut self, id: &str, code: u16, body: &str) {
        self.says(&format!(r#"{{"kind":"resp","reqId":"{id}","code":{code},"body":{body}}}"#)).await;
    }
}

/// A notification of a type nobody knows.
pub(crate) fn news(kind: &str) -> String {
    format!(r#"{{"kind":"notification","type":"{kind}","body":{{"a":1}}}}"#)
}

/// What a socket hears next, clock offsets aside.
pub(crate) async fn heard(socket: &mut BrandSocket) -> Heard {
    loop {
        match socket.next().await {
            Heard::ClockOffset { .. } => {}
            heard => return heard,
        }
    }
}
