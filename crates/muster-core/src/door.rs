//! An account's door: which bot logs in next, and when.
//!
//! Whoever wants to log in queues here; bots with open conversations come first. Each attempt needs a place in
//! the account's budget and in the process's. Trouble at the login service is a state of the account: while it
//! lasts one prober at a time goes, by the vendor's waits, and all others keep queueing. A refresh is no login and
//! needs no place while the service is well; in trouble it queues like one, for it is a call to the same service.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::budget::{LoginBudget, Permit};
use crate::time::Moment;

/// The vendor's advice: 5, 10, 15 s, then 2, 4, 8 minutes, in units of the shortest wait.
const WAITS: [u32; 6] = [1, 2, 3, 24, 48, 96];

/// A block is looked at again after that many of the shortest waits: 10 minutes.
const BLOCK: u32 = 120;

/// Who comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// Consumers wait for this bot.
    Conversations,
    /// Nobody does yet.
    Idle,
}

/// A place in the queue; smaller ones go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(Urgency, u64);

/// One login attempt, from its grant to its answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Attempt(u64);

/// What the login service said to an attempt, as far as it concerns the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It works: the login succeeded, or these credentials alone were refused.
    Works,
    /// Too many logins.
    TooMany {
        /// The platform's wish.
        retry_after: Option<Duration>,
    },
    /// It is in trouble, or did not answer.
    Unwell {
        /// In words.
        words: String,
    },
    /// The account is blocked.
    Blocked,
    /// Nothing was asked after all.
    Nothing,
}

/// What the door says about the next attempt.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission {
    /// This one goes; tell [`Door::answered`] when it is over.
    Go(Place, Attempt),
    /// Ask again after this time.
    Later(Duration),
    /// Ask again when an attempt under way is over.
    Busy,
    /// Nobody waits.
    Nobody,
}

/// The login service is in trouble for this account.
#[derive(Clone, Debug)]
struct Trouble {
    words: String,
    until: Moment,
    /// Only what began later than this tells anything new.
    began: u64,
    failures: usize,
    probing: bool,
}

/// The door of one account.
#[derive(Debug)]
pub struct Door {
    budget: LoginBudget,
    shortest_wait: Duration,
    queue: BTreeSet<Place>,
    arrivals: u64,
    attempts: u64,
    trouble: Option<Trouble>,
    chance: fastrand::Rng,
}

impl Door {
    /// A door at which nobody waits. `shortest_wait` is the vendor's first wait after a failure.
    pub fn new(budget: LoginBudget, shortest_wait: Duration, seed: u64) -> Self {
        let chance = fastrand::Rng::with_seed(seed);
        Self {
            budget,
            shortest_wait,
            queue: BTreeSet::new(),
            arrivals: 0,
            attempts: 0,
            trouble: None,
            chance,
        }
    }

    /// Queues.
    pub fn join(&mut self, urgency: Urgency) -> Place {
        self.arrivals += 1;
        let place = Place(urgency, self.arrivals);
        self.queue.insert(place);
        place
    }

    /// Leaves the queue; says nothing where the place has been called already.
    pub fn leave(&mut self, place: Place) {
        self.queue.remove(&place);
    }

    /// How long somebody waits who is let go by the end of the trouble: not all come at once.
    pub fn spread(&mut self, within: Duration) -> Duration {
        within.mul_f64(self.chance.f64())
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Why nobody but a prober goes, if that is so.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_ref().map(|trouble| trouble.words.as_str())
    }

    /// For how long nobody goes, and why, if that is so.
    pub fn pause(&self, now: Moment) -> Option<(Duration, String)> {
        self.trouble.as_ref().map(|trouble| (trouble.until.since(now), trouble.words.clone()))
    }

    /// How long the queue takes at the least, if all goes well.
    pub fn expected(&self, now: Moment) -> Duration {
        let pause = self.trouble.as_ref().map_or(Duration::ZERO, |trouble| trouble.until.since(now));
        pause + self.budget.takes(self.queue.len(), now)
    }

    /// Calls the next one in, as far as the account and the process allow.
    pub fn admit(&mut self, process: &mut LoginBudget, now: Moment) -> Admission {
        let Some(first) = self.queue.first().copied() else { return Admission::Nobody };
        if let Some(trouble) = &self.trouble {
            if trouble.probing {
                return Admission::Busy;
            }
            if now < trouble.until {
                return Admission::Later(trouble.until.since(now));
            }
        }
        for budget in [&mut self.budget, process] {
            match budget.look(now) {
                Permit::Granted => {}
                Permit::Later(wait) => return Admission::Later(wait),
                Permit::Busy => return Admission::Busy,
            }
        }
        self.budget.ask(now);
        process.ask(now);
        if let Some(trouble) = &mut self.trouble {
            trouble.probing = true;
        }
        self.queue.remove(&first);
        self.attempts += 1;
        Admission::Go(first, Attempt(self.attempts))
    }

    /// An attempt is over.
    pub fn answered(&mut self, attempt: &Attempt, answer: Answer, process: &mut LoginBudget, now: Moment) {
        self.budget.answered();
        process.answered();
        let was_probe = self.trouble.as_ref().is_none_or(|trouble| attempt.0 > trouble.began);
        if let Some(trouble) = self.trouble.as_mut().filter(|_| was_probe) {
            trouble.probing = false;
        }
        self.learn(answer, was_probe, now);
    }

    /// What a call without an attempt met, a refresh while the service was well as far as anybody knew. Many fail
    /// together: only the first one counts.
    pub fn heard(&mut self, answer: Answer, now: Moment) {
        if answer != Answer::Works {
            self.learn(answer, self.trouble.is_none(), now);
        }
    }

    fn learn(&mut self, answer: Answer, was_probe: bool, now: Moment) {
        match answer {
            Answer::Works if was_probe => self.trouble = None,
            Answer::Works | Answer::Nothing => {}
            Answer::TooMany { retry_after } => {
                let wait = retry_after.unwrap_or_default().max(self.shortest_wait);
                self.worsen(wait, "the platform says: too many logins".to_owned(), was_probe, now);
            }
            Answer::Unwell { words } => {
                let failures = self.trouble.as_ref().map_or(0, |trouble| trouble.failures);
                let failures = if was_probe { failures } else { failures.saturating_sub(1) };
                let wait = self.shortest_wait * WAITS[failures.min(WAITS.len() - 1)];
                self.worsen(wait, words, was_probe, now);
            }
            Answer::Blocked => {
                let words = "the platform blocks this account or user; ask its support".to_owned();
                self.worsen(self.shortest_wait * BLOCK, words, was_probe, now);
            }
        }
    }

    /// What another process, or an earlier one, learnt of the service: nobody goes before `wait` is over.
    pub fn heard_of_trouble(&mut self, wait: Duration, words: String, now: Moment) {
        self.worsen(wait, words, false, now);
    }

    /// A failed probe counts; what was under way when the trouble began only makes the wait longer.
    fn worsen(&mut self, wait: Duration, words: String, counts: bool, now: Moment) {
        // A fleet fails together: up to a quarter more keeps it from coming back together with others.
        let until = now + wait.mul_f64(1.0 + 0.25 * self.chance.f64());
        let begun = |failures| Trouble { words, until, began: self.attempts, failures, probing: false };
        self.trouble = Some(match self.trouble.take() {
            None => begun(usize::from(counts)),
            Some(before) if counts => begun(before.failures + 1),
            Some(before) => Trouble { until: before.until.max(until), ..before },
        });
    }
}
