//! Nothing is subscribed twice: one history read a socket for each claimed conversation, one
//! conversation subscription a socket, one socket an identity, one acceptance a ring.

use std::time::Duration;

use muster::app::{Fleet, LaunchError, LaunchOptions};
use muster_core::bot::Ending;

use crate::inside::{ACCOUNTS, World, story};

const SOON: Duration = Duration::from_secs(20);

async fn everybody_talks(world: &World, consumers: &[liveperson_sim::Consumer], round: usize) {
    for (n, consumer) in consumers.iter().enumerate() {
        consumer.says(&format!("m-{n}-{round}")).await;
    }
    for consumer in consumers {
        consumer.hears(round + 1, SOON).await.unwrap();
    }
    world.platform.settled(SOON).await.unwrap();
}

#[test]
fn each_socket_reads_each_conversation_once_over_reconnects_restarts_and_two_processes() {
    story(2, "echo", async |world| {
        let fleet = world.launch().await;
        let consumers: Vec<_> =
            (0..8).map(|n| world.platform.consumer(ACCOUNTS[n % 2], &format!("c{n}"))).collect();
        for (n, consumer) in consumers.iter().enumerate() {
            consumer.opens_conversation(&format!("m-{n}-0")).await;
            consumer.hears(1, SOON).await.unwrap();
        }
        everybody_talks(&world, &consumers, 1).await;

        world.platform.drop_all_sockets();
        everybody_talks(&world, &consumers, 2).await;
        world.platform.close_socket_of(ACCOUNTS[0], "bot-1", 1000);
        everybody_talks(&world, &consumers, 3).await;

        // A second process on the same store is refused and touches nothing.
        let second = Fleet::launch(
            &world.settings,
            LaunchOptions::default(),
            muster::board::Board::default(),
            tokio::runtime::Handle::current(),
        );
        assert!(matches!(second.await, Err(LaunchError::Held(_))));

        world.end(fleet, Ending::Restart).await;
        let fleet = world.launch().await;
        everybody_talks(&world, &consumers, 4).await;

        let counters = world.platform.counters();
        assert!(
            !counters.truncated && counters.history_reads.len() >= 8 * 3,
            "each conversation on each of its sockets"
        );
        let twice: Vec<_> = counters.history_reads.iter().filter(|reads| reads.reads != 1).collect();
        assert!(twice.is_empty(), "{twice:?}");
        assert_eq!(counters.max_conversation_subscriptions_per_socket(), 1);
        assert_eq!(counters.max_sockets_at_once(), 1);
        assert!(counters.acceptances.iter().all(|ring| ring.count == 1), "{:?}", counters.acceptances);
        assert!(counters.identities.iter().all(|bot| bot.logins == 1), "{:?}", counters.identities);
        world.judge().await;
        world.end(fleet, Ending::Restart).await;
    });
}
