//! Operations: a verb on everything that matched a filter, a few at a time.
//!
//! What is matched is fixed at the beginning. Items are begun at a rate, and a bounded number is on its way
//! at one time; too many failures, or a person, end it, and then nothing more is begun.

use std::time::Duration;

/// Items on their way at one time at most.
pub const IN_FLIGHT: u64 = 50;
/// Items a second, unless said otherwise.
pub const RATE: u64 = 10;
/// Items a second at most.
pub const RATE_LIMIT: u64 = 1_000;
/// Fewer failures than this end nothing, unless said otherwise.
const FEW_FAILURES: u64 = 5;

/// Failures that end an operation of so many items, unless said otherwise: a twentieth of them, and at least five.
pub fn failures_allowed(total: u64) -> u64 {
    total.div_ceil(20).max(FEW_FAILURES)
}

/// Where an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Items are begun.
    Running,
    /// A person ended it; what is on its way is waited for.
    Cancelling,
    /// A person ended it.
    Cancelled,
    /// Each item has its outcome.
    Done,
    /// Too many items failed.
    Failed,
}

impl State {
    const ALL: [Self; 5] = [Self::Running, Self::Cancelling, Self::Cancelled, Self::Done, Self::Failed];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// The state of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether nothing more comes of it.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Running | Self::Cancelling)
    }
}

/// How many items are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Not begun.
    pub waiting: u64,
    /// On their way.
    pub asked: u64,
    /// Over, without an effect.
    pub failed: u64,
}

/// By which bounds an operation goes on.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Items a second.
    pub rate: u64,
    /// The failures that end it.
    pub stop_after: u64,
}

/// Since when items were begun, and how many.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// For so long.
    pub elapsed: Duration,
    /// So many.
    pub begun: u64,
}

/// What an operation does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Begins so many items, in their order.
    Begin(u64),
    /// Waits for what is on its way, or for its rate.
    Wait,
    /// It is over.
    End(State),
}

/// What an operation that is not over does next.
pub fn next(state: State, progress: Progress, bounds: Bounds, pace: Pace) -> Step {
    let Progress { waiting, asked, failed } = progress;
    let ending = match state {
        _ if failed >= bounds.stop_after => Some(State::Failed),
        State::Cancelling => Some(State::Cancelled),
        _ if waiting == 0 => Some(State::Done),
        _ => None,
    };
    match ending {
        Some(ending) if asked == 0 => Step::End(ending),
        Some(_) => Step::Wait,
        None => begin(waiting, asked, bounds.rate, pace),
    }
}

/// The first item begins at once; a pause is not made good.
fn begin(waiting: u64, asked: u64, rate: u64, pace: Pace) -> Step {
    let due = 1 + (pace.elapsed.as_millis() as u64).saturating_mul(rate) / 1_000;
    let room = IN_FLIGHT.saturating_sub(asked);
    match waiting.min(room).min(due.saturating_sub(pace.begun)).min(rate.max(1)) {
        0 => Step::Wait,
        count => Step::Begin(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { rate: 10, stop_after: 5 };

    fn progress(waiting: u64, asked: u64, failed: u64) -> Progress {
        Progress { waiting, asked, failed }
    }

    fn after(millis: u64, begun: u64) -> Pace {
        Pace { elapsed: Duration::from_millis(millis), begun }
    }

    #[test]
    fn items_begin_at_the_rate_and_within_the_room() {
        for (progress, pace, step) in [
            (progress(100, 0, 0), after(0, 0), Step::Begin(1)),
            (progress(99, 1, 0), after(0, 1), Step::Wait),
            (progress(99, 1, 0), after(99, 1), Step::Wait),
            (progress(99, 1, 0), after(100, 1), Step::Begin(1)),
            (progress(99, 1, 0), after(500, 1), Step::Begin(5)),
            (progress(3, 1, 0), after(500, 1), Step::Begin(3)),
            (progress(99, IN_FLIGHT, 0), after(60_000, 51), Step::Wait),
            (progress(99, IN_FLIGHT - 2, 0), after(60_000, 51), Step::Begin(2)),
            (progress(99, 0, 0), after(60_000, 1), Step::Begin(10)),
        ] {
            assert_eq!(next(State::Running, progress, BOUNDS, pace), step, "{progress:?} {pace:?}");
        }
    }

    #[test]
    fn an_operation_ends_when_nothing_is_on_its_way() {
        let pace = after(60_000, 1);
        for (state, progress, step) in [
            (State::Running, progress(0, 3, 0), Step::Wait),
            (State::Running, progress(0, 0, 4), Step::End(State::Done)),
            (State::Running, progress(50, 0, 5), Step::End(State::Failed)),
            (State::Running, progress(50, 2, 5), Step::Wait),
            (State::Running, progress(0, 0, 5), Step::End(State::Failed)),
            (State::Cancelling, progress(50, 2, 0), Step::Wait),
            (State::Cancelling, progress(50, 0, 0), Step::End(State::Cancelled)),
            (State::Cancelling, progress(50, 0, 9), Step::End(State::Failed)),
        ] {
            assert_eq!(next(state, progress, BOUNDS, pace), step, "{state:?} {progress:?}");
        }
    }

    #[test]
    fn a_twentieth_of_the_items_may_fail_and_at_least_five() {
        for (total, allowed) in [(1, 5), (100, 5), (101, 6), (500, 25), (10_000, 500)] {
            assert_eq!(failures_allowed(total), allowed);
        }
        for state in State::ALL {
            assert_eq!(State::of_word(state.word()), Some(state));
        }
    }
}
