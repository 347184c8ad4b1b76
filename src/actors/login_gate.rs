//! An account's login gate: carries out what its door decides, and shares the budget through the store.
//!
//! It outlives the account's actor, so a restart of that actor forgets no login.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use liveperson_proto::AccountId;
use muster_core::budget::{Allowance, LoginBudget};
use muster_core::door::{Admission, Answer, Attempt, Door, Place, Urgency};
use muster_core::time::Moment;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tracing::warn;

use super::timeline::Timeline;
use crate::board::{Board, LoginQueue};
use crate::clock::Clock;
use crate::happening::Happening;
use crate::store::{LoginSlot, Store};
use crate::telemetry::Chain;

/// The wait before a store that is away is asked again.
const STORE_PAUSE: Duration = Duration::from_millis(500);

/// What all logins of a process share.
#[derive(Clone)]
pub struct LoginHall {
    clock: Clock,
    io: Handle,
    process: Arc<Mutex<LoginBudget>>,
    shortest_wait: Duration,
    allowance: Allowance,
}

impl LoginHall {
    /// A hall through which nobody has gone yet. `shortest_wait` is the vendor's first wait after a failure.
    pub fn new(
        allowance: Allowance,
        process_per_second: u32,
        shortest_wait: Duration,
        clock: Clock,
        io: Handle,
    ) -> Self {
        let burst = process_per_second;
        let process = Allowance { per_second: process_per_second, burst, in_flight: u32::MAX };
        let process = Arc::new(Mutex::new(LoginBudget::new(process, clock.now().moment)));
        Self { clock, io, process, shortest_wait, allowance }
    }
}

/// Where the account's logins are shared with other processes, and shown.
pub struct Shared {
    /// The account.
    pub account: AccountId,
    /// The store.
    pub store: Store,
    /// What people see.
    pub board: Board,
    /// Where trouble is noted.
    pub timeline: Arc<Timeline>,
}

/// Lets logins of one account through.
pub struct LoginGate {
    hall: LoginHall,
    shared: Option<Shared>,
    desk: Mutex<Desk>,
    trouble: watch::Sender<Option<String>>,
}

struct Desk {
    door: Door,
    called: HashMap<Place, oneshot::Sender<LoginPermit>>,
    /// When the door is asked again by itself.
    wakes: Option<Moment>,
}

impl Desk {
    fn queue(&mut self, urgency: Urgency, called: oneshot::Sender<LoginPermit>) -> Place {
        let place = self.door.join(urgency);
        self.called.insert(place, called);
        place
    }
}

/// A refresh's way past the gate: with an attempt of its own where the service is in trouble.
pub struct Passage {
    gate: Arc<LoginGate>,
    permit: Option<LoginPermit>,
}

/// The right to one login attempt; over when it is answered or dropped.
pub struct LoginPermit {
    gate: Arc<LoginGate>,
    attempt: Option<Attempt>,
}

/// A place in the queue that is left when nobody waits there any more.
struct Queued<'a>(&'a Arc<LoginGate>, Place);

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        let mut desk = self.0.desk();
        desk.door.leave(self.1);
        // A permit in the sender's hand goes with it and frees its attempt: not under the lock.
        let called = desk.called.remove(&self.1);
        drop(desk);
        drop(called);
    }
}

