//! A brand socket: owned by one task, unsplit; it spawns nothing.

mod ending;
mod heard;
mod pending;
mod pulse;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{FutureExt, SinkExt, StreamExt};
use liveperson_proto::frame::{Frame, Response};
use liveperson_proto::request::Request;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Bytes;
use tokio_tungstenite::tungstenite::error::Error as WsError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode as Code;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, WebSocketConfig};

use crate::settings::ClientSettings;
use ending::Ending;
use heard::WRITE_LIMIT;
use pending::{Asker, Pending};
use pulse::{Beat, Pulse};

pub use heard::{Heard, Outcome, SendError};
pub(crate) use wire::Wire;

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// A brand socket. One task owns it: it asks with [`send`](Self::send), and hears with
/// [`next`](Self::next), which also keeps the socket alive and must be called again and again.
pub struct BrandSocket {
    stream: Option<Box<WebSocketStream<Wire>>>,
    settings: Arc<ClientSettings>,
    pending: Pending,
    pulse: Pulse,
    /// While something written is not yet on its way: until when it has to be.
    flush_until: Option<Instant>,
    /// Requests lost with the connection, to be reported before the end is.
    lost: VecDeque<u64>,
    ending: Option<Ending>,
}

/// What the one wait of [`BrandSocket::next`] ends with.
enum Step {
    Message(Message),
    Broken(Option<WsError>),
    Time,
}

/// Source of the sizes: measurements of idle sockets; smaller buffers save nothing.
pub(crate) fn web_socket_config(frame_limit: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_LIMIT)
        .max_message_size(Some(frame_limit))
        .max_frame_size(Some(frame_limit))
}

impl BrandSocket {
    pub(crate) fn new(stream: WebSocketStream<Wire>, settings: Arc<ClientSettings>) -> Self {
        Self {
            stream: Some(Box::new(stream)),
            pulse: Pulse::new(Instant::now(), settings.ping_every),
            settings,
            pending: Pending::default(),
            flush_until: None,
            lost: VecDeque::new(),
            ending: None,
        }
    }

    /// Writes a request; what comes of it is [`Heard::Answered`] with the same ticket.
    ///
    /// Waits while an earlier frame is stuck, at most `answer_within`: a peer that does not read
    /// for so long is gone. What the connection does not take at once follows while
    /// [`next`](Self::next) is awaited.
    ///
    /// Cancel safe: dropped before it is ready, nothing was sent and the ticket is not reported.
    pub async fn send(&mut self, ticket: u64, request: &Request) -> Result<(), SendError> {
        let Some(stream) = &mut self.stream else { return Err(SendError::Closed) };
        let until = Instant::now() + self.settings.answer_within;
        match timeout_at(until, poll_fn(|cx| stream.poll_ready_unpin(cx))).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(self.closed(Ending::broken(Some(&error)))),
            Err(_) => return Err(self.closed(Ending::stalled())),
        }
        let now = Instant::now();
        let id = self.pending.ask(Asker::Owner(ticket), now + self.settings.request_timeout);
        let frame = request.frame(id);
        let bytes = frame.len();
        if self.write(Message::text(frame), now) {
            return Ok(());
        }
        self.pending.take(id);
        Err(SendError::TooLarge { bytes })
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
            let said = stream.close(Some(CloseFrame { code, reason: "".into() })).await;
            // Leaving with unread bytes would reset the connection under the goodbye.
            while said.is_ok() && matches!(stream.next().await, Some(Ok(heard)) if !heard.is_close()) {}
        };
        // A peer that does not say goodbye is left without one.
        let _ = timeout(GOODBYE, goodbye).await;
    }
}

