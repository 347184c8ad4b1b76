//! The faults of the demo: sockets drop, a token is revoked, a logic panics.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use liveperson_sim::{Platform, Revocation};
use muster_core::turn::{Action, Turn};

use crate::logic::{Logic, LogicError, Logics};

/// A logic that panics once when its fuse is lit.
pub(super) struct Fragile {
    inner: Arc<dyn Logic>,
    fuse: Arc<AtomicBool>,
}

impl Fragile {
    /// Puts every logic behind one fuse.
    pub(super) fn wrap(logics: &mut Logics) -> Arc<AtomicBool> {
        let fuse = Arc::new(AtomicBool::new(false));
        for name in ["echo", "greeting"] {
            if let Some(inner) = logics.find(name) {
                logics.add(name, Arc::new(Self { inner, fuse: fuse.clone() }));
            }
        }
        fuse
    }
}

impl Logic for Fragile {
    fn decide(&self, turn: &Turn) -> Result<Vec<Action>, LogicError> {
        assert!(!self.fuse.swap(false, Ordering::Relaxed), "the demo lit this logic's fuse");
        self.inner.decide(turn)
    }
}

#[derive(Default)]
struct Done {
    drops: usize,
    tokens: usize,
    panics: usize,
}

/// Does mischief as time goes by.
pub(super) struct Mischief {
    platform: Platform,
    logins: Vec<(String, String)>,
    fuse: Arc<AtomicBool>,
    done: Mutex<Done>,
}

/// A socket drops this often.
const DROP_EVERY: Duration = Duration::from_secs(2);

/// Every so many drops all sockets go at once.
const ALL_AT_ONCE: usize = 8;

impl Mischief {
    pub(super) fn new(platform: Platform, logins: Vec<(String, String)>, fuse: Arc<AtomicBool>) -> Self {
        Self { platform, logins, fuse, done: Mutex::default() }
    }

    /// Does what is due: drops all the time, a revoked token and a panic at a third of the way, and each minute.
    pub(super) fn pursue(&self, elapsed: Duration, lasts: Duration) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let rare = 1 + (elapsed.saturating_sub(lasts / 3).as_secs() / 60) as usize;
        let due = if elapsed < lasts / 3 { 0 } else { rare };
        if done.drops < (elapsed.as_secs() / DROP_EVERY.as_secs()) as usize {
            done.drops += 1;
            let (account, login) = self.victim();
            if done.drops.is_multiple_of(ALL_AT_ONCE) {
                self.platform.drop_all_sockets();
            } else {
                self.platform.drop_socket_of(account, login);
            }
        }
        if done.tokens < due {
            done.tokens += 1;
            let (account, login) = self.victim();
            self.platform.revoke_token_of(account, login, Revocation::Close4401);
        }
        if done.panics < due {
            done.panics += 1;
            self.fuse.store(true, Ordering::Relaxed);
        }
    }

    fn victim(&self) -> (&str, &str) {
        let (account, login) = &self.logins[fastrand::usize(0..self.logins.len())];
        (account, login)
    }

    /// The faults so far, in words.
    pub(super) fn words(&self) -> String {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        format!("dropped sockets {}, revoked tokens {}, panics {}", done.drops, done.tokens, done.panics)
    }
}
