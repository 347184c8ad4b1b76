//! The watchdog: asks each arbiter again and again, and measures how long its answer takes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix::ArbiterHandle;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::metrics::Metrics;

/// How often each arbiter is asked.
const BEAT: Duration = Duration::from_secs(1);

/// How late each arbiter answered last, or is by now while it hangs.
#[derive(Debug, Default)]
pub struct Pulse(Mutex<BTreeMap<String, Beat>>);

#[derive(Debug)]
struct Beat {
    lag: Duration,
    told: Instant,
}

impl Pulse {
    /// The first arbiter that is behind by so much, and by how much. If nobody looked for longer than
    /// that, what looks is stuck itself.
    pub fn stuck(&self, limit: Duration) -> Option<(String, Duration)> {
        let beats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        beats.iter().find_map(|(name, Beat { lag, told })| {
            let unseen = told.elapsed().saturating_sub(BEAT * 2);
            if *lag >= limit {
                return Some((name.clone(), *lag + told.elapsed()));
            }
            (unseen >= limit).then(|| ("io".to_owned(), unseen))
        })
    }

    fn beats(&self, arbiter: &str, lag: Duration) {
        let beat = Beat { lag, told: Instant::now() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(arbiter.to_owned(), beat);
    }

    fn ends(&self, arbiter: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(arbiter);
    }
}

/// Watches the arbiters from the I/O runtime, each until it is gone.
pub fn watch(
    arbiters: Vec<(String, ArbiterHandle)>,
    pulse: &Arc<Pulse>,
    metrics: &Arc<Metrics>,
    io: &Handle,
) {
    for (name, arbiter) in arbiters {
        let (metrics, pulse) = (metrics.clone(), pulse.clone());
        io.spawn(async move {
            let tell = |lag| {
                metrics.arbiter_lag(&name, lag);
                pulse.beats(&name, lag);
            };
            watch_one(&arbiter, BEAT, tell).await;
            pulse.ends(&name);
        });
    }
}

/// While an arbiter hangs its lag is told again and again: it must show before it is over.
async fn watch_one(arbiter: &ArbiterHandle, beat: Duration, tell: impl Fn(Duration)) {
    let mut beats = interval(beat);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        let asked = Instant::now();
        let (answer, mut answered) = oneshot::channel();
        let is_there = arbiter.spawn_fn(move || {
            let _ = answer.send(asked.elapsed());
        });
        if !is_there {
            return;
        }
        loop {
            match timeout(beat, &mut answered).await {
                Ok(Ok(lag)) => break tell(lag),
                Ok(Err(_)) => return,
                Err(_) => tell(asked.elapsed()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use actix::Arbiter;
    use tokio::sync::watch;

    use super::*;

    const LONG: Duration = Duration::from_millis(200);

    #[test]
    fn an_arbiter_that_is_late_and_a_watch_that_nobody_keeps_are_told_apart() {
        let pulse = Pulse::default();
        let limit = Duration::from_secs(30);
        assert_eq!(pulse.stuck(limit), None, "nobody is watched");
        pulse.beats("bots-1", Duration::from_secs(29));
        pulse.beats("bots-2", Duration::ZERO);
        assert_eq!(pulse.stuck(limit), None);
        pulse.beats("bots-2", limit);
        assert_eq!(pulse.stuck(limit).unwrap().0, "bots-2");
        pulse.ends("bots-2");
        assert_eq!(pulse.stuck(limit), None);
        let told = Instant::now().checked_sub(limit + BEAT * 2).unwrap();
        pulse.0.lock().unwrap().insert("bots-1".to_owned(), Beat { lag: Duration::ZERO, told });
        assert_eq!(pulse.stuck(limit).unwrap().0, "io");
    }

    #[actix::test]
    async fn an_arbiter_that_hangs_shows_while_it_hangs_and_recovers_after() {
        let arbiter = Arbiter::new();
        let (release, hangs) = mpsc::channel::<()>();
        arbiter.spawn_fn(move || {
            let _ = hangs.recv();
        });
        let (told, mut lag) = watch::channel(Duration::ZERO);
        let handle = arbiter.handle();
        let watching = tokio::spawn(async move {
            watch_one(&handle, Duration::from_millis(5), |lag| {
                let _ = told.send(lag);
            })
            .await;
        });
        let patience = Duration::from_secs(30);
        timeout(patience, lag.wait_for(|lag| *lag >= LONG)).await.unwrap().unwrap();
        drop(release);
        timeout(patience, lag.wait_for(|lag| *lag < LONG)).await.unwrap().unwrap();
        arbiter.stop();
        timeout(patience, watching).await.unwrap().unwrap();
    }
}
