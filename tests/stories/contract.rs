//! What logic may do, seen by the consumer: say, rich content, variables, transfer, close.

use std::time::Duration;

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
        world.end(fleet, muster_core::bot::Ending::Restart).await;
    });
}
