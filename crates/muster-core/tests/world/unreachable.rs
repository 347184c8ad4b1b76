//! The pairs of state and event that cannot come up, each with its reason.

use super::aim::Aim;
use super::coverage::{Coverage, Machine};

/// States and events that never meet, and why.
struct Never {
    machine: Machine,
    states: &'static [&'static str],
    events: &'static [&'static str],
    why: &'static str,
}

const OF_A_SOCKET: &[&str] = &[
    "answer 401",
    "answer refused",
    "answered",
    "agent states",
    "no answer",
    "closed",
    "closed, token dead",
    "closed, token doubted",
    "conversations",
    "message",
    "rings",
];
const OF_A_REQUEST: &[&str] =
    &["answer 401", "answer refused", "answered", "agent states", "no answer", "conversations", "rings"];
const OF_A_CLAIM: &[&str] = &["claim held", "claim done", "claim fenced"];
const OF_A_COMMIT: &[&str] =
    &["committed", "already committed", "stale cursor", "claim lost", "commit rejected", "store away"];

const NEVER: &[Never] = &[
    Never {
        machine: Machine::Bot,
        states: &["LoggingIn", "Parked", "Quarantined", "Resolving", "Waiting"],
        events: OF_A_SOCKET,
        why: "there is no socket",
    },
    Never {
        machine: Machine::Bot,
        states: &["Connecting"],
        events: OF_A_REQUEST,
        why: "nothing is asked before the socket is open",
    },
    Never {
        machine: Machine::Bot,
        states: &["LoggingIn", "Resolving", "Waiting"],
        events: &["socket opened", "socket failed"],
        why: "no socket is being opened",
    },
    Never {
        machine: Machine::Bot,
        states: &["Parked", "Quarantined"],
        events: &["socket opened"],
        why: "its socket was given up",
    },
    Never {
        machine: Machine::Bot,
        states: &["Online", "Subscribing"],
        events: &["socket opened", "socket failed"],
        why: "the socket is open already",
    },
    Never {
        machine: Machine::Bot,
        states: &[
            "Connecting",
            "Draining",
            "Fenced",
            "LoggingIn",
            "Online",
            "Quarantined",
            "Resolving",
            "Subscribing",
            "Waiting",
        ],
        events: &["started"],
        why: "a life starts once, and parked",
    },
    Never { machine: Machine::Bot, states: &["Fenced"], events: &["fenced"], why: "it is told once" },
    Never {
        machine: Machine::Bot,
        states: &["Connecting", "LoggingIn", "Online", "Resolving", "Subscribing", "Waiting"],
        events: &["unfenced"],
        why: "it was not fenced",
    },
    Never {
        machine: Machine::Bot,
        states: &["LoggingIn"],
        events: &["resolved", "resolve failed"],
        why: "who asks for domains and logs in is shown as resolving",
    },
    Never {
        machine: Machine::Joint,
        states: &["Away", "BesideHuman", "HandingBack", "Joining", "Live", "Reading"],
        events: OF_A_CLAIM,
        why: "the claim is held already",
    },
    Never {
        machine: Machine::Joint,
        states: &["Ending"],
        events: OF_A_CLAIM,
        why: "only a commit on its way keeps what has ended, and nothing is committed without the claim",
    },
    Never {
        machine: Machine::Joint,
        states: &["BesideHuman", "Live"],
        events: &["hand-back done"],
        why: "what was handed back is let go of, and a retiring bot takes nothing up that would come alive",
    },
    Never {
        machine: Machine::Joint,
        states: &["Closing"],
        events: &["shown elsewhere"],
        why: "whoever is outside closes nothing, what is closed changes no more, and pictures come in order",
    },
    Never {
        machine: Machine::Work,
        states: &["Committing", "Resting", "StoreAway", "Thinking"],
        events: OF_A_CLAIM,
        why: "no turn is in hand while the claim is asked for",
    },
    Never {
        machine: Machine::Work,
        states: &["Idle", "InDoubt", "Resting", "Sending", "StoreAway", "Thinking", "ToSend"],
        events: OF_A_COMMIT,
        why: "a commit is answered to the turn that it commits",
    },
    Never {
        machine: Machine::Joint,
        states: &["Claiming", "HandingBack"],
        events: OF_A_COMMIT,
        why: "neither is begun while a turn is under way, and no turn begins in them",
    },
];

