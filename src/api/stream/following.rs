//! One who follows the fleet's events: first what the store has of what was missed, then what happens.

use std::sync::Arc;

use actix_web::rt::time::{Instant, sleep, timeout};
use actix_web::web::Bytes;
use tokio::sync::mpsc::error::TryRecvError;

use super::hub::{Ear, Hub, Place};
use super::words;
use crate::store::EventFilter;

/// Events that leave in one write at most.
const TOGETHER: usize = 64;

/// Where a follower stands.
enum Phase {
    /// It reads what it missed, as fast as its client takes it.
    Reading(Place),
    /// It hears what happens.
    Live(Ear),
}

/// One who follows.
pub(super) struct Following {
    hub: Arc<Hub>,
    filter: EventFilter,
    /// It has read up to here.
    after: i64,
    /// Whether a hole before `after` is still to be told.
    minds_gap: bool,
    greeted: bool,
    /// Until when it follows; then its client comes back, and is asked anew who it is.
    until: Instant,
    /// None once it has ended.
    phase: Option<Phase>,
}

impl Following {
    /// Follows what comes after an id, or from now on.
    pub(super) fn new(hub: Arc<Hub>, filter: EventFilter, after: Option<i64>, place: Place) -> Self {
        let (minds_gap, after) = (after.is_some(), after.unwrap_or(i64::MAX));
        let (until, phase) = (Instant::now() + hub.rules.longest, Some(Phase::Reading(place)));
        Self { hub, filter, after, minds_gap, greeted: false, until, phase }
    }

    /// The next words for the client; none at the end.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        if !self.greeted {
            self.greeted = true;
            return Some(words::hello());
        }
        if Instant::now() >= self.until {
            self.phase = None;
        }
        loop {
            match self.phase.take()? {
                Phase::Reading(place) => {
                    if let Some(said) = self.read(place).await {
                        return Some(said);
                    }
                }
                Phase::Live(ear) => return Some(self.listen(ear).await),
            }
        }
    }

    /// Reads a page of what was missed, or goes live where nothing was.
    async fn read(&mut self, place: Place) -> Option<Bytes> {
        let page = self.hub.store.events_after(self.after, &self.filter, self.hub.rules.page).await;
        let Ok(page) = page else {
            self.phase = Some(Phase::Reading(place));
            sleep(self.hub.rules.look_every).await;
            return Some(words::store_away());
        };
        let is_ahead = self.after > page.bounds.last;
        if is_ahead || (self.minds_gap && page.bounds.gap_after(self.after)) {
            // An id that the store never gave came from another store, or from after a backup of this one.
            let asked = self.after;
            self.after = if is_ahead { page.bounds.last } else { asked };
            self.phase = Some(Phase::Reading(place));
            return std::mem::take(&mut self.minds_gap).then(|| words::gap(asked, page.bounds));
        }
        self.minds_gap = false;
        self.after = page.through;
        if page.events.is_empty() {
            self.phase = Some(match self.hub.join(self.after, &self.filter, place) {
                Ok(ear) => Phase::Live(ear),
                Err(place) => Phase::Reading(place),
            });
            return None;
        }
        self.phase = Some(Phase::Reading(place));
        Some(page.events.iter().flat_map(words::event).collect())
    }

    /// Waits for what happens, or for a heartbeat's time.
    async fn listen(&mut self, mut ear: Ear) -> Bytes {
        let first = timeout(self.hub.rules.heartbeat, ear.heard.recv()).await;
        let first = match first {
            Ok(Some(event)) => event,
            // The buffer is told to its end before: only the last word is left.
            Ok(None) => return words::dropped(self.hub.rules.buffer),
            Err(_) => {
                // In this order: what was handed out up to there is in the buffer by then.
                let passed = ear.passed();
                match ear.heard.try_recv() {
                    Ok(event) => event,
                    Err(TryRecvError::Disconnected) => return words::dropped(self.hub.rules.buffer),
                    Err(TryRecvError::Empty) => {
                        self.phase = Some(Phase::Live(ear));
                        return words::heartbeat(passed);
                    }
                }
            }
        };
        let more = std::iter::from_fn(|| ear.heard.try_recv().ok()).take(TOGETHER - 1);
        let said = std::iter::once(first).chain(more).flatten().collect();
        self.phase = Some(Phase::Live(ear));
        said
    }
}
