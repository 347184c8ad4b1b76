//! Runs logic: what decides at once in place, the rest inside muster on bounded threads, a webhook on
//! the I/O runtime.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use muster_core::turn::{Action, Turn};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::webhook::Webhook;
use super::{Decider, Logic, LogicError};
use crate::telemetry;

/// Characters at most of why logic failed: they go to the log and the board.
const WORDS: usize = 500;

/// Threads that runs without a return may hold at most before the process is stuck.
pub const LOST: usize = 256;

/// What came of asking logic.
#[derive(Debug)]
pub enum Thought {
    /// It decided.
    Actions(Vec<Action>),
    /// It failed; the words are for the bot's author.
    Failed(String),
    /// It took too long: the run is abandoned and keeps its bot's place until it returns.
    Abandoned {
        /// How long it was waited for.
        patience: Duration,
        /// Every place of the bot is held by a run that does not return.
        stuck: bool,
    },
    /// It panicked.
    Panicked,
}

/// Runs logic: on a bot's thread only what says that it is instant, and never more at one time than there are places.
///
/// Logic that blocks cannot be cancelled: a run that takes too long is abandoned. It keeps its bot's place
/// until it returns, and its thread; but the place among those of all bots goes to the next.
#[derive(Clone)]
pub struct Thinker {
    io: Handle,
    all: Arc<Places>,
    patience: Duration,
}

/// One bot's share of the places.
#[derive(Clone)]
pub struct Share(Arc<Places>);

struct Places {
    free: Arc<Semaphore>,
    count: usize,
    /// Runs that were abandoned and have not returned.
    abandoned: AtomicUsize,
}

impl Places {
    fn new(count: usize) -> Arc<Self> {
        Arc::new(Self { free: Arc::new(Semaphore::new(count)), count, abandoned: AtomicUsize::new(0) })
    }

    fn lost(&self) -> usize {
        self.abandoned.load(Ordering::SeqCst)
    }
}

/// One run, from its start to its return, which may never come.
struct Run {
    state: AtomicU8,
    of: [Arc<Places>; 2],
    /// Its place among those of all bots, until it returns or is abandoned.
    place: Mutex<Option<OwnedSemaphorePermit>>,
}

const RUNNING: u8 = 0;
const ABANDONED: u8 = 1;
const RETURNED: u8 = 2;

impl Run {
    fn abandon(&self) {
        let was = self.state.compare_exchange(RUNNING, ABANDONED, Ordering::SeqCst, Ordering::SeqCst);
        if was.is_ok() {
            for places in &self.of {
                places.abandoned.fetch_add(1, Ordering::SeqCst);
            }
            self.leave();
        }
    }

    fn returned(&self) {
        if self.state.swap(RETURNED, Ordering::SeqCst) == ABANDONED {
            for places in &self.of {
                places.abandoned.fetch_sub(1, Ordering::SeqCst);
            }
        }
        self.leave();
    }

