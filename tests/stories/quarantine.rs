//! Each kind of quarantine: what the operator reads, and how the bot is brought back.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use liveperson_sim::SECRET_MARK;
use muster::board::BotState;
use muster::logic::{Logic, LogicError};
use muster_core::bot::Ending;
use muster_core::turn::{Action, Turn, TurnEvent};
use serde_json::Value;

use crate::inside::{self, ACCOUNTS, story};
use crate::outside::{Fleet, SOON, Store, World};
use crate::wait::until;

const HERE: &str = ACCOUNTS[0];

/// What a command said on standard output; it has to end well.
fn said(mut command: Command) -> String {
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    out
}

/// `muster bots …` beside the fleet.
fn bots(store_url: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    // Nobody answers there: what is read is the store's.
    command.env("MUSTER_SERVER", "127.0.0.1:9").env("MUSTER_STORE", store_url);
    command.arg("bots").args(arguments);
    said(command)
}

fn shown(store_url: &str, bot: &str) -> Value {
    serde_json::from_str(&bots(store_url, &["show", bot, "--json"])).unwrap()
}

/// What the store keeps of a bot that is held off, once it does: kind and words.
async fn kept(store_url: &str, bot: &str) -> (String, String) {
    until("the store keeps that it is held off", SOON, async || {
        let shown = shown(store_url, bot);
        let word = |key: &str| shown["quarantine"][key].as_str().map(str::to_owned);
        match (word("kind"), word("words"), word("since")) {
            (Some(kind), Some(words), Some(_)) if shown["state"] == "quarantined" => Ok((kind, words)),
            _ => Err(shown.to_string()),
        }
    })
    .await
}

fn release(store_url: &str, bot: &str) {
    let words = bots(store_url, &["release", bot, "--reason", "mended", "--by", "ada"]);
    assert!(words.contains("is released"), "{words}");
    let again = bots(store_url, &["release", bot, "--reason", "mended", "--by", "ada"]);
    assert!(again.contains("was not held off"), "{again}");
}

/// The words of every quarantine name its kind's cause and how to release the bot.
fn names_the_way_out(words: &str, bot: &str, cause: &str) {
    assert!(words.contains(cause), "{words}");
    let release = format!("`muster bots release {HERE}/{bot} --reason WHY`");
    assert!(words.ends_with(&release), "{words}");
}

/// Waits until the API shows a bot in this state; what it shows.
async fn is(fleet: &Fleet, bot: &str, state: &str) -> Value {
    until(&format!("{bot} is {state}"), SOON, async || {
        let bots = fleet.bots();
        let bot = bots.iter().find(|one| one["bot"] == bot).unwrap();
        if bot["state"] == state { Ok(bot.clone()) } else { Err(bot.to_string()) }
    })
    .await
}

async fn logins(world: &World, login: &str) -> u64 {
    let counters = world.control.counters().await.unwrap();
    counters.identity(HERE, login).map_or(0, |identity| identity.logins + identity.logins_refused)
}

async fn restarted(world: &World, mut fleet: Fleet) -> Fleet {
    fleet.process.terminate();
    assert_eq!(fleet.process.ended().await, 0, "{}", fleet.process.log());
    world.run(&[], &[]).await
}

