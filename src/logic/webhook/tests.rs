//! A webhook's answers, from a server that says whatever it is told to.

use std::io;
use std::sync::Mutex;

use muster_core::turn::{Turn, TurnEvent, Variables};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::settings::{FleetSettings, LogicKind};

const SECRET: &str = "whsec_czNjcmV0czNjcmV0czNjcmV0czNjcmV0";

/// The environment of the fleet file.
struct World(String);

impl crate::settings::Environment for World {
    fn variable(&self, name: &str) -> Option<String> {
        Some(if name == "URL" { self.0.clone() } else { SECRET.to_owned() })
    }

    fn file(&self, _: &std::path::Path) -> io::Result<crate::settings::NamedFile> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// The webhook that a fleet file declares, its URL by reference.
fn declared(url: &str, keys: &str, names: Names) -> Webhook {
    let text = format!("[logics.mine]\nkind = \"webhook\"\nsecret = \"env:S\"\nurl = \"env:URL\"\n{keys}");
    let world = World(url.to_owned());
    let (fleet, _) = FleetSettings::parse(&text, "fleet.toml", "".as_ref(), &world).unwrap();
    let LogicKind::Webhook(settings) = &fleet.logics[0].kind else { panic!("a webhook") };
    let means = Means { clock: Clock::start(), names, patience: Duration::from_secs(20) };
    Webhook::new(settings, &means).unwrap()
}

fn turn() -> Turn {
    Turn {
        id: "0123456789abcdef0123456789abcdef".into(),
        account: "1".into(),
        bot: "b".into(),
        pool: "p".into(),
        conversation: "C".into(),
        dialog: "C".into(),
        consumer: None,
        skill: None,
        variables: Variables::new(),
        former_consumer: None,
        event: TurnEvent::Opened,
    }
}

/// A server that reads one request a connection and answers it with these bytes; it keeps what it heard.
async fn server(answer: Vec<u8>) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hearing = heard.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let request = request(&mut stream).await;
            hearing.lock().unwrap().push(request);
            let _ = stream.write_all(&answer).await;
            let _ = stream.shutdown().await;
            // The rest is let in, so that the answer is not lost to a reset.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    });
    (port, heard)
}

async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
            if body.len() >= length.parse::<usize>().unwrap() {
                return text;
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap() == 0 {
            return text;
        }
    }
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
        .into()
}

const JSON: &str = "content-type: application/json; charset=utf-8\r\n";

#[tokio::test]
async fn a_turn_is_sent_signed_and_its_answer_read() {
    let said = r#"{"actions": [{"type": "say", "text": "hi"}, {"type": "set", "name": "n", "value": 1}]}"#;
    let (port, heard) = server(answer("200 OK", JSON, said)).await;
    let webhook = declared(&format!("http://127.0.0.1:{port}/turn?key=s3cret"), "", Names::default());
    assert_eq!(webhook.ask(&turn()).await.unwrap().len(), 2);
    let request = heard.lock().unwrap()[0].clone();
    assert!(request.starts_with("POST /turn?key=s3cret HTTP/1.1\r\n"), "{request}");
    let (top, body) = request.split_once("\r\n\r\n").unwrap();
    let header = |name: &str| {
        let line = top.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("{name} is missing in {top}"))
    };
    assert_eq!(header("webhook-id"), turn().id.as_str());
    assert_eq!(header("content-type"), "application/json");
    let seconds: i64 = header("webhook-timestamp").parse().unwrap();
    let now = Clock::start().now().wall / 1_000;
    assert!((now - 60..=now).contains(&seconds), "{seconds} at {now}");
    let expected = signature::sign(
        &[SigningSecret::parse(SECRET).unwrap()],
        turn().id.as_str(),
        seconds,
        body.as_bytes(),
    );
    assert_eq!(header("webhook-signature"), expected);
    assert!(body.contains("\"version\":1") && body.contains("\"event\":{\"type\":\"opened\"}"), "{body}");
}

