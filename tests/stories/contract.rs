//! What logic may do, seen by the consumer: say, rich content, variables, transfer, close.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use muster::logic::{Logic, LogicError};
use muster::settings::{Failing, LogicKind, LogicName, LogicSettings};
use muster_core::bot::Ending;
use muster_core::turn::{Action, OnFailure, Turn, TurnEvent};

use crate::inside::{ACCOUNTS, story};

const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_greeting_bot_uses_all_of_the_contract() {
    story(1, "greeting", async |world| {
        let fleet = world.launch().await;
        let ada = world.platform.consumer(ACCOUNTS[0], "Ada");
        ada.opens_conversation("good morning").await;
        let heard = ada.hears(2, SOON).await.unwrap();
        assert_eq!(heard, ["Hello! How can I help you?", "Message 1: good morning"]);
        ada.says("menu").await;
        ada.hears(3, SOON).await.unwrap();
        assert!(ada.heard()[2].rich.is_some(), "{:?}", ada.heard());
        ada.says("and again").await;
        assert_eq!(ada.hears(4, SOON).await.unwrap()[3], "Message 3: and again");
        ada.says("bye").await;
        ada.sees(|view| view.state == "CLOSE", SOON).await.unwrap();
        assert_eq!(ada.heard().len(), 5);

        let bob = world.platform.consumer(ACCOUNTS[1], "Bob");
        bob.opens_conversation("skill 4711").await;
        bob.sees(|view| view.skill == "4711" && view.assigned.is_none(), SOON).await.unwrap();
        assert_eq!(bob.heard().last().unwrap().text, "I hand you over. (skill 4711)");
        world.end(fleet, Ending::Restart).await;
    });
}

/// Fails on "fail", blocks on "hang" for as long as its sender lives, and echoes else.
struct Moody {
    stuck: Mutex<Receiver<()>>,
}

impl Logic for Moody {
    fn decide(&self, turn: &Turn) -> Result<Vec<Action>, LogicError> {
        let TurnEvent::Message { text, .. } = &turn.event else { return Ok(Vec::new()) };
        match text.as_str() {
            "fail" => Err(LogicError("no mood for it".to_owned())),
            "hang" => {
                let _ = self.stuck.lock().map(|stuck| stuck.recv());
                Ok(Vec::new())
            }
            text => Ok(vec![Action::Say { text: text.to_owned() }]),
        }
    }
}

#[test]
fn logic_that_fails_or_hangs_is_passed_and_the_conversation_goes_on() {
    story(1, "fragile", async |mut world| {
        let (_free, stuck) = channel();
        world.logics.add("fragile", Arc::new(Moody { stuck: Mutex::new(stuck) }));
        world.settings.timing.logic_timeout = Duration::from_millis(200);
        let fleet = world.launch().await;
        let ada = world.platform.consumer(ACCOUNTS[0], "Ada");
        ada.opens_conversation("one").await;
        for text in ["fail", "two", "hang", "three"] {
            ada.says(text).await;
        }
        assert_eq!(ada.hears(3, SOON).await.unwrap(), ["one", "two", "three"]);
        assert_eq!(world.status(ACCOUNTS[0], "bot-1").restarts, 0);
        world.end(fleet, Ending::Restart).await;
    });
}

#[test]
fn a_poison_message_gets_what_was_declared_and_holds_nothing_up() {
    story(1, "mine", async |mut world| {
        let (_free, stuck) = channel();
        world.logics.add("fragile", Arc::new(Moody { stuck: Mutex::new(stuck) }));
        let then = OnFailure { text: Some("Something went wrong.".to_owned()), transfer_to: None };
        world.settings.logics = vec![LogicSettings {
            name: LogicName::known("mine", &["mine"]).unwrap(),
            kind: LogicKind::BuiltIn(LogicName::known("fragile", &["fragile"]).unwrap()),
            failing: Failing { tries: 2, then },
        }];
        let fleet = world.launch().await;
        let ada = world.platform.consumer(ACCOUNTS[0], "Ada");
        ada.opens_conversation("one").await;
        for text in ["fail", "two", "fail", "three"] {
            ada.says(text).await;
        }
        let sorry = "Something went wrong.";
        assert_eq!(ada.hears(5, SOON).await.unwrap(), ["one", sorry, "two", sorry, "three"]);
        let shown = world.status(ACCOUNTS[0], "bot-1");
        assert_eq!((shown.restarts, shown.last_failure.as_deref()), (0, Some("no mood for it")));
        world.end(fleet, Ending::Restart).await;
    });
}

#[test]
fn a_bot_whose_logic_never_returns_is_quarantined_and_the_others_go_on() {
    story(2, "fragile", async |mut world| {
        let (free, stuck) = channel();
        world.logics.add("fragile", Arc::new(Moody { stuck: Mutex::new(stuck) }));
        world.settings.timing.logic_timeout = Duration::from_millis(100);
        let fleet = world.launch().await;
        let consumers: Vec<_> =
            (0..40).map(|n| world.platform.consumer(ACCOUNTS[0], &format!("c{n}"))).collect();
        for consumer in &consumers {
            consumer.opens_conversation("hang").await;
        }
        let cause = crate::wait::until("a bot is quarantined", SOON, async || {
            let bots = world.board.all();
            let held = bots.iter().find(|bot| bot.state == muster::board::BotState::Quarantined);
            held.and_then(|bot| bot.cause.clone()).ok_or_else(|| format!("{bots:?}"))
        })
        .await;
        assert!(cause.starts_with("its logic hangs"), "{cause}");
        let ada = world.platform.consumer(ACCOUNTS[1], "Ada");
        ada.opens_conversation("still there?").await;
        assert_eq!(ada.hears(1, SOON).await.unwrap(), ["still there?"]);
        drop(free);
        world.end(fleet, Ending::Restart).await;
    });
}