    fn leave(&self) {
        drop(self.place.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Thinker {
    /// With so many places; a run may take `patience`.
    pub fn new(io: Handle, places: usize, patience: Duration) -> Self {
        Self { io, all: Places::new(places), patience }
    }

    /// One bot's share of the places: a logic that hangs takes no more than a quarter of them.
    pub fn share(&self) -> Share {
        Share(Places::new((self.all.count / 4).max(1)))
    }

    /// Whether so many runs do not return that only a new process brings their threads back.
    pub fn is_stuck(&self) -> bool {
        self.all.lost() >= LOST
    }

    /// Asks logic for one turn. The wait for a place is not the logic's fault and has no limit.
    ///
    /// Cancel safe: a run inside muster goes on unheard, a request to a webhook is given up.
    pub async fn think(&self, share: &Share, decider: Decider, turn: Turn) -> Thought {
        match decider {
            Decider::Inside(logic) if logic.is_instant() => decide(logic.as_ref(), &turn),
            Decider::Inside(logic) => self.run(share, logic, turn).await,
            Decider::Webhook(webhook) => self.call(webhook, turn).await,
        }
    }

    /// A webhook takes none of the threads: it has bounds of its own, and is dropped when it is late.
    async fn call(&self, webhook: Arc<Webhook>, turn: Turn) -> Thought {
        let mut call = JoinSet::new();
        call.spawn_on(async move { webhook.ask(&turn).await }, &self.io);
        match call.join_next().await {
            Some(Ok(Ok(actions))) => Thought::Actions(actions),
            Some(Ok(Err(error))) => Thought::Failed(error.to_string()),
            Some(Err(_)) | None => Thought::Panicked,
        }
    }

    async fn run(&self, share: &Share, logic: Arc<dyn Logic>, turn: Turn) -> Thought {
        let Ok(mine) = share.0.free.clone().acquire_owned().await else { return closed() };
        let Ok(place) = self.all.free.clone().acquire_owned().await else { return closed() };
        let run = Arc::new(Run {
            state: AtomicU8::new(RUNNING),
            of: [share.0.clone(), self.all.clone()],
            place: Mutex::new(Some(place)),
        });
        let running = run.clone();
        let deciding = self.io.spawn_blocking(move || {
            let _kept = mine;
            let thought = decide(logic.as_ref(), &turn);
            running.returned();
            thought
        });
        let patience = self.patience;
        // The timer is the I/O runtime's: logic's time limit holds even where an arbiter lags, and where
        // nobody waits for the answer any more.
        let watching = async move {
            let decided = timeout(patience, deciding).await;
            if decided.is_err() {
                run.abandon();
            }
            decided
        };
        match self.io.spawn(watching).await {
            Ok(Ok(Ok(thought))) => thought,
            Ok(Err(_)) => Thought::Abandoned { patience, stuck: share.0.lost() >= share.0.count },
            Ok(Ok(Err(_))) | Err(_) => Thought::Panicked,
        }
    }
}

fn decide(logic: &dyn Logic, turn: &Turn) -> Thought {
    let decided =
        telemetry::in_bot(&turn.account, &turn.bot, || catch_unwind(AssertUnwindSafe(|| logic.decide(turn))));
    match decided {
        Ok(Ok(actions)) => Thought::Actions(actions),
        Ok(Err(LogicError(words))) => Thought::Failed(words.chars().take(WORDS).collect()),
        Err(_) => Thought::Panicked,
    }
}

fn closed() -> Thought {
    Thought::Failed("muster is stopping".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Condvar;

    use futures_util::FutureExt;
    use futures_util::future::join_all;
    use muster_core::turn::{TurnEvent, Variables};

    use super::*;

    const PLACES: usize = 8;
    const LONG: Duration = Duration::from_mins(1);

    /// Logic that stays until the door is open, and counts who is inside.
    #[derive(Default)]
    struct Room {
        inside: AtomicUsize,
        most: AtomicUsize,
        open: Mutex<bool>,
        opened: Condvar,
    }

    impl Logic for Room {
        fn decide(&self, _: &Turn) -> Result<Vec<Action>, LogicError> {
            let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(inside, Ordering::SeqCst);
            let open = self.opened.wait_while(self.open.lock().unwrap(), |open| !*open).unwrap();
            drop(open);
            self.inside.fetch_sub(1, Ordering::SeqCst);
            Ok(Vec::new())
        }
    }

    impl Room {
        async fn holds(&self, count: usize) -> bool {
            let filled = async {
                while self.inside.load(Ordering::SeqCst) != count {
                    tokio::task::yield_now().await;
                }
            };
            timeout(LONG / 3, filled).await.is_ok()
        }

        fn let_go(&self) {
            *self.open.lock().unwrap() = true;
            self.opened.notify_all();
        }
    }

    fn turn() -> Turn {
        Turn {
            id: "t".into(),
            account: "1".into(),
            bot: "b".into(),
            pool: "p".into(),
            conversation: "C".into(),
            dialog: "C".into(),
            consumer: None,
            skill: None,
            variables: Variables::new(),
            former_consumer: None,
            event: TurnEvent::Opened,
        }
    }

    /// Lets bots ask for so many turns each; how many runs there are at one time at most.
    async fn most_at_one_time(bots: usize, turns: usize, expected: usize) -> usize {
        let room = Arc::new(Room::default());
        let thinker = Thinker::new(Handle::current(), PLACES, LONG);
        let shares: Vec<_> = (0..bots).map(|_| thinker.share()).collect();
        let asking = shares.iter().flat_map(|share| {
            let (thinker, room) = (&thinker, &room);
            (0..turns).map(move |_| thinker.think(share, Decider::Inside(room.clone()), turn()))
        });
        let mut asking = Box::pin(join_all(asking));
        assert!(asking.as_mut().now_or_never().is_none(), "every turn is asked for, and none is decided");
        // What was put before it onto the blocking threads has begun when this has run.
        tokio::task::spawn_blocking(|| ()).await.unwrap();
        let holds = room.holds(expected).await;
        // Also before a failure: a test does not end while its threads wait.
        room.let_go();
        assert!(holds, "never {expected} at one time");
        let thoughts = asking.await;
        assert_eq!(thoughts.len(), bots * turns);
        assert!(thoughts.iter().all(|thought| matches!(thought, Thought::Actions(_))), "no turn is lost");
        room.most.load(Ordering::SeqCst)
    }

    #[tokio::test]
    async fn runs_past_a_bots_quarter_wait_and_are_all_decided() {
        assert_eq!(most_at_one_time(1, 30, PLACES / 4).await, PLACES / 4);
    }

    #[tokio::test]
    async fn runs_past_the_places_of_all_bots_wait_and_are_all_decided() {
        assert_eq!(most_at_one_time(20, 2, PLACES).await, PLACES);
    }

    /// A bot whose every run hangs loses its own places; the others' stay free, up to what a process can bear.
    #[tokio::test]
    async fn runs_that_never_return_hold_their_bots_places_and_nobody_elses() {
        let room = Arc::new(Room::default());
        let thinker = Thinker::new(Handle::current(), PLACES, Duration::from_millis(20));
        let hanging: Vec<_> = (0..PLACES * 2).map(|_| thinker.share()).collect();
        for share in &hanging {
            for n in 1..=PLACES / 4 {
                let thought = thinker.think(share, Decider::Inside(room.clone()), turn()).await;
                let Thought::Abandoned { stuck, .. } = thought else { panic!("{thought:?}") };
                assert_eq!(stuck, n == PLACES / 4, "run {n}");
            }
        }
        assert_eq!(thinker.all.free.available_permits(), PLACES, "nobody else lost a place");
        assert_eq!(thinker.all.lost(), PLACES / 2 * PLACES);
        assert!(!thinker.is_stuck());
        thinker.all.abandoned.fetch_add(LOST, Ordering::SeqCst);
        assert!(thinker.is_stuck());
        thinker.all.abandoned.fetch_sub(LOST, Ordering::SeqCst);
        room.let_go();
        let all_return = async {
            while thinker.all.lost() > 0 || hanging.iter().any(|share| share.0.free.available_permits() == 0)
            {
                tokio::task::yield_now().await;
            }
        };
        timeout(LONG / 3, all_return).await.unwrap();
        assert_eq!(thinker.all.free.available_permits(), PLACES);
    }

    #[test]
    fn why_logic_failed_is_cut_to_500_characters() {
        struct Wordy(usize);
        impl Logic for Wordy {
            fn decide(&self, _: &Turn) -> Result<Vec<Action>, LogicError> {
                Err(LogicError("ö".repeat(self.0)))
            }
        }
        for (said, kept) in [(500, 500), (501, 500), (100_000, 500)] {
            let Thought::Failed(words) = decide(&Wordy(said), &turn()) else { panic!("it failed") };
            assert_eq!(words, "ö".repeat(kept));
        }
    }
}
