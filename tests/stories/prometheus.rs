//! What a Prometheus of the real kind makes of a running demo, of the dashboards, and of our own set-up.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::outside::{Running, SOON};
use crate::wait::until;

const CURE: &str = "put `prometheus` and `promtool` on the PATH (Debian: apt-get install prometheus)";

#[tokio::test]
async fn prometheus_scrapes_a_running_demo_and_has_nothing_to_say() {
    let dir = tempfile::tempdir().unwrap();
    let (_demo, muster) = demo(&dir).await;
    let (_prometheus, prometheus) = prometheus(&dir, muster).await;
    until("all bots of the demo are online, says Prometheus", SOON, async || {
        match value(prometheus, "sum(muster_bots{job=\"muster\",state=\"online\"})") {
            Some(online) if online == "12" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    until("turns are counted, says Prometheus", SOON, async || {
        let committed = value(prometheus, "sum(muster_turns_total{outcome=\"committed\"})");
        if committed.as_deref().is_some_and(|n| n != "0") { Ok(()) } else { Err(format!("{committed:?}")) }
    })
    .await;
    assert_eq!(value(prometheus, "up{job=\"muster\"}").as_deref(), Some("1"));
    for expression in expressions() {
        let answer = ask(prometheus, &expression);
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
    }
    let text = get(muster, "/metrics");
    let checked = promtool(&["check", "metrics"], &text);
    let said =
        String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success() && said.trim().is_empty(), "promtool says:\n{said}");
}

#[test]
fn promtool_finds_fault_where_there_is_one() {
    let nameless = "# TYPE muster_turns counter\nmuster_turns 1\n";
    assert!(!promtool(&["check", "metrics"], nameless).status.success());
}

#[test]
fn each_alert_fires_when_it_should_and_not_before() {
    let folder = root().join("dashboards/alerts");
    for (what, file) in [("check", "fleet.yml"), ("test", "fleet.test.yml")] {
        let checked = promtool(&[what, "rules", &folder.join(file).to_string_lossy()], "");
        let said = String::from_utf8_lossy(&checked.stdout).into_owned();
        assert!(checked.status.success(), "{said}{}", String::from_utf8_lossy(&checked.stderr));
    }
}

#[test]
fn the_scrape_configuration_of_the_compose_file_is_valid() {
    let file = root().join("deploy/prometheus.yml");
    let checked = promtool(&["check", "config", &file.to_string_lossy()], "");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

/// A demo without faults; its address.
async fn demo(dir: &TempDir) -> (Running, SocketAddr) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.args(["demo", "--for", "10m", "--calm", "--consumers", "12", "--listen", "127.0.0.1:0"]);
    let mut demo = Running::start(command, dir.path().join("demo.log"));
    let rest = demo.says("listening  http://").await;
    let address = rest.split('/').next().unwrap().parse().unwrap();
    (demo, address)
}

/// A Prometheus that scrapes `muster`, and answers; its address.
async fn prometheus(dir: &TempDir, muster: SocketAddr) -> (Running, SocketAddr) {
    let config = dir.path().join("prometheus.yml");
    let scrape = fs::read_to_string(root().join("deploy/prometheus.yml")).unwrap();
    assert!(scrape.contains("localhost:9300") && scrape.contains("scrape_interval: 5s"), "{scrape}");
    let scrape =
        scrape.replace("localhost:9300", &muster.to_string()).replace("interval: 5s", "interval: 1s");
    fs::write(&config, scrape).unwrap();
    // It takes no port 0, so another process may take the port that was free a moment ago.
    loop {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(tool("prometheus"));
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.tsdb.path={}", dir.path().join("tsdb").display()));
        command.arg(format!("--web.listen-address={address}"));
        let server = Running::start(command, dir.path().join("prometheus.log"));
        let taken = until("Prometheus is ready, or its port is taken", SOON, async || {
            let log = server.log();
            let taken = log.contains("address already in use");
            if taken || log.contains("Server is ready to receive web requests") {
                Ok(taken)
            } else {
                Err(log)
            }
        })
        .await;
        if !taken {
            return (server, address);
        }
    }
}

fn tool(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("there is no {name}: {CURE}"))
}

fn promtool(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(tool("promtool"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every expression of every dashboard, with its variables filled in.
fn expressions() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let paths = fs::read_dir(root().join("dashboards")).unwrap().map(|entry| entry.unwrap().path());
    for path in paths.filter(|path| path.extension().is_some_and(|end| end == "json")) {
        let dashboard: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let expression = target["expr"].as_str().unwrap().replace("$account", ".*");
                found.insert(expression.replace("$__rate_interval", "1m").replace("$__range", "1h"));
            }
        }
    }
    assert!(found.len() > 20, "{found:?}");
    found
}

/// The first value that an expression has now.
fn value(prometheus: SocketAddr, expression: &str) -> Option<String> {
    ask(prometheus, expression)["data"]["result"][0]["value"][1].as_str().map(str::to_owned)
}

fn ask(prometheus: SocketAddr, expression: &str) -> Value {
    let encoded = expression.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"));
    serde_json::from_str(&get(prometheus, &format!("/api/v1/query?query={encoded}"))).unwrap()
}

/// The body of a GET; HTTP/1.0 keeps it in one piece.
fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}
