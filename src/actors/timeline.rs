//! The fleet's events on their way into the store: a queue that holds up nobody.
//!
//! Whoever sees something happen puts it down here and goes on. The fleet writes what lies here once a
//! second, in batches over all bots. While the store is away the oldest go when there is no more room: the
//! latest tell what is the matter.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use liveperson_proto::AccountId;
use muster_core::BotId;
use tracing::debug;

use super::house::House;
use crate::board::BotState;
use crate::clock::Clock;
use crate::happening::Happening;
use crate::metrics::Metrics;
use crate::store::{NewEvent, StoreError};

/// Events that wait at most.
const ROOM: usize = 10_000;
/// Events in one transaction at most.
pub(super) const BATCH: usize = 500;
/// Characters of a cause at most.
const CAUSE: usize = 500;

/// Events that are not written yet.
pub struct Timeline {
    clock: Clock,
    metrics: Arc<Metrics>,
    waiting: Mutex<VecDeque<NewEvent>>,
}

impl Timeline {
    /// Nothing has happened yet.
    pub fn new(clock: Clock, metrics: Arc<Metrics>) -> Self {
        Self { clock, metrics, waiting: Mutex::default() }
    }

    /// Notes what happened to a bot; of an account the bot's name is empty, of the fleet both are. `cause` holds
    /// no secret and nothing that consumers or bots wrote.
    pub fn note(
        &self,
        (account, bot): (&AccountId, &BotId),
        what: Happening,
        state: Option<BotState>,
        cause: Option<&str>,
    ) {
        let dropped = self.put(NewEvent {
            account: account.clone(),
            bot: bot.clone(),
            at: self.clock.now().wall,
            kind: what,
            state: state.map(|state| state.word().to_owned()),
            cause: cause.map(|words| words.chars().take(CAUSE).collect()),
            who: None,
        });
        if dropped {
            self.metrics.queue_full("timeline");
        }
    }

    /// Notes what happened to an account.
    pub fn note_account(&self, account: &AccountId, what: Happening, cause: Option<&str>) {
        self.note((account, &BotId::new("")), what, None, cause);
    }

    /// Puts an event down; whether an older one had to go for it.
    fn put(&self, event: NewEvent) -> bool {
        let mut waiting = self.waiting();
        waiting.push_back(event);
        waiting.len() > ROOM && waiting.pop_front().is_some()
    }

    fn take(&self) -> Vec<NewEvent> {
        let mut waiting = self.waiting();
        let count = waiting.len().min(BATCH);
        waiting.drain(..count).collect()
    }

    /// Puts events back that could not be written; how many of the oldest had to go.
    fn give_back(&self, events: Vec<NewEvent>) -> usize {
        let mut waiting = self.waiting();
        let gone = (waiting.len() + events.len()).saturating_sub(ROOM).min(events.len());
        events.into_iter().skip(gone).rev().for_each(|event| waiting.push_front(event));
        gone
    }

    fn is_empty(&self) -> bool {
        self.waiting().is_empty()
    }

    // No code of others runs under this lock.
    fn waiting(&self) -> MutexGuard<'_, VecDeque<NewEvent>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl House {
    /// Notes what happened to a bot, as [`Timeline::note`] does.
    pub fn note(
        &self,
        bot: (&AccountId, &BotId),
        what: Happening,
        state: Option<BotState>,
        cause: Option<&str>,
    ) {
        self.timeline.note(bot, what, state, cause);
    }

    /// Notes what happened to the fleet.
    pub fn note_fleet(&self, what: Happening, cause: Option<&str>) {
        self.timeline.note_account(&AccountId::new(""), what, cause);
    }

    /// Writes all that was noted, as far as the store takes it within the time.
    pub async fn write_whole_timeline(&self, within: Duration) {
        let writing = async { while matches!(self.write_timeline().await, Ok(true)) {} };
        if actix::clock::timeout(within, writing).await.is_err() {
            debug!("the store was too slow for the last of the time line");
        }
    }

    /// Writes a batch of what was noted; whether there is more. What could not be written waits on.
    ///
    /// # Errors
    /// The store does not take it now.
    pub async fn write_timeline(&self) -> Result<bool, StoreError> {
        let batch = self.timeline.take();
        if batch.is_empty() {
            return Ok(false);
        }
        if let Err(error) = self.store.add_events(&batch).await {
            for _ in 0..self.timeline.give_back(batch) {
                self.metrics.queue_full("timeline");
            }
            return Err(error);
        }
        Ok(!self.timeline.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::house::tests::house;

    fn event(n: usize) -> NewEvent {
        NewEvent {
            account: "1".into(),
            bot: "a".into(),
            at: n as i64,
            kind: Happening::State,
            state: None,
            cause: None,
            who: None,
        }
    }

    fn times(events: &[NewEvent]) -> Vec<i64> {
        events.iter().map(|event| event.at).collect()
    }

    #[test]
    fn past_the_room_the_oldest_go_and_the_rest_keeps_its_order() {
        let timeline = Timeline::new(Clock::start(), Arc::new(Metrics::new("1.2.3").unwrap()));
        for n in 0..ROOM {
            assert!(!timeline.put(event(n)), "there is room for {n}");
        }
        assert!(timeline.put(event(ROOM)), "the first one goes");
        let batch = timeline.take();
        assert_eq!(times(&batch), (1..=BATCH as i64).collect::<Vec<_>>());
        for n in 1..=100 {
            timeline.put(event(ROOM + n));
        }
        assert_eq!(timeline.give_back(batch), 100, "what came meanwhile took the place of the oldest");
        assert_eq!(times(&timeline.take())[0], 101);
        assert_eq!(timeline.waiting().len(), ROOM - BATCH);
    }

    #[actix::test]
    async fn what_the_store_does_not_take_now_is_written_later_and_in_order() {
        let (house, _folder) = house().await;
        let bot = ("1".into(), "a".into());
        for n in 0..3 {
            house.note(
                (&bot.0, &bot.1),
                Happening::Restart,
                Some(BotState::Waiting),
                Some(&format!("fault {n}")),
            );
        }
        assert!(house.write_timeline().await.is_err(), "it has no tables yet");
        house.store.migrate().await.unwrap();
        house.note((&bot.0, &bot.1), Happening::State, Some(BotState::Online), Some(&"x".repeat(CAUSE + 9)));
        assert!(!house.write_timeline().await.unwrap(), "nothing is left");
        let written = house.store.events(&bot.0, &bot.1, None, 10).await.unwrap();
        let causes: Vec<_> = written.iter().rev().map(|event| event.cause.clone().unwrap()).collect();
        assert_eq!(causes, ["fault 0", "fault 1", "fault 2", &"x".repeat(CAUSE)]);
        assert_eq!(written.iter().map(|event| event.seq).collect::<Vec<_>>(), [4, 3, 2, 1]);
        assert_eq!((written[1].kind.as_str(), written[1].state.as_deref()), ("restart", Some("waiting")));
    }

    #[actix::test]
    async fn an_event_that_found_no_room_is_counted() {
        let (house, _folder) = house().await;
        let bot = ("1".into(), "a".into());
        for _ in 0..=ROOM {
            house.note((&bot.0, &bot.1), Happening::State, None, None);
        }
        let text = house.metrics.scrape(&house.board).unwrap();
        assert!(text.contains("muster_queue_full_total{queue=\"timeline\"} 1\n"), "{text}");
    }
}
