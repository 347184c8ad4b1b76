//! `muster check`: every fault of a file, and every login, told before a fleet starts.

use std::process::Command;

use serde_json::Value;

use crate::outside::{SOON, Store, World};
use crate::wait::until;

/// What a command answered: exit code, standard output, standard error.
fn answer(mut command: Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    for text in [&out, &err] {
        assert!(!text.contains(liveperson_sim::SECRET_MARK), "a secret is shown:\n{text}");
    }
    (output.status.code().unwrap_or(-1), out, err)
}

fn check_of_faults(more: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.args(["check", "twelve-faults.toml"]).args(more).env_remove("TWELVE_FAULTS_PASSWORD");
    command.env("RUST_LOG", "off").current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fleets"));
    answer(command)
}

#[test]
fn twelve_different_faults_are_twelve_messages_with_line_and_cure() {
    let (code, out, err) = check_of_faults(&[]);
    assert_eq!(code, 1);
    insta::assert_snapshot!(format!("{out}{err}"), @r#"
    twelve-faults.toml:3:17: fault: server.listen: 0.0.0.0:9300 is open to other machines, and authentication is off; write "127.0.0.1:9300" or "[::1]:9300", or authentication = "on"
    twelve-faults.toml:6:7: fault: store.url: a password must not stand in this file; refer to the whole URL: url = "env:MUSTER_STORE_URL" or "file:/run/secrets/store-url"
    twelve-faults.toml:9:1: fault: timing.refresh_evry: unknown key; did you mean "refresh_every"?
    twelve-faults.toml:10:9: fault: timing.drain: expected a duration such as "30s", found an integer; write "20s" if seconds are meant
    twelve-faults.toml:12:10: warning: timing.settle: shorter than request_timeout: a slow request may be sent twice; write "9s" or more
    twelve-faults.toml:22:9: fault: accounts[12345678].bots[greeter-1].logic: unknown logic "greting"; did you mean "greeting"?
    twelve-faults.toml:23:41: fault: accounts[12345678].bots[greeter-1].login.password: a secret must not stand in this file; refer to it: "env:BOT1_PASSWORD" or "file:/run/secrets/bot1_password"
    twelve-faults.toml:27:8: fault: accounts[12345678].bots[greeter-2].pool: unknown pool "greters"; did you mean "greeters"?
    twelve-faults.toml:28:22: fault: accounts[12345678].bots[greeter-2].login.username: user "bot1" stands on line 23 already; give it another, or remove one of the two
    twelve-faults.toml:28:41: fault: accounts[12345678].bots[greeter-2].login.password: the environment variable TWELVE_FAULTS_PASSWORD is not set; set TWELVE_FAULTS_PASSWORD where muster starts, or name another
    twelve-faults.toml:30:1: fault: accounts[12345678].bots[greeter-1].logic: this key is required; write logic = "echo"
    twelve-faults.toml:31:8: fault: accounts[12345678].bots[greeter-1].name: bot "greeter-1" stands on line 21 already; give it another, or remove one of the two
    twelve-faults.toml:32:41: fault: accounts[12345678].bots[greeter-1].login.password: secrets/none cannot be read: No such file or directory (os error 2); write the secret there; a relative path starts at the fleet file
    muster: 12 faults, 1 warning in twelve-faults.toml
    "#);
}

#[test]
fn faults_as_json_say_the_same() {
    let (code, out, _) = check_of_faults(&["--json"]);
    assert_eq!(code, 1);
    let said: Vec<Value> = serde_json::from_str(&out).unwrap();
    let faults: Vec<_> = said.iter().filter(|said| said["severity"] == "fault").collect();
    assert_eq!((faults.len(), said.len()), (12, 13), "{out}");
    for fault in faults {
        assert!(fault["line"].as_u64().is_some_and(|line| line > 1), "{fault}");
        assert_eq!(fault["file"], "twelve-faults.toml");
        for key in ["key", "wrong", "cure"] {
            assert!(!fault[key].as_str().unwrap().is_empty(), "{key} of {fault}");
        }
    }
}

#[tokio::test]
async fn a_fine_fleet_logs_in_and_out_bot_by_bot() {
    let world = World::new(Store::Sqlite, &["--accounts", "2", "--bots", "2"]).await;
    let (code, out, err) = answer(world.muster(&["check", "fleet.toml"]));
    assert_eq!((code, out.trim()), (0, "fleet.toml: 2 accounts, 4 bots, 4 pools: no fault"), "{err}");

    let (code, out, err) = answer(world.muster(&["check", "fleet.toml", "--online"]));
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.ends_with("4 of 4 bots logged in and out\n"), "{out}");
    for bot in ["10000001/bot-1", "10000001/bot-2", "10000002/bot-1", "10000002/bot-2"] {
        assert!(out.contains(&format!("{bot}: ok: logged in and out in ")), "{bot} in\n{out}");
    }
    let counters = world.control.counters().await.unwrap();
    let bot = counters.identity("10000001", "bot-1-1").unwrap();
    assert_eq!((bot.logins, bot.sockets_opened), (1, 0));
    assert!(!world.dir.path().join("muster.db").exists(), "a check makes no store");
}

