//! Logic behind a URL: the examples of every language at work, and a webhook that does everything wrong.

use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use liveperson_sim::SECRET_MARK;
use muster::logic::webhook::Names;
use muster::settings::{Environment, FleetSettings, LogicName, LogicSettings, NamedFile};
use muster_core::bot::Ending;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::inside::{ACCOUNTS, story};
use crate::outside::{Fleet, Running, Store, World};
use crate::wait::until;

const SOON: Duration = Duration::from_secs(30);
const ACCOUNT: &str = "10000001";

/// A signing secret that every log is searched for.
fn signing_secret() -> String {
    format!("whsec_{SECRET_MARK}{}", "A".repeat(32))
}

/// The bots of the world's fleet file get their replies from this webhook.
async fn run_on(world: &World, port: u16, keys: &str) -> Fleet {
    let file = world.dir.path().join("fleet.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace("logic = \"echo\"", "logic = \"mine\"");
    assert!(text.contains("logic = \"mine\""), "{text}");
    let logic = "[logics.mine]\nkind = \"webhook\"\nurl = \"env:HOOK_URL\"\nsecret = \"env:HOOK_SECRET\"";
    std::fs::write(&file, format!("{text}\n{logic}\n{keys}\n")).unwrap();
    let url = format!("http://127.0.0.1:{port}/turn?key={SECRET_MARK}");
    let fleet = world.run(&[], &[("HOOK_URL", &url), ("HOOK_SECRET", &signing_secret())]).await;
    fleet.all_online().await;
    fleet
}

#[derive(Clone, Copy, Debug)]
enum Language {
    Python,
    Node,
    Rust,
}

/// An example as a process, and the port on which it listens.
async fn example(world: &World, language: Language) -> (Running, u16) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/webhook-bot");
    let mut command = match language {
        Language::Python => found("python3", "install Python 3.9 or later"),
        Language::Node => found("node", "install Node 18 or later"),
        Language::Rust => {
            let built =
                Path::new(env!("CARGO_BIN_EXE_muster")).with_file_name("examples").join("webhook-bot");
            assert!(built.exists(), "{} is missing: run `cargo build --examples` first", built.display());
            Command::new(built)
        }
    };
    match language {
        Language::Python => drop(command.arg(folder.join("webhook_bot.py"))),
        Language::Node => drop(command.arg(folder.join("webhook-bot.mjs"))),
        Language::Rust => {}
    }
    command.env("PORT", "0").env("WEBHOOK_SECRET", signing_secret());
    let mut process = world.start(command);
    let port = process.says("listening on port ").await.parse().unwrap();
    (process, port)
}

fn found(program: &str, cure: &str) -> Command {
    let runs = Command::new(program).arg("--version").output().is_ok_and(|said| said.status.success());
    assert!(runs, "{program} does not run, and the example in its language has to: {cure}");
    Command::new(program)
}

async fn hears(world: &World, n: usize) -> Vec<String> {
    world.control.consumer_hears(ACCOUNT, "Ada", n, SOON).await.unwrap().unwrap()
}

async fn an_example_answers(language: Language, store: Store) {
    let world = World::new(store, &["--bots", "1"]).await;
    let (_bot, port) = example(&world, language).await;
    let fleet = run_on(&world, port, "").await;
    world.control.consumer_opens(ACCOUNT, "Ada", "good morning", "-1").await.unwrap();
    assert_eq!(hears(&world, 1).await, ["Message 1: good morning"]);
    world.control.consumer_says(ACCOUNT, "Ada", "und grüß Gott").await.unwrap();
    assert_eq!(hears(&world, 2).await[1], "Message 2: und grüß Gott", "the variable was kept");
    let bot = fleet.bots()[0].clone();
    assert_eq!((&bot["logic"], &bot["last_failure"]), (&json!("mine"), &Value::Null));
    world.judged(SOON).await.unwrap();
    forged_turns_are_refused(port).await;
}

/// Whoever knows the URL alone is not heard, nor whoever repeats what was signed long ago.
async fn forged_turns_are_refused(port: u16) {
    let now = UNIX_EPOCH.elapsed().unwrap().as_secs();
    let turn = json!({"version": 1, "variables": {}, "event": {"type": "opened"}}).to_string();
    let ours = STANDARD.decode(&signing_secret()["whsec_".len()..]).unwrap();
    for (at, signature, status) in [
        (now, signed(&ours, now, &turn), "200"),
        (now, format!("v1,AAAA {}", signed(&ours, now, &turn)), "200"),
        (now, "v1,AAAA".to_owned(), "401"),
        (now, signed(b"another key of 24 bytes.", now, &turn), "401"),
        (now, signed(&ours, now, "{}"), "401"),
        (now - 3_600, signed(&ours, now - 3_600, &turn), "401"),
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let request = format!(
            "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\nwebhook-id: turn\r\nwebhook-timestamp: {at}\r\n\
             webhook-signature: {signature}\r\ncontent-length: {}\r\n\r\n{turn}",
            turn.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), format!("HTTP/1.1 {status}"), "{signature}");
    }
}

