//! Waiting for a state; time is only the bound after which a story has failed.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

/// Looks until `look` finds something; panics with the last thing it said after `within`.
pub(crate) async fn until<T>(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let mut last = String::new();
    let mut ticks = interval(Duration::from_millis(20));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let looking = async {
        loop {
            ticks.tick().await;
            match look().await {
                Ok(found) => return found,
                Err(seen) => last = seen,
            }
        }
    };
    let found = timeout(within, looking).await.ok();
    found.unwrap_or_else(|| panic!("{what}: not within {within:?}; last seen: {last}"))
}
