//! The pairs of state and event that cannot come up, each with its reason.

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
    &["committed", "already committed", "claim lost", "commit rejected", "store away"];

const OF_A_DEED: &[&str] = &[
    "publish done",
    "publish refused",
    "publish 429",
    "publish unknown",
    "change done",
    "change refused",
    "change unknown",
];

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
    Never {
        machine: Machine::Joint,
        states: &["Away"],
        events: OF_A_DEED,
        why: "what was asked on the socket before is void",
    },
    Never {
        machine: Machine::Joint,
        states: &["Away"],
        events: &["page", "page failed"],
        why: "what was asked on the socket before is void",
    },
];

/// Pairs for which no proof says that they cannot be, and that not all seeds meet: most need two rare things
/// in a row.
const SELDOM: &[(Machine, &str, &[&str])] = &[
    (Machine::Bot, "committed", &["Parked", "Resolving"]),
    (Machine::Bot, "decided", &["Parked", "Resolving"]),
    (Machine::Bot, "logged in", &["Resolving"]),
    (Machine::Bot, "login failed", &["Resolving"]),
    (Machine::Bot, "login refused", &["Connecting", "Parked", "Quarantined", "Resolving", "Waiting"]),
    (Machine::Bot, "placed", &["Resolving"]),
    (Machine::Bot, "refresh unauthorized", &["Parked", "Resolving"]),
    (Machine::Bot, "resolve failed", &["Parked", "Subscribing", "Waiting"]),
    (Machine::Bot, "resolved", &["Connecting", "Parked", "Waiting"]),
    (Machine::Bot, "tick", &["Parked", "Resolving"]),
    (Machine::Bot, "watch", &["Resolving"]),
    (Machine::Joint, "already committed", &["Joining"]),
    (
        Machine::Joint,
        "change done",
        &["BesideHuman", "Claiming", "Closing", "Ending", "HandingBack", "Joining", "Reading"],
    ),
    (
        Machine::Joint,
        "change refused",
        &["BesideHuman", "Claiming", "Closing", "Ending", "HandingBack", "Joining"],
    ),
    (Machine::Joint, "claim done", &["Closing"]),
    (Machine::Joint, "claim fenced", &["Closing"]),
    (Machine::Joint, "claim held", &["Closing"]),
    (Machine::Joint, "claim lost", &["Away", "BesideHuman", "Closing", "Ending", "Joining", "Reading"]),
    (Machine::Joint, "commit rejected", &["Away", "BesideHuman", "Ending", "Joining"]),
    (Machine::Joint, "committed", &["Joining"]),
    (Machine::Joint, "controller wrote", &["Ending"]),
    (Machine::Joint, "decided", &["Claiming", "Ending", "HandingBack", "Joining"]),
    (Machine::Joint, "find answered", &["Ending", "HandingBack"]),
    (Machine::Joint, "find failed", &["BesideHuman", "Claiming", "Ending", "HandingBack"]),
    (Machine::Joint, "hand-back done", &["BesideHuman", "Ending", "Live"]),
    (Machine::Joint, "hand-back failed", &["BesideHuman", "Closing", "Ending", "Live"]),
    (Machine::Joint, "human wrote", &["Closing", "Ending", "HandingBack", "Live"]),
    (Machine::Joint, "join done", &["BesideHuman", "Claiming", "Closing", "Ending", "HandingBack"]),
    (
        Machine::Joint,
        "join refused",
        &["Away", "BesideHuman", "Claiming", "Closing", "Ending", "HandingBack", "Live", "Reading"],
    ),
    (
        Machine::Joint,
        "join unknown",
        &["Away", "BesideHuman", "Claiming", "Closing", "Ending", "HandingBack", "Live"],
    ),
    (Machine::Joint, "logic failed", &["Claiming", "Ending", "HandingBack", "Joining"]),
    (Machine::Joint, "own echo", &["Away", "Claiming", "Closing", "Ending", "Joining"]),
    (Machine::Joint, "page", &["Joining"]),
    (Machine::Joint, "page failed", &["BesideHuman", "Ending", "HandingBack", "Joining", "Live"]),
    (
        Machine::Joint,
        "publish 429",
        &["BesideHuman", "Claiming", "Closing", "Ending", "HandingBack", "Joining", "Reading"],
    ),
    (Machine::Joint, "publish done", &["Claiming", "Closing", "Joining"]),
    (Machine::Joint, "publish refused", &["Ending", "HandingBack", "Joining"]),
    (
        Machine::Joint,
        "publish unknown",
        &["BesideHuman", "Claiming", "Closing", "Ending", "HandingBack", "Joining", "Reading"],
    ),
    (Machine::Joint, "quarantined", &["Ending", "HandingBack"]),
    (Machine::Joint, "receipt", &["Away", "Claiming", "Closing", "Ending", "HandingBack", "Joining"]),
    (Machine::Joint, "retire", &["Ending", "HandingBack"]),
    (Machine::Joint, "said elsewhere", &["Closing", "Ending", "HandingBack"]),
    (Machine::Joint, "shown beside human", &["Closing", "Ending", "HandingBack"]),
    (Machine::Joint, "shown closed", &["Ending", "HandingBack"]),
    (Machine::Joint, "shown elsewhere", &["Closing", "Joining"]),
    (Machine::Joint, "shown ours", &["Closing"]),
    (Machine::Joint, "store away", &["Joining"]),
    (Machine::Joint, "unfenced", &["Ending", "HandingBack"]),
    (Machine::Joint, "watched", &["HandingBack"]),
    (
        Machine::Work,
        "change done",
        &["Committing", "Idle", "InDoubt", "Resting", "StoreAway", "Thinking", "ToSend"],
    ),
    (Machine::Work, "change refused", &["Committing", "Idle", "Resting", "StoreAway", "Thinking", "ToSend"]),
    (Machine::Work, "claim done", &["InDoubt", "Sending", "ToSend"]),
    (Machine::Work, "claim fenced", &["InDoubt", "Sending", "ToSend"]),
    (Machine::Work, "claim held", &["InDoubt", "Sending", "ToSend"]),
    (Machine::Work, "decided", &["InDoubt", "Resting", "Sending", "StoreAway"]),
    (Machine::Work, "find answered", &["Sending", "StoreAway"]),
    (Machine::Work, "find failed", &["Resting", "Sending", "StoreAway", "Thinking"]),
    (
        Machine::Work,
        "hand-back done",
        &["Committing", "InDoubt", "Resting", "Sending", "StoreAway", "Thinking", "ToSend"],
    ),
    (
        Machine::Work,
        "hand-back failed",
        &["Committing", "InDoubt", "Resting", "Sending", "StoreAway", "Thinking", "ToSend"],
    ),
    (Machine::Work, "human wrote", &["Committing", "Resting", "StoreAway", "Thinking"]),
    (Machine::Work, "join done", &["Resting", "Sending", "StoreAway"]),
    (Machine::Work, "join refused", &["Committing", "Resting", "Sending", "StoreAway", "Thinking", "ToSend"]),
    (
        Machine::Work,
        "join unknown",
        &["Committing", "InDoubt", "Resting", "Sending", "StoreAway", "Thinking", "ToSend"],
    ),
    (Machine::Work, "logic failed", &["Committing", "InDoubt", "Resting", "Sending", "StoreAway", "ToSend"]),
    (Machine::Work, "page failed", &["Sending", "StoreAway"]),
    (
        Machine::Work,
        "publish 429",
        &["Committing", "Idle", "InDoubt", "Resting", "StoreAway", "Thinking", "ToSend"],
    ),
    (Machine::Work, "publish done", &["InDoubt", "StoreAway"]),
    (Machine::Work, "publish refused", &["Committing", "Resting", "StoreAway", "Thinking", "ToSend"]),
    (Machine::Work, "publish unknown", &["Committing", "Idle", "Resting", "StoreAway", "Thinking", "ToSend"]),
    (Machine::Work, "quarantined", &["Resting"]),
    (Machine::Work, "receipt", &["Resting", "StoreAway"]),
    (Machine::Work, "retire", &["StoreAway"]),
    (Machine::Work, "said elsewhere", &["StoreAway"]),
    (Machine::Work, "shown closed", &["Resting", "StoreAway"]),
    (Machine::Work, "shown ours", &["Sending"]),
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
