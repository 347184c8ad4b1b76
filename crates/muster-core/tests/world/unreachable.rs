//! The pairs of state and event that cannot come up, each with its reason.

use super::coverage::{Coverage, Machine};

/// States and events that never meet, and why; an empty list means all.
struct Never {
    machine: Machine,
    states: &'static [&'static str],
    events: &'static [&'static str],
    why: &'static str,
}

const NEVER: &[Never] = &[];

fn reason(machine: Machine, state: &str, event: &str) -> Option<&'static str> {
    let within = |list: &[&str], name: &str| list.is_empty() || list.contains(&name);
    let fits = |never: &&Never| {
        never.machine == machine && within(never.states, state) && within(never.events, event)
    };
    NEVER.iter().find(fits).map(|never| never.why)
}

/// Pairs that should have come up and did not, and pairs that came up although they never can.
pub(crate) fn faults(coverage: &Coverage, machine: Machine) -> Vec<String> {
    let mut faults = Vec::new();
    for state in coverage.states(machine) {
        for event in coverage.events(machine) {
            match (coverage.times(machine, &state, event), reason(machine, &state, event)) {
                (0, None) => faults.push(format!("{machine:?}: {state} never met {event:?}")),
                (times @ 1.., Some(why)) => {
                    faults.push(format!("{machine:?}: {state} met {event:?} {times} times although {why}"));
                }
                _ => {}
            }
        }
    }
    faults
}
