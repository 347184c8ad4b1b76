//! Waiting for a dead owner's lease to end, with a countdown; a live owner is never waited for.

use std::time::Duration;

use tokio::runtime::Handle;

use super::Failure;
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
) -> Result<Fleet, Failure> {
    let mut before: Option<Duration> = None;
    loop {
        match Fleet::launch(settings, options.clone(), board.clone(), io.clone()).await {
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
                actix::clock::sleep(pause).await;
            }
            Err(error) => return Err(Failure::of(&error)),
        }
    }
}

fn remaining(held: &AcquireError) -> Option<Duration> {
    match held {
        AcquireError::Held { remaining, .. } => *remaining,
        AcquireError::Store(_) => None,
    }
}
