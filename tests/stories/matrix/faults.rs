//! Each fault alone, on both stores and with both intakes.

use super::crashes::Intake;
use super::runner::run;
use crate::outside::Store;

#[test]
fn each_fault_alone_changes_nothing_for_bots_that_take_rings_on_sqlite() {
    let test = "each_fault_alone_changes_nothing_for_bots_that_take_rings_on_sqlite";
    run(test, Store::Sqlite, Intake::Rings);
}

#[test]
fn each_fault_alone_changes_nothing_for_bots_that_take_rings_on_postgres() {
    let test = "each_fault_alone_changes_nothing_for_bots_that_take_rings_on_postgres";
    run(test, Store::Postgres, Intake::Rings);
}

#[test]
fn each_fault_alone_changes_nothing_for_a_pool_that_joins_on_sqlite() {
    let test = "each_fault_alone_changes_nothing_for_a_pool_that_joins_on_sqlite";
    run(test, Store::Sqlite, Intake::All);
}

#[test]
fn each_fault_alone_changes_nothing_for_a_pool_that_joins_on_postgres() {
    let test = "each_fault_alone_changes_nothing_for_a_pool_that_joins_on_postgres";
    run(test, Store::Postgres, Intake::All);
}
