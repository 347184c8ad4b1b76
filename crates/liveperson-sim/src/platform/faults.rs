//! Faults: orders, and the most usual ones as sentences.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Platform;
use crate::faults::{Aim, Fault, Order, Side, SocketEnd, Trouble};
use crate::settings::Revocation;

/// The wire types of live events, as agents and as consumers get them.
const EVENTS: [&str; 2] = ["ms.OnlineEventDistribution", "ms.MessagingEventNotification"];

impl Platform {
    /// Something goes wrong from now on; what acts at once acts now. Returns the order's number.
    pub fn order(&self, order: Order) -> u64 {
        self.shared().enter(|world| world.order(order))
    }

    /// The order of that number stands no more; what it held back goes on.
    pub fn withdraw(&self, id: u64) {
        self.shared().enter(|world| world.withdraw(id));
    }

    /// No order stands any more.
    pub fn withdraw_all(&self) {
        self.shared().enter(crate::world::World::withdraw_all);
    }

    /// How often a client really met each fault, by its name; those never met are missing.
    pub fn fault_effects(&self) -> BTreeMap<String, u64> {
        self.shared().enter(|world| world.fault_effects())
    }

    /// The user's sockets are gone without a close frame: its client sees 1006.
    pub fn drop_socket_of(&self, account: &str, login: &str) {
        self.close_socket_of(account, login, 1006);
    }

    /// The user's sockets are closed with this code; 1006 drops them.
    pub fn close_socket_of(&self, account: &str, login: &str, code: u16) {
        let fault = Fault::DropSocket { how: SocketEnd::Close(code) };
        self.order(Order::of(fault).at(Aim::bot(account, login)));
    }

    /// The consumer's sockets are gone without a close frame; a consumer is known by its id on the wire.
    pub fn drop_socket_of_consumer(&self, consumer: &str) {
        let login = Some(consumer.to_owned());
        let aim = Aim { login, side: Side::Consumer, ..Aim::default() };
        self.order(Order::of(Fault::DropSocket { how: SocketEnd::Close(1006) }).at(aim));
    }

    /// Every socket of either side is gone without a close frame.
    pub fn drop_all_sockets(&self) {
        let aim = Aim { side: Side::Both, ..Aim::default() };
        self.order(Order::of(Fault::DropSocket { how: SocketEnd::Close(1006) }).at(aim));
    }

    /// The user's token is dead.
    pub fn revoke_token_of(&self, account: &str, login: &str, how: Revocation) {
        self.order(Order::of(Fault::RevokeToken { how }).at(Aim::bot(account, login)));
    }

    /// From now on state-changing requests travel for a moment, and those in flight when their socket dies
    /// are applied `delay` later, without an answer; `None` turns this off.
    pub fn apply_late(&self, delay: Option<Duration>) {
        self.no_longer(|fault| matches!(fault, Fault::ApplyLate { .. }), &Aim::default());
        if let Some(after) = delay {
            self.order(Order::of(Fault::ApplyLate { after }));
        }
    }

    /// Every live event is delivered twice, to all sockets, until turned off.
    pub fn duplicate_events(&self, on: bool) {
        for name in EVENTS {
            let aim = Aim { side: Side::Both, ..Aim::default() }.request(name);
            self.no_longer(|fault| *fault == Fault::DoubleNotification, &aim);
            if on {
                self.order(Order::of(Fault::DoubleNotification).at(aim));
            }
        }
    }

    /// The next `n` logins of the account are answered with this status.
    pub fn refuse_logins(&self, account: &str, n: usize, status: u16, retry_after: Option<u64>) {
        let fault = Fault::LoginFault { how: Trouble::Status { status, retry_after } };
        self.next_times(n, fault, Aim::account(account));
    }

    /// Every question to the domain API is answered with this status, until `None` ends it.
    pub fn fail_domains(&self, status: Option<u16>) {
        self.no_longer(|fault| matches!(fault, Fault::DomainFault { .. }), &Aim::default());
        if let Some(status) = status {
            self.order(Order::of(Fault::DomainFault { how: Trouble::status(status) }));
        }
    }

    /// The domain API says that the service is there, in these very words.
    pub fn name_domain(&self, name: &str, host: &str) {
        let same = |fault: &Fault| matches!(fault, Fault::WrongDomain { service, .. } if service == name);
        self.no_longer(same, &Aim::default());
        self.order(Order::of(Fault::WrongDomain { service: name.to_owned(), host: host.to_owned() }));
    }

    /// The next `n` socket upgrades of the account are answered with this status.
    pub fn refuse_sockets(&self, account: &str, n: usize, status: u16) {
        self.next_times(n, Fault::UpgradeFault { how: Trouble::status(status) }, Aim::account(account));
    }

    /// The user's requests are applied but never answered, on all its sockets, until turned off.
    pub fn hold_answers_of(&self, account: &str, login: &str, on: bool) {
        self.no_longer(|fault| *fault == Fault::LoseAnswer, &Aim::bot(account, login));
        if on {
            self.order(Order::of(Fault::LoseAnswer).at(Aim::bot(account, login)));
        }
    }

    /// Nothing is read from or written to the user's present sockets any more, though TCP stays open.
    pub fn stall_socket_of(&self, account: &str, login: &str, on: bool) {
        self.no_longer(|fault| *fault == Fault::Stall, &Aim::bot(account, login));
        if on {
            self.order(Order::of(Fault::Stall).at(Aim::bot(account, login)));
        }
    }

    /// Withdraws orders of that kind with that aim.
    fn no_longer(&self, which: impl Fn(&Fault) -> bool, aim: &Aim) {
        self.shared().enter(|world| world.withdraw_those(|order| which(&order.fault) && order.aim == *aim));
    }

    /// Replaces what was ordered of that kind for those; none at all when `n` is 0.
    fn next_times(&self, n: usize, fault: Fault, aim: Aim) {
        let name = fault.name();
        self.no_longer(|fault| fault.name() == name, &aim);
        if n > 0 {
            self.order(Order::of(fault).at(aim).times(n as u32));
        }
    }
}