async fn bad_credentials(store: Store) {
    let world = World::new(store, &["--bots", "2", "--logins", "each"]).await;
    let secret = world.dir.path().join(format!("fleet.secrets/{HERE}-bot-1-2.access_token"));
    let right = fs::read(&secret).unwrap();
    fs::write(&secret, format!("{SECRET_MARK}-wrong")).unwrap();
    let fleet = world.run(&[], &[]).await;
    is(&fleet, "bot-1", "online").await;
    let seen = is(&fleet, "bot-2", "quarantined").await;
    assert_eq!(seen["quarantine"], "bad-credentials", "{seen}");
    names_the_way_out(seen["cause"].as_str().unwrap(), "bot-2", "the platform refused the login twice");
    let (kind, words) = kept(&world.store_url, "bot-2").await;
    assert_eq!((kind.as_str(), words.as_str()), ("bad-credentials", seen["cause"].as_str().unwrap()));

    // A restart with the right secret does not hammer the login: a person says when.
    fs::write(&secret, right).unwrap();
    let tried = logins(&world, "bot-1-2").await;
    let fleet = restarted(&world, fleet).await;
    let seen = is(&fleet, "bot-2", "quarantined").await;
    assert_eq!(seen["quarantine"], "bad-credentials", "{seen}");
    is(&fleet, "bot-1", "online").await;
    assert_eq!(logins(&world, "bot-1-2").await, tried, "it does not log in at the start");

    release(&world.store_url, "bot-2");
    let seen = is(&fleet, "bot-2", "online").await;
    assert_eq!((&seen["quarantine"], &seen["cause"]), (&Value::Null, &Value::Null), "{seen}");
    assert_eq!(shown(&world.store_url, "bot-2")["quarantine"], Value::Null);
    world.search_for_secrets().await;
}

#[tokio::test]
async fn bad_credentials_are_kept_over_a_restart_and_tried_again_when_somebody_says_so_on_sqlite() {
    bad_credentials(Store::Sqlite).await;
}

#[tokio::test]
async fn bad_credentials_are_kept_over_a_restart_and_tried_again_when_somebody_says_so_on_postgres() {
    bad_credentials(Store::Postgres).await;
}

#[tokio::test]
async fn a_person_suspends_bots_and_releases_them_with_and_without_a_running_fleet() {
    let world = World::new(Store::Sqlite, &["--bots", "2"]).await;
    let fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    let url = &world.store_url;
    let words = bots(url, &["suspend", "bot-1", "--reason", "an audit", "--by", "ada"]);
    assert!(words.contains("is suspended"), "{words}");
    let again = bots(url, &["suspend", "bot-1", "--reason", "another", "--by", "bob"]);
    assert!(again.contains("is held off already (suspended)"), "{again}");
    let seen = is(&fleet, "bot-1", "quarantined").await;
    assert_eq!(seen["quarantine"], "suspended", "{seen}");
    names_the_way_out(seen["cause"].as_str().unwrap(), "bot-1", "suspended by ada: an audit");
    is(&fleet, "bot-2", "online").await;

    // Over a restart; and the others can be suspended while nobody is there.
    let mut fleet = restarted(&world, fleet).await;
    is(&fleet, "bot-1", "quarantined").await;
    is(&fleet, "bot-2", "online").await;
    fleet.process.terminate();
    assert_eq!(fleet.process.ended().await, 0, "{}", fleet.process.log());
    let answers: Vec<Value> =
        serde_json::from_str(&bots(url, &["suspend", "--account", HERE, "--reason", "all", "--json"]))
            .unwrap();
    let changed: Vec<_> = answers.iter().map(|one| (one["bot"].as_str().unwrap(), &one["changed"])).collect();
    assert_eq!(changed, [("bot-1", &Value::Bool(false)), ("bot-2", &Value::Bool(true))], "{answers:?}");
    let before = (logins(&world, "bot-1-1").await, logins(&world, "bot-1-2").await);
    let fleet = world.run(&[], &[]).await;
    is(&fleet, "bot-1", "quarantined").await;
    is(&fleet, "bot-2", "quarantined").await;
    let words = bots(url, &["release", "--all", "--reason", "over"]);
    assert_eq!(words.lines().count(), 2, "{words}");
    fleet.all_online().await;
    let after = (logins(&world, "bot-1-1").await, logins(&world, "bot-1-2").await);
    assert_eq!(before, after, "the sealed sessions still hold");
    assert!(bots(url, &["release", "--all", "--reason", "over"]).contains("nothing to do"));
}

