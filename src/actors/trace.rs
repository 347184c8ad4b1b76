//! The frame trace of one bot: what goes over its socket, redacted, for a while.
//!
//! A bot that nobody traces pays one look at a flag for each frame.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use liveperson::{Direction, Tap};
use liveperson_proto::AccountId;
use liveperson_proto::redact::redacted;
use muster_core::BotId;
use tokio::sync::Notify;

use super::house::House;
use crate::clock::Clock;

/// Frames that wait for whoever traces at most.
pub const FRAMES: usize = 1_000;
/// Bytes that they have at most, redacted.
pub const BYTES: usize = 1 << 20;

/// A frame that went by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedFrame {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Whether the bot sent it; else it heard it.
    pub is_sent: bool,
    /// Its length, before anything was hidden.
    pub bytes: usize,
    /// What may be shown of it, as JSON.
    pub shown: String,
}

/// The places where bots' frames go by, of every bot that ever had a socket.
#[derive(Default)]
pub struct Traces(Mutex<HashMap<(AccountId, BotId), Arc<Tapped>>>);

/// The place where a bot's frames go by.
pub struct Tapped {
    clock: Clock,
    is_on: AtomicBool,
    ring: Mutex<Ring>,
    news: Notify,
}

#[derive(Default)]
struct Ring {
    frames: VecDeque<TracedFrame>,
    bytes: usize,
    dropped: u64,
}

/// A trace under way; over when it is dropped.
pub struct Trace(Arc<Tapped>);

impl Traces {
    /// Where a bot's frames go by, whoever looks.
    pub fn of(&self, account: &AccountId, bot: &BotId, clock: Clock) -> Arc<Tapped> {
        let tapped = || {
            let (is_on, ring, news) = (AtomicBool::new(false), Mutex::default(), Notify::new());
            Arc::new(Tapped { clock, is_on, ring, news })
        };
        self.all().entry((account.clone(), bot.clone())).or_insert_with(tapped).clone()
    }

    /// Begins to trace a bot; none while somebody else traces it, or of a bot that never had a socket.
    pub fn begin(&self, account: &AccountId, bot: &BotId) -> Option<Trace> {
        let tapped = self.all().get(&(account.clone(), bot.clone()))?.clone();
        let begins = tapped.is_on.compare_exchange(false, true, Ordering::AcqRel, Ordering::Acquire).is_ok();
        begins.then(|| {
            // A frame of the trace before may have come in after its end.
            *tapped.ring() = Ring::default();
            Trace(tapped)
        })
    }

    // No code of others runs under this lock.
    fn all(&self) -> MutexGuard<'_, HashMap<(AccountId, BotId), Arc<Tapped>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl House {
    /// Where a bot's frames go by.
    pub fn tapped(&self, account: &AccountId, bot: &BotId) -> Arc<Tapped> {
        self.traces.of(account, bot, self.clock)
    }
}

impl Tapped {
    // No code of others runs under this lock.
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tap for Tapped {
    fn looks(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    fn passes(&self, direction: Direction, frame: &str) {
        let shown = redacted(frame).to_string();
        let (at, is_sent) = (self.clock.now().wall, direction == Direction::Sent);
        self.ring().put(TracedFrame { at, is_sent, bytes: frame.len(), shown });
        self.news.notify_one();
    }
}

impl Ring {
    /// Puts a frame in; the oldest go where there is no room.
    fn put(&mut self, frame: TracedFrame) {
        self.bytes += frame.shown.len();
        self.frames.push_back(frame);
        while self.frames.len() > FRAMES || self.bytes > BYTES {
            let Some(gone) = self.frames.pop_front() else { return };
            self.bytes -= gone.shown.len();
            self.dropped += 1;
        }
    }
}

impl Trace {
    /// Waits for frames, and takes what is there. Cancel safe.
    pub async fn next(&self) -> Vec<TracedFrame> {
        loop {
            let frames = self.take();
            if !frames.is_empty() {
                return frames;
            }
            self.0.news.notified().await;
        }
    }

    /// How many frames found no room so far.
    pub fn dropped(&self) -> u64 {
        self.0.ring().dropped
    }

    fn take(&self) -> Vec<TracedFrame> {
        let mut ring = self.0.ring();
        ring.bytes = 0;
        ring.frames.drain(..).collect()
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        *self.0.ring() = Ring::default();
        self.0.is_on.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces() -> (Traces, Arc<Tapped>) {
        let traces = Traces::default();
        let tapped = traces.of(&"1".into(), &"ada".into(), Clock::start());
        (traces, tapped)
    }

    #[tokio::test]
    async fn a_trace_shows_what_goes_by_while_it_lasts_and_is_one_at_a_time() {
        let (traces, tapped) = traces();
        assert!(traces.begin(&"1".into(), &"bob".into()).is_none(), "bob never had a socket");
        assert!(!tapped.looks(), "nobody pays for what nobody traces");
        let trace = traces.begin(&"1".into(), &"ada".into()).unwrap();
        assert!(tapped.looks() && traces.begin(&"1".into(), &"ada".into()).is_none());
        tapped.passes(Direction::Sent, r#"{"kind":"req","id":"1","message":"a secret"}"#);
        tapped.passes(Direction::Heard, r#"{"kind":"resp","reqId":"1"}"#);
        let frames = trace.next().await;
        let shown: Vec<_> = frames.iter().map(|frame| (frame.is_sent, frame.bytes, &*frame.shown)).collect();
        let sent = r#"{"id":"1","kind":"req","message":{"hidden":"text","length":8}}"#;
        assert_eq!(shown, [(true, 44, sent), (false, 27, r#"{"kind":"resp","reqId":"1"}"#)]);
        tapped.passes(Direction::Heard, "{}");
        drop(trace);
        assert!(!tapped.looks());
        let next = traces.begin(&"1".into(), &"ada".into()).unwrap();
        assert!(next.take().is_empty(), "nothing is left of the one before");
    }

    #[test]
    fn a_trace_that_is_not_read_keeps_the_latest_frames_within_its_bounds() {
        let (traces, tapped) = traces();
        let trace = traces.begin(&"1".into(), &"ada".into()).unwrap();
        for n in 0..FRAMES + 5 {
            tapped.passes(Direction::Heard, &format!(r#"{{"id":"{n}"}}"#));
        }
        assert_eq!(trace.dropped(), 5);
        let frames = trace.take();
        assert_eq!((frames.len(), &*frames[0].shown), (FRAMES, r#"{"id":"5"}"#));
        let ids = vec!["x".repeat(100); 200];
        let large = format!(r#"{{"agentIds":{ids:?}}}"#);
        for _ in 0..100 {
            tapped.passes(Direction::Heard, &large);
        }
        let held: usize = trace.0.ring().frames.iter().map(|frame| frame.shown.len()).sum();
        assert!((BYTES / 2..=BYTES).contains(&held) && trace.dropped() > 5, "{held} bytes");
    }
}
