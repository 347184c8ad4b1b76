//! A login elsewhere takes the session: what tells it from other deaths of a token, and what follows.
//!
//! The platform does not say why a token died. It counts as taken when it died before its time, by no login
//! of this fleet, and not together with many of the account. Since only a bot whose token is dead logs in,
//! two fleets on one identity take turns; the window and the limit end that after three logins.

use std::collections::VecDeque;
use std::time::Duration;

use super::event::Bystanders;
use super::lifecycle::Token;
use super::{Bot, TokenSource};
use crate::calendar::rfc3339;
use crate::crowd::LOOK_BACK;
use crate::dialog::{Effect, Note};
use crate::quarantine::Kind;
use crate::time::{Moment, Now};

/// A token that was not refreshed for that long may have died of age.
const TOKEN_LIFE: Duration = Duration::from_mins(10);

/// A login that is that old may have ended by itself: the platform gives it eight hours, and nobody knows
/// whether a refresh prolongs that.
const LOGIN_LIFE: Duration = Duration::from_mins(7 * 60 + 45);

/// Thefts that are remembered, and deaths that are looked into, at most; a limit above it is none.
const KNOWN: usize = 100;

/// What a bot does about a login elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnTheft {
    /// It logs in again, until the limit.
    #[default]
    TakeBackOnce,
    /// It leaves the session to whoever took it.
    StandDown,
}

/// By which rules thefts are judged.
#[derive(Clone, Copy, Debug)]
pub struct TheftRules {
    /// What the bot does.
    pub on_theft: OnTheft,
    /// The theft within the window that holds the bot off.
    pub limit: usize,
    /// The window; never shorter than a little over two periods of refresh, for so long two thefts that are
    /// noticed by a refresh alone may lie apart.
    pub within: Duration,
}

impl Default for TheftRules {
    fn default() -> Self {
        Self { on_theft: OnTheft::default(), limit: 2, within: Duration::from_mins(10) }
    }
}

/// What is known of the token in hand, and of thefts.
#[derive(Debug, Default)]
pub(crate) struct Thefts {
    /// Counts the bot's tokens; a socket keeps the number of the one that it was opened with.
    pub(crate) token: u64,
    /// The token has worked in this life, so that no life before can have replaced it unnoticed.
    pub(crate) proven: bool,
    pub(crate) logged_in: Option<i64>,
    /// Whose death was looked into.
    judged: Option<u64>,
    /// When the deaths are looked into that came last, in order: a crowd shows when the last of it has been
    /// told, and a session once it is sealed.
    to_look_into: VecDeque<Moment>,
    /// Deaths of which it is being found out who else may be the cause.
    looking: usize,
    /// Thefts that still count, oldest first.
    known: VecDeque<(Moment, i64)>,
    /// When a death together with many was last taken for the platform's doing.
    excused: Option<Moment>,
}

impl Thefts {
    /// Before the first login of this life; the sealed session, if any, says when its own was.
    pub(crate) fn since(logged_in: Option<i64>) -> Self {
        Self { logged_in, ..Self::default() }
    }

    /// Deaths of which it is not known yet whether they were thefts.
    fn in_question(&self) -> usize {
        self.to_look_into.len() + self.looking
    }

    fn forget(&mut self, within: Duration, now: Moment) {
        while self.known.front().is_some_and(|(at, _)| now.since(*at) > within) {
            self.known.pop_front();
        }
        // Long enough for two thefts to count after it, however late they are noticed.
        self.excused.take_if(|at| now.since(*at) > within * 2);
    }

    /// A crowd excuses once in a window: two whole fleets that take each other's sessions look like one.
    fn excuses(&mut self, now: Moment) -> bool {
        let excuses = self.excused.is_none();
        self.excused.get_or_insert(now);
        excuses
    }
}

impl Bot {
    /// The platform no longer takes the token.
    pub(crate) fn token_died(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.token = Token::Dead;
        let judged = self.thefts.judged.replace(self.thefts.token) == Some(self.thefts.token);
        // While the ownership is in doubt it may well be its new owner that logged in.
        let ours_to_judge = self.fenced.is_none() && !self.has_ended();
        if judged || !ours_to_judge || self.tokens == TokenSource::HandedIn || !self.died_young(now) {
            return;
        }
        if self.thefts.in_question() < KNOWN {
            self.thefts.to_look_into.push_back(now.moment + LOOK_BACK);
            out.push(Effect::TokenDied);
        }
    }