/// Starts a process that dies by itself or lives; whether it holds this bot off by then.
async fn holds_off_in_the_end(world: &World, bot: &str) -> Option<Fleet> {
    let mut command = world.muster(&["run", "fleet.toml", "--migrate"]);
    command.env("MUSTER_CRASH_BOT", bot);
    let mut process = world.start(command);
    let lives = until("it dies, or has the bot held off", SOON, async || {
        if process.has_ended() {
            return Ok(false);
        }
        let shown = shown(&world.store_url, bot);
        if shown["quarantine"].is_object() { Ok(true) } else { Err(shown.to_string()) }
    })
    .await;
    if !lives {
        return None;
    }
    let rest = process.says("listening  http://").await;
    Some(Fleet { address: Fleet::address_in(&rest), process })
}

#[tokio::test]
async fn a_bot_whose_start_kills_the_process_is_found_out_and_the_others_work() {
    let world = World::new(Store::Sqlite, &["--bots", "4"]).await;
    // A store that is declared, so that there is something to ask from the first moment on.
    let mut fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    fleet.process.terminate();
    assert_eq!(fleet.process.ended().await, 0, "{}", fleet.process.log());

    let mut died = 0;
    let fleet = loop {
        match holds_off_in_the_end(&world, "bot-3").await {
            Some(fleet) => break fleet,
            None => died += 1,
        }
        assert!(died < 12, "nobody found out who kills the process");
    };
    assert!(died >= 3, "one death is nobody's fault: {died}");
    for bot in ["bot-1", "bot-2", "bot-4"] {
        is(&fleet, bot, "online").await;
    }
    let seen = is(&fleet, "bot-3", "quarantined").await;
    assert_eq!(seen["quarantine"], "kills-process", "{seen}");
    names_the_way_out(seen["cause"].as_str().unwrap(), "bot-3", "its start killed the process");
    let (kind, _) = kept(&world.store_url, "bot-3").await;
    assert_eq!(kind, "kills-process");

    // Mended, and released.
    let fleet = restarted(&world, fleet).await;
    is(&fleet, "bot-3", "quarantined").await;
    release(&world.store_url, "bot-3");
    fleet.all_online().await;
}

/// Panics, or does not return, as long as it is broken; then it echoes.
struct Broken {
    broken: Arc<AtomicBool>,
    hangs: Option<Mutex<Receiver<()>>>,
}

impl Logic for Broken {
    fn decide(&self, turn: &Turn) -> Result<Vec<Action>, LogicError> {
        let TurnEvent::Message { text, .. } = &turn.event else { return Ok(Vec::new()) };
        if self.broken.load(Ordering::SeqCst) && turn.account.as_str() == HERE {
            let hangs = self.hangs.as_ref().expect("it panics on purpose");
            // The sender is dropped when the story goes on.
            let _ = hangs.lock().unwrap().recv();
        }
        Ok(vec![Action::Say { text: text.clone() }])
    }
}

/// The only bot of the account is quarantined in these words and released; what was said meanwhile is answered.
async fn broken_and_mended(
    world: &inside::World,
    fleet: &muster::app::Fleet,
    kind: &str,
    cause: &str,
    mend: impl FnOnce(),
) {
    let names: Vec<String> = (0..20).map(|n| format!("c{n}")).collect();
    let consumers: Vec<_> = names.iter().map(|name| world.platform.consumer(HERE, name)).collect();
    for consumer in &consumers {
        consumer.opens_conversation("hello").await;
    }
    let url = world.store_url();
    let (said_kind, words) = kept(&url, &format!("{HERE}/bot-1")).await;
    assert_eq!(said_kind, kind, "{words}");
    names_the_way_out(&words, "bot-1", cause);
    let status = world.status(HERE, "bot-1");
    assert_eq!((status.state, status.quarantine), (BotState::Quarantined, Some(kind)), "{status:?}");
    let counted = fleet.house.metrics.scrape(&world.board).unwrap();
    let line = format!("muster_quarantines_total{{account=\"{HERE}\",kind=\"{kind}\"}} 1");
    assert!(counted.contains(&line), "{line} is not in:\n{counted}");

    mend();
    release(&url, &format!("{HERE}/bot-1"));
    for consumer in &consumers {
        assert_eq!(consumer.hears(1, SOON).await.unwrap(), ["hello"]);
    }
    assert_eq!(world.status(HERE, "bot-1").state, BotState::Online);
    assert_eq!(world.status(ACCOUNTS[1], "bot-1").restarts, 0);
}