fn signed(key: &[u8], at: u64, body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(format!("turn.{at}.{body}"));
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn the_example_in_python_answers_on_sqlite() {
    an_example_answers(Language::Python, Store::Sqlite).await;
}

#[tokio::test]
async fn the_example_in_python_answers_on_postgres() {
    an_example_answers(Language::Python, Store::Postgres).await;
}

#[tokio::test]
async fn the_example_in_node_answers_on_sqlite() {
    an_example_answers(Language::Node, Store::Sqlite).await;
}

#[tokio::test]
async fn the_example_in_node_answers_on_postgres() {
    an_example_answers(Language::Node, Store::Postgres).await;
}

#[tokio::test]
async fn the_example_in_rust_answers_on_sqlite() {
    an_example_answers(Language::Rust, Store::Sqlite).await;
}

#[tokio::test]
async fn the_example_in_rust_answers_on_postgres() {
    an_example_answers(Language::Rust, Store::Postgres).await;
}

/// A webhook that does what the consumer's message names, and echoes anything else.
struct Wicked {
    port: u16,
    /// How many requests it leaves unanswered.
    hanging: Arc<AtomicUsize>,
}

async fn wicked_webhook() -> Wicked {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let hanging = Arc::new(AtomicUsize::new(0));
    let counted = hanging.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(misbehave(stream, counted.clone()));
        }
    });
    Wicked { port, hanging }
}

async fn misbehave(mut stream: TcpStream, hanging: Arc<AtomicUsize>) -> io::Result<()> {
    let text = message(&mut stream).await?;
    let json = "content-type: application/json\r\n";
    let actions = |actions: Value| json!({ "actions": actions }).to_string();
    let (status, headers, body) = match text.as_str() {
        "please hang" => {
            hanging.fetch_add(1, Ordering::SeqCst);
            return stream.read_to_end(&mut Vec::new()).await.map(drop);
        }
        "please fail" => ("500 Oh", json, actions(json!([]))),
        "please be large" => ("200 OK", json, "x".repeat(1 << 20)),
        "please do much" => ("200 OK", json, actions(json!(vec![json!({"type": "close"}); 1_000]))),
        "please redirect" => {
            ("302 Found", "location: http://169.254.169.254/credentials?x=y\r\n", String::new())
        }
        "please dance" => ("200 OK", json, actions(json!([{"type": "dance"}]))),
        "please talk" => ("200 OK", "content-type: text/html\r\n", "<p>Hello</p>".to_owned()),
        "" => ("200 OK", json, actions(json!([]))),
        text => ("200 OK", json, actions(json!([{"type": "say", "text": text}]))),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await?;
    stream.read_to_end(&mut Vec::new()).await.map(drop)
}

/// The text of the message in the turn that comes next; empty for an opening.
async fn message(stream: &mut TcpStream) -> io::Result<String> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some(head) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else { continue };
        // The body is whole when it is JSON.
        let Ok(turn) = serde_json::from_slice::<Value>(&bytes[head + 4..]) else { continue };
        return Ok(turn["event"]["text"].as_str().unwrap_or_default().to_owned());
    }
}

