//! What people want of a running fleet: that bots hold still, log in as somebody else, refresh their
//! tokens, show them; and what restarts cost.

use std::process::Command;

use liveperson_sim::{Credential, SECRET_MARK};

use crate::outside::{Fleet, SOON, Store, World};
use crate::wait::until;

const ACCOUNT: &str = "10000001";

/// What a command on the store says, and how it ends.
pub(crate) fn said(world: &World, arguments: &[&str]) -> (i32, String, String) {
    let mut command: Command = world.muster(arguments);
    command.env("MUSTER_STORE", &world.store_url);
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// The same, which must end well.
pub(crate) fn done(world: &World, arguments: &[&str]) -> String {
    let (code, out, err) = said(world, arguments);
    assert_eq!(code, 0, "{arguments:?}: {out}{err}");
    out
}

/// Waits until a field of a bot is what it should be.
pub(crate) async fn shows(fleet: &Fleet, bot: &str, field: &str, is: impl Fn(&str) -> bool) {
    until(&format!("{bot} shows its {field}"), SOON, async || {
        let bots = fleet.bots();
        let shown = bots.iter().find(|one| one["bot"] == bot).map(|one| one[field].clone());
        let text = shown.as_ref().and_then(|shown| shown.as_str()).unwrap_or_default();
        if is(text) { Ok(()) } else { Err(format!("{bots:?}")) }
    })
    .await;
}

/// Logins, refused ones, and sockets of a user so far.
pub(crate) async fn counted(world: &World, login: &str) -> (u64, u64, u64) {
    let counters = world.control.counters().await.unwrap();
    let user = counters.identity(ACCOUNT, login).cloned().unwrap_or_default();
    (user.logins, user.logins_refused, user.sockets_opened)
}

async fn a_paused_fleet_answers_nothing_until_it_resumes(store: Store) {
    let world = World::new(store, &["--bots", "2", "--answer-within", "600000"]).await;
    let mut fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    world.control.consumer_opens(ACCOUNT, "Ada", "m-ada-1", "-1").await.unwrap();
    world.answered(1).await;

    let out = done(&world, &["pause", "--all", "--reason", "a rollout", "--by", "bea"]);
    assert!(out.contains("all bots are paused within a few seconds"), "{out}");
    for bot in ["bot-1", "bot-2"] {
        shows(&fleet, bot, "paused", |text| text == "paused by bea (all bots): a rollout").await;
        shows(&fleet, bot, "state", |text| text == "online").await;
    }
    world.control.consumer_says(ACCOUNT, "Ada", "m-ada-2").await.unwrap();
    world.control.consumer_says(ACCOUNT, "Ada", "m-ada-3").await.unwrap();
    world.control.consumer_opens(ACCOUNT, "Bob", "m-bob-1", "-1").await.unwrap();
    world.unheard(3).await;
    assert!(fleet.get("/metrics").contains("muster_bots_paused{account=\"10000001\"} 2"));

    // A pause outlasts the process; the next one catches up with what is owed, and answers nothing.
    fleet.process.terminate();
    assert_eq!(fleet.process.ended().await, 0, "{}", fleet.process.log());
    let mut fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    shows(&fleet, "bot-1", "paused", |text| text.contains("a rollout")).await;
    let out = done(&world, &["bots", "--server", &fleet.address.to_string()]);
    assert_eq!(out.matches("(paused)").count(), 2, "{out}");
    let out = done(&world, &["bots", "show", "bot-1", "--server", &fleet.address.to_string()]);
    assert!(out.contains("paused by bea (all bots): a rollout"), "{out}");
    let ledger = world.ledger().await;
    assert_eq!((ledger.once, ledger.waiting), (1, 3), "{ledger}");

    // Each pause is lifted as it was made.
    done(&world, &["pause", "bot-2", "--reason", "its own"]);
    let out = done(&world, &["resume", "--all"]);
    assert!(out.contains("all bots resume within a few seconds; still held: 10000001/bot-2"), "{out}");
    shows(&fleet, "bot-2", "paused", |text| text.contains("its own")).await;
    done(&world, &["resume", "10000001/bot-2", "--reason", "over"]);
    world.answered(4).await;
    shows(&fleet, "bot-2", "paused", str::is_empty).await;
    let ledger = world.judged(SOON).await.unwrap();
    assert_eq!(ledger.out_of_order, 0, "{ledger}");
    let audit = done(&world, &["audit", "bot=bot-2"]);
    for part in ["pause", "resume", "bea", "a rollout", "its own", "over"] {
        assert!(audit.contains(part), "{part} is not in\n{audit}");
    }
    let (code, _, err) = said(&world, &["pause", "ghost", "--reason", "none"]);
    assert!(code == 1 && err.contains("no bot ghost is declared"), "{err}");
    let (code, _, err) = said(&world, &["pause", "bot-1"]);
    assert!(code == 2 && err.contains("--reason"), "{err}");
    fleet.process.terminate();
    assert_eq!(fleet.process.ended().await, 0);
}

#[tokio::test]
async fn a_paused_fleet_answers_nothing_until_it_resumes_on_sqlite() {
    a_paused_fleet_answers_nothing_until_it_resumes(Store::Sqlite).await;
}

#[tokio::test]
async fn a_paused_fleet_answers_nothing_until_it_resumes_on_postgres() {
    a_paused_fleet_answers_nothing_until_it_resumes(Store::Postgres).await;
}

/// A world of one bot, and the login of another user that no bot has.
async fn with_a_spare_login() -> (World, String) {
    let world = World::new(Store::Sqlite, &["--bots", "2"]).await;
    let file = world.dir.path().join("fleet.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let from = text.rfind("[[accounts.bots]]").unwrap();
    let to = from + text[from..].find("\n[timing]").unwrap();
    let spare = text[from..to].lines().find(|line| line.starts_with("login = ")).unwrap().to_owned();
    std::fs::write(&file, [&text[..from], &text[to..]].concat()).unwrap();
    (world, spare)
}

fn password_file(world: &World) -> std::path::PathBuf {
    world.dir.path().join("fleet.secrets").join(format!("{ACCOUNT}-bot-1-1"))
}

#[tokio::test]
async fn a_new_password_becomes_the_session_and_a_wrong_one_changes_nothing() {
    let (world, _) = with_a_spare_login().await;
    let fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    world.control.consumer_opens(ACCOUNT, "Ada", "m-ada-1", "-1").await.unwrap();
    world.answered(1).await;

    std::fs::write(password_file(&world), format!("{SECRET_MARK}-wrong")).unwrap();
    done(&world, &["apply", "fleet.toml"]);
    shows(&fleet, "bot-1", "login_rejected", |text| text.starts_with("the new login is not used")).await;
    let out = done(&world, &["bots", "show", "bot-1", "--server", &fleet.address.to_string()]);
    assert!(out.contains("login rejected") && out.contains("the new login is not used"), "{out}");
    shows(&fleet, "bot-1", "state", |text| text == "online").await;
    assert_eq!(counted(&world, "bot-1-1").await, (1, 1, 1), "tried once, and the socket stayed");
    world.control.consumer_says(ACCOUNT, "Ada", "m-ada-2").await.unwrap();
    world.answered(2).await;

    let password = format!("{SECRET_MARK}-new");
    let credential = Credential::Password { password: password.clone() };
    world.control.set_credential(ACCOUNT, "bot-1-1", &credential).await.unwrap();
    std::fs::write(password_file(&world), password).unwrap();
    fleet.process.hang_up();
    until("the new login has a socket", SOON, async || {
        let counts = counted(&world, "bot-1-1").await;
        if counts == (2, 1, 2) { Ok(()) } else { Err(format!("{counts:?}")) }
    })
    .await;
    shows(&fleet, "bot-1", "state", |text| text == "online").await;
    shows(&fleet, "bot-1", "login_rejected", str::is_empty).await;
    world.control.consumer_says(ACCOUNT, "Ada", "m-ada-3").await.unwrap();
    world.answered(3).await;
    world.judged(SOON).await.unwrap();
}

#[tokio::test]
async fn a_bot_that_is_given_another_user_hands_back_and_goes_on_as_that_one() {
    let (world, spare) = with_a_spare_login().await;
    let fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    world.control.consumer_opens(ACCOUNT, "Ada", "m-ada-1", "-1").await.unwrap();
    world.answered(1).await;
    let file = world.dir.path().join("fleet.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let login = text.lines().find(|line| line.starts_with("login = ")).unwrap();
    std::fs::write(&file, text.replace(login, &spare)).unwrap();
    done(&world, &["apply", "fleet.toml"]);
    until("the other user is online", SOON, async || {
        let counts = (counted(&world, "bot-1-1").await, counted(&world, "bot-1-2").await);
        if counts == ((1, 0, 1), (1, 0, 1)) { Ok(()) } else { Err(format!("{counts:?}")) }
    })
    .await;
    world.control.consumer_says(ACCOUNT, "Ada", "m-ada-2").await.unwrap();
    world.answered(2).await;
    shows(&fleet, "bot-1", "state", |text| text == "online").await;
    world.judged(SOON).await.unwrap();
}

#[tokio::test]
async fn a_token_is_refreshed_on_demand_and_shown_to_whoever_says_why() {
    let world = World::new(Store::Sqlite, &["--bots", "2"]).await;
    let (code, _, err) = said(&world, &["bots", "refresh", "--all"]);
    assert!(code == 1 && err.contains("there is no store"), "{err}");
    let mut fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    let refreshes = async || {
        let counters = world.control.counters().await.unwrap();
        ["bot-1-1", "bot-1-2"].map(|login| counters.identity(ACCOUNT, login).unwrap().refreshes)
    };
    let before = refreshes().await;
    let out = done(&world, &["bots", "refresh", "bot-1", "--json"]);
    assert!(out.contains("\"verdict\":\"done\""), "{out}");
    let after = refreshes().await;
    assert!(after[0] > before[0] && after[1] == before[1], "{before:?} {after:?}");
    let out = done(&world, &["bots", "refresh", "--all", "--reason", "an audit"]);
    assert_eq!(out.matches(": refreshed").count(), 2, "{out}");

    let (code, _, err) = said(&world, &["bots", "token", "bot-1", "--reason", "a support case"]);
    assert!(code == 2 && err.contains("add --yes"), "{err}");
    let (code, _, err) = said(&world, &["bots", "token", "bot-1", "--yes"]);
    assert!(code == 2 && err.contains("--reason"), "{err}");
    assert!(!done(&world, &["audit"]).contains("read the token"), "nothing was shown");
    let token = done(&world, &["bots", "token", "bot-1", "--reason", "a support case", "--yes"]);
    assert!(token.trim().len() > 10 && token.contains(SECRET_MARK), "a bearer of the platform: {token}");
    let audit = done(&world, &["audit", "--json"]);
    for part in ["read the token", "a support case", "\"what\":\"refresh\"", "an audit", "\"bot\":\"bot-1\""]
    {
        assert!(audit.contains(part), "{part} is not in\n{audit}");
    }
    assert!(!audit.contains(token.trim()), "the audit shows no token");
    fleet.process.terminate();
    assert_eq!(fleet.process.ended().await, 0);
    let (code, _, err) = said(&world, &["bots", "refresh", "bot-1"]);
    assert!(code == 1 && err.contains("nobody runs the fleet"), "{err}");
    world.search_for_secrets().await;
}

#[tokio::test]
async fn a_restart_of_the_fleet_costs_each_bot_one_reconnect_and_no_login() {
    let world = World::new(Store::Sqlite, &["--bots", "20"]).await;
    let each = async |logins: u64, sockets: u64| {
        let counters = world.control.counters().await.unwrap();
        for user in &counters.identities {
            assert_eq!((user.logins, user.sockets_opened), (logins, sockets), "{}", user.login);
        }
        assert_eq!(counters.identities.len(), 20);
    };
    for restart in 0..3 {
        let mut fleet = world.run(&[], &[]).await;
        fleet.all_online().await;
        each(1, restart + 1).await;
        fleet.process.terminate();
        assert_eq!(fleet.process.ended().await, 0, "{}", fleet.process.log());
    }
}
