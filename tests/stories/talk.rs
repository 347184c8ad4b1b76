//! A person takes a conversation over from its bot, speaks through it, and gives it back.

use std::fs;
use std::process::Command;

use crate::outside::{Fleet, SOON, Store, World};
use crate::wait::until;

const ACCOUNT: &str = "10000001";
/// Stands in every text that people say here, and nowhere else.
const PLANTED: &str = "planted-words";

/// What a command on the store says, and how it ends.
fn said(world: &World, arguments: &[&str]) -> (i32, String) {
    let mut command: Command = world.muster(arguments);
    let output = command.env("MUSTER_STORE", &world.store_url).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap_or(-1), text(&output.stdout) + &text(&output.stderr))
}

/// What a person does to a conversation; it must end well.
fn does(world: &World, what: &str, conversation: &str, more: &[&str]) -> String {
    let act = ["conversations", what, conversation, "--reason", "a complaint", "--by", "bea"];
    let (code, words) = said(world, &[&act, more].concat());
    assert_eq!(code, 0, "{what}: {words}");
    words
}

fn says(text: &str) -> String {
    format!("{text} {PLANTED}")
}

async fn nothing_is_on_its_way(world: &World) {
    until("nothing is on its way", SOON, async || {
        let (_, words) = said(world, &["conversations", "--json"]);
        if words.contains("\"outbox\":0") { Ok(()) } else { Err(words) }
    })
    .await;
}

/// Waits until the fleet knows of so many conversations that people have, as its log says.
async fn hears_that_it_is_taken_over(fleet: &Fleet, conversations: usize) {
    let heard = |log: &str| {
        let mut told = log.lines().filter(|line| line.contains("people have taken over other conversations"));
        told.next_back().is_some_and(|line| {
            line.contains(&format!("conversations={conversations}"))
                || line.contains(&format!("\"conversations\":{conversations}"))
        })
    };
    until("the fleet knows what people have taken over", SOON, async || {
        let log = fleet.process.log();
        if heard(&log) { Ok(()) } else { Err(log) }
    })
    .await;
}

async fn a_person_speaks_through_the_bot_over_a_kill(store: Store) {
    let world = World::new(store, &["--bots", "1", "--answer-within", "600000"]).await;
    let mut fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    let id = world.control.consumer_opens(ACCOUNT, "Ada", "m-ada-1", "-1").await.unwrap();
    world.answered(1).await;

    let words = does(&world, "take-over", &id, &[]);
    assert!(words.contains("is yours"), "{words}");
    hears_that_it_is_taken_over(&fleet, 1).await;
    for text in ["m-ada-2", "m-ada-3"] {
        world.control.consumer_says(ACCOUNT, "Ada", text).await.unwrap();
    }
    world.unheard(2).await;

    // Said once, however often it is asked for under one key; and one key says one thing.
    let text = says("to m-ada-2 and m-ada-3");
    let first = ["--key", "k1", "--text", text.as_str()];
    assert!(does(&world, "say", &id, &first).contains("has it from bot-1"));
    world.answered(3).await;
    assert!(does(&world, "say", &id, &first).contains("done once"));
    let (code, words) =
        said(&world, &["conversations", "say", &id, "--reason", "x", "--key", "k1", "--text", "other"]);
    assert!(code == 1 && words.contains("take another key"), "{words}");

    // The consumer sees the second text; its process dies before anybody has heard so.
    nothing_is_on_its_way(&world).await;
    world.control.consumer_says(ACCOUNT, "Ada", "m-ada-4").await.unwrap();
    world.control.hold_answers_of(ACCOUNT, "bot-1-1", true).await.unwrap();
    does(&world, "say", &id, &["--text", &says("to m-ada-4")]);
    world.answered(4).await;
    fleet.process.kill9();
    world.control.hold_answers_of(ACCOUNT, "bot-1-1", false).await.unwrap();
    // Said while no process runs.
    world.control.consumer_says(ACCOUNT, "Ada", "m-ada-5").await.unwrap();
    does(&world, "say", &id, &["--text", &says("to m-ada-5")]);

    let mut fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    world.answered(5).await;
    nothing_is_on_its_way(&world).await;
    world.control.consumer_says(ACCOUNT, "Ada", "m-ada-6").await.unwrap();
    world.unheard(1).await;
    does(&world, "give-back", &id, &[]);
    world.answered(6).await;
    let ledger = world.judged(SOON).await.unwrap();
    assert_eq!((ledger.sent, ledger.once), (6, 6), "{ledger}");

    does(&world, "close", &id, &[]);
    until("the conversation is over", SOON, async || {
        let (_, words) = said(&world, &["conversations", "state=released"]);
        if words.contains(&id) { Ok(()) } else { Err(words) }
    })
    .await;
    let (code, words) = said(&world, &["conversations", "say", &id, "--reason", "late", "--text", "x"]);
    assert!(code == 1 && words.contains("is over"), "{words}");

    fleet.process.terminate();
    assert_eq!(fleet.process.ended().await, 0, "{}", fleet.process.log());
    let (_, audit) = said(&world, &["audit"]);
    for part in ["take over the conversation", "say as the bot in", "give back", "bea", "a complaint", &id] {
        assert!(audit.contains(part), "{part} is not in\n{audit}");
    }
    assert!(!audit.contains(PLANTED), "{audit}");
    no_log_holds_what_was_said(&world);
}

fn no_log_holds_what_was_said(world: &World) {
    let entries = fs::read_dir(world.dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let logs: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "log")).collect();
    assert!(logs.len() > 2, "{logs:?}");
    for log in logs {
        let text = fs::read_to_string(&log).unwrap();
        assert!(!text.contains(PLANTED), "what a person said stands in {}", log.display());
    }
}

#[tokio::test]
async fn a_person_speaks_through_the_bot_over_a_kill_and_gives_back_on_sqlite() {
    a_person_speaks_through_the_bot_over_a_kill(Store::Sqlite).await;
}

#[tokio::test]
async fn a_person_speaks_through_the_bot_over_a_kill_and_gives_back_on_postgres() {
    a_person_speaks_through_the_bot_over_a_kill(Store::Postgres).await;
}

#[tokio::test]
async fn a_conversation_goes_to_the_skill_that_a_person_names() {
    let world = World::new(Store::Sqlite, &["--bots", "1", "--answer-within", "600000"]).await;
    let mut fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    let id = world.control.consumer_opens(ACCOUNT, "Ada", "m-ada-1", "-1").await.unwrap();
    world.answered(1).await;
    does(&world, "transfer", &id, &["--skill", "people"]);
    until("the bot let it go", SOON, async || {
        let (_, words) = said(&world, &["conversations", "state=released"]);
        if words.contains("transferred") { Ok(()) } else { Err(words) }
    })
    .await;
    fleet.process.terminate();
    assert_eq!(fleet.process.ended().await, 0, "{}", fleet.process.log());
}