#[tokio::test]
async fn a_wrong_password_and_a_blocked_account_are_told_in_words() {
    let world = World::new(Store::Sqlite, &["--accounts", "2", "--bots", "2"]).await;
    let secret = world.dir.path().join("fleet.secrets/10000001-bot-1-1");
    std::fs::write(secret, "another password").unwrap();
    world.control.refuse_logins("10000002", 2, 451, None).await.unwrap();
    let (code, out, err) = answer(world.muster(&["check", "fleet.toml", "--online", "--json"]));
    assert_eq!(code, 1, "{out}{err}");
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |account: &str, bot: &str| {
        lines
            .iter()
            .find(|line| line["account"] == account && line["bot"] == bot)
            .unwrap_or_else(|| panic!("{out}"))
    };
    let wrong = of("10000001", "bot-1");
    assert_eq!(wrong["outcome"], "failed");
    assert!(wrong["wrong"].as_str().unwrap().contains("refused the credentials (401)"), "{wrong}");
    assert!(wrong["cure"].as_str().unwrap().contains("check the login of bot bot-1"), "{wrong}");
    assert_eq!(of("10000001", "bot-2")["outcome"], "ok");
    for bot in ["bot-1", "bot-2"] {
        let blocked = of("10000002", bot);
        assert!(blocked["cure"].as_str().unwrap().contains("ask LivePerson why"), "{blocked}");
    }
    assert!(err.contains("1 of 4 bots logged in and out, 3 failed"), "{err}");
}

#[tokio::test]
async fn a_platform_that_cannot_be_reached_or_trusted_is_told_with_its_cure() {
    let world = World::new(Store::Sqlite, &["--bots", "1"]).await;
    let file = world.dir.path().join("fleet.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
    for (from, to, cure) in [
        (line("csds_domain"), "csds_domain = \"127.0.0.1:1\"".to_owned(), "nothing listens at 127.0.0.1:1"),
        (line("ca_file"), String::new(), "is not trusted: name its authority with ca_file under [platform]"),
    ] {
        std::fs::write(&file, text.replace(&from, &to)).unwrap();
        let (code, out, err) = answer(world.muster(&["check", "fleet.toml", "--online"]));
        assert_eq!(code, 1, "{out}{err}");
        assert!(out.contains("10000001/bot-1: failed: ") && out.contains(cure), "{cure} is not in\n{out}");
    }
}

async fn skips_the_running(store: Store) {
    let world = World::new(store, &["--bots", "2"]).await;
    // A stolen session may be noticed only by its next refresh.
    let file = world.dir.path().join("fleet.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("[timing]", "[timing]\nrefresh_every = \"500ms\"")).unwrap();
    let fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    let logins =
        async || world.control.counters().await.unwrap().identity("10000001", "bot-1-1").unwrap().logins;
    assert_eq!(logins().await, 1);
    let (code, out, err) = answer(world.muster(&["check", "fleet.toml", "--online"]));
    assert_eq!(code, 0, "{out}{err}");
    let skipped = out.lines().filter(|line| line.contains(": skipped: run by process ")).count();
    assert_eq!(skipped, 2, "{out}");
    assert!(out.contains(" since 20") && out.contains("0 of 2 bots logged in and out, 2 skipped"), "{out}");
    assert_eq!(logins().await, 1, "nobody was disturbed");

    let (code, out, err) = answer(world.muster(&["check", "fleet.toml", "--online", "--take-over"]));
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("takes the session of the running bot"), "{out}");
    assert!(out.contains("2 of 2 bots logged in and out"), "{out}");
    // The fleet finds its sessions taken and logs in again.
    until("the fleet logged in again", SOON, async || {
        let count = logins().await;
        if count >= 3 { Ok(()) } else { Err(format!("{count} logins")) }
    })
    .await;
    fleet.all_online().await;
}

#[tokio::test]
async fn bots_of_a_live_fleet_are_skipped_unless_taken_over_on_sqlite() {
    skips_the_running(Store::Sqlite).await;
}

#[tokio::test]
async fn bots_of_a_live_fleet_are_skipped_unless_taken_over_on_postgres() {
    skips_the_running(Store::Postgres).await;
}
