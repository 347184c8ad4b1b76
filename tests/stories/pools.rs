//! Pools: bots that watch a whole account, share its conversations, and hold still beside humans.

use std::collections::BTreeSet;
use std::time::Duration;

use liveperson_sim::Consumer;
use muster::actors::blast::Blast;
use muster::actors::fleet::{Detonate, Part};
use muster::app::Fleet;
use muster::board::BotState;
use muster_core::bot::Ending;
use muster_core::duty::{Duty, Intake, JoinAs, Start, WhenHuman};

use crate::inside::{ACCOUNTS, Cast, World, story_of};
use crate::outside::{SOON, Store};
use crate::wait::until;

const HERE: &str = ACCOUNTS[0];

const ALL: Duty = Duty {
    intake: Intake::All,
    join_as: JoinAs::Agent,
    when_human: WhenHuman::Silent,
    start: Start::Unanswered,
};

const RINGS: Duty = Duty { intake: Intake::Rings, ..ALL };

fn pool(bots: usize, duty: Duty, store: Store) -> Cast<'static> {
    Cast { bots, logic: "echo", pool: Some(duty), store }
}

async fn opens(world: &World, numbers: std::ops::Range<usize>) -> Vec<(Consumer, String)> {
    let mut consumers = Vec::new();
    for n in numbers {
        let consumer = world.platform.consumer(HERE, &format!("c{n}"));
        let conversation = consumer.opens_conversation(&format!("first-{n}")).await;
        consumers.push((consumer, conversation));
    }
    consumers
}

async fn all_hear(consumers: &[(Consumer, String)], messages: usize) {
    for (consumer, _) in consumers {
        consumer.hears(messages, SOON).await.unwrap();
    }
}

async fn panics(fleet: &Fleet, world: &World, bot: &str) {
    let restarts = world.status(HERE, bot).restarts;
    fleet.detonate(Detonate { part: Part::Bot(HERE.into(), bot.into()), blast: Blast::Handler }).await;
    until("the bot panics", SOON, async || {
        let status = world.status(HERE, bot);
        let fell = status.restarts > restarts || status.state == BotState::Quarantined;
        if fell { Ok(()) } else { Err(format!("{status:?}")) }
    })
    .await;
}

fn joined_by(world: &World) -> BTreeSet<String> {
    world.platform.counters().joins.into_iter().map(|join| join.login).collect()
}

/// Two hundred conversations, and one of the two bots is killed in the middle.
fn two_bots_share_two_hundred_conversations(store: Store) {
    story_of(&pool(2, ALL, store), async |world| {
        let fleet = world.launch().await;
        let mut consumers = opens(&world, 0..100).await;
        panics(&fleet, &world, "bot-1").await;
        consumers.extend(opens(&world, 100..200).await);
        all_hear(&consumers, 1).await;
        for (n, (consumer, _)) in consumers.iter().enumerate() {
            consumer.says(&format!("second-{n}")).await;
        }
        all_hear(&consumers, 2).await;
        world.judge().await;
        let counters = world.platform.counters();
        assert!(!counters.truncated);
        for (_, conversation) in &consumers {
            assert_eq!(counters.joins_of(conversation), 1, "{conversation}");
        }
        // The bot that was not killed reads each of its conversations once.
        let again = counters.history_reads.iter().filter(|read| read.login == "bot-2" && read.reads > 1);
        assert_eq!(again.count(), 0);
        // One subscription to its own conversations a socket, and one watches the account.
        assert_eq!(counters.max_conversation_subscriptions_per_socket(), 2);
        assert_eq!(joined_by(&world), ["bot-1".to_owned(), "bot-2".to_owned()].into(), "they share");
        world.end(fleet, Ending::Restart).await;
    });
}

#[test]
fn two_bots_join_each_of_two_hundred_conversations_once_also_when_one_is_killed_on_sqlite() {
    two_bots_share_two_hundred_conversations(Store::Sqlite);
}

#[test]
fn two_bots_join_each_of_two_hundred_conversations_once_also_when_one_is_killed_on_postgres() {
    two_bots_share_two_hundred_conversations(Store::Postgres);
}

fn three_bots_share(duty: Duty, store: Store) {
    story_of(&pool(3, duty, store), async |world| {
        let fleet = world.launch().await;
        let consumers = opens(&world, 0..30).await;
        all_hear(&consumers, 1).await;
        let mut open = Vec::new();
        until("the board shows the load", SOON, async || {
            open = ["bot-1", "bot-2", "bot-3"].map(|bot| world.status(HERE, bot).open_conversations).to_vec();
            if open.iter().sum::<usize>() == 30 { Ok(()) } else { Err(format!("{open:?}")) }
        })
        .await;
        assert!(open.iter().all(|load| *load >= 5), "{open:?}");
        // A restart keeps every conversation where it was.
        world.end(fleet, Ending::Restart).await;
        let fleet = world.launch().await;
        for (consumer, _) in &consumers {
            consumer.says("again").await;
        }
        all_hear(&consumers, 2).await;
        world.judge().await;
        if duty.intake == Intake::All {
            let counters = world.platform.counters();
            assert!(consumers.iter().all(|(_, c)| counters.joins_of(c) == 1), "{:?}", counters.joins);
        }
        world.end(fleet, Ending::Restart).await;
    });
}

#[test]
fn a_pool_of_three_that_takes_rings_shares_the_load_on_sqlite() {
    three_bots_share(RINGS, Store::Sqlite);
}

#[test]
fn a_pool_of_three_that_takes_rings_shares_the_load_on_postgres() {
    three_bots_share(RINGS, Store::Postgres);
}

