//! Why a socket closed and what follows; waits between tries; the token's refresh.

use std::time::Duration;

use liveperson_proto::ConversationId;
use liveperson_proto::close_code::CloseCode;

use super::event::RefreshFault;
use super::lifecycle::{Domains, Errand, Token, Waiting};
use super::{Bot, Rhythm, TokenSource};
use crate::dialog::{Conversation, Effect, Note};
use crate::quarantine::Kind;
use crate::time::{Moment, Now};

/// A wait that is none would not be seen: the bot would never be shown waiting, nor why.
const SHORTEST: Duration = Duration::from_millis(1);

/// How many tries failed in a row.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The first wait is anything up to `first`; then it grows by half up to `longest`, with jitter.
    pub(crate) fn next(
        &mut self,
        first: Duration,
        longest: Duration,
        chance: &mut fastrand::Rng,
    ) -> Duration {
        let grown = self.grown(first).min(longest);
        let wait = if self.failures == 0 {
            grown.mul_f64(chance.f64())
        } else {
            grown.mul_f64(0.5 + chance.f64() / 2.0)
        };
        self.failures += 1;
        wait.max(SHORTEST)
    }

    fn grown(&self, first: Duration) -> Duration {
        first.mul_f64(1.5f64.powi(self.failures.min(40) as i32))
    }

    /// A socket was online for a while: after a long one the waits start over, after a shorter one
    /// the next wait is at most a quarter of it. Sockets that die at once forgive nothing.
    pub(crate) fn was_online(&mut self, spell: Duration, first: Duration, healthy_after: Duration) {
        if spell >= healthy_after {
            self.failures = 0;
        }
        let bearable = spell / 4;
        while self.failures > 0 && bearable >= first && self.grown(first) > bearable {
            self.failures -= 1;
        }
    }
}

impl Rhythm {
    /// When a token is due that was last refreshed at `refreshed`. One that is overdue, or of which nobody
    /// knows, is refreshed soon; a fleet spreads over a while.
    pub(crate) fn first_refresh(
        &self,
        refreshed: Option<i64>,
        now: i64,
        chance: &mut fastrand::Rng,
    ) -> Duration {
        let soon = self.refresh_every.mul_f64(chance.f64() / 10.0);
        let age = refreshed.map(|at| Duration::from_millis(now.saturating_sub(at).max(0).unsigned_abs()));
        let due = age.and_then(|age| self.next_refresh(chance).checked_sub(age));
        due.unwrap_or(soon)
    }

    /// Jitter only shortens the period.
    fn next_refresh(&self, chance: &mut fastrand::Rng) -> Duration {
        self.refresh_every.mul_f64(0.8 + 0.2 * chance.f64())
    }
}

impl Bot {
    pub(crate) fn wait_backoff(&mut self, cause: String, now: Now) {
        let wait =
            self.backoff.next(self.rhythm.reconnect_first, self.rhythm.reconnect_max, &mut self.chance);
        self.wait_for(wait, cause, now);
    }

    pub(crate) fn wait_for(&mut self, wait: Duration, cause: String, now: Now) {
        let until_wall = now.wall.saturating_add(wait.as_millis() as i64);
        self.waiting = Some(Waiting { until: now.moment + wait, until_wall, cause });
    }

    pub(crate) fn socket_failed(
        &mut self,
        generation: u64,
        unauthorized: bool,
        words: String,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let Some(socket) = self.socket.take_if(|s| s.generation == generation) else { return };
        if unauthorized && socket.token == self.thefts.token {
            self.token_died(now, out);
        }
        self.doubt_domains();
        self.wait_backoff(words, now);
    }

    /// A service that does not answer may have moved: whoever keeps the domains knows when to ask anew.
    pub(crate) fn doubt_domains(&mut self) {
        if self.domains == Domains::Known {
            self.domains = Domains::Unknown;
        }
    }

    pub(crate) fn socket_closed(
        &mut self,
        generation: u64,
        code: CloseCode,
        words: &str,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let Some(socket) = self.socket.take_if(|s| s.generation == generation) else { return };
        // A socket that was opened with the token before says nothing of the one in hand.
        let of_this_token = socket.token == self.thefts.token;
        if code.renews_token() && of_this_token {
            self.token_died(now, out);
        } else if of_this_token
            && code.doubts_token()
            && self.token == Token::Good
            && self.tokens == TokenSource::Login
        {
            self.token = Token::Doubtful;
        }
        let spell = socket.online_at.map(|online_at| now.moment.since(online_at));
        if let Some(spell) = spell {
            self.backoff.was_online(spell, self.rhythm.reconnect_first, self.rhythm.healthy_after);
        }
        self.detach_all(now, out);
        let words = if words.is_empty() { String::new() } else { format!(" ({words})") };
        // What is too big again after so short a while is a snapshot: it would come for ever.
        let again = self.too_big && spell.is_none_or(|spell| spell < self.rhythm.healthy_after);
        self.too_big = code == CloseCode::TOO_BIG;
        if self.too_big && again {
            let because = format!(
                "oversize frames: the socket closed twice with 1009{words}; raise frame_limit under [platform], restart muster"
            );
            return self.hold_off(Kind::OversizeFrames, &because, now, out);
        }
        self.wait_backoff(format!("the socket closed with {code}{words}"), now);
    }

    /// Puts the return off, never nearer.
    pub(crate) fn spread_return(&mut self, within: Duration, now: Now) {
        let wait = within.mul_f64(self.chance.f64());
        let (until, until_wall) = (now.moment + wait, now.wall.saturating_add(wait.as_millis() as i64));
        if let Some(waiting) = self.waiting.as_mut().filter(|_| self.socket.is_none()) {
            waiting.until = waiting.until.max(until);
            waiting.until_wall = waiting.until_wall.max(until_wall);
            waiting.cause.push_str(", as did many of the account: the return is spread");
        }
    }

