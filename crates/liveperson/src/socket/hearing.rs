//! What comes to a socket: messages, and the passing of time. Only one function here waits.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::{FutureExt, SinkExt, StreamExt};
use liveperson_proto::frame::{Frame, Response};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::error::Error as WsError;
use tokio_tungstenite::tungstenite::protocol::Message;

use super::ending::Ending;
use super::heard::{Heard, Outcome, SendError};
use super::pending::Asker;
use super::tap::Direction;
use super::wire::KEPT_BUFFER;
use super::{Asks, Socket};

/// What the one wait of [`Socket::next`] ends with.
pub(super) enum Step {
    Message(Message),
    Broken(Option<WsError>),
    Time,
}

impl<R: Asks> Socket<R> {
    /// Waits for a message, while flushing what is stuck, until it is time to `wake`.
    pub(super) async fn step(&mut self, wake: Instant) -> Step {
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

    pub(super) fn deadline(&self) -> Instant {
        let first = self.pulse.deadline();
        [self.pending.deadline(), self.flush_until].into_iter().flatten().fold(first, Instant::min)
    }

    // What is judged is `wake`, not now: after a pause of this thread there may be bytes to read
    // that came before a later deadline.
    pub(super) fn time_passed(&mut self, wake: Instant) -> Option<Heard> {
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

    pub(super) fn hear(&mut self, message: Message) -> Option<Heard> {
        self.pulse.heard();
        match message {
            Message::Text(text) => {
                self.show(Direction::Heard, &text);
                let heard = self.read(&text);
                self.let_go(text.len(), text);
                heard
            }
            Message::Binary(bytes) => {
                let heard = Some(Heard::Unreadable { bytes: bytes.len() });
                self.let_go(bytes.len(), bytes);
                heard
            }
            Message::Close(frame) => {
                // The library has the reply ready; what does not leave at once is not waited for.
                let _ = self.stream.as_mut()?.flush().now_or_never();
                self.end(Ending::said(frame))
            }
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => None,
        }
    }

    fn read(&mut self, text: &str) -> Option<Heard> {
        match Frame::parse(text) {
            Ok(Frame::Response(response)) => self.answer(response),
            Ok(Frame::Notification(notification)) => Some(Heard::Notification(notification)),
            Ok(Frame::Unknown) => None,
            Err(_) => Some(Heard::Unreadable { bytes: text.len() }),
        }
    }

    fn let_go<T>(&mut self, bytes: usize, content: T) {
        // Content holds on to the buffer it was read into.
        drop(content);
        self.has_grown |= bytes > KEPT_BUFFER;
        self.shrink();
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
    pub(super) fn end(&mut self, ending: Ending) -> Option<Heard> {
        self.stream = None;
        self.flush_until = None;
        self.lost.extend(self.pending.abandon());
        self.ending.get_or_insert(ending);
        None
    }

    pub(super) fn closed(&mut self, ending: Ending) -> SendError {
        self.end(ending);
        SendError::Closed
    }
}
