//! How many logins an account allows: attempts a second, a burst, and how many at one time.

use std::time::Duration;

use crate::time::Moment;

/// The rules of one account's logins.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    /// Attempts a second in the long run.
    pub per_second: u32,
    /// Attempts at once after a pause.
    pub burst: u32,
    /// Attempts without an answer at one time.
    pub in_flight: u32,
}

/// A token bucket with a bound on what is under way. Attempts count, not successes.
#[derive(Clone, Debug)]
pub struct LoginBudget {
    rules: Allowance,
    /// In thousandths of an attempt.
    level: u64,
    filled: Moment,
    under_way: u32,
}

/// What the budget says about one more attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Go; tell [`LoginBudget::answered`] when it is over.
    Granted,
    /// Ask again after this time.
    Later(Duration),
    /// Ask again when an attempt under way is over.
    Busy,
}

impl LoginBudget {
    /// A full bucket.
    pub fn new(rules: Allowance, now: Moment) -> Self {
        Self { rules, level: u64::from(rules.burst) * 1000, filled: now, under_way: 0 }
    }

    /// What [`LoginBudget::ask`] would say; nothing is taken.
    pub fn look(&mut self, now: Moment) -> Permit {
        let gained = now.since(self.filled).as_millis() as u64 * u64::from(self.rules.per_second);
        self.level = (self.level + gained).min(u64::from(self.rules.burst) * 1000);
        self.filled = self.filled.max(now);
        if self.under_way >= self.rules.in_flight {
            return Permit::Busy;
        }
        match 1000u64.saturating_sub(self.level) {
            0 => Permit::Granted,
            missing => Permit::Later(self.gains(missing)),
        }
    }

    /// Asks for one attempt.
    pub fn ask(&mut self, now: Moment) -> Permit {
        let permit = self.look(now);
        if permit == Permit::Granted {
            self.level -= 1000;
            self.under_way += 1;
        }
        permit
    }

    /// How long so many attempts take at the least.
    pub fn takes(&self, attempts: usize, now: Moment) -> Duration {
        let gained = now.since(self.filled).as_millis() as u64 * u64::from(self.rules.per_second);
        self.gains((attempts as u64 * 1000).saturating_sub(self.level + gained))
    }

    fn gains(&self, thousandths: u64) -> Duration {
        Duration::from_millis(thousandths.div_ceil(u64::from(self.rules.per_second.max(1))))
    }

    /// An attempt is over, whatever came of it.
    pub fn answered(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULES: Allowance = Allowance { per_second: 5, burst: 5, in_flight: 2 };

    #[test]
    fn at_most_two_are_under_way() {
        let mut budget = LoginBudget::new(RULES, Moment(0));
        assert_eq!([budget.ask(Moment(0)), budget.ask(Moment(0))], [Permit::Granted; 2]);
        assert_eq!(budget.ask(Moment(0)), Permit::Busy);
        budget.answered();
        assert_eq!(budget.ask(Moment(0)), Permit::Granted);
    }

    proptest! {
        /// In any window of a second at most the burst and a second's worth are granted.
        #[test]
        fn no_window_holds_more_than_burst_and_rate(gaps in proptest::collection::vec(0u64..300, 1..300)) {
            let mut budget = LoginBudget::new(RULES, Moment(0));
            let (mut now, mut granted) = (0, Vec::new());
            for gap in gaps {
                now += gap;
                match budget.ask(Moment(now)) {
                    Permit::Granted => { granted.push(now); budget.answered(); }
                    Permit::Later(wait) => prop_assert!(wait <= Duration::from_millis(200) && !wait.is_zero()),
                    Permit::Busy => prop_assert!(false),
                }
                let recent = granted.iter().filter(|at| now - **at < 1000).count();
                prop_assert!(recent <= 10, "{} in one second", recent);
            }
        }
    }
}
