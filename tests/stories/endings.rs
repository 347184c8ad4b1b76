//! Two endings: restart keeps everything for the next start, retire leaves in order.

use std::time::Duration;

use muster_core::bot::Ending;

use crate::inside::{ACCOUNTS, story};

const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_restart_needs_no_login_and_keeps_the_conversations() {
    story(1, "echo", async |world| {
        let fleet = world.launch().await;
        let ada = world.platform.consumer(ACCOUNTS[0], "Ada");
        ada.opens_conversation("one").await;
        ada.hears(1, SOON).await.unwrap();
        world.end(fleet, Ending::Restart).await;
        assert_eq!(ada.conversation().unwrap().assigned.as_deref(), Some("bot-1"), "no hand-back");
        // Said while nobody listens: the next start finds it.
        ada.says("two").await;
        let fleet = world.launch().await;
        assert_eq!(ada.hears(2, SOON).await.unwrap(), ["one", "two"]);
        let counters = world.platform.counters();
        let bot = counters.identity(ACCOUNTS[0], "bot-1").unwrap();
        assert_eq!((bot.logins, bot.sockets_opened), (1, 2), "the sealed session served again");
        world.end(fleet, Ending::Restart).await;
    });
}

#[test]
fn a_retiring_bot_hands_back_and_logs_out() {
    story(1, "echo", async |world| {
        let fleet = world.launch().await;
        let ada = world.platform.consumer(ACCOUNTS[0], "Ada");
        ada.opens_conversation("one").await;
        ada.hears(1, SOON).await.unwrap();
        world.end(fleet, Ending::Retire).await;
        ada.sees(|view| view.assigned.is_none(), SOON).await.unwrap();
        // Logged out: the next start logs in, and the queue rings it again.
        ada.says("two").await;
        let fleet = world.launch().await;
        assert_eq!(ada.hears(2, SOON).await.unwrap(), ["one", "two"]);
        assert_eq!(world.platform.counters().identity(ACCOUNTS[0], "bot-1").unwrap().logins, 2);
        world.end(fleet, Ending::Restart).await;
    });
}
