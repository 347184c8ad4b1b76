//! Whoever looks at the frames of a socket.

use super::Socket;

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the platform.
    Sent,
    /// From the platform.
    Heard,
}

/// Looks at the frames of sockets, at some times. Frames hold what people wrote: see
/// [`redacted`](liveperson_proto::redact::redacted).
pub trait Tap: Send + Sync {
    /// Whether it looks at this moment; asked for each frame, so it must cost nothing.
    fn looks(&self) -> bool;

    /// A frame goes by. It must not block.
    fn passes(&self, direction: Direction, frame: &str);
}

impl<R> Socket<R> {
    pub(super) fn show(&self, direction: Direction, frame: &str) {
        if let Some(tap) = self.tap.as_ref().filter(|tap| tap.looks()) {
            tap.passes(direction, frame);
        }
    }
}
