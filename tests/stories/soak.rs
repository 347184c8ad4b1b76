//! The soak tool: a short run is clean, can fail, can be ended early, and its faults follow from the seed.

use std::process::{Command, Output};

use liveperson_sim::SECRET_MARK;
use serde_json::Value;

use crate::outside::{Running, SOON};
use crate::wait::until;

fn soak(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.args(["soak", "--bots", "20"]).args(arguments);
    command
}

/// The verdict of so long a soak, and all that was said.
fn soaked(lasts: &str, arguments: &[&str], environment: &[(&str, &str)]) -> (Output, Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("soak");
    let mut command = soak(&["--for", lasts, "--every", "100ms", "--json", "--folder"]);
    command.arg(&kept).args(arguments).envs(environment.iter().copied());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains(SECRET_MARK), "{said}");
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    let lines = std::fs::read_to_string(kept.join("faults.log")).unwrap();
    assert!(lines.lines().all(|line| said.contains(line)), "the file says more than the screen:\n{lines}");
    (output, report, said)
}

fn is_clean(store: &str, lasts: &str, heavy: &[&str]) {
    let (output, report, said) = soaked(lasts, &["--store", store, "--seed", "4"], &[]);
    assert!(output.status.success(), "{report:#}\n{said}");
    assert_eq!(report["wrong"], serde_json::json!([]), "{report:#}");
    assert!(report["ledger"]["sent"].as_u64().unwrap() > 20, "too little load: {report:#}");
    let ordered: u64 = report["faults"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(said.matches(" s  fault  ").count() as u64, ordered, "{said}");
    assert!(ordered > 40 && !report["effects"].as_object().unwrap().is_empty(), "{report:#}");
    for name in heavy {
        assert!(report["faults"][name].as_u64() > Some(0), "{name}: {report:#}");
    }
}

#[test]
fn a_short_soak_is_clean_on_sqlite() {
    is_clean("sqlite", "10s", &["kill", "stop", "second_process"]);
}

#[test]
fn a_short_soak_is_clean_on_postgres() {
    // After the kill the next process waits for a lease of fifteen seconds.
    is_clean("postgres", "25s", &["kill", "store_restart"]);
}

#[test]
fn a_fleet_that_catches_nothing_up_is_found_out() {
    let sabotage = [("MUSTER_SABOTAGE", "catch-up")];
    let (output, report, said) = soaked("10s", &["--seed", "4", "--settle-within", "5s"], &sabotage);
    assert_eq!(output.status.code(), Some(1), "{report:#}\n{said}");
    assert!(!report["wrong"].as_array().unwrap().is_empty(), "{report:#}");
    assert!(said.contains("are kept in"), "{said}");
}

#[tokio::test]
async fn a_soak_that_is_ended_early_gives_its_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = soak(&["--for", "30m", "--every", "100ms"]);
    command.env("TMPDIR", folder.path());
    let mut running = Running::start(command, folder.path().join("said"));
    // A soak in which nobody said anything proves nothing, and says so: by the fortieth fault they have.
    until("forty faults", SOON, async || {
        let faults = running.log().matches("fault  ").count();
        if faults >= 40 { Ok(()) } else { Err(faults.to_string()) }
    })
    .await;
    running.terminate();
    assert_eq!(running.ended().await, 0, "{}", running.log());
    let said = running.log();
    assert!(said.contains("SIGTERM: the soak comes to its end") && said.contains("verdict: clean"), "{said}");
}

#[test]
fn the_same_seed_gives_the_same_schedule_of_faults() {
    let told = |seed| {
        let output = soak(&["--for", "30m", "--print-schedule", "--seed", seed]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let schedule = told("7");
    assert!(schedule.lines().count() > 3000, "{}", schedule.lines().count());
    assert!(schedule == told("7") && schedule != told("8"));
}
