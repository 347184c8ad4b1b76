//! What the kinds have to be told.

use serde::{Deserialize, Serialize};

/// How a socket ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SocketEnd {
    /// TCP is reset.
    Reset,
    /// The peer is silent for ever and takes nothing, though TCP stays open.
    HalfOpen,
    /// A close frame with this code; with 1006 TCP ends without one.
    Close(u16),
}

/// With which notification another changes places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Swap {
    /// The next one of another type.
    OtherType,
    /// The next event of the same dialog; only events are met.
    SameDialog,
}

/// What a request over HTTP gets instead of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// An error.
    Status {
        /// The status.
        status: u16,
        /// The seconds of `Retry-After`.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// Nothing, for ever.
    Silence,
    /// A 200 with a page that is no JSON.
    Rubbish,
}

impl Trouble {
    /// An error without `Retry-After`.
    pub fn status(status: u16) -> Self {
        Self::Status { status, retry_after: None }
    }
}
