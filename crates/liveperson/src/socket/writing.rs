//! What leaves a socket: requests and beats. Nothing here waits.

use futures_util::{FutureExt, SinkExt};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Bytes;
use tokio_tungstenite::tungstenite::error::Error as WsError;
use tokio_tungstenite::tungstenite::protocol::Message;

use super::ending::Ending;
use super::pending::Asker;
use super::pulse::Beat;
use super::wire::{KEPT_BUFFER, renew};
use super::{Asks, Socket};

impl<R: Asks> Socket<R> {
    /// Hands a message to the connection, which may keep a part of it; `false` if it is too large.
    pub(super) fn write(&mut self, message: Message, now: Instant) -> bool {
        let taken = self.put(message);
        self.flush_by(now);
        taken
    }

    /// Hands a message to the connection, which may keep all of it; `false` if it is too large.
    pub(super) fn put(&mut self, message: Message) -> bool {
        let Some(stream) = &mut self.stream else { return true };
        self.has_grown |= message.len() > KEPT_BUFFER;
        match stream.start_send_unpin(message) {
            Ok(()) => {}
            Err(WsError::WriteBufferFull(_)) => return false,
            // The message may have left, so its request is reported as lost, not as never sent.
            Err(error) => drop(self.end(Ending::broken(Some(&error)))),
        }
        true
    }

    /// Whether all that was written is on its way; what is not will follow, or else the socket ends.
    pub(super) fn flush_by(&mut self, now: Instant) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        match stream.flush().now_or_never() {
            Some(Ok(())) => self.flush_until = None,
            Some(Err(error)) => drop(self.end(Ending::broken(Some(&error)))),
            None => drop(self.flush_until.get_or_insert(now + self.settings.answer_within)),
        }
        self.flush_until.is_none()
    }

    /// Lets go of the buffers that a large message has left behind; only after a whole message.
    pub(super) fn shrink(&mut self) {
        if self.has_grown && self.flush_by(Instant::now()) {
            self.has_grown = false;
            renew(&mut self.stream);
        }
    }

    /// Sends what is due to keep the socket alive.
    pub(super) fn beat(&mut self) {
        let now = Instant::now();
        while let Some(stream) = &self.stream {
            let heard = stream.get_ref().heard();
            let beat = self.pulse.beat(now, self.settings.ping_every, self.settings.clock_every);
            let message = match beat {
                None => return,
                Some(Beat::Ping) => Message::Ping(Bytes::new()),
                Some(Beat::Clock) => {
                    let id = self.pending.ask(Asker::Clock(now), now + self.settings.request_timeout);
                    Message::text(R::clock_frame(id))
                }
            };
            self.pulse.asked(now + self.settings.answer_within, heard);
            // No room for a beat means that a frame is stuck, whose own deadline runs.
            self.write(message, now);
        }
    }
}
