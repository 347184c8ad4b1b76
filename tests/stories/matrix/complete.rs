//! Nothing is missing: every fault and every crash point is in the matrix, and in the reference.

use std::collections::BTreeSet;
use std::fs;

use liveperson_sim::Fault;
use muster::crash::Point;
use muster::protection::Protection;

use super::cases;
use super::crashes::{Intake, points};

/// Faults that have a story of their own instead of a case, for a fleet does not come back from them by
/// itself.
const ELSEWHERE: [&str; 1] = ["wrong_domain"];

fn reference() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/faults.md")).unwrap()
}

#[test]
fn every_fault_of_the_platform_is_in_the_matrix_and_has_a_row_in_the_reference() {
    let reference = reference();
    let cases = [Intake::Rings, Intake::All].into_iter().flat_map(cases::all);
    let met: BTreeSet<&str> =
        cases.flat_map(|case| case.orders).map(|order| order.fault.name()).chain(ELSEWHERE).collect();
    for name in Fault::NAMES {
        assert!(met.contains(name), "no case has the fault {name}");
        assert!(reference.contains(&format!("| `{name}`")), "{name} has no row in docs/reference/faults.md");
    }
}

#[test]
fn every_crash_point_is_passed_and_has_a_row_in_the_reference() {
    let reference = reference();
    for point in Point::ALL {
        let passed = [Intake::Rings, Intake::All].into_iter().flat_map(points).any(|one| one == *point);
        let name = point.name();
        assert!(passed, "nobody dies at {name}");
        assert!(reference.contains(&format!("| `{name}`")), "{name} has no row in docs/reference/faults.md");
    }
}

#[test]
fn every_protection_is_switched_off_by_a_test_that_the_reference_names() {
    let reference = reference();
    for protection in Protection::ALL {
        let start = format!("| `{}` |", protection.name());
        let row = reference.lines().find(|line| line.starts_with(&start));
        assert!(row.is_some_and(|row| row.contains("::without_")), "{protection:?} has no row with its test");
    }
}

/// A test that the reference names is there.
#[test]
fn every_test_that_the_reference_names_is_there() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    for named in reference().split('`').filter(|part| part.starts_with("stories/")) {
        let (file, test) = named.rsplit_once("::").unwrap();
        let content =
            fs::read_to_string(format!("{root}/{file}")).unwrap_or_else(|_| panic!("{file} is missing"));
        assert!(content.contains(&format!("fn {test}(")), "{file} has no test {test}");
    }
}