#[test]
fn a_crash_loop_ends_with_a_release_and_what_was_said_meanwhile_is_answered() {
    story(1, "mine", async |mut world| {
        let broken = Arc::new(AtomicBool::new(true));
        world.logics.add("mine", Arc::new(Broken { broken: broken.clone(), hangs: None }));
        let fleet = world.launch().await;
        let mend = || broken.store(false, Ordering::SeqCst);
        broken_and_mended(&world, &fleet, "crash-loop", "crash loop: logic panicked (6 times)", mend).await;
        world.judge().await;
        world.end(fleet, Ending::Restart).await;
    });
}

#[test]
fn a_stuck_logic_ends_with_a_release_and_what_was_said_meanwhile_is_answered() {
    story(1, "mine", async |mut world| {
        let (free, hangs) = channel();
        let broken = Arc::new(AtomicBool::new(true));
        world.logics.add("mine", Arc::new(Broken { broken: broken.clone(), hangs: Some(Mutex::new(hangs)) }));
        world.settings.timing.logic_timeout = Duration::from_millis(500);
        let fleet = world.launch().await;
        let mend = || {
            broken.store(false, Ordering::SeqCst);
            drop(free);
        };
        broken_and_mended(&world, &fleet, "stuck", "its logic hangs", mend).await;
        world.judge().await;
        world.end(fleet, Ending::Restart).await;
    });
}

#[test]
fn a_frame_that_is_too_large_ends_with_a_higher_limit_and_a_release() {
    story(1, "echo", async |mut world| {
        let large = world.settings.platform.frame_limit;
        let fleet = world.launch().await;
        let ada = world.platform.consumer(HERE, "Ada");
        ada.opens_conversation("hello").await;
        assert_eq!(ada.hears(1, SOON).await.unwrap(), ["hello"]);
        world.end(fleet, Ending::Restart).await;

        // Every picture of her conversation is larger than that.
        world.settings.platform.frame_limit = 300;
        let fleet = world.launch_with(world.options()).await;
        until("it is held off", SOON, async || {
            let status = world.status(HERE, "bot-1");
            if status.state == BotState::Quarantined { Ok(()) } else { Err(format!("{status:?}")) }
        })
        .await;
        let (kind, words) = kept(&world.store_url(), &format!("{HERE}/bot-1")).await;
        assert_eq!(kind, "oversize-frames", "{words}");
        names_the_way_out(&words, "bot-1", "raise frame_limit under [platform]");
        world.end(fleet, Ending::Restart).await;

        world.settings.platform.frame_limit = large;
        let fleet = world.launch_with(world.options()).await;
        until("it is held off still", SOON, async || {
            let status = world.status(HERE, "bot-1");
            if status.quarantine == Some("oversize-frames") { Ok(()) } else { Err(format!("{status:?}")) }
        })
        .await;
        bots(&world.store_url(), &["release", "--account", HERE, "--reason", "a higher limit"]);
        until("it is online", SOON, async || {
            let status = world.status(HERE, "bot-1");
            if status.state == BotState::Online { Ok(()) } else { Err(format!("{status:?}")) }
        })
        .await;
        ada.says("again").await;
        assert_eq!(ada.hears(2, SOON).await.unwrap(), ["hello", "again"]);
        world.judge().await;
        world.end(fleet, Ending::Restart).await;
    });
}
