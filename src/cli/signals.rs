//! SIGTERM and SIGINT: the first ends in order, the second at once. SIGHUP: read again.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Failure;

/// Both signals that end a process.
pub(super) struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    /// Begins to listen: from now on neither signal kills the process.
    pub(super) fn listen() -> Result<Self, Failure> {
        let on = |kind| signal(kind).map_err(|error| Failure::of(&error));
        Ok(Self { term: on(SignalKind::terminate())?, int: on(SignalKind::interrupt())? })
    }

    /// Waits for the next of them. Cancel safe.
    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.int.recv() => "SIGINT",
        }
    }
}

/// The signal that makes a process read again what it runs by.
pub(super) struct Reloads(Signal);

impl Reloads {
    /// Begins to listen: from now on it does not kill the process.
    pub(super) fn listen() -> Result<Self, Failure> {
        signal(SignalKind::hangup()).map(Self).map_err(|error| Failure::of(&error))
    }

    /// Waits for the next one. Cancel safe.
    pub(super) async fn next(&mut self) {
        self.0.recv().await;
    }
}
