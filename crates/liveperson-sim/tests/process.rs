//! `lpsim` as a process: its files, its control, its last word.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use liveperson_sim::control::Control;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

async fn banner_of(child: &mut Child) -> (Vec<String>, BufReader<&mut tokio::process::ChildStdout>) {
    let mut out = BufReader::new(child.stdout.as_mut().expect("a pipe"));
    let mut banner = Vec::new();
    while banner.last().is_none_or(|line: &String| line != "ready") {
        let mut line = String::new();
        assert_ne!(out.read_line(&mut line).await.expect("a line"), 0, "it ended early: {banner:?}");
        banner.push(line.trim_end().to_owned());
    }
    (banner, out)
}

fn lpsim(folder: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_lpsim"))
        .args(["--control", "127.0.0.1:0", "--fleet-out"])
        .arg(folder.join("fleet.toml"))
        .args(arguments)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("lpsim starts")
}

#[expect(clippy::unwrap_used, reason = "a test's helper")]
async fn told_to_end(arguments: &[&str]) -> (String, String, Option<i32>) {
    let folder = tempfile::tempdir().unwrap();
    let mut child = lpsim(folder.path(), arguments);
    let pid = child.id().unwrap().to_string();
    let (banner, mut out) = banner_of(&mut child).await;
    let control = banner.iter().find_map(|line| line.split_once("http://")).unwrap().1;
    let control = Control::new(control.parse().unwrap());
    let place = control.place().await.unwrap();
    let fleet = std::fs::read_to_string(folder.path().join("fleet.toml")).unwrap();
    assert!(fleet.contains(&format!("csds_domain = \"{}\"", place.host)));
    let secret = folder.path().join("fleet.secrets/10000001-bot-1-2");
    assert_eq!(std::fs::metadata(secret).unwrap().permissions().mode() & 0o777, 0o600);
    if !place.ca_pem.is_empty() {
        assert_eq!(std::fs::read_to_string(folder.path().join("ca.pem")).unwrap(), place.ca_pem);
    }
    while control.ledger().await.unwrap().never == 0 && arguments.contains(&"--consumers") {
        tokio::task::yield_now().await;
    }
    Command::new("kill").args(["-TERM", &pid]).status().await.unwrap();
    let mut last = String::new();
    out.read_to_string(&mut last).await.unwrap();
    (fleet, last, child.wait().await.unwrap().code())
}

#[tokio::test]
async fn a_clean_ledger_ends_well() {
    let ended = tokio::time::timeout(Duration::from_secs(20), told_to_end(&[])).await.unwrap();
    let (fleet, last, code) = ended;
    assert!(fleet.contains("ca_file = \"ca.pem\""));
    assert!(last.ends_with("verdict: clean\n"), "{last}");
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn unanswered_consumers_end_badly() {
    let arguments = ["--plain", "--consumers", "3", "--think", "1", "--answer-within", "1"];
    let ended = tokio::time::timeout(Duration::from_secs(20), told_to_end(&arguments)).await.unwrap();
    let (fleet, last, code) = ended;
    assert!(fleet.contains("plain = true"));
    assert!(last.ends_with("verdict: NOT CLEAN\n"), "{last}");
    assert_eq!(code, Some(1));
}
