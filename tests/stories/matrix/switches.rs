//! Where the platform's behaviour is not known for sure there is a switch, and all is well on either side of
//! it: a few faults for each.

use std::time::Duration;

use liveperson_sim::settings::{Acceptance, LostRings};
use liveperson_sim::{BadToken, HistoryKeeps, PlatformSettings as SimSettings, SecondLogin};

use super::cases;
use super::crashes::Intake;
use super::replay;
use super::runner::{platform, run_on};
use crate::outside::Store;

/// What is met on each platform: sockets lost, an answer lost, a session stolen, requests applied late.
const MET: [&str; 4] = ["drop-1006", "publish-unanswered", "stolen-session", "applied-late"];

type Switch = (&'static str, fn(&mut SimSettings));

const SWITCHES: &[Switch] = &[
    ("second-login-closes-4401", |sim| sim.second_login_closes = SecondLogin::AtOnce(4401)),
    ("second-login-closes-4407", |sim| sim.second_login_closes = SecondLogin::AtOnce(4407)),
    ("second-login-closes-1006-late", |sim| {
        sim.second_login_closes = SecondLogin::After(Duration::from_millis(300), 1006);
    }),
    ("bad-token-4401", |sim| sim.bad_token = BadToken::Close4401),
    ("tokens-bound-to-address", |sim| sim.tokens_bound_to_address = true),
    ("pages-keep-newest", |sim| (sim.history_page, sim.history_keeps) = (20, HistoryKeeps::Newest)),
    ("pages-keep-oldest", |sim| (sim.history_page, sim.history_keeps) = (20, HistoryKeeps::Oldest)),
    ("messages-need-subscription", |sim| sim.messages_need_subscription = true),
    ("no-metadata-in-history", |sim| sim.metadata_in_history = false),
    ("lost-rings-left-to-expire", |sim| sim.lost_rings = LostRings::LeftToExpire),
    ("rings-accepted-automatically", |sim| sim.acceptance = Acceptance::Automatic),
    ("surveys", |sim| sim.surveys = true),
    ("publish-limit", |sim| sim.publishes_per_second = Some(20)),
    ("login-limit", |sim| sim.logins_per_second = Some(1)),
];

fn each_switch(test: &'static str, store: Store, intake: Intake) {
    let seed = replay::seed();
    for (name, switch) in SWITCHES {
        let on = format!("{name}/");
        let wanted = |case: &cases::Case| {
            MET.contains(&case.name.as_str()) && replay::is_wanted(&format!("{on}{}", case.name))
        };
        let cases: Vec<_> = cases::all(intake).into_iter().filter(wanted).collect();
        if cases.is_empty() {
            continue;
        }
        let mut sim = platform(seed);
        switch(&mut sim);
        run_on(sim, seed, test, store, intake, &on, cases);
    }
}

#[test]
fn whatever_the_platform_does_bots_that_take_rings_answer_once_on_sqlite() {
    let test = "whatever_the_platform_does_bots_that_take_rings_answer_once_on_sqlite";
    each_switch(test, Store::Sqlite, Intake::Rings);
}

#[test]
fn whatever_the_platform_does_a_pool_that_joins_answers_once_on_postgres() {
    let test = "whatever_the_platform_does_a_pool_that_joins_answers_once_on_postgres";
    each_switch(test, Store::Postgres, Intake::All);
}