#[tokio::test]
async fn whatever_a_webhook_does_wrong_is_told_to_its_author_and_the_conversation_goes_on() {
    let world = World::new(Store::Sqlite, &["--bots", "1"]).await;
    let port = wicked_webhook().await.port;
    let keys = "timeout = \"700ms\"\non_failure = { tries = 2, text = \"Not now.\" }";
    let fleet = run_on(&world, port, keys).await;
    world.control.consumer_opens(ACCOUNT, "Ada", "hello", "-1").await.unwrap();
    assert_eq!(hears(&world, 1).await, ["hello"]);
    let wrong = [
        ("please hang", "did not answer within 700ms"),
        ("please fail", "answered 500; only 200 counts as an answer"),
        ("please be large", "answered 1,048,576 bytes; 262,144 go"),
        ("please do much", "1000 actions in one turn, at most 32 go"),
        (
            "please redirect",
            "answered 302 and redirects to http://169.254.169.254/credentials, which is not followed: name the final URL",
        ),
        ("please dance", "answered outside of the contract: action 0: unknown type `dance`"),
        ("please talk", "answered text/html; application/json goes"),
    ];
    let mut heard = 1;
    for (message, words) in wrong {
        world.control.consumer_says(ACCOUNT, "Ada", message).await.unwrap();
        world.control.consumer_says(ACCOUNT, "Ada", "and this?").await.unwrap();
        heard += 2;
        assert_eq!(hears(&world, heard).await[heard - 2..], ["Not now.", "and this?"], "{message}");
        fleet.process.says_somewhere(words).await;
        let shown = fleet.bots()[0]["last_failure"].as_str().unwrap().to_owned();
        assert!(shown.contains(words), "{shown}");
    }
    let counted = format!("muster_turns_total{{account=\"{ACCOUNT}\",outcome=\"failed\"}} {}", wrong.len());
    assert!(fleet.get("/metrics").contains(&counted), "{counted}");
    let bot = fleet.bots()[0].clone();
    assert_eq!((&bot["state"], &bot["restarts"]), (&json!("online"), &json!(0)));
}

/// The environment of a fleet file inside a test.
struct OneSecret;

impl Environment for OneSecret {
    fn variable(&self, _: &str) -> Option<String> {
        Some(signing_secret())
    }

    fn file(&self, _: &Path) -> io::Result<NamedFile> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// The logics that a fleet file with this text declares.
fn declared(text: &str) -> Vec<LogicSettings> {
    let text = format!("[logics.mine]\nkind = \"webhook\"\nsecret = \"env:S\"\n{text}");
    FleetSettings::parse(&text, "fleet.toml", Path::new(""), &OneSecret).unwrap().0.logics
}

#[test]
fn a_webhook_that_hangs_holds_up_neither_its_bots_other_conversations_nor_logic_inside_muster() {
    story(1, "mine", async |mut world| {
        let wicked = wicked_webhook().await;
        world.settings.logics =
            declared(&format!("url = \"http://127.0.0.1:{}/\"\ntimeout = \"5m\"", wicked.port));
        world.settings.accounts[1].bots[0].logic = LogicName::known("echo", &[]).unwrap();
        // Requests that hang are not worth waiting for at the end.
        world.settings.timing.drain = Duration::from_millis(500);
        let fleet = world.launch().await;
        // More than a bot's share of the threads of logic inside muster.
        let hangs = 40;
        for n in 0..hangs {
            world.platform.consumer(ACCOUNTS[0], &format!("c{n}")).opens_conversation("please hang").await;
        }
        until("all requests hang", SOON, async || {
            let hanging = wicked.hanging.load(Ordering::SeqCst);
            if hanging >= hangs { Ok(()) } else { Err(hanging.to_string()) }
        })
        .await;
        for account in ACCOUNTS {
            let ada = world.platform.consumer(account, "Ada");
            ada.opens_conversation("still there?").await;
            assert_eq!(ada.hears(1, SOON).await.unwrap(), ["still there?"]);
        }
        world.end(fleet, Ending::Restart).await;
    });
}

#[test]
fn a_name_that_leads_inside_is_refused_and_each_message_is_handed_over_in_words() {
    story(1, "mine", async |mut world| {
        world.names = Names::by(|_| Ok(vec!["10.0.0.1".parse().unwrap(), "fd00:ec2::254".parse().unwrap()]));
        world.settings.logics = declared(
            "url = \"https://bots.example.com/turn\"\n\
             on_failure = { tries = 1, text = \"A colleague takes over.\", transfer_to = \"4711\" }",
        );
        let fleet = world.launch().await;
        let ada = world.platform.consumer(ACCOUNTS[0], "Ada");
        ada.opens_conversation("hello").await;
        assert_eq!(ada.hears(1, SOON).await.unwrap(), ["A colleague takes over."]);
        ada.sees(|view| view.skill == "4711" && view.assigned.is_none(), SOON).await.unwrap();
        let words = until("the failure is shown", SOON, async || {
            world.status(ACCOUNTS[0], "bot-1").last_failure.ok_or_else(|| "none".to_owned())
        });
        assert_eq!(
            words.await,
            "the webhook https://bots.example.com/turn resolves to a private address 10.0.0.1; \
             set allow_private = true in its table if that is meant"
        );
        world.end(fleet, Ending::Restart).await;
    });
}
