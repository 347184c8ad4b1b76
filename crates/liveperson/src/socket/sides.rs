//! The two sides: what a brand's socket asks, and what a consumer's.

use liveperson_proto::consumer::ConsumerRequest;
use liveperson_proto::request::Request;

use super::Socket;

/// A brand socket: a bot asks and hears.
pub type BrandSocket = Socket<Request>;

/// A consumer's socket. What is said in a dialog is told only after
/// [`SubscribeMessages`](ConsumerRequest::SubscribeMessages) for it.
pub type ConsumerSocket = Socket<ConsumerRequest>;

/// The requests of one side.
pub trait Asks {
    /// The whole frame, with an id that is unique on its socket.
    fn frame(&self, id: u64) -> String;

    /// The frame that asks for the platform's time.
    fn clock_frame(id: u64) -> String;
}

impl Asks for Request {
    fn frame(&self, id: u64) -> String {
        self.frame(id)
    }

    fn clock_frame(id: u64) -> String {
        Self::GetClock.frame(id)
    }
}

impl Asks for ConsumerRequest {
    fn frame(&self, id: u64) -> String {
        self.frame(id)
    }

    fn clock_frame(id: u64) -> String {
        Self::GetClock.frame(id)
    }
}