impl LoginGate {
    /// A gate through which nobody has gone yet; with nothing shared it is this process's alone.
    pub fn new(hall: LoginHall, shared: Option<Shared>) -> Arc<Self> {
        let budget = LoginBudget::new(hall.allowance, hall.clock.now().moment);
        let door = Door::new(budget, hall.shortest_wait, fastrand::u64(..));
        let desk = Mutex::new(Desk { door, called: HashMap::new(), wakes: None });
        Arc::new(Self { hall, shared, desk, trouble: watch::Sender::new(None) })
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one login may go, and says meanwhile why it waits (`None`: not any more). Cancel safe.
    pub async fn permit(self: &Arc<Self>, urgency: Urgency, tell: impl Fn(Option<String>)) -> LoginPermit {
        loop {
            let Some(permit) = self.turn(urgency, &tell).await else { continue };
            if self.granted_by_store().await {
                tell(None);
                return permit;
            }
        }
    }

    /// Lets a refresh pass: at once while the service is well; in trouble it queues like a login, and when the
    /// trouble is over all that queue pass, spread over `spread`. Cancel safe.
    pub async fn passage(
        self: &Arc<Self>,
        urgency: Urgency,
        spread: Duration,
        tell: impl Fn(Option<String>),
    ) -> Passage {
        let mut trouble = self.trouble.subscribe();
        if trouble.borrow_and_update().is_none() {
            return Passage { gate: self.clone(), permit: None };
        }
        // Its look at the trouble ends here: leaving the queue takes the desk, whose holder may be telling of it.
        let over = async { drop(trouble.wait_for(Option::is_none).await) };
        let permit = tokio::select! {
            permit = self.permit(urgency, &tell) => Some(permit),
            () = over => None,
        };
        if permit.is_none() {
            let wait = self.desk().door.spread(spread);
            tokio::time::sleep(wait).await;
            tell(None);
        }
        Passage { gate: self.clone(), permit }
    }

    /// Waits for the door alone.
    async fn turn(self: &Arc<Self>, urgency: Urgency, tell: &impl Fn(Option<String>)) -> Option<LoginPermit> {
        let mut trouble = self.trouble.subscribe();
        let (sender, mut called) = oneshot::channel();
        let place = self.desk().queue(urgency, sender);
        let _queued = Queued(self, place);
        self.pump();
        if let Ok(permit) = called.try_recv() {
            return Some(permit);
        }
        loop {
            let why = trouble.borrow_and_update().clone();
            tell(Some(why.unwrap_or_else(|| "waits for its turn to log in".to_owned())));
            tokio::select! {
                biased;
                called = &mut called => return called.ok(),
                _ = trouble.changed() => {}
            }
        }
    }

    /// Whether the store grants what the door did; waits where it says later.
    async fn granted_by_store(&self) -> bool {
        let Some(shared) = &self.shared else { return true };
        loop {
            match shared.store.login_slot(&shared.account, self.hall.allowance).await {
                Ok(LoginSlot::Granted) => return true,
                Ok(LoginSlot::Later(wait)) => tokio::time::sleep(wait).await,
                Ok(LoginSlot::Closed { wait, why }) => {
                    let now = self.hall.clock.now().moment;
                    self.desk().door.heard_of_trouble(wait, why, now);
                    return false;
                }
                // A fleet without its store is fenced: nobody logs in.
                Err(_) => tokio::time::sleep(STORE_PAUSE).await,
            }
        }
    }

    /// Calls in whoever may go.
    fn pump(self: &Arc<Self>) {
        let mut gone = Vec::new();
        let mut desk = self.desk();
        loop {
            let now = self.hall.clock.now().moment;
            let mut process = self.hall.process.lock().unwrap_or_else(PoisonError::into_inner);
            let admission = desk.door.admit(&mut process, now);
            drop(process);
            match admission {
                Admission::Go(place, attempt) => {
                    let permit = LoginPermit { gate: self.clone(), attempt: Some(attempt) };
                    let called = desk.called.remove(&place);
                    let unheard = match called {
                        Some(called) => called.send(permit).err(),
                        None => Some(permit),
                    };
                    // Dropped after the lock is let go of: it answers to this desk.
                    gone.extend(unheard);
                }
                Admission::Later(wait) => {
                    self.wake_after(&mut desk, wait.max(Duration::from_millis(1)), now);
                    break;
                }
                Admission::Busy | Admission::Nobody => break,
            }
        }
        self.show(&desk);
        drop(desk);
        drop(gone);
    }

    fn wake_after(self: &Arc<Self>, desk: &mut Desk, wait: Duration, now: Moment) {
        let at = now + wait;
        if desk.wakes.is_some_and(|set| set <= at && set >= now) {
            return;
        }
        desk.wakes = Some(at);
        let gate = Arc::downgrade(self);
        self.hall.io.spawn(async move {
            tokio::time::sleep(wait).await;
            if let Some(gate) = gate.upgrade() {
                gate.desk().wakes = None;
                gate.pump();
            }
        });
    }

    fn show(&self, desk: &Desk) {
        let trouble = desk.door.trouble().map(str::to_owned);
        self.trouble.send_if_modified(|shown| {
            let changed = *shown != trouble;
            self.note(shown.as_deref(), trouble.as_deref());
            shown.clone_from(&trouble);
            changed
        });
        if let Some(shared) = &self.shared {
            let expected = desk.door.expected(self.hall.clock.now().moment);
            let queue =
                LoginQueue { waiting: desk.door.waiting(), expected_seconds: expected.as_secs(), trouble };
            shared.board.update_fleet(|fleet| queue.put(&mut fleet.logins, &shared.account));
        }
    }
}

impl LoginGate {
    /// Notes that trouble began or ended; that its words changed is no news.
    fn note(&self, before: Option<&str>, now: Option<&str>) {
        let Some(shared) = &self.shared else { return };
        let what = match (before, now) {
            (None, Some(_)) => Happening::LoginTrouble,
            (Some(_), None) => Happening::LoginTroubleOver,
            _ => return,
        };
        shared.timeline.note_account(&shared.account, what, now);
    }
}

impl LoginPermit {
    /// The attempt is over. Trouble is told to the store, so that other processes and the next one know.
    pub async fn answered(mut self, answer: Answer) {
        let Some(attempt) = self.attempt.take() else { return };
        let pause = self.gate.over(&attempt, answer);
        self.gate.share(pause).await;
    }
}

impl LoginGate {
    async fn heard(&self, answer: Answer) {
        let pause = self.learn(answer);
        self.share(pause).await;
    }