/// Pairs for which no proof says that they cannot be, and that no run met that was after them: each needs three
/// or four rare things in a row. A colleague who finds the way drives it in `driving.rs` and takes the pair out.
const SELDOM: &[(Machine, &str, &[&str])] = &[
    (Machine::Bot, "committed", &["Resolving"]),
    (Machine::Bot, "decided", &["Resolving"]),
    (Machine::Bot, "logged in", &["Resolving"]),
    (Machine::Bot, "login failed", &["Resolving"]),
    (Machine::Bot, "login refused", &["Connecting", "Parked", "Resolving"]),
    (Machine::Bot, "placed", &["Resolving"]),
    (Machine::Bot, "resolve failed", &["Parked", "Subscribing", "Waiting"]),
    (Machine::Bot, "resolved", &["Connecting", "Parked", "Waiting"]),
    (Machine::Bot, "socket failed", &["Parked"]),
    (Machine::Bot, "tick", &["Resolving"]),
    (Machine::Joint, "change done", &["Away", "Ending", "HandingBack", "Joining"]),
    (Machine::Joint, "change refused", &["Away", "Ending", "Joining"]),
    (
        Machine::Joint,
        "change unknown",
        &["Away", "BesideHuman", "Claiming", "Closing", "Ending", "HandingBack", "Joining", "Reading"],
    ),
    (Machine::Joint, "claim done", &["Closing"]),
    (Machine::Joint, "claim fenced", &["Closing"]),
    (Machine::Joint, "claim held", &["Closing"]),
    (Machine::Joint, "find failed", &["Ending", "HandingBack"]),
    (Machine::Joint, "hand-back done", &["Ending"]),
    (Machine::Joint, "hand-back failed", &["Ending"]),
    (Machine::Joint, "page failed", &["Away", "Joining"]),
    (Machine::Joint, "page", &["Away"]),
    (Machine::Joint, "publish 429", &["Away", "Joining"]),
    (Machine::Joint, "publish refused", &["Away", "Joining"]),
    (Machine::Joint, "publish unknown", &["Away", "Joining"]),
    (Machine::Joint, "shown beside human", &["Closing", "Ending"]),
    (Machine::Joint, "shown closed", &["Ending"]),
    (Machine::Joint, "shown ours", &["Closing"]),
    (Machine::Joint, "unfenced", &["Ending", "HandingBack"]),
    (Machine::Work, "change done", &["InDoubt", "ToSend"]),
    (Machine::Work, "change refused", &["StoreAway", "ToSend"]),
    (Machine::Work, "change unknown", &["Committing", "Idle", "Resting", "StoreAway", "Thinking", "ToSend"]),
    (Machine::Work, "claim done", &["InDoubt", "Sending", "ToSend"]),
    (Machine::Work, "claim fenced", &["InDoubt", "Sending", "ToSend"]),
    (Machine::Work, "claim held", &["InDoubt", "Sending", "ToSend"]),
    (Machine::Work, "decided", &["InDoubt"]),
    (Machine::Work, "find failed", &["Committing", "Sending", "StoreAway", "Thinking"]),
    (Machine::Work, "hand-back done", &["InDoubt", "Resting", "Sending", "StoreAway", "Thinking"]),
    (Machine::Work, "hand-back failed", &["InDoubt", "Resting", "Sending", "StoreAway", "ToSend"]),
    (Machine::Work, "join refused", &["InDoubt", "StoreAway"]),
    (Machine::Work, "join unknown", &["InDoubt"]),
    (Machine::Work, "logic failed", &["InDoubt", "ToSend"]),
    (Machine::Work, "publish 429", &["InDoubt"]),
    (Machine::Work, "publish unknown", &["StoreAway"]),
];

fn is_seldom(machine: Machine, state: &str, event: &str) -> bool {
    SELDOM.iter().any(|(of, what, states)| *of == machine && *what == event && states.contains(&state))
}

fn reason(machine: Machine, state: &str, event: &str) -> Option<&'static str> {
    let fits = |never: &&Never| {
        never.machine == machine && never.states.contains(&state) && never.events.contains(&event)
    };
    NEVER.iter().find(fits).map(|never| never.why)
}

/// How many pairs came up, never can, and are too rare, in words.
pub(crate) fn summary(coverage: &Coverage, machine: Machine) -> String {
    let (mut met, mut never, mut seldom) = (0, 0, 0);
    for (state, event, times) in pairs(coverage, machine) {
        match (times, reason(machine, &state, event)) {
            (1.., _) => met += 1,
            (0, Some(_)) => never += 1,
            (0, None) => seldom += 1,
        }
    }
    format!("{machine:?}: {met} pairs met, {never} cannot be, {seldom} did not come up")
}

fn pairs(coverage: &Coverage, machine: Machine) -> Vec<(String, &'static str, u64)> {
    let events = coverage.events(machine);
    let of = |state| events.iter().map(move |event| (state, *event));
    let pairs = coverage.states(machine).into_iter().flat_map(of);
    pairs.map(|(state, event)| (state.name(), event, coverage.times(state, event))).collect()
}

/// Pairs that should have come up and did not, and pairs that came up although they never can.
pub(crate) fn faults(coverage: &Coverage, machine: Machine) -> Vec<String> {
    let mut faults = Vec::new();
    for (state, event, times) in pairs(coverage, machine) {
        let never = reason(machine, &state, event);
        let seldom = is_seldom(machine, &state, event);
        match (times, never) {
            (_, Some(_)) if seldom => {
                faults.push(format!("{machine:?}: {state} and {event:?} are in both lists"));
            }
            (0, None) if !seldom => faults.push(format!("{machine:?}: {state} never met {event:?}")),
            (1.., Some(why)) => {
                faults.push(format!("{machine:?}: {state} met {event:?} {times} times although {why}"));
            }
            _ => {}
        }
    }
    faults
}

/// Pairs that did not come up and that nothing is known to keep from it.
pub(crate) fn open(coverage: &Coverage, machine: Machine) -> Vec<Aim> {
    let unmet = pairs(coverage, machine).into_iter().filter(|(_, _, times)| *times == 0);
    let open = unmet.filter(|(state, event, _)| {
        reason(machine, state, event).is_none() && !is_seldom(machine, state, event)
    });
    open.map(|(state, event, _)| Aim { machine, state, event: event.to_owned() }).collect()
}
