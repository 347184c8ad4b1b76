//! The hub of those who follow the fleet's events: it reads the store once for all of them, and waits for
//! nobody.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::web::Bytes;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracing::warn;

use super::words;
use crate::metrics::Metrics;
use crate::store::{EventFilter, Store, StoreError, StreamEvent, StreamPage};
use crate::telemetry::Chain;

/// How much is held for those who follow events, and how often they are served.
#[derive(Clone, Copy, Debug)]
pub struct HubRules {
    /// Who may follow at one time.
    pub clients: usize,
    /// Events that wait for one of them at most.
    pub buffer: usize,
    /// How often the store is asked for more.
    pub look_every: Duration,
    /// The longest silence.
    pub heartbeat: Duration,
    /// How long one of them follows before it has to come back: so long a revoked right may go on.
    pub longest: Duration,
    /// Events that are read, and handed out, at one time.
    pub page: u32,
}

impl Default for HubRules {
    fn default() -> Self {
        let (look_every, heartbeat) = (Duration::from_secs(1), Duration::from_secs(15));
        let longest = Duration::from_mins(10);
        Self { clients: 64, buffer: 1_024, look_every, heartbeat, longest, page: 256 }
    }
}

/// The wait before more is handed out of what happened at once: time to send what waits.
const BREATH: Duration = Duration::from_millis(20);

/// Where those who follow events come together; one a process.
pub struct Hub {
    pub(super) store: Store,
    pub(super) rules: HubRules,
    metrics: Arc<Metrics>,
    /// Everything up to here was handed out to those who are live.
    handed_out: AtomicI64,
    places: AtomicUsize,
    live: Mutex<Live>,
}

#[derive(Default)]
struct Live {
    followers: Vec<Follower>,
    next: u64,
    /// Whether somebody reads the store for them.
    is_read: bool,
}

struct Follower {
    number: u64,
    /// It has what comes up to here.
    from: i64,
    filter: EventFilter,
    buffer: Sender<Bytes>,
    _place: Place,
}

/// A place among those who follow; free when it is dropped.
pub(super) struct Place(Arc<Hub>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.places.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What a live follower hears; it leaves the hub when this is dropped.
pub(super) struct Ear {
    hub: Arc<Hub>,
    number: u64,
    from: i64,
    pub(super) heard: Receiver<Bytes>,
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.hub.leave(self.number);
    }
}

impl Ear {
    /// Up to here everything lies in its buffer, or lay there.
    pub(super) fn passed(&self) -> i64 {
        self.hub.handed_out.load(Ordering::Acquire).max(self.from)
    }
}

impl Hub {
    /// A hub that nobody follows yet.
    pub fn new(store: Store, metrics: Arc<Metrics>, rules: HubRules) -> Arc<Self> {
        let (handed_out, places) = (AtomicI64::new(0), AtomicUsize::new(0));
        Arc::new(Self { store, rules, metrics, handed_out, places, live: Mutex::default() })
    }

    /// A place for one more, if there is any.
    pub(super) fn place(self: &Arc<Self>) -> Option<Place> {
        let more = |taken: usize| (taken < self.rules.clients).then_some(taken + 1);
        self.places.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Place(self.clone()))
    }

    /// From now on everything that fits after `from` is heard; the place comes back if more than that was handed
    /// out meanwhile, which has to be read first.
    pub(super) fn join(
        self: &Arc<Self>,
        from: i64,
        filter: &EventFilter,
        place: Place,
    ) -> Result<Ear, Place> {
        let mut live = self.live();
        if !live.is_read {
            live.is_read = true;
            self.handed_out.store(from, Ordering::Release);
            actix_web::rt::spawn(self.clone().read());
        } else if from < self.handed_out.load(Ordering::Acquire) {
            drop(live);
            return Err(place);
        }
        let (buffer, heard) = channel(self.rules.buffer);
        live.next += 1;
        let number = live.next;
        live.followers.push(Follower { number, from, filter: filter.clone(), buffer, _place: place });
        Ok(Ear { hub: self.clone(), number, from, heard })
    }

    fn leave(&self, number: u64) {
        let mut live = self.live();
        let at = live.followers.iter().position(|follower| follower.number == number);
        let left = at.map(|at| live.followers.swap_remove(at));
        drop(live);
        drop(left);
    }

    /// Reads the store for all who follow, until nobody does.
    async fn read(self: Arc<Self>) {
        loop {
            actix_web::rt::time::sleep(self.rules.look_every).await;
            {
                let mut live = self.live();
                if live.followers.is_empty() {
                    live.is_read = false;
                    return;
                }
            }
            if let Err(error) = self.catch_up().await {
                warn!(error = %Chain(&error), "the events could not be read; tries again");
            }
        }
    }

    /// Hands out whatever is new.
    async fn catch_up(&self) -> Result<(), StoreError> {
        loop {
            let after = self.handed_out.load(Ordering::Acquire);
            let page = self.store.events_after(after, &EventFilter::default(), self.rules.page).await?;
            self.hand_out(&page);
            if !page.more {
                return Ok(());
            }
            actix_web::rt::time::sleep(BREATH).await;
        }
    }

    fn hand_out(&self, page: &StreamPage) {
        let mut live = self.live();
        let mut left = Vec::new();
        for event in &page.events {
            let mut said: Option<Bytes> = None;
            let mut at = 0;
            while let Some(follower) = live.followers.get(at) {
                let stays = follower.offer(event, &mut said, &self.metrics);
                if stays {
                    at += 1;
                } else {
                    left.push(live.followers.swap_remove(at));
                }
            }
        }
        self.handed_out.store(page.through, Ordering::Release);
        drop(live);
        drop(left);
    }

    // No code of others runs under this lock.
    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Follower {
    /// Puts an event into its buffer if it wants it; whether it goes on. The text is made once for all.
    fn offer(&self, event: &StreamEvent, said: &mut Option<Bytes>, metrics: &Metrics) -> bool {
        if event.id <= self.from || !self.filter.fits(event) {
            return true;
        }
        let text = said.get_or_insert_with(|| words::event(event)).clone();
        match self.buffer.try_send(text) {
            Ok(()) => true,
            Err(TrySendError::Closed(_)) => false,
            Err(TrySendError::Full(_)) => {
                metrics.queue_full("events");
                false
            }
        }
    }
}

#[cfg(test)]
impl Hub {
    pub(super) fn taken(&self) -> usize {
        self.places.load(Ordering::Acquire)
    }

    pub(super) fn is_free(&self) -> bool {
        self.live().followers.is_empty() && self.taken() == 0
    }

    /// The most events that wait for one follower.
    pub(super) fn longest_buffer(&self) -> usize {
        let used = |buffer: &Sender<Bytes>| buffer.max_capacity() - buffer.capacity();
        self.live().followers.iter().map(|follower| used(&follower.buffer)).max().unwrap_or_default()
    }
}