#[tokio::test]
async fn whatever_else_comes_back_is_refused_in_words() {
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let endless = format!("HTTP/1.1 200 OK\r\n{JSON}transfer-encoding: chunked\r\n\r\n{}", chunk.repeat(5));
    let short = format!("HTTP/1.1 200 OK\r\n{JSON}content-length: 100\r\n\r\n{{");
    for (answer, words) in [
        (answer("500 Oh", "", "s3cret"), "answered 500; only 200 counts as an answer"),
        (answer("204 No Content", "", ""), "answered 204; only 200"),
        (
            answer("302 Found", "location: https://u:p@elsewhere.example/x?key=s3cret\r\n", ""),
            "answered 302 and redirects to https://elsewhere.example/x, which is not followed: name the final URL",
        ),
        (answer("307 Go", "", ""), "answered 307 and redirects to elsewhere"),
        (
            answer("200 OK", "content-type: text/html\r\n", "s3cret"),
            "answered text/html; application/json goes",
        ),
        (answer("200 OK", "", "{}"), "answered without a content type; application/json goes"),
        (answer("200 OK", JSON, &"x".repeat(1 << 20)), "answered 1,048,576 bytes; 262,144 go"),
        (endless.into(), "answered over 262,144 bytes; 262,144 go"),
        (short.into(), "broke off its answer"),
        (answer("200 OK", JSON, "s3cret"), "answered what is no JSON from line 1, column 1 on"),
        (
            answer("200 OK", JSON, "{\"action\": 1}"),
            "answered outside of the contract: unknown field `action`",
        ),
        (b"nonsense\r\n\r\n".to_vec(), "cannot be reached: "),
    ] {
        let (port, _) = server(answer).await;
        let webhook = declared(&format!("http://127.0.0.1:{port}/turn?key=s3cret"), "", Names::default());
        let error = webhook.ask(&turn()).await.unwrap_err().to_string();
        let expected = format!("the webhook http://127.0.0.1:{port}/turn {words}");
        assert!(error.starts_with(&expected), "{error}\nshould be {expected}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn a_webhook_that_is_late_or_away_is_told_from_one_that_must_not_be_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/");
    let hurried = declared(&url, "timeout = \"50ms\"", Names::default());
    let late = hurried.ask(&turn()).await.unwrap_err().to_string();
    assert!(late.ends_with("/ did not answer within 50ms"), "{late}");
    drop(listener);
    let away = declared(&url, "", Names::default()).ask(&turn()).await.unwrap_err().to_string();
    assert!(away.contains("/ cannot be reached: Connection refused"), "{away}");

    let inside = Names::by(|_| Ok(vec!["10.0.0.1".parse().unwrap(), "169.254.169.254".parse().unwrap()]));
    let hook = declared("https://bots.example.com/x?key=s3cret", "", inside);
    let refused = hook.ask(&turn()).await.unwrap_err().to_string();
    assert_eq!(
        refused,
        "the webhook https://bots.example.com/x resolves to a private address 10.0.0.1; \
         set allow_private = true in its table if that is meant"
    );
    let unknown = Names::by(|_| Err(io::Error::other("no such name")));
    let hook = declared("https://bots.example.com/", "", unknown);
    let unknown = hook.ask(&turn()).await.unwrap_err().to_string();
    assert!(unknown.ends_with("cannot be reached: no such name"), "{unknown}");
}

#[tokio::test]
async fn no_more_turns_are_asked_for_at_one_time_than_declared() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let webhook = Arc::new(declared(&format!("http://127.0.0.1:{port}/"), "in_flight = 2", Names::default()));
    let calls: Vec<_> = (0..5)
        .map(|_| {
            let webhook = webhook.clone();
            tokio::spawn(async move { webhook.ask(&turn()).await })
        })
        .collect();
    let finish = async |mut stream: TcpStream| {
        stream.write_all(&answer("200 OK", JSON, "{\"actions\": []}")).await.unwrap();
    };
    let next = async || {
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream).await;
        stream
    };
    let mut open = vec![next().await, next().await];
    for _ in 2..5 {
        assert_eq!(webhook.places.available_permits(), 0, "two are on their way, the others wait");
        finish(open.remove(0)).await;
        open.push(next().await);
    }
    for stream in open {
        finish(stream).await;
    }
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), []);
    }
    assert_eq!(webhook.places.available_permits(), 2);
}
