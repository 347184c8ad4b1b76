//! One socket: frames in to the world, frames out from its queue, and the fate the world decides.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::line::Line;
use crate::world::Shared;
use crate::world::consumer_sockets::Visit;
use crate::world::sockets::{Fate, Opening, SocketId};

type Stream = WebSocketStream<TokioIo<Upgraded>>;

/// The most frames that wait for a slow client; one more and its socket is dropped.
const QUEUE: usize = 4096;
/// How long a client may take to answer our close frame.
const GOODBYE: Duration = Duration::from_secs(2);

/// Whose socket it is.
pub(super) enum Guest {
    Agent(Opening),
    Consumer(Visit),
}

impl Guest {
    fn line(&self) -> &Line {
        match self {
            Self::Agent(opening) => &opening.line,
            Self::Consumer(visit) => &visit.line,
        }
    }
}

/// Serves the socket until either side ends it.
pub(super) async fn run(stream: Stream, guest: Guest, shared: Arc<Shared>) {
    let (frames, queue) = mpsc::channel(QUEUE);
    let (fate, mut watched) = watch::channel(Fate::Alive);
    let opened = shared.enter(|world| match &guest {
        Guest::Agent(opening) => world.open_socket(opening, frames, fate),
        Guest::Consumer(visit) => world.open_consumer_socket(visit, frames, fate),
    });
    let Some(id) = opened else {
        turn_away(stream, 4401).await;
        return;
    };
    let (sink, source) = stream.split();
    let mut reading = pin!(read(source, id, Arc::clone(&shared), watched.clone()));
    let mut writing = pin!(write(sink, queue, watched.clone()));
    let mut halves = (None, None);
    tokio::select! {
        () = ended(&mut watched) => {}
        half = &mut reading => halves.0 = Some(half),
        half = &mut writing => halves.1 = Some(half),
    }
    // Which of the three was first says little: the fate does.
    let fate = *watched.borrow();
    if fate == Fate::Reset {
        guest.line().reset();
    }
    shared.enter(|world| world.socket_died(id));
    let Fate::Closed(code) = fate else { return };
    let both = async {
        let source = match halves.0 {
            Some(half) => half,
            None => reading.await,
        };
        let sink = match halves.1 {
            Some(half) => half,
            None => writing.await,
        };
        source.zip(sink)
    };
    // Both loops hand their halves back at once, unless a write hangs on a client that does not read.
    if let Ok(Some((source, sink))) = timeout(GOODBYE, both).await
        && let Ok(stream) = source.reunite(sink)
    {
        turn_away(stream, code).await;
    }
}

/// Closes a socket with a code and waits, within bounds, for the client to agree.
pub(super) async fn turn_away(mut stream: Stream, code: u16) {
    let reason = if code == 4401 || code == 4407 { "identity token is invalid" } else { "" };
    let frame = CloseFrame { code: code.into(), reason: Utf8Bytes::from_static(reason) };
    let farewell = async {
        if stream.close(Some(frame)).await.is_ok() {
            while let Some(Ok(_)) = stream.next().await {}
        }
    };
    let _ = timeout(GOODBYE, farewell).await;
}

/// Waits until the fate is sealed, or the world is gone.
async fn ended(fate: &mut watch::Receiver<Fate>) {
    let _ = fate.wait_for(|fate| fate.is_over()).await;
}

/// Feeds the world; returns the half when the fate ends it, `None` when the stream itself ended.
async fn read(
    mut source: SplitStream<Stream>,
    id: SocketId,
    shared: Arc<Shared>,
    mut fate: watch::Receiver<Fate>,
) -> Option<SplitStream<Stream>> {
    let idle = shared.settings().idle_limit;
    loop {
        if !runs(&mut fate).await {
            return Some(source);
        }
        let message = tokio::select! {
            biased;
            _ = fate.changed() => continue,
            message = timeout(idle, source.next()) => message,
        };
        match message {
            Ok(Some(Ok(Message::Text(text)))) => shared.enter(|world| world.frame_arrived(id, &text)),
            Ok(Some(Ok(Message::Close(_)))) => {
                // One more read sends the answer to the client's close frame.
                let _ = timeout(GOODBYE, source.next()).await;
                return None;
            }
            Ok(Some(Err(_)) | None) => return None,
            Ok(Some(Ok(_))) => {}
            Err(_) => {
                tracing::debug!(socket = id.0, "dropped an idle socket");
                return None;
            }
        }
    }
}

async fn write(
    mut sink: SplitSink<Stream, Message>,
    mut queue: mpsc::Receiver<Message>,
    mut fate: watch::Receiver<Fate>,
) -> Option<SplitSink<Stream, Message>> {
    loop {
        if !runs(&mut fate).await {
            return Some(sink);
        }
        let frame = tokio::select! {
            biased;
            _ = fate.changed() => continue,
            frame = queue.recv() => frame?,
        };
        sink.feed(frame).await.ok()?;
        // A burst of notifications leaves in one write.
        while let Ok(frame) = queue.try_recv() {
            sink.feed(frame).await.ok()?;
        }
        sink.flush().await.ok()?;
    }
}

/// Waits out a stall; false once the socket's fate is sealed.
async fn runs(fate: &mut watch::Receiver<Fate>) -> bool {
    let state = fate.wait_for(|fate| !matches!(fate, Fate::Stalled | Fate::HalfOpen)).await.map(|fate| *fate);
    matches!(state, Ok(Fate::Alive))
}