#[test]
fn a_pool_of_three_that_joins_shares_the_load_on_sqlite() {
    three_bots_share(ALL, Store::Sqlite);
}

#[test]
fn a_pool_of_three_that_joins_shares_the_load_on_postgres() {
    three_bots_share(Duty { join_as: JoinAs::Manager, ..ALL }, Store::Postgres);
}

/// A human takes over, answers one of three messages and leaves: the bot answers the other two.
fn a_human_takes_over_and_gives_back(duty: Duty, store: Store) {
    story_of(&pool(1, duty, store), async |world| {
        let fleet = world.launch().await;
        let consumers = opens(&world, 0..2).await;
        let (ada, conversation) = &consumers[0];
        all_hear(&consumers, 1).await;
        let eve = world.platform.human(HERE, "Eve");
        eve.takes_over(conversation).await.unwrap();
        world.platform.settled(SOON).await.unwrap();
        ada.says("for-the-human").await;
        eve.answers(conversation, "a human answers for-the-human").await.unwrap();
        ada.hears(2, SOON).await.unwrap();
        ada.says("late-1").await;
        ada.says("late-2").await;
        // The bot hears and answers what was said later to it by others: it has heard this too, and holds still.
        let (bob, _) = &consumers[1];
        for round in 2..5 {
            bob.says(&format!("barrier-{round}")).await;
            bob.hears(round, SOON).await.unwrap();
        }
        assert_eq!(ada.heard().len(), 2, "{:?}", ada.heard());
        eve.gives_back(conversation, "-1").await.unwrap();
        let heard = ada.hears(4, SOON).await.unwrap();
        assert_eq!(&heard[2..], ["late-1", "late-2"], "in order, and only what is owed: {heard:?}");
        world.judge().await;
        world.end(fleet, Ending::Restart).await;
    });
}

#[test]
fn a_bot_that_joined_is_silent_beside_a_human_and_answers_what_is_owed_after_on_sqlite() {
    a_human_takes_over_and_gives_back(ALL, Store::Sqlite);
}

#[test]
fn a_bot_that_joined_is_silent_beside_a_human_and_answers_what_is_owed_after_on_postgres() {
    a_human_takes_over_and_gives_back(ALL, Store::Postgres);
}

#[test]
fn a_bot_that_was_assigned_is_silent_beside_a_human_and_answers_what_is_owed_after_on_sqlite() {
    a_human_takes_over_and_gives_back(RINGS, Store::Sqlite);
}

#[test]
fn a_bot_that_was_assigned_is_silent_beside_a_human_and_answers_what_is_owed_after_on_postgres() {
    a_human_takes_over_and_gives_back(RINGS, Store::Postgres);
}

#[test]
fn a_bot_told_to_continue_answers_beside_a_human() {
    let duty = Duty { when_human: WhenHuman::Continue, ..ALL };
    story_of(&pool(1, duty, Store::Sqlite), async |world| {
        let fleet = world.launch().await;
        let consumers = opens(&world, 0..1).await;
        let (ada, conversation) = &consumers[0];
        ada.hears(1, SOON).await.unwrap();
        world.platform.human(HERE, "Eve").takes_over(conversation).await.unwrap();
        ada.says("who-answers").await;
        assert_eq!(ada.hears(2, SOON).await.unwrap()[1], "who-answers");
        world.judge().await;
        world.end(fleet, Ending::Restart).await;
    });
}

/// A bot that panics too often is held off: what it held goes on with the other one.
#[test]
fn the_conversations_of_a_quarantined_bot_go_to_the_other() {
    story_of(&pool(2, ALL, Store::Sqlite), async |world| {
        let fleet = world.launch().await;
        let consumers = opens(&world, 0..10).await;
        all_hear(&consumers, 1).await;
        until("the bot is quarantined", SOON, async || {
            let state = world.status(HERE, "bot-1").state;
            if state == BotState::Online {
                panics(&fleet, &world, "bot-1").await;
            }
            if state == BotState::Quarantined { Ok(()) } else { Err(state.word().to_owned()) }
        })
        .await;
        for (n, (consumer, _)) in consumers.iter().enumerate() {
            consumer.says(&format!("who-is-there-{n}")).await;
        }
        all_hear(&consumers, 2).await;
        until("the other holds them all", SOON, async || {
            let open = world.status(HERE, "bot-2").open_conversations;
            if open == 10 { Ok(()) } else { Err(open.to_string()) }
        })
        .await;
        world.judge().await;
        world.end(fleet, Ending::Restart).await;
    });
}

/// Who may not see all conversations is told so, and what to do.
#[test]
fn a_bot_without_the_right_to_watch_says_what_it_needs() {
    story_of(&pool(1, ALL, Store::Sqlite), async |world| {
        world.platform.let_watch_all(HERE, "bot-1", false);
        let options = muster::app::LaunchOptions::default();
        let fleet = world.launch_with(options).await;
        until("the board names the right", SOON, async || {
            let cause = world.board.get(&HERE.into(), &"bot-1".into()).and_then(|bot| bot.cause);
            let says = cause.as_deref().is_some_and(|cause| cause.contains("give the bot user the right"));
            if says { Ok(()) } else { Err(format!("{cause:?}")) }
        })
        .await;
        world.platform.let_watch_all(HERE, "bot-1", true);
        let consumers = opens(&world, 0..1).await;
        all_hear(&consumers, 1).await;
        fleet.end(Ending::Restart, Duration::from_secs(5)).await;
    });
}
