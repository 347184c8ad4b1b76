//! Waiting for a dead owner's lease to end, with a countdown; a live owner is never waited for.

use std::pin::pin;
use std::time::Duration;

use muster_core::bot::Ending;
use tokio::runtime::Handle;

use super::Failure;
use super::signals::Signals;
use crate::app::{Fleet, LaunchError, LaunchOptions};
use crate::board::Board;
use crate::settings::FleetSettings;
use crate::store::AcquireError;

/// Launches; where a lease is left of somebody, waits for its end unless it is renewed meanwhile.
pub(super) async fn launch(
    settings: &FleetSettings,
    options: LaunchOptions,
    board: Board,
    io: Handle,
    signals: &mut Signals,
) -> Result<Fleet, Failure> {
    let mut before: Option<Duration> = None;
    loop {
        let launching = Fleet::launch(settings, options.clone(), board.clone(), io.clone());
        match or_given_up(launching, signals).await? {
            Ok(fleet) => return Ok(fleet),
            Err(LaunchError::Held(held)) => {
                let left = remaining(&held);
                let renewed = left.zip(before).is_some_and(|(left, before)| left > before);
                let Some(left) = left.filter(|_| !renewed) else {
                    return Err(Failure::of(&held).with_code(3));
                };
                if before.is_none() {
                    println!("{held}");
                }
                println!(
                    "waiting for its lease to end: {:.0} s left (--take-over skips the wait)",
                    left.as_secs_f64().ceil()
                );
                before = Some(left);
                let pause = left.clamp(Duration::from_millis(100), Duration::from_secs(1));
                tokio::select! {
                    () = actix::clock::sleep(pause) => {}
                    signal = signals.next() => return Err(too_early(signal)),
                }
            }
            Err(error) => return Err(Failure::of(&error)),
        }
    }
}

/// A launch that a signal comes into is awaited and given up in order: the next start finds no lease left.
async fn or_given_up(
    launching: impl Future<Output = Result<Fleet, LaunchError>>,
    signals: &mut Signals,
) -> Result<Result<Fleet, LaunchError>, Failure> {
    let mut launching = pin!(launching);
    let signal = tokio::select! {
        launched = &mut launching => return Ok(launched),
        signal = signals.next() => signal,
    };
    let given_up = async {
        if let Ok(fleet) = launching.await {
            fleet.end(Ending::Restart, Duration::ZERO).await;
        }
    };
    tokio::select! {
        () = given_up => Err(too_early(signal)),
        signal = signals.next() => Err(Failure::new(format!("{signal} again: ends at once"))),
    }
}

fn too_early(signal: &str) -> Failure {
    Failure::new(format!("{signal} before the start was over"))
}

fn remaining(held: &AcquireError) -> Option<Duration> {
    match held {
        AcquireError::Held { remaining, .. } => *remaining,
        AcquireError::Store(_) => None,
    }
}
