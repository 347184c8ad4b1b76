//! A login elsewhere takes a bot's session, and a platform sets a bot away: what the operator sees of it.

use liveperson_sim::{Aim, Fault, Order};
use serde_json::Value;

use crate::outside::{Fleet, SOON, Store, World};
use crate::wait::until;

const ACCOUNT: &str = "10000001";
const BOT: &str = "bot-1-1";

async fn logins(world: &World) -> u64 {
    world.control.counters().await.unwrap().identity(ACCOUNT, BOT).map_or(0, |bot| bot.logins)
}

/// The one bot, once it is so.
async fn bot_is(fleet: &Fleet, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    until(what, SOON, async || {
        let bot = fleet.bots().swap_remove(0);
        if is_so(&bot) { Ok(bot) } else { Err(bot.to_string()) }
    })
    .await
}

fn degraded(bot: &Value, word: &str) -> bool {
    bot["degraded"].as_array().is_some_and(|all| all.iter().any(|one| one == word))
}

fn metric(fleet: &Fleet, name: &str, outcome: &str) -> u64 {
    let start = format!("{name}{{account=\"{ACCOUNT}\",outcome=\"{outcome}\"}} ");
    let metrics = fleet.get("/metrics");
    metrics.lines().find_map(|line| line.strip_prefix(&start)?.parse().ok()).unwrap_or(0)
}

/// The same fleet file on a store of its own, as somebody who copied the folder would run it.
async fn rival(world: &World) -> Fleet {
    let url = format!("sqlite:{}", world.dir.path().join("rival.db").display());
    world.run(&[], &[("STORY_STORE", &url)]).await
}

/// Two processes on two stores want one identity; the platform tells of a second login like that.
async fn settles(second_login_closes: &str) {
    let sim = ["--bots", "1", "--second-login-closes", second_login_closes];
    let world = World::new(Store::Sqlite, &sim).await;
    world.rewrites("[timing]", "[timing]\nrefresh_every = \"1s\"");
    let first = world.run(&[], &[]).await;
    first.all_online().await;
    let before = logins(&world).await;
    let second = rival(&world).await;
    let lost = bot_is(&first, "the first fleet stands down", |bot| bot["state"] == "quarantined").await;
    let cause = lost["cause"].as_str().unwrap();
    assert!(cause.contains("a login elsewhere took the bot's session 2 times"), "{cause}");
    assert!(cause.contains("muster bots release 10000001/bot-1"), "{cause}");
    bot_is(&second, "the second fleet has it", |bot| bot["state"] == "online").await;
    assert_eq!(logins(&world).await - before, 3, "the second's, the first's, the second's");
    assert_eq!(metric(&first, "muster_sessions_taken_total", "taken_back"), 1);
    assert_eq!(metric(&first, "muster_sessions_taken_total", "quarantined"), 1);
    first.process.says_somewhere("a login elsewhere took the bot's session").await;
    // It stays so: what would still be under way is a refresh, and the next one comes after it.
    let refreshes =
        async || world.control.counters().await.unwrap().identity(ACCOUNT, BOT).unwrap().refreshes;
    let until_now = refreshes().await;
    until("the second fleet refreshes its token twice", SOON, async || {
        let count = refreshes().await;
        if count >= until_now + 2 { Ok(()) } else { Err(count.to_string()) }
    })
    .await;
    assert_eq!(logins(&world).await - before, 3);
}

#[tokio::test]
async fn two_fleets_on_one_identity_settle_within_three_logins_where_nobody_hears_of_the_other() {
    settles("never").await;
}

#[tokio::test]
async fn two_fleets_on_one_identity_settle_within_three_logins_where_the_loser_is_closed_with_4401() {
    settles("4401").await;
}

#[tokio::test]
async fn two_fleets_on_one_identity_settle_within_three_logins_where_the_loser_is_dropped_later() {
    settles("1006:300").await;
}

#[tokio::test]
async fn a_session_that_is_stolen_once_is_taken_back_and_told_of() {
    let world = World::new(Store::Sqlite, &["--bots", "1", "--second-login-closes", "4401"]).await;
    let fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    world.control.order(&Order::of(Fault::StealSession).at(Aim::bot(ACCOUNT, BOT))).await.unwrap();
    let robbed = |bot: &Value| bot["state"] == "online" && degraded(bot, "session-taken");
    let bot = bot_is(&fleet, "it says that it was robbed", robbed).await;
    assert!(bot["cause"].as_str().unwrap().contains("session once within 11 minutes, last at 20"), "{bot}");
    assert_eq!((logins(&world).await, metric(&fleet, "muster_sessions_taken_total", "taken_back")), (2, 1));
}

#[tokio::test]
async fn a_bot_told_to_stand_down_leaves_a_stolen_session_at_once() {
    let world = World::new(Store::Sqlite, &["--bots", "1", "--second-login-closes", "4407"]).await;
    world.rewrites("[[accounts.bots]]", "[[accounts.bots]]\non_theft = \"stand_down\"");
    let fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    world.control.order(&Order::of(Fault::StealSession).at(Aim::bot(ACCOUNT, BOT))).await.unwrap();
    let bot = bot_is(&fleet, "it is held off", |bot| bot["state"] == "quarantined").await;
    assert!(bot["cause"].as_str().unwrap().contains("took the bot's session once"), "{bot}");
    assert_eq!(logins(&world).await, 1, "it never fought");
}

#[tokio::test]
async fn a_bot_that_is_set_away_is_set_back_three_times_and_then_people_are_told() {
    let world = World::new(Store::Sqlite, &["--bots", "1"]).await;
    let fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    let states_set =
        async || world.control.counters().await.unwrap().identity(ACCOUNT, BOT).unwrap().states_set;
    assert_eq!(states_set().await, 1);
    for times in 1..=4 {
        world.control.order(&Order::of(Fault::SetAway).at(Aim::bot(ACCOUNT, BOT))).await.unwrap();
        if times < 4 {
            until("it set itself back", SOON, async || {
                let set = states_set().await;
                if set > times { Ok(()) } else { Err(set.to_string()) }
            })
            .await;
            bot_is(&fleet, "all is well", |bot| !degraded(bot, "away")).await;
        }
    }
    let away = |bot: &Value| degraded(bot, "away") && bot["cause"].to_string().contains("set back 3 times");
    let bot = bot_is(&fleet, "people are told", away).await;
    assert_eq!(bot["state"], "online");
    assert_eq!(metric(&fleet, "muster_agent_state_changes_total", "set_back"), 3);
    assert_eq!(metric(&fleet, "muster_agent_state_changes_total", "stays_away"), 1);
    assert_eq!(states_set().await, 4, "no fourth time within ten minutes");
}