impl BrandSocket {
    async fn step(&mut self, wake: Instant) -> Step {
        let Self { stream: Some(stream), flush_until, .. } = self else { return Step::Broken(None) };
        let mut alarm = pin!(sleep_until(wake));
        poll_fn(|cx| {
            match stream.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(message))) => return Poll::Ready(Step::Message(message)),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Step::Broken(Some(error))),
                Poll::Ready(None) => return Poll::Ready(Step::Broken(None)),
                Poll::Pending => {}
            }
            if flush_until.is_some() {
                match stream.poll_flush_unpin(cx) {
                    Poll::Ready(Ok(())) => *flush_until = None,
                    Poll::Ready(Err(error)) => return Poll::Ready(Step::Broken(Some(error))),
                    Poll::Pending => {}
                }
            }
            alarm.as_mut().poll(cx).map(|()| Step::Time)
        })
        .await
    }

    /// Hands a message to the connection, which may keep a part of it; `false` if it is too large.
    fn write(&mut self, message: Message, now: Instant) -> bool {
        let Some(stream) = &mut self.stream else { return true };
        let written = match stream.start_send_unpin(message) {
            Ok(()) => stream.flush().now_or_never(),
            Err(WsError::WriteBufferFull(_)) => return false,
            Err(error) => Some(Err(error)),
        };
        match written {
            Some(Ok(())) => self.flush_until = None,
            // The message may have left, so its request is reported as lost, not as never sent.
            Some(Err(error)) => drop(self.end(Ending::broken(Some(&error)))),
            None => {
                self.flush_until.get_or_insert(now + self.settings.answer_within);
            }
        }
        true
    }

    fn beat(&mut self) {
        let now = Instant::now();
        while let Some(stream) = &self.stream {
            let heard = stream.get_ref().heard();
            let beat = self.pulse.beat(now, self.settings.ping_every, self.settings.clock_every);
            let message = match beat {
                None => return,
                Some(Beat::Ping) => Message::Ping(Bytes::new()),
                Some(Beat::Clock) => {
                    let id = self.pending.ask(Asker::Clock(now), now + self.settings.request_timeout);
                    Message::text(Request::GetClock.frame(id))
                }
            };
            self.pulse.asked(now + self.settings.answer_within, heard);
            // No room for a beat means that a frame is stuck, whose own deadline runs.
            self.write(message, now);
        }
    }

    fn deadline(&self) -> Instant {
        let first = self.pulse.deadline();
        [self.pending.deadline(), self.flush_until].into_iter().flatten().fold(first, Instant::min)
    }

    // What is judged is `wake`, not now: after a pause of this thread there may be bytes to read
    // that came before a later deadline.
    fn time_passed(&mut self, wake: Instant) -> Option<Heard> {
        if self.flush_until.is_some_and(|until| until <= wake) {
            return self.end(Ending::stalled());
        }
        let heard = self.stream.as_ref()?.get_ref().heard();
        if self.pulse.is_gone(wake, heard, Instant::now() + self.settings.answer_within) {
            return self.end(Ending::silent());
        }
        match self.pending.expire(wake)? {
            Asker::Owner(ticket) => Some(Heard::Answered { ticket, outcome: Outcome::TimedOut }),
            Asker::Clock(_) => None,
        }
    }

    fn hear(&mut self, message: Message) -> Option<Heard> {
        self.pulse.heard();
        match message {
            Message::Text(text) => match Frame::parse(&text) {
                Ok(Frame::Response(response)) => self.answer(response),
                Ok(Frame::Notification(notification)) => Some(Heard::Notification(notification)),
                Ok(Frame::Unknown) => None,
                Err(_) => Some(Heard::Unreadable { bytes: text.len() }),
            },
            Message::Binary(bytes) => Some(Heard::Unreadable { bytes: bytes.len() }),
            Message::Close(frame) => {
                // The library has the reply ready; what does not leave at once is not waited for.
                let _ = self.stream.as_mut()?.flush().now_or_never();
                self.end(Ending::said(frame))
            }
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => None,
        }
    }

    fn answer(&mut self, response: Response) -> Option<Heard> {
        match self.pending.take(response.request.parse().ok()?)? {
            Asker::Owner(ticket) => Some(Heard::Answered { ticket, outcome: response.into() }),
            Asker::Clock(asked) => {
                let theirs = response.clock()?;
                let ours = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
                let ours = ours.saturating_sub(asked.elapsed() / 2).as_millis() as i64;
                Some(Heard::ClockOffset { millis: theirs.saturating_sub(ours) })
            }
        }
    }

    /// Lets go of the connection; returns nothing, for [`next`](Self::next) to return.
    fn end(&mut self, ending: Ending) -> Option<Heard> {
        self.stream = None;
        self.flush_until = None;
        self.lost.extend(self.pending.abandon());
        self.ending.get_or_insert(ending);
        None
    }

    fn closed(&mut self, ending: Ending) -> SendError {
        self.end(ending);
        SendError::Closed
    }
}

impl fmt::Debug for BrandSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrandSocket")
            .field("open", &self.stream.is_some())
            .field("pending", &self.pending.len())
            .finish_non_exhaustive()
    }
}
