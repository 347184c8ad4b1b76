//! The watchdog: asks each arbiter again and again, and measures how long its answer takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::ArbiterHandle;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::metrics::Metrics;

/// How often each arbiter is asked.
const BEAT: Duration = Duration::from_secs(1);

/// Watches the arbiters from the I/O runtime, each until it is gone.
pub fn watch(arbiters: Vec<(String, ArbiterHandle)>, metrics: &Arc<Metrics>, io: &Handle) {
    for (name, arbiter) in arbiters {
        let metrics = metrics.clone();
        io.spawn(async move { watch_one(&arbiter, BEAT, |lag| metrics.arbiter_lag(&name, lag)).await });
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
