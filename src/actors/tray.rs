//! The recorder's tray: what bots hand over lies here until the recorder takes it up.
//!
//! A mailbox would wake the recorder's thread for each message. Here only the first one does, and none
//! while a group is under way: its end looks into the tray anyway.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix::Addr;

use super::recorder::{Record, Recorder, TakeUp};

/// Records that wait at most.
const ROOM: usize = 1024;

/// Where records lie until they are taken up.
#[derive(Default)]
pub struct Tray(Mutex<Lying>);

#[derive(Default)]
struct Lying {
    records: VecDeque<Record>,
    /// Whether the recorder knows that it has to look.
    awaited: bool,
}

impl Tray {
    /// Puts a record down; `None` if there is no room, else whether the recorder must be told.
    fn put(&self, record: Record) -> Option<bool> {
        let mut lying = self.lying();
        if lying.records.len() >= ROOM {
            return None;
        }
        lying.records.push_back(record);
        Some(!std::mem::replace(&mut lying.awaited, true))
    }

    /// Takes everything up; the recorder will look again by itself.
    pub(super) fn take_up(&self) -> VecDeque<Record> {
        std::mem::take(&mut self.lying().records)
    }

    /// Whether there is nothing to take up: then the recorder will be told of the next record.
    pub(super) fn rests(&self) -> bool {
        let mut lying = self.lying();
        lying.awaited = !lying.records.is_empty();
        !lying.awaited
    }

    // No code of others runs under this lock.
    fn lying(&self) -> MutexGuard<'_, Lying> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The recorder of the moment, with its tray.
#[derive(Clone)]
pub struct Desk {
    /// The recorder.
    pub recorder: Addr<Recorder>,
    /// Its tray, which goes with it.
    pub tray: Arc<Tray>,
}

impl Desk {
    /// Hands a record over; false if there is no room or no recorder any more.
    pub fn hand_over(&self, record: Record) -> bool {
        match self.tray.put(record) {
            None => false,
            Some(false) => true,
            Some(true) => self.recorder.try_send(TakeUp).is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix::{Actor, Context, Handler};

    use super::*;
    use crate::actors::recorder::{Author, Recorded};

    struct Bot;

    impl Actor for Bot {
        type Context = Context<Self>;
    }

    impl Handler<Recorded> for Bot {
        type Result = ();

        fn handle(&mut self, _: Recorded, _: &mut Self::Context) {}
    }

    fn record(bot: &Addr<Bot>) -> Record {
        let author = Author { account: "1".into(), bot: "b".into(), pool: "p".into(), epoch: 1 };
        Record { author: Arc::new(author), entries: Vec::new(), answer: bot.clone().recipient() }
    }

    #[actix::test]
    async fn only_the_first_record_after_a_rest_is_told_of() {
        let (tray, bot) = (Tray::default(), Bot.start());
        assert_eq!(tray.put(record(&bot)), Some(true));
        assert_eq!(tray.put(record(&bot)), Some(false));
        assert!(!tray.rests());
        assert_eq!(tray.take_up().len(), 2);
        assert_eq!(tray.put(record(&bot)), Some(false), "the recorder looks again at the end of its group");
        assert!(!tray.rests(), "what came meanwhile is not forgotten");
        assert_eq!(tray.take_up().len(), 1);
        assert!(tray.rests());
        assert_eq!(tray.put(record(&bot)), Some(true));
    }

    #[actix::test]
    async fn a_full_tray_takes_nothing_more() {
        let (tray, bot) = (Tray::default(), Bot.start());
        for _ in 0..ROOM {
            tray.put(record(&bot));
        }
        assert_eq!(tray.put(record(&bot)), None);
        assert_eq!(tray.take_up().len(), ROOM);
        assert_eq!(tray.put(record(&bot)), Some(false));
    }
}
