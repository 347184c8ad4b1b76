//! A cold start, a restart, an outage and a throttled login service, one after the other under load: what each
//! costs in logins and time. Every wait of the fleet is the product's own.

use std::fmt;
use std::time::{Duration, Instant};

use liveperson_sim::{Aim, ConsumerScript, Fault, Order, Revocation, Trouble};
use serde::Serialize;

use crate::Failure;
use crate::arguments::Arguments;
use crate::report::Conditions;
use crate::run::online;
use crate::stage::{Fleet, Stage, account};

const LOOK: Duration = Duration::from_millis(100);

/// What the platform counted until now.
struct Counted {
    logins: u64,
    sockets: u64,
    turned_away: u64,
}

/// What one scene cost.
#[derive(Debug, Serialize)]
struct Scene {
    name: &'static str,
    /// How long the trouble lasted.
    trouble_seconds: f64,
    /// From the start of the process, or the end of the trouble, until every bot was online.
    online_seconds: f64,
    /// Logins that the platform granted.
    logins: u64,
    /// Calls for a token that met the trouble: refused logins and refreshes.
    turned_away: u64,
    sockets: u64,
    /// The most login calls of one account in a second, since the platform began.
    peak_a_second: usize,
}

/// All scenes of one run.
#[derive(Debug, Serialize)]
pub(crate) struct Scenes {
    conditions: Conditions,
    played: Vec<Scene>,
    pub(crate) ledger_clean: bool,
    ledger: String,
}

impl Scenes {
    pub(crate) async fn of(arguments: &Arguments) -> Result<Self, Failure> {
        let stage = Stage::set(arguments).await?;
        let play = Play { arguments, stage: &stage };
        let fleet = play.start().await?;
        let conditions = Conditions::of(arguments, &stage, &fleet)?;
        let mut scenes = vec![play.scene("cold start", counted_nothing(), Duration::ZERO, &fleet).await?];
        play.crowd().await?;
        drop(fleet);
        let before = play.counted().await?;
        let fleet = play.start().await?;
        scenes.push(play.scene("restart", before, Duration::ZERO, &fleet).await?);
        scenes.push(play.outage(&fleet).await?);
        scenes.push(play.throttled(&fleet).await?);
        stage.control.stop_consumers().await?;
        stage.control.settled(Duration::from_mins(5)).await??;
        let ledger = stage.control.ledger().await?;
        Ok(Self { conditions, played: scenes, ledger_clean: ledger.is_clean(), ledger: ledger.to_string() })
    }
}

const fn counted_nothing() -> Counted {
    Counted { logins: 0, sockets: 0, turned_away: 0 }
}

struct Play<'a> {
    arguments: &'a Arguments,
    stage: &'a Stage,
}

impl Play<'_> {
    async fn start(&self) -> Result<Fleet, Failure> {
        self.stage.fleet(&self.arguments.bots_of_each(), self.arguments.login_budget).await
    }

    /// Consumers who talk on and on, also while nobody answers.
    async fn crowd(&self) -> Result<(), Failure> {
        for (number, bots) in self.arguments.bots_of_each().into_iter().enumerate() {
            let script = ConsumerScript {
                count: bots * self.arguments.conversations,
                messages: 0,
                messages_per_conversation: usize::MAX,
                think: Duration::from_millis(self.arguments.think()),
                ..ConsumerScript::default()
            };
            self.stage.control.consumers(&account(number), &script).await?;
        }
        let began = Instant::now();
        while self.stage.control.latencies().await?.count() < self.arguments.consumers() as u64 {
            if began.elapsed() > Duration::from_mins(5) {
                return Err("the consumers were not answered in time".into());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    async fn counted(&self) -> Result<Counted, Failure> {
        let counters = self.stage.control.counters().await?;
        let effects = self.stage.control.fault_effects().await?;
        let met = |fault: &str| effects.get(fault).copied().unwrap_or(0);
        Ok(Counted {
            logins: counters.identities.iter().map(|one| one.logins).sum(),
            sockets: counters.identities.iter().map(|one| one.sockets_opened).sum(),
            turned_away: met("login_fault") + met("refresh_fault"),
        })
    }

    /// Waits until all are online, and says what that took since `before`.
    async fn scene(
        &self,
        name: &'static str,
        before: Counted,
        trouble: Duration,
        fleet: &Fleet,
    ) -> Result<Scene, Failure> {
        let since = Instant::now();
        let from_start = online(fleet, self.arguments.bots).await?;
        let online = if trouble.is_zero() { from_start } else { since.elapsed() };
        let after = self.counted().await?;
        Ok(Scene {
            name,
            trouble_seconds: trouble.as_secs_f64(),
            online_seconds: online.as_secs_f64(),
            logins: after.logins - before.logins,
            turned_away: after.turned_away - before.turned_away,
            sockets: after.sockets - before.sockets,
            peak_a_second: self.stage.control.counters().await?.logins_per_second_peak,
        })
    }

    /// Nothing of the platform answers, and every socket is gone.
    async fn outage(&self, fleet: &Fleet) -> Result<Scene, Failure> {
        let (before, lasts) = (self.counted().await?, self.arguments.outage);
        let how = Trouble::Status { status: 503, retry_after: None };
        let faults = [
            Fault::DomainFault { how },
            Fault::LoginFault { how },
            Fault::RefreshFault { how },
            Fault::UpgradeFault { how },
        ];
        for fault in faults {
            self.stage.control.order(&Order::of(fault).lasting(lasts)).await?;
        }
        self.stage.control.drop_all_sockets().await?;
        tokio::time::sleep(lasts).await;
        self.scene("outage", before, lasts, fleet).await
    }

    /// Every token dies while the login service says that there are too many logins.
    async fn throttled(&self, fleet: &Fleet) -> Result<Scene, Failure> {
        let (before, lasts) = (self.counted().await?, self.arguments.throttled);
        let how = Trouble::Status { status: 429, retry_after: Some(5) };
        self.stage.control.order(&Order::of(Fault::LoginFault { how }).lasting(lasts)).await?;
        for number in 0..self.arguments.bots_of_each().len() {
            let revoke = Fault::RevokeToken { how: Revocation::Close4401 };
            self.stage.control.order(&Order::of(revoke).at(Aim::account(&account(number)))).await?;
        }
        tokio::time::sleep(lasts).await;
        self.scene("login 429", before, lasts, fleet).await
    }
}

impl fmt::Display for Scenes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.conditions)?;
        writeln!(f, "scene         trouble  all online after   logins  turned away  sockets  peak a second")?;
        for scene in &self.played {
            writeln!(
                f,
                "{:<12} {:>6.0} s {:>16.1} s {:>8} {:>12} {:>8} {:>14}",
                scene.name,
                scene.trouble_seconds,
                scene.online_seconds,
                scene.logins,
                scene.turned_away,
                scene.sockets,
                scene.peak_a_second
            )?;
        }
        write!(f, "{}", self.ledger)
    }
}