    /// Looks into the deaths whose time has come.
    pub(crate) fn pursue_looks(&mut self, now: Now, out: &mut Vec<Effect>) {
        while self.thefts.to_look_into.pop_front_if(|at| *at <= now.moment).is_some() {
            self.thefts.looking += 1;
            out.push(Effect::LookAround);
        }
    }

    /// When the next death is looked into.
    pub(crate) fn look_deadline(&self) -> Option<Moment> {
        self.thefts.to_look_into.front().copied().filter(|_| !self.has_ended())
    }

    fn died_young(&self, now: Now) -> bool {
        let within = |at: Option<i64>, life: Duration| {
            at.is_some_and(|at| u128::from(now.wall.saturating_sub(at).unsigned_abs()) < life.as_millis())
        };
        let fresh = within(self.refreshed_wall, TOKEN_LIFE);
        fresh && (self.thefts.logged_in.is_none() || within(self.thefts.logged_in, LOGIN_LIFE))
    }

    pub(crate) fn looked_around(&mut self, found: Bystanders, now: Now, out: &mut Vec<Effect>) {
        let Some(others) = self.thefts.looking.checked_sub(1) else { return };
        self.thefts.looking = others;
        if self.quarantined.is_some() {
            return;
        }
        self.thefts.forget(self.theft_window(), now.moment);
        match found {
            Bystanders::Many if !self.thefts.excuses(now.moment) => self.session_taken(now, out),
            Bystanders::Nobody => self.session_taken(now, out),
            Bystanders::Many | Bystanders::Ourselves => out.push(Effect::Note(Note::TokenLost(found))),
        }
    }

    fn session_taken(&mut self, now: Now, out: &mut Vec<Effect>) {
        if self.thefts.known.len() >= KNOWN {
            self.thefts.known.pop_front();
        }
        self.thefts.known.push_back((now.moment, now.wall));
        let (times, over) = (self.thefts.known.len(), self.thefts.known.len() >= self.theft_limit());
        out.push(Effect::Note(Note::SessionTaken { times, taken_back: !over }));
        if over {
            let because = format!(
                "stolen session: a login elsewhere took the bot's session {}; see that nothing else uses its login",
                self.thefts_in_words()
            );
            self.hold_off(Kind::StolenSession, &because, now, out);
        }
    }

    /// A login waits while what is being found out may hold the bot off.
    pub(crate) fn may_take_back(&self) -> bool {
        let in_question = self.thefts.in_question();
        in_question == 0 || self.thefts.known.len() + in_question < self.theft_limit()
    }

    fn theft_limit(&self) -> usize {
        let limit = self.theft_rules.limit.max(1);
        match self.theft_rules.on_theft {
            OnTheft::TakeBackOnce => limit,
            OnTheft::StandDown if self.thefts.proven => 1,
            // A process that was killed in the middle of a login replaced the token itself.
            OnTheft::StandDown => limit.min(2),
        }
    }

    fn theft_window(&self) -> Duration {
        self.theft_rules.within.max(self.rhythm.refresh_every.mul_f64(2.2))
    }

    fn thefts_in_words(&self) -> String {
        let times = self.thefts.known.len();
        let last = self.thefts.known.back().map_or(0, |(_, wall)| *wall);
        let often = if times == 1 { "once".to_owned() } else { format!("{times} times") };
        format!(
            "{often} within {} minutes, last at {}",
            self.theft_window().as_secs().div_ceil(60),
            rfc3339(last)
        )
    }

    /// What a bot that has taken its session back has to say.
    pub(crate) fn theft_worry(&self) -> Option<String> {
        (!self.thefts.known.is_empty()).then(|| {
            format!("a login elsewhere took the bot's session {}; it was taken back", self.thefts_in_words())
        })
    }

    pub(crate) fn forget_thefts(&mut self, now: Now) {
        self.thefts.forget(self.theft_window(), now.moment);
    }

    /// When the oldest theft no longer counts.
    pub(crate) fn theft_deadline(&self) -> Option<Moment> {
        let past = self.theft_window() + Duration::from_millis(1);
        self.thefts.known.front().map(|(at, _)| *at + past)
    }
}