    /// Says for how long nobody goes, and why, if it made things worse.
    fn learn(&self, answer: Answer) -> Option<(Duration, String)> {
        let worse = is_worse(&answer);
        let now = self.hall.clock.now().moment;
        let mut desk = self.desk();
        desk.door.heard(answer, now);
        self.show(&desk);
        desk.door.pause(now).filter(|_| worse)
    }

    async fn share(&self, pause: Option<(Duration, String)>) {
        let (Some(shared), Some((wait, why))) = (&self.shared, pause) else { return };
        if let Err(error) = shared.store.close_logins(&shared.account, wait, &why).await {
            warn!(account.id = %shared.account, error = %Chain(&error), "the login service's trouble is not stored");
        }
    }
}

impl Passage {
    /// The refresh is over.
    pub async fn answered(self, answer: Answer) {
        match self.permit {
            Some(permit) => permit.answered(answer).await,
            None => self.gate.heard(answer).await,
        }
    }
}

impl Drop for LoginPermit {
    fn drop(&mut self) {
        if let Some(attempt) = self.attempt.take() {
            self.gate.over(&attempt, Answer::Nothing);
        }
    }
}

impl LoginGate {
    /// Takes the answer to the door; says for how long nobody goes, and why, if it made things worse.
    fn over(self: &Arc<Self>, attempt: &Attempt, answer: Answer) -> Option<(Duration, String)> {
        let worse = is_worse(&answer);
        let now = self.hall.clock.now().moment;
        let mut desk = self.desk();
        {
            let mut process = self.hall.process.lock().unwrap_or_else(PoisonError::into_inner);
            desk.door.answered(attempt, answer, &mut process, now);
        }
        let pause = desk.door.pause(now).filter(|_| worse);
        drop(desk);
        self.pump();
        pause
    }
}

fn is_worse(answer: &Answer) -> bool {
    !matches!(answer, Answer::Works | Answer::Nothing)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 8)]
    async fn refreshes_that_are_let_go_together_block_nobody() {
        let allowance = Allowance { per_second: 10_000, burst: 10_000, in_flight: 64 };
        let wait = Duration::from_millis(1);
        let hall = LoginHall::new(allowance, 10_000, wait, Clock::start(), Handle::current());
        let gate = LoginGate::new(hall, None);
        for _ in 0..300 {
            gate.heard(Answer::Unwell { words: "503".to_owned() }).await;
            let refreshes = (0..24).map(|_| {
                let gate = gate.clone();
                tokio::spawn(async move {
                    let passage = gate.passage(Urgency::Idle, Duration::ZERO, |_| {}).await;
                    passage.answered(Answer::Works).await;
                })
            });
            let all = tokio::time::timeout(Duration::from_mins(1), join_all(refreshes));
            assert!(all.await.unwrap().into_iter().all(|one| one.is_ok()));
            assert!(gate.trouble.borrow().is_none());
        }
    }
}
