//! The bytes under a connection: they can be made to trickle, and the connection to end with a reset.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// How often a slow line lets something through.
const BEAT: Duration = Duration::from_millis(50);
const BEATS_PER_SECOND: u32 = 20;

/// A hand on a connection's line, for whoever decides how well it works.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    peer: IpAddr,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// 0 is as fast as it goes.
    bytes_per_second: AtomicU32,
    resets: AtomicBool,
}

impl Line {
    /// Who is at the other end.
    pub(crate) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Lets so many bytes through in a second, each way; 0 is as many as go.
    pub(crate) fn limit(&self, bytes_per_second: u32) {
        self.state.bytes_per_second.store(bytes_per_second, Ordering::Relaxed);
    }

    /// The connection, when it ends, ends with a reset.
    pub(crate) fn reset(&self) {
        self.state.resets.store(true, Ordering::Relaxed);
    }

    /// How many bytes a beat lets through; `None` is as many as there are.
    fn beat(&self) -> Option<usize> {
        match self.state.bytes_per_second.load(Ordering::Relaxed) {
            0 => None,
            limit => Some((limit / BEATS_PER_SECOND).max(1) as usize),
        }
    }
}

/// A TCP connection with a hand on it.
pub(super) struct Connection {
    stream: TcpStream,
    line: Line,
    reading: Option<Pin<Box<Sleep>>>,
    writing: Option<Pin<Box<Sleep>>>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, peer: IpAddr) -> Self {
        let line = Line { peer, state: Arc::default() };
        Self { stream, line, reading: None, writing: None }
    }

    pub(super) fn line(&self) -> Line {
        self.line.clone()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.line.state.resets.load(Ordering::Relaxed) {
            // Closing now sends a reset instead of the usual farewell.
            let _ = self.stream.set_zero_linger();
        }
    }
}

/// Waits for the next beat, if one is awaited.
fn rest(pause: &mut Option<Pin<Box<Sleep>>>, cx: &mut Context<'_>) -> Poll<()> {
    if let Some(waiting) = pause {
        ready!(waiting.as_mut().poll(cx));
        *pause = None;
    }
    Poll::Ready(())
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(rest(&mut this.reading, cx));
        let Some(most) = this.line.beat() else { return Pin::new(&mut this.stream).poll_read(cx, into) };
        let mut bytes = vec![0; most.min(into.remaining())];
        let mut some = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut this.stream).poll_read(cx, &mut some))?;
        into.put_slice(some.filled());
        this.reading = Some(Box::pin(sleep(BEAT)));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(rest(&mut this.writing, cx));
        let Some(most) = this.line.beat() else { return Pin::new(&mut this.stream).poll_write(cx, from) };
        let written = ready!(Pin::new(&mut this.stream).poll_write(cx, &from[..most.min(from.len())]))?;
        this.writing = Some(Box::pin(sleep(BEAT)));
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
