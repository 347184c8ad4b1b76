//! The course of a soak: faults by the schedule, samples, a line a minute, then calm.

use std::rc::Rc;
use std::time::{Duration, Instant};

use liveperson_sim::{Order, Platform};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::super::crowd::Crowd;
use super::super::signals::Signals;
use super::child::resident;
use super::fleet::{self, Spell};
use super::journal::Journal;
use super::memory::Sample;
use super::schedule::Plan;

const SAMPLE_EVERY: Duration = Duration::from_secs(10);
const LINE_EVERY: Duration = Duration::from_mins(1);
const TICK: Duration = Duration::from_millis(500);

/// What runs beside the fleet.
pub(super) struct Course {
    pub(super) platform: Platform,
    pub(super) journal: Rc<Journal>,
    pub(super) plan: Plan,
    pub(super) spell: watch::Receiver<Spell>,
    pub(super) samples: Vec<Sample>,
    said: Instant,
    sampled: Option<Instant>,
}

impl Course {
    pub(super) fn new(
        platform: Platform,
        journal: Rc<Journal>,
        plan: Plan,
        spell: watch::Receiver<Spell>,
    ) -> Self {
        Self { platform, journal, plan, spell, samples: Vec::new(), said: Instant::now(), sampled: None }
    }

    /// Follows the schedule until the time is up, a signal comes, or `gone` says that the fleet is lost.
    pub(super) async fn follow(&mut self, signals: &mut Signals, gone: impl Future<Output = ()>) {
        let mut gone = std::pin::pin!(gone);
        let mut orders = self.plan.orders().into_iter().peekable();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.journal.elapsed() < self.plan.lasts {
            let next = orders.peek().map_or(self.plan.lasts, |planned| planned.at);
            let due = next.saturating_sub(self.journal.elapsed());
            tokio::select! {
                () = sleep(due) => {
                    if let Some(planned) = orders.next() {
                        self.begin(&planned.fault);
                    }
                }
                _ = ticks.tick() => self.look(),
                signal = signals.next() => return self.journal.say(&format!("{signal}: the soak comes to its end")),
                () = &mut gone => return,
            }
        }
    }

    fn begin(&self, order: &Order) {
        self.journal.fault(order.fault.name(), order);
        self.platform.order(order.clone());
    }

    fn look(&mut self) {
        if self.sampled.is_none_or(|at| at.elapsed() >= SAMPLE_EVERY.min(self.plan.lasts / 30)) {
            self.sampled = Some(Instant::now());
            let spell = *self.spell.borrow();
            let bytes = resident(spell.pid);
            self.samples.push(Sample { at: self.journal.elapsed(), spell: spell.number, bytes });
        }
        if self.journal.is_live() {
            self.journal.bar(&self.figures());
        } else if self.said.elapsed() >= LINE_EVERY {
            self.said = Instant::now();
            self.journal.say(&self.figures());
        }
    }

    pub(super) fn figures(&self) -> String {
        let ledger = self.platform.ledger();
        let faults: u64 = self.journal.faults().values().sum();
        let bytes = self.samples.last().map_or(0, |sample| sample.bytes);
        format!(
            "sent {} once {} never {} more than once {} late {} waiting {}  faults {faults}  fleet process {} {} MiB",
            ledger.sent,
            ledger.once,
            ledger.never,
            ledger.more_than_once,
            ledger.late,
            ledger.waiting,
            self.spell.borrow().number,
            bytes >> 20
        )
    }

    /// Waits until nothing is owed and every bot is online; what is not so in time is trouble.
    pub(super) async fn settle(&self, crowd: &Crowd, within: Duration) {
        self.platform.withdraw_all();
        self.platform.stop_consumers();
        self.platform.stop_humans();
        crowd.hush().await;
        let deadline = Instant::now() + within;
        self.journal.say("faults are off, nobody says anything more; waiting until all is answered");
        if let Err(unsettled) = self.platform.settled(within).await {
            self.journal.trouble(&unsettled.to_string());
        }
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_secs(5));
        let mut away = Vec::new();
        let online = timeout(left, async {
            loop {
                away = self.away().await;
                if away.is_empty() {
                    return;
                }
                sleep(TICK).await;
            }
        });
        if online.await.is_err() {
            self.journal.trouble(&format!("{} bots are not online: {}", away.len(), away.join(", ")));
        }
    }

    async fn away(&self) -> Vec<String> {
        let spell = *self.spell.borrow();
        let Some(states) = fleet::states(spell).await else {
            return vec!["the fleet's API does not answer".into()];
        };
        let away = states.into_iter().filter(|(_, state)| !state.starts_with("online"));
        away.map(|(bot, state)| format!("{bot} is {state}")).collect()
    }
}
