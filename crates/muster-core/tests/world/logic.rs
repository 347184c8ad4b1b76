//! What the logic under test answers: each answer names the message and the call.

use muster_core::dialog::Decided;
use muster_core::turn::{Action, Turn, TurnEvent};

use super::swarm::{Fault, Swarm};

/// A text that the store refuses for ever.
pub(crate) const POISON: &str = "poison";

/// How often logic was called so far makes each answer different from the one before.
pub(crate) fn decide(turn: &Turn, call: u64, swarm: &Swarm, chance: &mut fastrand::Rng) -> Decided {
    if swarm.strikes(Fault::LogicFails, 3, chance) {
        return match chance.u32(0..3) {
            0 => Decided::Actions(vec![Action::Say { text: String::new() }]),
            _ => Decided::Failed("no".to_owned()),
        };
    }
    let count = turn.variables.get("count").and_then(serde_json::Value::as_i64).unwrap_or(0);
    let mut actions = vec![Action::Set { name: "count".to_owned(), value: (count + 1).into() }];
    let say = |text: String| Action::Say { text };
    match &turn.event {
        // Nothing can be said any more.
        TurnEvent::Closed { .. } => {}
        TurnEvent::Opened => actions.push(say(format!("hello #{call}"))),
        TurnEvent::Message { sequence, .. } => {
            let says = match chance.u32(0..6) {
                0 if swarm.is_on(Fault::LogicActs) => 0,
                1 => 3,
                2 => 2,
                _ => 1,
            };
            actions.extend((0..says).map(|n| say(format!("re:{}.{n} #{call}", sequence.0))));
            if swarm.strikes(Fault::Poison, 6, chance) {
                actions.push(say(POISON.to_owned()));
            } else if swarm.strikes(Fault::LogicActs, 12, chance) {
                actions.push(Action::TransferToSkill { skill: "people".into() });
            } else if swarm.strikes(Fault::LogicActs, 20, chance) {
                actions.push(Action::Close);
            }
        }
    }
    Decided::Actions(actions)
}
