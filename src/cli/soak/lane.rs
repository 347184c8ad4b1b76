//! What happens to processes, one thing after the other, and the watch over the fleet in between.

use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::super::Failure;
use super::fleet::{Fleet, Spell};
use super::journal::Journal;
use super::schedule::{Heavy, Plan, Planned};
use super::stage::Store;

/// The exit code of a start that found the fleet held.
const HELD: i32 = 3;

/// How far the soak is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Faults,
    /// No fault begins any more.
    Calm,
    /// The fleet is not needed any more.
    Over,
}

/// Whoever holds the fleet's process and its store.
pub(super) struct Lane {
    pub(super) fleet: Fleet,
    pub(super) store: Store,
    pub(super) journal: Rc<Journal>,
    pub(super) spell: watch::Sender<Spell>,
    pub(super) phase: watch::Receiver<Phase>,
}

impl Lane {
    /// Carries the schedule out, watches the fleet until the soak is over, and ends it in order.
    ///
    /// # Errors
    /// The fleet or the store does not come back.
    pub(super) async fn pursue(mut self, plan: &Plan) -> Result<(), Failure> {
        for planned in plan.heavy() {
            let wait = planned.at.saturating_sub(self.journal.elapsed());
            if !self.guard(Phase::Calm, wait).await? {
                break;
            }
            self.turn(plan, &planned).await?;
        }
        while self.guard(Phase::Over, Duration::MAX).await? {}
        self.fleet.end().await
    }

    /// Waits, but not beyond the phase: then the answer is false. A fleet that ends by itself is started again.
    async fn guard(&mut self, until: Phase, wait: Duration) -> Result<bool, Failure> {
        let mut phase = self.phase.clone();
        tokio::select! {
            () = sleep(wait) => Ok(true),
            _ = phase.wait_for(|phase| *phase >= until) => Ok(false),
            words = self.fleet.ended() => {
                self.journal.trouble(&words);
                self.start().await?;
                Ok(true)
            }
        }
    }

    async fn turn(&mut self, plan: &Plan, planned: &Planned<Heavy>) -> Result<(), Failure> {
        let heavy = planned.fault;
        if heavy.restarts() && self.journal.elapsed() > plan.lasts / 3 {
            self.journal.say(&format!("left out, for a third of the run is over: {heavy}"));
            return Ok(());
        }
        let is_strangers = matches!((heavy, &self.store), (Heavy::Store { .. }, Store::Given(_)));
        if is_strangers {
            self.journal.say(&format!("left out, for the store has no server of ours: {heavy}"));
            return Ok(());
        }
        self.journal.fault(heavy.name(), &heavy);
        self.strike(heavy).await?;
        self.journal.say(&format!("over   {}", heavy.name()));
        Ok(())
    }

    async fn strike(&mut self, heavy: Heavy) -> Result<(), Failure> {
        match heavy {
            Heavy::Kill => {
                self.fleet.kill().await?;
                self.start().await
            }
            Heavy::KillTwice { between } => {
                self.fleet.kill().await?;
                self.fleet.launch_again()?;
                self.spell.send_replace(self.fleet.spell());
                sleep(between).await;
                self.fleet.kill().await?;
                self.start().await
            }
            Heavy::Restart => {
                if let Err(failure) = self.fleet.end().await {
                    self.journal.trouble(&failure.words);
                }
                self.start().await
            }
            Heavy::Stop { lasts } => {
                self.fleet.stops();
                sleep(lasts).await;
                self.fleet.goes_on();
                Ok(())
            }
            Heavy::Second => self.second().await,
            Heavy::Store { crash, away } => self.restart_the_store(crash, away).await,
        }
    }

    async fn start(&mut self) -> Result<(), Failure> {
        self.fleet.launch_again()?;
        self.spell.send_replace(self.fleet.spell());
        self.fleet.listens().await?;
        self.spell.send_replace(self.fleet.spell());
        Ok(())
    }

    async fn second(&mut self) -> Result<(), Failure> {
        match self.fleet.second().await {
            Ok(Some(HELD)) => {}
            Ok(code) => {
                self.journal.trouble(&format!("a second process ended with code {code:?} instead of {HELD}"));
            }
            Err(failure) => self.journal.trouble(&format!("a second process: {}", failure.words)),
        }
        Ok(())
    }

    async fn restart_the_store(&mut self, crash: bool, away: Duration) -> Result<(), Failure> {
        let Store::Own(server) = &mut self.store else { return Ok(()) };
        server.stop(Heavy::signal_to_the_store(crash)).await?;
        sleep(away).await;
        server.start_again().await
    }
}
