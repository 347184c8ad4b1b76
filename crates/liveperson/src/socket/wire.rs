//! The bytes under a socket: counted, and handed on a frame at a time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::boundary::Boundary;
use super::heard::WRITE_LIMIT;
use crate::connect::BoxedStream;

/// A message over this size leaves buffers behind that are worth letting go.
pub(super) const KEPT_BUFFER: usize = 16 * 1024;

/// A TCP or TLS stream that counts what it hears, for any byte is a sign of life.
///
/// It hands on no byte past the end of a frame while the frame itself is not asked for. So the
/// library's buffer is empty whenever it returns a message, and can be replaced by a small one:
/// the library never shrinks it, and one snapshot would stay in memory for a bot's life.
pub(crate) struct Wire {
    stream: BoxedStream,
    heard: u64,
    boundary: Boundary,
    /// Heard, but past the end of the frame.
    surplus: Vec<u8>,
}

impl Wire {
    pub(crate) fn new(stream: BoxedStream) -> Self {
        Self { stream, heard: 0, boundary: Boundary::START, surplus: Vec::new() }
    }

    /// A wire on which the upgrade is over.
    #[cfg(test)]
    pub(super) fn upgraded(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self { boundary: Boundary::NEXT, ..Self::new(Box::new(stream)) }
    }

    /// How many bytes were heard so far.
    pub(super) fn heard(&self) -> u64 {
        self.heard
    }
}

/// Source of the sizes: measurements of idle sockets; smaller buffers save nothing.
pub(crate) fn web_socket_config(frame_limit: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(4096)
        .max_write_buffer_size(WRITE_LIMIT)
        .max_message_size(Some(frame_limit))
        .max_frame_size(Some(frame_limit))
}

/// Gives a stream new, small buffers; to be called after a whole message, with nothing unwritten.
///
/// Where the end of a frame is not known for sure the stream stays as it is.
pub(super) fn renew(stream: &mut Option<Box<WebSocketStream<Wire>>>) {
    let Some(old) = stream.take_if(|stream| stream.get_ref().boundary.is_between_frames()) else { return };
    let config = *old.get_config();
    // This future has nothing to wait for.
    let renewed =
        WebSocketStream::from_raw_socket(old.into_inner(), Role::Client, Some(config)).now_or_never();
    *stream = renewed.map(Box::new);
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = &mut *self;
        let before = buffer.filled().len();
        if wire.surplus.is_empty() {
            ready!(Pin::new(&mut wire.stream).poll_read(cx, buffer))?;
            let fresh = &buffer.filled()[before..];
            wire.heard += fresh.len() as u64;
            let taken = wire.boundary.take(fresh);
            wire.surplus = fresh[taken..].to_vec();
            buffer.set_filled(before + taken);
        } else {
            let room = wire.surplus.len().min(buffer.remaining());
            let taken = wire.boundary.take(&wire.surplus[..room]);
            buffer.put_slice(&wire.surplus[..taken]);
            wire.surplus.drain(..taken);
        }
        if wire.surplus.is_empty() {
            wire.surplus = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
