//! Which fault comes when: the same seed, length and cast give the same schedule.

use std::fmt;
use std::time::Duration;

use liveperson_sim::{Order, Schedule};
use rustix::process::Signal;

/// The fleet is restarted within this share of the run: from there to a third its memory finds its level.
const RESTARTS: f64 = 0.25;
/// How far faults of the process lie apart in a long run, on average.
const APART: Duration = Duration::from_secs(25);
/// The longest that a process stands still in a long run: less than the lease.
const REACH: Duration = Duration::from_secs(8);
/// What the fleet waits before it sends something again, by default: what the platform delays is measured by it.
pub(super) const SETTLE: Duration = Duration::from_secs(10);

/// What the schedule follows from.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) lasts: Duration,
    /// How far faults of the platform lie apart, on average.
    pub(super) every: Duration,
    pub(super) logins: Vec<(String, String)>,
}

/// A fault and its time, from the start of the run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Planned<F> {
    pub(super) at: Duration,
    pub(super) fault: F,
}

impl<F: fmt::Display> fmt::Display for Planned<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>9.3} s  {}", self.at.as_secs_f64(), self.fault)
    }
}

/// What happens to whole processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heavy {
    /// kill -9, and a start at once.
    Kill,
    /// The same, and again while it starts.
    KillTwice { between: Duration },
    /// SIGTERM, and a start once it has ended.
    Restart,
    /// SIGSTOP, and SIGCONT later.
    Stop { lasts: Duration },
    /// A second process on the same store.
    Second,
    /// The store's server is stopped, and started again later.
    Store { crash: bool, away: Duration },
}

impl Heavy {
    pub(super) const NAMES: [&str; 6] =
        ["kill", "kill_twice", "restart", "stop", "second_process", "store_restart"];

    pub(super) fn name(self) -> &'static str {
        let place = match self {
            Self::Kill => 0,
            Self::KillTwice { .. } => 1,
            Self::Restart => 2,
            Self::Stop { .. } => 3,
            Self::Second => 4,
            Self::Store { .. } => 5,
        };
        Self::NAMES[place]
    }

    /// Whether the fleet is another process afterwards.
    pub(super) fn restarts(self) -> bool {
        matches!(self, Self::Kill | Self::KillTwice { .. } | Self::Restart)
    }

    pub(super) fn signal_to_the_store(crash: bool) -> Signal {
        if crash { Signal::QUIT } else { Signal::INT }
    }
}

impl fmt::Display for Heavy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::KillTwice { between } => write!(f, ", {} ms apart", between.as_millis()),
            Self::Stop { lasts } => write!(f, ", for {} ms", lasts.as_millis()),
            Self::Store { crash, away } => {
                write!(f, ", {}, away {} ms", if *crash { "crash" } else { "shutdown" }, away.as_millis())
            }
            Self::Kill | Self::Restart | Self::Second => Ok(()),
        }
    }
}

impl Plan {
    /// The longest that the fleet's process stands still.
    pub(super) fn reach(&self) -> Duration {
        (self.lasts / 10).clamp(Duration::from_secs(1), REACH)
    }

    /// Until when the fleet may be restarted.
    pub(super) fn restarts_until(&self) -> Duration {
        self.lasts.mul_f64(RESTARTS)
    }

    /// What the platform does.
    pub(super) fn orders(&self) -> Vec<Planned<Order>> {
        let orders = Schedule::settling(SETTLE, self.seed, self.lasts, self.every, &self.logins);
        orders.into_iter().map(|(at, fault)| Planned { at, fault }).collect()
    }

    /// What happens to processes, in turn: restarts of the fleet at first, the rest all the time.
    pub(super) fn heavy(&self) -> Vec<Planned<Heavy>> {
        // Another stream of chance, so that neither changes the other.
        let mut chance = fastrand::Rng::with_seed(self.seed ^ 0x6d75_7374_6572);
        let apart = (self.lasts / 12).min(APART);
        let reach = self.reach();
        let mut kills = 0;
        let mut planned = spread(&mut chance, Duration::ZERO, self.restarts_until(), apart, |chance| {
            kills += 1;
            match chance.u32(..4) {
                _ if kills == 1 => Heavy::Kill,
                0 => Heavy::Restart,
                1 => Heavy::KillTwice { between: Duration::from_millis(chance.u64(50..1500)) },
                _ => Heavy::Kill,
            }
        });
        let mut others = 0;
        planned.extend(spread(&mut chance, self.restarts_until(), self.lasts, apart, |chance| {
            others += 1;
            match others % 3 {
                1 => Heavy::Store { crash: chance.bool(), away: reach.mul_f64(chance.f64()) },
                2 => Heavy::Stop { lasts: reach.mul_f64(0.1 + 0.9 * chance.f64()) },
                _ => Heavy::Second,
            }
        }));
        planned
    }
}

/// Faults between two times: the gaps are between half of `apart` and one and a half.
fn spread<F>(
    chance: &mut fastrand::Rng,
    from: Duration,
    to: Duration,
    apart: Duration,
    mut any: impl FnMut(&mut fastrand::Rng) -> F,
) -> Vec<Planned<F>> {
    let mut planned = Vec::new();
    let mut at = from;
    loop {
        at += apart.max(Duration::from_millis(1)).mul_f64(0.5 + chance.f64());
        if at >= to {
            return planned;
        }
        planned.push(Planned { at, fault: any(chance) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::soak::stage::Cast;

    fn plan(seed: u64, seconds: u64) -> Plan {
        let (lasts, every) = (Duration::from_secs(seconds), Duration::from_millis(500));
        Plan { seed, lasts, every, logins: Cast { bots: 100 }.logins() }
    }

    #[test]
    fn the_same_seed_gives_the_same_faults_and_another_seed_others() {
        let told = |seed| {
            let plan = plan(seed, 600);
            let orders: Vec<_> = plan.orders().iter().map(ToString::to_string).collect();
            (orders, plan.heavy().iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(told(7), told(7));
        let ((orders, heavy), (other_orders, other_heavy)) = (told(7), told(8));
        assert!(orders != other_orders && heavy != other_heavy);
    }

    #[test]
    fn half_an_hour_brings_thousands_of_faults_of_every_kind() {
        let plan = plan(1, 1800);
        let (orders, heavy) = (plan.orders(), plan.heavy());
        assert!(orders.len() > 3000, "{}", orders.len());
        for name in Heavy::NAMES {
            assert!(heavy.iter().any(|planned| planned.fault.name() == name), "{name}");
        }
        let last = heavy.iter().rfind(|planned| planned.fault.restarts()).unwrap();
        assert!(last.at < plan.lasts / 3, "{last}");
    }

    #[test]
    fn the_shortest_run_has_a_kill_a_stop_and_a_restart_of_the_store() {
        for seed in 0..50 {
            let heavy = plan(seed, 10).heavy();
            for name in ["kill", "stop", "second_process", "store_restart"] {
                assert!(heavy.iter().any(|planned| planned.fault.name() == name), "{name} of seed {seed}");
            }
        }
    }
}