    /// Closes the socket; an answer that is still on its way starts nothing.
    pub(crate) fn hang_up(&mut self, now: Now, out: &mut Vec<Effect>) {
        if self.socket.take().is_some() {
            out.push(Effect::CloseSocket);
            self.detach_all(now, out);
        }
    }

    pub(crate) fn detach_all(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.tickets.void_all();
        self.parted.clear();
        self.inside.clear();
        self.sought.clear();
        // An acceptance on its way may never arrive: a ring still shown by the next socket is answered again.
        self.rings.clear();
        for id in self.conversations.keys().cloned().collect::<Vec<_>>() {
            self.with(&id, now, out, Conversation::detach);
        }
    }

    /// The platform refused the token with a request: a new one, and what was asked is looked for.
    pub(crate) fn token_doubted_by(
        &mut self,
        conversation: &ConversationId,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let waits = self.conversations.get(conversation).is_some_and(Conversation::waits_for_a_token);
        let Some(socket) = self.socket.take_if(|_| waits) else { return };
        if socket.token == self.thefts.token {
            self.token_died(now, out);
        }
        out.push(Effect::CloseSocket);
        self.detach_all(now, out);
        self.wait_backoff("the platform refused the token with a request".to_owned(), now);
    }

    pub(crate) fn refreshed(&mut self, now: Now) {
        self.errand = None;
        self.at_the_door = None;
        self.token_is_good(now);
    }

    /// Notes a good token and sets the next refresh; jitter only shortens the period.
    pub(crate) fn token_is_good(&mut self, now: Now) {
        self.token = Token::Good;
        self.thefts.proven = true;
        self.refreshed_wall = Some(now.wall);
        self.refresh_at = Some(now.moment + self.rhythm.next_refresh(&mut self.chance));
    }

    /// How long a login service in trouble is left alone the account's door knows: the bot soon queues there again.
    pub(crate) fn refresh_failed(&mut self, fault: RefreshFault, now: Now, out: &mut Vec<Effect>) {
        self.errand = None;
        self.at_the_door = None;
        match fault {
            // A working socket is kept: the new login happens in the background.
            RefreshFault::Unauthorized => {
                self.token_died(now, out);
                self.refresh_at = None;
            }
            RefreshFault::Unwell => {
                self.refresh_at = Some(now.moment + self.rhythm.refresh_every / 10);
                if self.token == Token::Doubtful && self.socket.is_none() {
                    let wait = self.rhythm.reconnect_first.mul_f64(self.chance.f64());
                    self.wait_for(wait, "the login service does not answer".to_owned(), now);
                }
            }
            RefreshFault::Impossible => {
                self.refresh_at = None;
                if self.token == Token::Doubtful {
                    self.token = Token::Dead;
                }
            }
        }
    }

    pub(crate) fn may_refresh(&self) -> bool {
        self.token == Token::Good
            && self.errand.is_none()
            && self.domains == Domains::Known
            && !self.has_ended()
    }

    /// Refreshes now, if there is something to refresh.
    pub(crate) fn refresh_asked(&mut self, now: Now, out: &mut Vec<Effect>) {
        if self.errand == Some(Errand::Refresh) {
            return;
        }
        if self.tokens == TokenSource::Login && self.may_refresh() {
            self.refresh_at = Some(now.moment);
            return;
        }
        let words = if self.tokens == TokenSource::HandedIn {
            "its token was handed in: nobody can refresh it"
        } else {
            "it has no good token now that could be refreshed"
        };
        out.push(Effect::Note(Note::NotRefreshed { words }));
    }

    /// Refreshes when it is time.
    pub(crate) fn pursue_refresh(&mut self, now: Now, out: &mut Vec<Effect>) {
        let due = self.refresh_at.is_some_and(|at: Moment| at <= now.moment);
        if due && self.may_refresh() {
            self.errand = Some(Errand::Refresh);
            out.push(Effect::Refresh);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spell_online_shortens_the_next_wait() {
        let (first, longest, healthy) =
            (Duration::from_secs(1), Duration::from_mins(2), Duration::from_secs(30));
        for (spell, at_most) in [(0, 120.0), (3, 120.0), (4, 1.0), (8, 2.0), (20, 5.0), (30, 1.0)] {
            let mut backoff = Backoff { failures: 30 };
            backoff.was_online(Duration::from_secs(spell), first, healthy);
            let wait = backoff.grown(first).min(longest).as_secs_f64();
            assert!(wait <= at_most && (spell >= 4 || wait > 100.0), "{spell} s online, then {wait} s");
        }
    }

    #[test]
    fn waits_grow_within_bounds_and_the_first_is_short() {
        let (first, longest) = (Duration::from_secs(1), Duration::from_mins(2));
        for seed in 0..200 {
            let mut chance = fastrand::Rng::with_seed(seed);
            let mut backoff = Backoff::default();
            let wait = backoff.next(first, longest, &mut chance);
            assert!(wait >= SHORTEST && wait <= first, "seed {seed}: {wait:?}");
            let wait = Backoff::default().next(SHORTEST, longest, &mut chance);
            assert_eq!(wait, SHORTEST, "seed {seed}: a wait is seen");
            for _ in 0..60 {
                let wait = backoff.next(first, longest, &mut chance);
                assert!(wait >= first / 2 && wait <= longest, "seed {seed}: {wait:?}");
            }
        }
    }
}
