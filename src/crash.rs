//! Crash points: the named places between a message and its confirmed answer at which a process may die.
//!
//! Tests name one in `MUSTER_CRASH`, such as `committed:3:kill`, and the third passing of that point
//! kills the process (`kill`) or stops it until somebody continues it (`stop`). Release builds have no
//! crash points.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use muster_core::BotId;
use nix::sys::signal::{Signal, raise};

const VARIABLE: &str = "MUSTER_CRASH";
/// The bot that kills its process as soon as it starts.
const BOT: &str = "MUSTER_CRASH_BOT";

/// Declares every point once: its variant, its name, and what has happened by then.
macro_rules! points {
    ($($(#[$doc:meta])+ $point:ident = $name:literal,)+) => {
        /// A place at which a process may die.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Point { $($(#[$doc])+ $point,)+ }

        impl Point {
            /// Every point, in the order of a message's life.
            pub const ALL: &[Self] = &[$(Self::$point,)+];

            /// Its name in `MUSTER_CRASH`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$point => $name,)+ }
            }
        }
    };
}

points! {
    /// A login succeeded; its session is not stored.
    LoggedIn = "logged-in",
    /// The session is stored, sealed.
    SessionSealed = "session-sealed",
    /// The platform renewed the token.
    Refreshed = "refreshed",
    /// An acceptance of a ring has left the socket.
    RingAccepted = "ring-accepted",
    /// The bot wants a claim; the recorder does not know.
    ClaimAsked = "claim-asked",
    /// The claim is durable; the bot does not know, and has not joined.
    Claimed = "claimed",
    /// A join has left the socket.
    JoinSent = "join-sent",
    /// The bot takes part; the history is not asked for.
    Joined = "joined",
    /// The socket has read a message; the bot does not know.
    FrameRead = "frame-read",
    /// The bot knows the message.
    EventTold = "event-told",
    /// Logic is about to be asked.
    TurnBegun = "turn-begun",
    /// Logic has answered.
    Decided = "decided",
    /// The recorder was given the turn.
    TurnHandedOver = "turn-handed-over",
    /// The group that holds the turn is about to be written.
    GroupBegun = "group-begun",
    /// The turn is durable; the bot does not know.
    Committed = "committed",
    /// The bot knows that the turn is durable; nothing is sent.
    CommitHeard = "commit-heard",
    /// The right to act was looked at, and held; the action is not written. A stop here, past the lease,
    /// is the documented window.
    RightChecked = "right-checked",
    /// The action was written to the socket.
    Published = "published",
    /// The platform's answer to the action was read; the bot does not know.
    AnswerRead = "answer-read",
    /// The recorder was given the confirmation.
    DoneHandedOver = "done-handed-over",
    /// The confirmation is durable: the outbox row is gone.
    DoneDurable = "done-durable",
}

/// What becomes of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Kill,
    Stop,
}

struct Plan {
    point: Point,
    fate: Fate,
    left: AtomicU32,
}

/// A plan that is none of `POINT:PASSING:kill|stop`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NoPlan;

impl fmt::Display for NoPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Point::ALL.iter().map(|point| point.name()).collect();
        write!(f, "{VARIABLE} is none of POINT:PASSING:kill|stop, with a point of {}", names.join(", "))
    }
}

impl FromStr for Plan {
    type Err = NoPlan;

    fn from_str(text: &str) -> Result<Self, NoPlan> {
        let [point, passing, fate] = text.split(':').collect::<Vec<_>>()[..] else { return Err(NoPlan) };
        let point = Point::ALL.iter().copied().find(|one| one.name() == point).ok_or(NoPlan)?;
        let passing = passing.parse().ok().filter(|passing| *passing > 0).ok_or(NoPlan)?;
        let fate = match fate {
            "kill" => Fate::Kill,
            "stop" => Fate::Stop,
            _ => return Err(NoPlan),
        };
        Ok(Self { point, fate, left: AtomicU32::new(passing) })
    }
}

/// Reads what tests planned; a plan that cannot be read is told at once, or a test would wait for it.
///
/// # Errors
/// The variable is set and holds no plan; in words.
pub fn plan() -> Result<(), String> {
    match std::env::var(VARIABLE) {
        Ok(text) if cfg!(debug_assertions) => text.parse::<Plan>().map(|_| ()).map_err(|no| no.to_string()),
        _ => Ok(()),
    }
}

fn planned() -> Option<&'static Plan> {
    static PLAN: OnceLock<Option<Plan>> = OnceLock::new();
    PLAN.get_or_init(|| std::env::var(VARIABLE).ok()?.parse().ok()).as_ref()
}

/// Passes a point: the process dies or stops here if that was planned.
pub fn pass(point: Point) {
    if !cfg!(debug_assertions) {
        return;
    }
    let Some(plan) = planned().filter(|plan| plan.point == point) else { return };
    // Past zero the count goes on from the top, which no test lives to see.
    if plan.left.fetch_sub(1, Ordering::Relaxed) != 1 {
        return;
    }
    let signal = match plan.fate {
        Fate::Kill => Signal::SIGKILL,
        Fate::Stop => Signal::SIGSTOP,
    };
    // A signal to the own thread is taken before the call returns: nothing after this point happens first.
    let _ = raise(signal);
}

/// A bot's life begins: the process dies here if that was planned for this bot.
pub fn life_begins(bot: &BotId) {
    static PLANNED: OnceLock<Option<String>> = OnceLock::new();
    if !cfg!(debug_assertions) {
        return;
    }
    if PLANNED.get_or_init(|| std::env::var(BOT).ok()).as_deref() == Some(bot.as_str()) {
        let _ = raise(Signal::SIGKILL);
    }
}

/// Passes a point as often as something was there.
pub fn pass_if(there: bool, point: Point) {
    if cfg!(debug_assertions) && there {
        pass(point);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_plan_names_point_passing_and_fate() {
        let plan: Plan = "committed:3:stop".parse().ok().unwrap();
        assert_eq!((plan.point, plan.left.into_inner(), plan.fate), (Point::Committed, 3, Fate::Stop));
        for wrong in
            ["", "committed", "committed:0:kill", "nowhere:1:kill", "committed:1:hang", "committed:1:kill:"]
        {
            assert!(wrong.parse::<Plan>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_two_points_have_one_name() {
        let names: HashSet<_> = Point::ALL.iter().map(|point| point.name()).collect();
        assert_eq!(names.len(), Point::ALL.len());
    }
}
