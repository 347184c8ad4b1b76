//! Keep-alive: when to ping, when to ask the time, and when a silent peer is gone.

use std::time::Duration;

use tokio::time::Instant;

/// Something to send to keep the socket alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// A WebSocket ping.
    Ping,
    /// A request for the platform's time.
    Clock,
}

/// A question that anything heard will answer.
struct Question {
    until: Instant,
    heard: u64,
}

pub(super) struct Pulse {
    ping_at: Instant,
    clock_at: Instant,
    question: Option<Question>,
}

impl Pulse {
    /// Asks the time at once, for the offset is wanted early; pings after a while.
    pub(super) fn new(now: Instant, ping_every: Duration) -> Self {
        Self { ping_at: now + ping_every, clock_at: now, question: None }
    }

    /// The next moment at which there is something to do.
    pub(super) fn deadline(&self) -> Instant {
        let next = self.ping_at.min(self.clock_at);
        self.question.as_ref().map_or(next, |question| next.min(question.until))
    }

    /// What is due; a beat that was missed is not made up for.
    pub(super) fn beat(&mut self, now: Instant, ping_every: Duration, clock_every: Duration) -> Option<Beat> {
        if self.clock_at <= now {
            self.clock_at = now + clock_every;
            return Some(Beat::Clock);
        }
        if self.ping_at <= now {
            self.ping_at = now + ping_every;
            return Some(Beat::Ping);
        }
        None
    }

    /// A beat was sent: something has to be heard until then. `heard` counts the bytes so far.
    pub(super) fn asked(&mut self, until: Instant, heard: u64) {
        self.question.get_or_insert(Question { until, heard });
    }

    /// A message was heard.
    pub(super) fn heard(&mut self) {
        self.question = None;
    }

    /// Whether nothing at all was heard in time; bytes of an unfinished message count.
    ///
    /// After such bytes the rest has to follow until `then`.
    pub(super) fn is_gone(&mut self, now: Instant, heard: u64, then: Instant) -> bool {
        let Some(question) = &mut self.question else { return false };
        if question.until > now {
            return false;
        }
        if question.heard == heard {
            return true;
        }
        *question = Question { until: then, heard };
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn missed_beats_are_not_made_up_for() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start, 6 * SECOND);
        let mut beats = |now| pulse.beat(now, 6 * SECOND, 3 * SECOND);
        assert_eq!(beats(start), Some(Beat::Clock));
        assert_eq!(beats(start), None);
        let late = start + 60 * SECOND;
        assert_eq!((beats(late), beats(late), beats(late)), (Some(Beat::Clock), Some(Beat::Ping), None));
        assert_eq!(pulse.deadline(), late + 3 * SECOND);
    }

    #[test]
    fn the_first_unanswered_question_counts() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start, 6 * SECOND);
        pulse.asked(start + SECOND, 0);
        pulse.asked(start + 5 * SECOND, 0);
        assert!(!pulse.is_gone(start, 0, start));
        assert!(pulse.is_gone(start + SECOND, 0, start));
        pulse.heard();
        assert!(!pulse.is_gone(start + 9 * SECOND, 0, start));
    }

    #[test]
    fn bytes_of_an_unfinished_message_are_a_sign_of_life() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start, 6 * SECOND);
        pulse.asked(start + SECOND, 0);
        assert!(!pulse.is_gone(start + SECOND, 10, start + 2 * SECOND));
        assert!(pulse.is_gone(start + 2 * SECOND, 10, start));
    }
}
