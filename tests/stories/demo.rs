//! What a stranger sees first: the demo, under its faults, ends with a clean ledger.

use std::process::Command;

use liveperson_sim::SECRET_MARK;

use crate::postgres::Database;

fn demo(more: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    let output = command.args(["demo", "--for", "20s"]).args(more).output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains(SECRET_MARK), "{said}");
    assert!(sent(&said) > 300, "too little load:\n{said}");
    assert!(said.contains("revoked tokens 1, panics 1"), "{said}");
    said
}

fn sent(said: &str) -> usize {
    said.lines().find_map(|line| line.strip_prefix("messages sent")).unwrap().trim().parse().unwrap()
}

#[test]
fn the_demo_ends_clean_on_sqlite() {
    let said = demo(&[]);
    for part in ["3 accounts, 12 bots", "SQLite", "http://127.0.0.1:", "verdict: clean"] {
        assert!(said.contains(part), "{part} is missing:\n{said}");
    }
}

#[tokio::test]
async fn the_demo_ends_clean_on_postgres() {
    let database = Database::empty().await;
    let said = demo(&["--store", database.url()]);
    for part in ["Postgres", "none: sessions are not stored", "verdict: clean"] {
        assert!(said.contains(part), "{part} is missing:\n{said}");
    }
}

#[test]
fn the_calm_demo_has_no_faults() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    let output = command.args(["demo", "--for", "3s", "--calm", "--consumers", "6"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(sent(&said) > 6, "{said}");
    assert!(said.contains("faults: none (--calm)") && said.contains("verdict: clean"), "{said}");
}
