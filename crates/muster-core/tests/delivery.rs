//! The delivery promise under a given clock: a small platform, store, logic and pool, all plain
//! values, drive one to three bots through random schedules of faults, and a reference model checks
//! each step.

mod world;

use std::collections::BTreeMap;

use muster_core::duty::Intake;
use muster_core::quarantine::Kind;
use world::aim::Aim;
use world::coverage::{Coverage, Machine};
use world::orders::Temptations;
use world::{Sabotage, Setup, World, unreachable};

/// Runs until the steps are done or something is broken; then everything must come to rest.
fn run(setup: Setup, steps: u64) -> World {
    let mut world = World::new(setup);
    play(&mut world, steps);
    world
}

fn play(world: &mut World, steps: u64) {
    while world.steps < steps && !world.is_broken() && !world.has_hit() {
        world.step();
    }
    world.quiesce();
}

fn holds(world: &World) {
    if let Err(breach) = world.verdict() {
        panic!("{breach}");
    }
}

/// The run of a seed: how many bots and how long follow from it.
fn of_seed(seed: u64, intake: Intake, bots: std::ops::RangeInclusive<usize>) -> (Setup, u64) {
    let mut chance = fastrand::Rng::with_seed(seed ^ 0x6d75_7374_6572);
    let bots = chance.usize(bots);
    let steps = chance.u64(20..1_000);
    let setup =
        Setup { seed, intake, bots, faults: true, sabotage: Sabotage::Nothing, paced: false, aim: None };
    (setup, steps)
}

/// At least so many random steps; the first breach fails the test with what replays it.
fn steps(at_least: u64, first_seed: u64, intake: Intake, bots: std::ops::RangeInclusive<usize>) {
    let (mut done, mut seed) = (0, first_seed);
    while done < at_least {
        let (setup, steps) = of_seed(seed, intake, bots.clone());
        let world = run(setup, steps);
        holds(&world);
        done += world.steps;
        seed += 1;
    }
    println!("{done} steps in {} runs", seed - first_seed);
}

const EACH: u64 = 150_000;
/// Schedules of endings, and of quarantines.
const SCHEDULES: u64 = 3_000;
/// Runs by chance whose coverage is counted.
const COVERED: u64 = 1_080;
/// Runs after one pair at most, and the steps of each.
const TRIES: u64 = 200;
const AIMED: u64 = 900;
const MACHINES: [Machine; 3] = [Machine::Bot, Machine::Joint, Machine::Work];

#[test]
fn each_message_is_answered_once_and_in_order() {
    steps(EACH, 1, Intake::Rings, 1..=1);
}

#[test]
fn in_a_pool_that_takes_rings_each_message_is_answered_once_and_in_order() {
    steps(EACH, 1_000_000, Intake::Rings, 2..=3);
}

#[test]
fn beside_humans_each_message_is_answered_once_and_each_conversation_joined_once() {
    steps(EACH, 2_000_000, Intake::All, 1..=1);
}

#[test]
fn in_a_pool_that_joins_each_message_is_answered_once_and_in_order() {
    steps(EACH, 3_000_000, Intake::All, 2..=3);
}

/// People pause and resume bots, ask for fresh tokens and change capacities all the while.
#[test]
fn a_paused_bot_begins_nothing_and_what_waits_is_answered_once_and_in_order() {
    for (intake, first_seed) in [(Intake::Rings, 6_000_000), (Intake::All, 7_000_000)] {
        let (mut done, mut seed) = (0, first_seed);
        while done < EACH / 2 {
            let (setup, steps) = of_seed(seed, intake, 1..=3);
            let mut world = World::with_people(setup);
            play(&mut world, steps);
            holds(&world);
            done += world.steps;
            seed += 1;
        }
    }
}

