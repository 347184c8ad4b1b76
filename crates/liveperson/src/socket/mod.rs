//! A socket of either side: owned by one task, unsplit; it spawns nothing.

mod heard;

mod hearing;
mod writing;

mod ending;
mod pending;
mod pulse;

mod boundary;
mod wire;

mod sides;
mod tap;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode as Code;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};

use crate::settings::ClientSettings;
use ending::Ending;
use heard::UNANSWERED;
use hearing::Step;
use pending::{Asker, Pending};
use pulse::Pulse;

pub use heard::{Heard, Outcome, SendError};
pub use sides::{Asks, BrandSocket, ConsumerSocket};
pub use tap::{Direction, Tap};
pub(crate) use wire::{Wire, web_socket_config};

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// A socket on which requests of type `R` are asked. One task owns it: it asks with
/// [`send`](Self::send), and hears with [`next`](Self::next), which also keeps the socket alive and
/// must be called again and again.
pub struct Socket<R> {
    stream: Option<Box<WebSocketStream<Wire>>>,
    settings: Arc<ClientSettings>,
    pending: Pending,
    pulse: Pulse,
    /// While something written is not yet on its way: until when it has to be.
    flush_until: Option<Instant>,
    /// Whether a large message may have left large buffers behind.
    has_grown: bool,
    /// Requests lost with the connection, to be reported before the end is.
    lost: VecDeque<u64>,
    ending: Option<Ending>,
    tap: Option<Arc<dyn Tap>>,
    side: PhantomData<fn(&R)>,
}

impl<R: Asks> Socket<R> {
    pub(crate) fn new(stream: WebSocketStream<Wire>, settings: Arc<ClientSettings>) -> Self {
        Self {
            stream: Some(Box::new(stream)),
            pulse: Pulse::new(Instant::now(), settings.ping_every),
            settings,
            pending: Pending::default(),
            flush_until: None,
            has_grown: false,
            lost: VecDeque::new(),
            ending: None,
            tap: None,
            side: PhantomData,
        }
    }

    /// From now on the frames of both directions are shown to `tap` while it looks.
    pub fn tapped(&mut self, tap: Arc<dyn Tap>) {
        self.tap = Some(tap);
    }

    /// Writes a request; what comes of it is [`Heard::Answered`] with the same ticket.
    ///
    /// Waits while an earlier frame is stuck, at most `answer_within`: a peer that does not read
    /// for so long is gone. What the connection does not take at once follows while
    /// [`next`](Self::next) is awaited.
    ///
    /// Cancel safe: dropped before it is ready, nothing was sent and the ticket is not reported.
    pub async fn send(&mut self, ticket: u64, request: &R) -> Result<(), SendError> {
        self.feed(ticket, request).await?;
        self.flush();
        Ok(())
    }

    /// Like [`send`](Self::send), but the request may stay here until [`flush`](Self::flush): several
    /// that belong together then leave in one write.
    ///
    /// Unless an earlier frame is stuck it does not wait. Cancel safe like `send`.
    pub async fn feed(&mut self, ticket: u64, request: &R) -> Result<(), SendError> {
        let Some(stream) = &mut self.stream else { return Err(SendError::Closed) };
        let until = Instant::now() + self.settings.answer_within;
        match timeout_at(until, poll_fn(|cx| stream.poll_ready_unpin(cx))).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(self.closed(Ending::broken(Some(&error)))),
            Err(_) => return Err(self.closed(Ending::stalled())),
        }
        let waiting = self.pending.len();
        if waiting >= UNANSWERED {
            return Err(SendError::Busy { waiting });
        }
        let now = Instant::now();
        let id = self.pending.ask(Asker::Owner(ticket), now + self.settings.request_timeout);
        let frame = request.frame(id);
        let bytes = frame.len();
        self.show(Direction::Sent, &frame);
        if self.put(Message::text(frame)) {
            return Ok(());
        }
        self.pending.take(id);
        Err(SendError::TooLarge { bytes })
    }

    /// Sends what was fed; what the connection does not take at once follows while
    /// [`next`](Self::next) is awaited.
    pub fn flush(&mut self) {
        self.flush_by(Instant::now());
    }

    /// Waits for the next thing heard, and meanwhile pings, asks the time and minds deadlines.
    /// A deadline is judged only once all that has arrived before it is read.
    ///
    /// Cancel safe: there is a single wait, and all that it leads to happens without another;
    /// a message half read stays in the socket's buffer.
    pub async fn next(&mut self) -> Heard {
        loop {
            if let Some(ticket) = self.lost.pop_front() {
                return Heard::Answered { ticket, outcome: Outcome::ConnectionLost };
            }
            self.beat();
            if let Some(Ending { code, reason }) = self.ending.clone() {
                if !self.lost.is_empty() {
                    continue;
                }
                return Heard::Closed { code, reason };
            }
            let wake = self.deadline();
            let heard = match self.step(wake).await {
                Step::Message(message) => self.hear(message),
                Step::Broken(error) => self.end(Ending::broken(error.as_ref())),
                Step::Time => self.time_passed(wake),
            };
            if let Some(heard) = heard {
                return heard;
            }
        }
    }

    /// Says goodbye and waits a second at most for the peer to say so too.
    ///
    /// A code that must not be sent becomes 1000.
    pub async fn close(mut self, code: u16) {
        let Some(mut stream) = self.stream.take() else { return };
        let code = Some(Code::from(code)).filter(|code| code.is_allowed()).unwrap_or(Code::Normal);
        let goodbye = async {
            // `Box` may be a sink too, depending on what other crates switch on; the stream itself is meant.
            let said = (*stream).close(Some(CloseFrame { code, reason: "".into() })).await;
            // Leaving with unread bytes would reset the connection under the goodbye.
            while said.is_ok() && matches!(stream.next().await, Some(Ok(heard)) if !heard.is_close()) {}
        };
        // A peer that does not say goodbye is left without one.
        let _ = timeout(GOODBYE, goodbye).await;
    }
}

impl<R> fmt::Debug for Socket<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("open", &self.stream.is_some())
            .field("pending", &self.pending.len())
            .finish_non_exhaustive()
    }
}
