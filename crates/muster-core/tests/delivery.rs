//! The delivery promise under a given clock: a small platform and store, both plain values, drive
//! one bot through random schedules of faults. In the end each consumer message is answered once
//! and in order, whatever happened on the way.

mod world;

use muster_core::duty::Intake;
use proptest::prelude::*;
use world::{Faults, World};

fn run(seed: u64, steps: usize, intake: Intake, faults: Faults) -> World {
    let mut world = World::new(seed, intake, faults);
    for _ in 0..steps {
        world.step();
    }
    world.quiesce();
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_message_is_answered_once_and_in_order(seed: u64, steps in 20usize..500) {
        let world = run(seed, steps, Intake::Rings, Faults::All);
        prop_assert!(world.verdict().is_ok(), "seed {seed}, {steps} steps: {}", world.verdict().unwrap_err());
    }

    #[test]
    fn beside_humans_each_message_is_answered_once_and_each_conversation_joined_once(
        seed: u64, steps in 20usize..500,
    ) {
        let world = run(seed, steps, Intake::All, Faults::All);
        prop_assert!(world.verdict().is_ok(), "seed {seed}, {steps} steps: {}", world.verdict().unwrap_err());
    }

    #[test]
    fn without_faults_nothing_is_sent_or_read_twice(seed: u64, steps in 20usize..300, all: bool) {
        let intake = if all { Intake::All } else { Intake::Rings };
        let world = run(seed, steps, intake, Faults::None);
        prop_assert!(world.verdict().is_ok(), "seed {seed}, {steps} steps: {}", world.verdict().unwrap_err());
        prop_assert!(world.reads_per_dialog_and_socket() <= 1, "seed {seed}, {steps} steps");
    }
}

/// The harness itself can fail: with the promise's parts switched off it does.
#[test]
fn with_reconciliation_or_catch_up_switched_off_the_promise_breaks() {
    type Sabotage = fn(&mut muster_core::dialog::Rules);
    let sabotages: [(&str, Sabotage); 2] =
        [("reconciliation", |rules| rules.reconcile = false), ("catch-up", |rules| rules.catch_up = false)];
    for (what, sabotage) in sabotages {
        let broken = (0..200).any(|seed| {
            let mut world = World::sabotaged(seed, Intake::Rings, Faults::All, sabotage);
            (0..300).for_each(|_| world.step());
            world.quiesce();
            world.verdict().is_err()
        });
        assert!(broken, "no schedule noticed that {what} was off");
    }
}
