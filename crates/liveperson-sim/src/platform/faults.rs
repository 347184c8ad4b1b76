//! Faults, as sentences.

use std::time::Duration;

use liveperson_proto::{AccountId, ConsumerId};

use super::Platform;
use crate::settings::Revocation;
use crate::world::World;
use crate::world::sockets::Fate;

impl Platform {
    /// The user's sockets are gone without a close frame: its client sees 1006.
    pub fn drop_socket_of(&self, account: &str, login: &str) {
        self.end_sockets_of(account, login, Fate::Dropped);
    }

    /// The user's sockets are closed with this code; 1006 drops them.
    pub fn close_socket_of(&self, account: &str, login: &str, code: u16) {
        self.end_sockets_of(account, login, Fate::with_code(code));
    }

    fn end_sockets_of(&self, account: &str, login: &str, fate: Fate) {
        self.shared().enter(|world| {
            for socket in world.sockets_of(&AccountId::new(account), login) {
                world.end_socket(socket, fate);
            }
        });
    }

    /// The consumer's sockets are gone without a close frame; a consumer is known by its id on the wire.
    pub fn drop_socket_of_consumer(&self, consumer: &str) {
        self.shared().enter(|world| world.drop_sockets_of_consumer(&ConsumerId::new(consumer)));
    }

    /// Every socket of either side is gone without a close frame.
    pub fn drop_all_sockets(&self) {
        self.shared().enter(World::end_all_sockets);
    }

    /// The user's token is dead.
    pub fn revoke_token_of(&self, account: &str, login: &str, how: Revocation) {
        self.shared().enter(|world| world.revoke_token(&AccountId::new(account), login, how));
    }

    /// From now on state-changing requests travel for a moment, and those in flight when their socket dies
    /// are applied `delay` later, without an answer; `None` turns this off.
    pub fn apply_late(&self, delay: Option<Duration>) {
        self.shared().enter(|world| world.apply_late(delay));
    }

    /// Every live event is delivered twice, to all sockets, until turned off.
    pub fn duplicate_events(&self, on: bool) {
        self.shared().enter(|world| world.duplicate_events(on));
    }

    /// The next `n` logins of the account are answered with this status.
    pub fn refuse_logins(&self, account: &str, n: usize, status: u16, retry_after: Option<u64>) {
        self.shared().enter(|world| world.refuse_logins(&AccountId::new(account), n, status, retry_after));
    }

    /// Every question to the domain API is answered with this status, until `None` ends it.
    pub fn fail_domains(&self, status: Option<u16>) {
        self.shared().enter(|world| world.fail_domains(status));
    }

    /// The domain API says that the service is there, in these very words.
    pub fn name_domain(&self, service: &str, host: &str) {
        self.shared().enter(|world| world.name_domain(service, host));
    }

    /// The next `n` socket upgrades of the account are answered with this status.
    pub fn refuse_sockets(&self, account: &str, n: usize, status: u16) {
        self.shared().enter(|world| world.refuse_sockets(&AccountId::new(account), n, status));
    }

    /// The user's requests are applied but never answered, on all its sockets, until turned off.
    pub fn hold_answers_of(&self, account: &str, login: &str, on: bool) {
        self.shared().enter(|world| world.hold_answers(&AccountId::new(account), login, on));
    }

    /// Nothing is read from or written to the user's present sockets any more, though TCP stays open.
    pub fn stall_socket_of(&self, account: &str, login: &str, on: bool) {
        self.shared().enter(|world| world.stall(&AccountId::new(account), login, on));
    }
}
