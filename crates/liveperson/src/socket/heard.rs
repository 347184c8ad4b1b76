//! What the owner of a socket is told.

use liveperson_proto::close_code::CloseCode;
use liveperson_proto::frame::{Notification, Response};

/// The largest frame that can be sent.
pub(super) const WRITE_LIMIT: usize = 256 * 1024;

/// Requests without an answer at most.
pub(super) const UNANSWERED: usize = 4096;

/// What a socket hears, or finds out by itself.
#[derive(Debug)]
pub enum Heard {
    /// What came of a request; each ticket that was sent is answered exactly once.
    Answered {
        /// The ticket the request was sent with.
        ticket: u64,
        /// What came of it.
        outcome: Outcome,
    },
    /// News.
    Notification(Notification),
    /// A frame that cannot be read; the socket goes on.
    Unreadable {
        /// The frame's length.
        bytes: usize,
    },
    /// How far the platform's clock is ahead of ours, as of a clock answer.
    ClockOffset {
        /// Milliseconds; negative where the platform is behind.
        millis: i64,
    },
    /// The socket is at its end; every later call says so again.
    Closed {
        /// The peer's code, 1006 for a connection that broke, 1009 for a frame over the limit.
        code: CloseCode,
        /// The peer's reason or our own words, at most 128 characters.
        reason: String,
    },
}

/// What came of a request.
#[derive(Debug)]
pub enum Outcome {
    /// The platform did it.
    Done(Response),
    /// The platform refused it.
    Refused {
        /// 400 and above.
        code: u16,
        /// The platform's words, at most 128 characters.
        words: String,
    },
    /// No answer in time; it may have been done.
    TimedOut,
    /// The socket closed before an answer; it may have been done.
    ConnectionLost,
}

impl From<Response> for Outcome {
    fn from(response: Response) -> Self {
        if response.is_success() {
            Self::Done(response)
        } else {
            Self::Refused { code: response.code, words: response.words() }
        }
    }
}

/// Why a request was not sent: it was certainly not done, and its ticket is not reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed,
    /// Too many requests have no answer yet; the socket goes on.
    #[error("{waiting} requests have no answer yet")]
    Busy {
        /// How many.
        waiting: usize,
    },
    /// The request's frame is too large; the socket goes on.
    #[error("a request of {bytes} bytes is over the limit of {WRITE_LIMIT}")]
    TooLarge {
        /// The frame's length.
        bytes: usize,
    },
}