/// Endings and doubts about the ownership come all the while, beside every other fault.
#[test]
fn a_draining_or_fenced_bot_takes_nothing_new() {
    let mut tempted = Temptations::new();
    for seed in 0..SCHEDULES {
        let intake = if seed % 2 == 0 { Intake::Rings } else { Intake::All };
        let (setup, steps) = of_seed(8_000_000 + seed, intake, 1..=3);
        let mut world = World::under_orders(setup);
        play(&mut world, steps / 2);
        holds(&world);
        for (what, times) in world.tempter.into_iter().flat_map(|tempter| tempter.seen) {
            *tempted.entry(what).or_default() += times;
        }
    }
    println!("{SCHEDULES} schedules, seeds from 8000000: {tempted:#?}");
    let rare: Vec<_> = tempted.iter().filter(|(_, times)| **times < 20).collect();
    assert!(
        tempted.len() == 11 && rare.is_empty(),
        "the schedules hardly tempt anybody: {rare:?} of {tempted:#?}"
    );
}

/// Logins are refused, sessions stolen, frames too big; bots panic, hang, kill the process and are suspended.
#[test]
fn a_quarantine_is_always_explained_and_always_releasable() {
    let mut released = BTreeMap::<Kind, u64>::new();
    for seed in 0..SCHEDULES {
        let intake = if seed % 2 == 0 { Intake::Rings } else { Intake::All };
        let (setup, steps) = of_seed(9_000_000 + seed, intake, 1..=3);
        let mut world = World::with_warden(setup);
        play(&mut world, steps / 2);
        holds(&world);
        for (kind, times) in world.warden.into_iter().flat_map(|warden| warden.released) {
            *released.entry(kind).or_default() += times;
        }
    }
    println!("{SCHEDULES} schedules, seeds from 9000000: {released:?}");
    for kind in Kind::ALL {
        let times = released.get(kind).copied().unwrap_or(0);
        assert!(times >= 50, "only {times} releases from {kind}: {released:?}");
    }
}

/// What each bot reads and sends without a fault, it reads and sends once.
#[test]
fn without_faults_nothing_is_sent_or_read_twice() {
    for seed in 0..600 {
        let intake = if seed % 2 == 0 { Intake::Rings } else { Intake::All };
        let (setup, steps) = of_seed(seed, intake, 1..=3);
        let world = run(Setup { faults: false, ..setup }, steps);
        holds(&world);
        let reads = world.reads.values().copied().max().unwrap_or(0);
        assert!(reads <= 1, "seed {seed}: a dialog was read {reads} times on one socket");
    }
}

/// Every pair of state and event comes up, by chance or in runs that are after it, except those that
/// `world/unreachable.rs` gives a reason for.
#[test]
fn each_state_meets_each_event() {
    let mut coverage = Coverage::default();
    let by_chance = meet_by_chance(&mut coverage);
    assert!(by_chance >= 1_000_000, "only {by_chance} steps");
    let (pairs, runs) = pursue_the_rest(&mut coverage);
    let mut tables = String::new();
    let mut faults = Vec::new();
    for machine in MACHINES {
        let summary = unreachable::summary(&coverage, machine);
        tables.extend([coverage.table(machine), "\n".to_owned(), summary, "\n\n".to_owned()]);
        faults.extend(unreachable::faults(&coverage, machine));
    }
    println!("{by_chance} steps by chance, {runs} runs after {pairs} pairs\n\n{tables}");
    let at = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("coverage.txt");
    std::fs::write(&at, &tables).expect("the target folder can be written");
    assert!(faults.is_empty(), "{} (see {})", faults.join("\n"), at.display());
}

/// Returns the steps done.
fn meet_by_chance(coverage: &mut Coverage) -> u64 {
    let mut steps_done = 0;
    for seed in 0..COVERED {
        let intake = if seed % 2 == 0 { Intake::Rings } else { Intake::All };
        let (setup, steps) = of_seed(5_000_000 + seed, intake, 1..=3);
        let setup = Setup { paced: seed % 8 != 0, ..setup };
        steps_done += play_counted(setup, 2 * steps, coverage);
    }
    steps_done
}

