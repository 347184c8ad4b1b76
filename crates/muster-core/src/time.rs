//! Time as the core knows it: two integers that come in through the door.

use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point of the process's monotonic clock, in milliseconds since the process chose to count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Moment(pub u64);

impl Moment {
    /// How long ago `earlier` was; zero if it is still to come.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, after: Duration) -> Self {
        Self(self.0.saturating_add(after.as_millis() as u64))
    }
}

/// What the caller's clocks say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For periods and deadlines.
    pub moment: Moment,
    /// For what people and the platform read, in milliseconds since 1970.
    pub wall: i64,
}
