//! The one place that reads clocks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use muster_core::time::{Moment, Now};

/// The process's clocks; moments count from its start.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts counting.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// What the clocks say.
    pub fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        Now { moment: Moment(self.start.elapsed().as_millis() as u64), wall }
    }
}