/// Goes after each pair that has not come up. Returns how many there were, and the runs.
fn pursue_the_rest(coverage: &mut Coverage) -> (usize, usize) {
    let aims: Vec<_> =
        MACHINES.into_iter().flat_map(|machine| unreachable::open(coverage, machine)).collect();
    let mut runs = 0;
    for aim in &aims {
        for seed in 0..TRIES {
            if coverage.has(aim.machine, &aim.state, &aim.event) {
                break;
            }
            let intake = if seed % 2 == 0 { Intake::Rings } else { Intake::All };
            let intake = aim.intake().unwrap_or(intake);
            let most = if intake == Intake::All { 2 } else { 1 };
            let (setup, _) = of_seed(6_000_000 + seed, intake, 1..=most);
            play_counted(Setup { paced: true, aim: Some(aim.clone()), ..setup }, AIMED, coverage);
            runs += 1;
        }
    }
    (aims.len(), runs)
}

fn play_counted(setup: Setup, steps: u64, coverage: &mut Coverage) -> u64 {
    let mut world = World::new(setup);
    world.coverage = Some(Coverage::default());
    play(&mut world, steps);
    holds(&world);
    coverage.absorb(world.coverage.take().expect("it was counted"));
    world.steps
}

/// The proof itself can fail: with any part of the promise switched off, some check does.
#[test]
fn with_any_part_of_the_promise_switched_off_a_check_fails() {
    for (sabotage, intake, bots, words) in [
        (Sabotage::Reconciliation, Intake::Rings, 1..=1, "twice"),
        (Sabotage::CatchUp, Intake::Rings, 1..=1, "no committed turn"),
        (Sabotage::Dedupe, Intake::Rings, 1..=1, "twice"),
        (Sabotage::Order, Intake::Rings, 1..=1, "passed over"),
        (Sabotage::Settle, Intake::Rings, 1..=1, "within settle"),
        (Sabotage::Claims, Intake::Rings, 2..=3, "does not hold the claim"),
        (Sabotage::Fence, Intake::All, 1..=1, "ownership is in doubt"),
    ] {
        let breaches = (0..400).map(|seed| {
            let (setup, steps) = of_seed(seed, intake, bots.clone());
            run(Setup { sabotage, ..setup }, steps).verdict()
        });
        let breaches: Vec<_> = breaches.filter_map(Result::err).collect();
        let noticed = breaches.iter().any(|breach| breach.contains(words));
        assert!(noticed, "no schedule said {words:?} with {sabotage:?} switched off, but {breaches:#?}");
    }
}

/// With `PEOPLE=1` people steer too; with `ORDERS=1` bots end and are fenced all the while, with `WARDEN=1` they
/// are held off and released.
/// `SEED=7 STEPS=100 INTAKE=all BOTS=2 AIM='Joint/Closing/publish done' cargo nextest run -p muster-core --test delivery replay --run-ignored all --no-capture`
#[test]
#[ignore = "prints the run that a failed test named"]
fn replay() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("SEED").unwrap_or(1);
    let bots = number("BOTS").unwrap_or(1) as usize;
    let paced = std::env::var("PACED").is_ok();
    let aim = std::env::var("AIM").ok().and_then(|aim| Aim::named(&aim));
    let setup = Setup { seed, intake: intake(), bots, faults: true, sabotage: Sabotage::Nothing, paced, aim };
    let is_set = |name: &str| std::env::var(name).is_ok();
    let mut world = match () {
        () if is_set("PEOPLE") => World::with_people(setup),
        () if is_set("ORDERS") => World::under_orders(setup),
        () if is_set("WARDEN") => World::with_warden(setup),
        () => World::new(setup),
    };
    world.traced();
    world.coverage = paced.then(Coverage::default);
    play(&mut world, number("STEPS").unwrap_or(1_000));
    println!("{}", world.faults());
    world.verdict().unwrap();
}

fn intake() -> Intake {
    if std::env::var("INTAKE").is_ok_and(|intake| intake == "all") { Intake::All } else { Intake::Rings }
}
