//! What goes out, and on which socket.

use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::World;
use super::sockets::{Fate, SocketId};

/// A frame that is to go out; faults have not seen it yet.
pub(crate) enum Outgoing {
    /// The answer to a request of that wire type.
    Answer(&'static str, Utf8Bytes),
    Notification(Utf8Bytes),
}

impl From<String> for Outgoing {
    fn from(notification: String) -> Self {
        Self::Notification(notification.into())
    }
}

impl From<Utf8Bytes> for Outgoing {
    fn from(notification: Utf8Bytes) -> Self {
        Self::Notification(notification)
    }
}

impl Outgoing {
    fn into_message(self) -> Message {
        match self {
            Self::Answer(_, text) | Self::Notification(text) => Message::Text(text),
        }
    }
}

impl World {
    pub(super) fn send(&mut self, socket: SocketId, frame: impl Into<Outgoing>) {
        self.outbox.push((socket, frame.into()));
    }

    /// Moves the outbox into the sockets' queues.
    pub(super) fn hand_out(&mut self) {
        while !self.outbox.is_empty() {
            for (id, frame) in std::mem::take(&mut self.outbox) {
                if self.faults.is_quiet() && self.detours.are_none() {
                    self.deliver(id, frame.into_message());
                } else {
                    self.through_faults(id, frame);
                }
            }
        }
    }

    /// Puts a frame into its socket's queue; a full queue costs its socket.
    pub(super) fn deliver(&mut self, id: SocketId, frame: Message) {
        if self.is_half_open(id) {
            return;
        }
        let Some(frames) = self.frames_of(id) else { return };
        if frames.try_send(frame).is_err() {
            tracing::debug!(socket = id.0, "dropped a slow consumer");
            self.end_socket(id, Fate::Dropped);
        }
    }

    /// The queue of a socket, whichever side it is of.
    fn frames_of(&self, id: SocketId) -> Option<&mpsc::Sender<Message>> {
        let of_consumer = || self.consumer_sockets.get(&id).map(|socket| &socket.frames);
        self.sockets.get(&id).map(|socket| &socket.frames).or_else(of_consumer)
    }
}
