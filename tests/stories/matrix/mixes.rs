//! Faults of all kinds at once, by seed: the same seed gives the same schedule.

use std::time::Duration;

use liveperson_sim::Schedule;
use muster_core::bot::Ending;
use tokio::time::{Instant, sleep_until};

use super::crashes::Intake;
use super::replay;
use super::runner::{cast, crowd, platform, quick};
use crate::inside::{ACCOUNTS, story_on};
use crate::outside::{SOON, Store};

const LASTS: Duration = Duration::from_secs(15);
const EVERY: Duration = Duration::from_millis(200);

fn mixed(test: &'static str, store: Store, intake: Intake) {
    let seed = replay::seed();
    let again = replay::command(test, "mix", seed);
    println!("a mix on {}, seed {seed}; again: {again}", replay::name(store));
    story_on(platform(seed), &cast(store, intake), async |mut world| {
        world.settings.timing = quick(&world.settings.timing);
        let fleet = world.launch().await;
        let logins = [(ACCOUNTS[0], "bot-1"), (ACCOUNTS[0], "bot-2")];
        let start = Instant::now();
        for (at, order) in Schedule::of(seed, LASTS, EVERY, &logins) {
            println!("{at:?} {order}");
            // The schedule says when, and nothing else does.
            sleep_until(start + at).await;
            if world.platform.ledger().waiting < 8 {
                crowd(&world);
            }
            world.platform.order(order);
        }
        world.platform.withdraw_all();
        let settled = world.platform.settled(SOON).await;
        let ledger = world.platform.ledger();
        assert!(settled.is_ok() && ledger.is_clean(), "{settled:?}\n{ledger}\nagain: {again}");
        world.all_online().await;
        let effects = world.platform.fault_effects();
        println!("{effects:?}\n{ledger}");
        assert!(effects.len() > 10, "too few kinds took effect: {effects:?}\nagain: {again}");
        assert_eq!(world.platform.counters().max_sockets_at_once(), 1, "again: {again}");
        world.end(fleet, Ending::Restart).await;
    });
}

#[test]
fn a_mix_of_faults_changes_nothing_for_bots_that_take_rings_on_sqlite() {
    let test = "a_mix_of_faults_changes_nothing_for_bots_that_take_rings_on_sqlite";
    mixed(test, Store::Sqlite, Intake::Rings);
}

#[test]
fn a_mix_of_faults_changes_nothing_for_bots_that_take_rings_on_postgres() {
    let test = "a_mix_of_faults_changes_nothing_for_bots_that_take_rings_on_postgres";
    mixed(test, Store::Postgres, Intake::Rings);
}

#[test]
fn a_mix_of_faults_changes_nothing_for_a_pool_that_joins_on_sqlite() {
    let test = "a_mix_of_faults_changes_nothing_for_a_pool_that_joins_on_sqlite";
    mixed(test, Store::Sqlite, Intake::All);
}

#[test]
fn a_mix_of_faults_changes_nothing_for_a_pool_that_joins_on_postgres() {
    let test = "a_mix_of_faults_changes_nothing_for_a_pool_that_joins_on_postgres";
    mixed(test, Store::Postgres, Intake::All);
}
