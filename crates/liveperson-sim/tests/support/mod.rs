//! A tiny brand client: it knows the wire from the protocol notes, and nothing of the simulator's inside.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "each test file uses a part of it"
)]

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use liveperson_sim::{BotUser, Platform, PlatformSettings};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

/// The bound after which a test gives up; nothing should ever take that long.
pub const PATIENCE: Duration = Duration::from_secs(10);
pub const ACCOUNT: &str = "12345678";

pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

pub fn bot(login: &str, capacity: usize) -> BotUser {
    BotUser {
        login: login.into(),
        password: "secret".into(),
        skills: vec!["7".into()],
        capacity,
        user_id: None,
    }
}

pub async fn platform(settings: PlatformSettings) -> Platform {
    let platform = Platform::start(settings).await.unwrap();
    platform.add_account(ACCOUNT);
    platform
}

pub async fn connect(platform: &Platform) -> Box<dyn Wire> {
    let tcp = TcpStream::connect(platform.address()).await.unwrap();
    if platform.ca_pem().is_empty() {
        return Box::new(tcp);
    }
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(platform.ca_pem().as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    Box::new(TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap())
}

/// Status, the cookie if one was set, and the body.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub async fn http(platform: &Platform, method: &str, path: &str, cookie: &str, body: &str) -> Answer {
    let mut wire = connect(platform).await;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nCookie: {cookie}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    wire.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let _ = wire.read_to_end(&mut bytes).await;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

/// One login.
#[derive(Clone, Debug)]
pub struct Login {
    pub bearer: String,
    pub csrf: String,
    pub cookie: String,
    pub agent: String,
    pub pid: String,
}

pub async fn login_with(platform: &Platform, login: &str, password: &str) -> Answer {
    let body = json!({"username": login, "password": password}).to_string();
    http(platform, "POST", &format!("/api/account/{ACCOUNT}/login?v=1.3"), "", &body).await
}

pub async fn login(platform: &Platform, login: &str) -> Login {
    let answer = login_with(platform, login, "secret").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let start = answer.head.find("session_id=").unwrap();
    let cookie = answer.head[start..].split(';').next().unwrap().replace("session_id", "Session_id");
    let body = answer.json();
    Login {
        bearer: body["bearer"].as_str().unwrap().into(),
        csrf: body["csrf"].as_str().unwrap().into(),
        cookie,
        agent: format!("{ACCOUNT}.{}", body["config"]["userId"].as_str().unwrap()),
        pid: body["config"]["userPid"].as_str().unwrap().into(),
    }
}

pub async fn refresh(platform: &Platform, login: &Login) -> Answer {
    let body = json!({"csrf": login.csrf}).to_string();
    http(platform, "POST", &format!("/api/account/{ACCOUNT}/refresh?v=1.3"), &login.cookie, &body).await
}

/// One brand socket.
pub struct Bot {
    pub login: Login,
    stream: WebSocketStream<Box<dyn Wire>>,
    early: VecDeque<Value>,
    next: u64,
}

/// The HTTP status with which an upgrade was refused.
pub async fn socket(platform: &Platform, login: &Login) -> Result<Bot, u16> {
    let url = format!("ws://localhost/ws_api/account/{ACCOUNT}/messaging/brand/{}?v=2.1", login.bearer);
    let wire = connect(platform).await;
    match tokio_tungstenite::client_async(url, wire).await {
        Ok((stream, _)) => Ok(Bot { login: login.clone(), stream, early: VecDeque::new(), next: 0 }),
        Err(Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

/// A consumer's socket with the token in its header, or with none; the error is the status of a refused upgrade.
pub async fn consumer_socket(platform: &Platform, token: Option<&str>) -> Result<Bot, u16> {
    let url = format!("ws://localhost/ws_api/account/{ACCOUNT}/messaging/consumer?v=3");
    let mut request = url.into_client_request().unwrap();
    if let Some(token) = token {
        request.headers_mut().insert("Authorization", format!("jwt {token}").parse().unwrap());
    }
    let login = ["", "", "", "", ""].map(str::to_owned);
    let [bearer, csrf, cookie, agent, pid] = login;
    let login = Login { bearer, csrf, cookie, agent, pid };
    match tokio_tungstenite::client_async(request, connect(platform).await).await {
        Ok((stream, _)) => Ok(Bot { login, stream, early: VecDeque::new(), next: 0 }),
        Err(Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

/// A new consumer's token.
pub async fn sign_up(platform: &Platform) -> String {
    let answer = http(platform, "POST", &format!("/api/account/{ACCOUNT}/signup"), "", "").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["jwt"].as_str().unwrap().to_owned()
}

/// Logs in, opens a socket, sets ONLINE and subscribes to own conversations and rings.
pub async fn online(platform: &Platform, name: &str) -> Bot {
    let login = login(platform, name).await;
    let mut bot = socket(platform, &login).await.unwrap();
    bot.goes_online().await;
    bot
}

impl Bot {
    pub async fn goes_online(&mut self) {
        let agent = self.login.agent.clone();
        self.ask(".ams.routing.SetAgentState", json!({"availability": "ONLINE", "agentUserId": agent})).await;
        let body = json!({"agentIds": [agent], "convState": ["OPEN"]});
        self.ask(".ams.aam.SubscribeExConversations", body).await;
        self.ask(".ams.routing.SubscribeRoutingTasks", json!({"agentId": agent, "brandId": ACCOUNT})).await;
    }

    pub async fn send(&mut self, name: &str, body: Value) -> String {
        self.send_with(name, body, Value::Null).await
    }

    pub async fn send_with(&mut self, name: &str, body: Value, metadata: Value) -> String {
        self.next += 1;
        let id = self.next.to_string();
        let frame = json!({"kind": "req", "id": id, "type": name, "body": body, "headers": null, "metadata": metadata});
        self.stream.send(Message::text(frame.to_string())).await.unwrap();
        id
    }

    /// Sends a request into a socket that may be gone by now.
    pub async fn tries_to_send(&mut self, name: &str, body: Value) {
        let frame = json!({"kind": "req", "id": "tried", "type": name, "body": body});
        let _ = self.stream.send(Message::text(frame.to_string())).await;
    }

    pub async fn sends_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    pub async fn ask(&mut self, name: &str, body: Value) -> Value {
        self.ask_with(name, body, Value::Null).await
    }

    pub async fn ask_with(&mut self, name: &str, body: Value, metadata: Value) -> Value {
        let id = self.send_with(name, body, metadata).await;
        self.until(|frame| frame["kind"] == "resp" && frame["reqId"] == id).await
    }

    /// The next frame of any kind, or the close code (1006 when there was none).
    pub async fn next(&mut self) -> Result<Value, u16> {
        if let Some(frame) = self.early.pop_front() {
            return Ok(frame);
        }
        timeout(PATIENCE, self.read()).await.expect("a frame in time")
    }

    async fn read(&mut self) -> Result<Value, u16> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(1005, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    /// The next message as it is on the wire; frames set aside by [`Self::until`] are not among them.
    pub async fn message(&mut self) -> Result<Message, Error> {
        timeout(PATIENCE, self.stream.next())
            .await
            .expect("a message in time")
            .unwrap_or(Err(Error::ConnectionClosed))
    }

    /// Whether there is nothing to read at this moment.
    pub fn hears_nothing(&mut self) -> bool {
        self.stream.next().now_or_never().is_none()
    }

    /// Takes the first frame that fits out of the stream; the others stay for later, in their order.
    pub async fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.early.iter().position(&fits) {
            return self.early.remove(at).unwrap();
        }
        loop {
            let frame = match timeout(PATIENCE, self.read()).await {
                Ok(Ok(frame)) => frame,
                other => panic!("{other:?} while {:?} came before", self.early),
            };
            if fits(&frame) {
                return frame;
            }
            self.early.push_back(frame);
        }
    }

    /// Sends a ping and waits for its pong; frames in between are lost.
    pub async fn pings(&mut self) {
        self.stream.send(Message::Ping("are you there".into())).await.unwrap();
        let pong = async { while !matches!(self.stream.next().await.unwrap().unwrap(), Message::Pong(_)) {} };
        timeout(PATIENCE, pong).await.expect("a pong in time");
    }

    /// Reads until the socket ends; returns the close code.
    pub async fn ends(&mut self) -> u16 {
        loop {
            if let Err(code) = timeout(PATIENCE, self.read()).await.expect("an end in time") {
                return code;
            }
        }
    }

    pub async fn ring(&mut self) -> Ring {
        let frame = self
            .until(|frame| {
                frame["type"] == ".ams.routing.RoutingTaskNotification"
                    && frame["body"]["changes"][0]["result"]["ringsDetails"][0]["ringState"] == "WAITING"
            })
            .await;
        let task = &frame["body"]["changes"][0]["result"];
        Ring {
            id: task["ringsDetails"][0]["ringId"].as_str().unwrap().into(),
            conversation: task["conversationId"].as_str().unwrap().into(),
        }
    }

    pub async fn answers_ring(&mut self, ring: &Ring, state: &str) -> Value {
        self.ask(".ams.routing.UpdateRingState", json!({"ringId": ring.id, "ringState": state})).await
    }

    /// Accepts the next ring; returns the conversation.
    pub async fn accepts(&mut self) -> String {
        let ring = self.ring().await;
        let answer = self.answers_ring(&ring, "ACCEPTED").await;
        assert_eq!(answer["code"], 202, "{answer}");
        ring.conversation
    }

    pub async fn says(&mut self, conversation: &str, text: &str) -> Value {
        self.ask(".ams.ms.PublishEvent", content(conversation, text)).await
    }

    pub async fn history(&mut self, conversation: &str) -> Vec<Value> {
        let body = json!({"dialogId": conversation, "newerThanSequence": -1});
        let answer = self.ask(".ams.ms.QueryMessages", body).await;
        answer["body"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
    }

    pub async fn update(&mut self, conversation: &str, fields: Value) -> Value {
        let body = json!({"conversationId": conversation, "conversationField": fields});
        self.ask(".ams.cm.UpdateConversationField", body).await
    }

    /// Accepts every ring and answers every consumer message that nobody answered with its own text, once.
    pub async fn echoes(mut self) {
        let mut answered = HashMap::new();
        while let Ok(frame) = self.next_ever().await {
            let task = &frame["body"]["changes"][0]["result"];
            if task["ringsDetails"][0]["ringState"] == "WAITING" {
                let ring = json!({"ringId": task["ringsDetails"][0]["ringId"], "ringState": "ACCEPTED"});
                self.ask(".ams.routing.UpdateRingState", ring).await;
                let history = self.history(task["conversationId"].as_str().unwrap()).await;
                for event in &history {
                    let is_content = event["event"]["type"] == "ContentEvent";
                    if is_content && event["originatorMetadata"]["role"] != "CONSUMER" {
                        answered.insert(event["dialogId"].to_string(), event["sequence"].as_i64());
                    }
                }
                for event in &history {
                    self.echo(event, &mut answered).await;
                }
            }
            self.echo(&frame["body"], &mut answered).await;
        }
    }

    async fn next_ever(&mut self) -> Result<Value, u16> {
        match self.early.pop_front() {
            Some(frame) => Ok(frame),
            None => self.read().await,
        }
    }

    async fn echo(&mut self, event: &Value, answered: &mut HashMap<String, Option<i64>>) {
        if event["originatorMetadata"]["role"] == "CONSUMER" && event["event"]["type"] == "ContentEvent" {
            let before = answered.entry(event["dialogId"].to_string()).or_default();
            if event["sequence"].as_i64() <= *before {
                return;
            }
            *before = event["sequence"].as_i64();
            let (id, text) =
                (event["dialogId"].as_str().unwrap(), event["event"]["message"].as_str().unwrap());
            self.send(".ams.ms.PublishEvent", content(id, text)).await;
        }
    }

    /// Pulls the plug: TCP ends without a close frame.
    pub fn dies(self) {
        drop(self.stream);
    }
}

pub struct Ring {
    pub id: String,
    pub conversation: String,
}

pub fn content(conversation: &str, text: &str) -> Value {
    json!({
        "dialogId": conversation, "conversationId": conversation, "messageAudience": "ALL",
        "event": {"type": "ContentEvent", "contentType": "text/plain", "message": text},
    })
}

/// Whether a frame is about that change of a conversation.
pub fn is_change(frame: &Value, kind: &str) -> bool {
    frame["type"] == ".ams.aam.ExConversationChangeNotification"
        && frame["body"]["changes"][0]["type"] == kind
}
