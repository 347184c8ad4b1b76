//! Human agents take conversations over from bots that take rings, and give them back.

use std::time::Duration;

use liveperson_sim::{ConsumerScript, HumanScript};
use muster_core::bot::Ending;

use crate::inside::{ACCOUNTS, story};
use crate::outside::SOON;
use crate::wait::until;

#[test]
fn a_bot_is_silent_while_a_human_has_its_conversation_and_answers_what_is_owed_after() {
    story(1, "echo", async |world| {
        let fleet = world.launch().await;
        let ada = world.platform.consumer(ACCOUNTS[0], "Ada");
        let id = ada.opens_conversation("m-1").await;
        ada.hears(1, SOON).await.unwrap();
        let eve = world.platform.human(ACCOUNTS[0], "Eve");
        eve.takes_over(&id).await.unwrap();
        ada.says("m-2").await;
        eve.answers(&id, "a human answers m-2").await.unwrap();
        ada.says("m-3").await;
        eve.gives_back(&id, "-1").await.unwrap();
        ada.hears(3, SOON).await.unwrap();
        world.judge().await;
        let heard: Vec<_> = ada.heard().into_iter().map(|one| one.originator).collect();
        assert_eq!(heard, ["bot-1", "Eve", "bot-1"]);
        world.end(fleet, Ending::Restart).await;
    });
}

#[test]
fn humans_and_bots_owe_nobody_an_answer_and_give_nobody_two() {
    story(2, "echo", async |world| {
        let fleet = world.launch().await;
        let think = Duration::from_millis(50);
        let crowd = ConsumerScript { count: 10, messages: 20, think, ..ConsumerScript::default() };
        let (pause, reply, hold) = (think, think, Duration::from_millis(250));
        let humans = HumanScript { count: 2, pause, reply, hold, ..HumanScript::default() };
        world.platform.humans(ACCOUNTS[0], humans);
        world.platform.consumers(ACCOUNTS[0], crowd);
        until("all is said", Duration::from_mins(1), async || {
            let sent = world.platform.ledger().sent;
            if sent == 200 { Ok(()) } else { Err(format!("{sent} messages")) }
        })
        .await;
        world.platform.stop_humans();
        world.judge().await;
        let ledger = world.platform.ledger();
        assert_eq!(ledger.once, 200, "{ledger}");
        let rings = world.platform.counters().acceptances.len();
        assert!(rings > 10, "no conversation came back to a bot: {rings} rings for 10 conversations");
        world.end(fleet, Ending::Restart).await;
    });
}
