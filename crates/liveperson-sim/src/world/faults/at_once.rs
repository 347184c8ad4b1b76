//! Sockets and sessions that end when they are told to, and sockets that are hampered for a while.

use std::time::Instant;

use liveperson_proto::{AccountId, AgentId};

use super::super::World;
use super::super::sockets::{Fate, SocketId};
use super::super::timers::Timer;
use crate::faults::book::Occasion;
use crate::faults::{Aim, Fault, Order, Side, SocketEnd};

/// The most half-open sockets that are kept; the oldest are let go, and their TCP ends.
const HALF_OPEN_KEPT: usize = 1_000;

impl World {
    pub(super) fn act_at_once(&mut self, order: &Order) {
        match &order.fault {
            Fault::DropSocket { how } => {
                for id in self.chosen_sockets(order) {
                    self.cut_socket(id, *how);
                }
            }
            Fault::RevokeToken { how } => {
                for (account, login, _) in self.chosen_users(order) {
                    if self.revoke_token(&account, &login, *how) {
                        self.faults.took_effect(order.fault.name());
                    }
                }
            }
            Fault::StealSession => {
                for (account, _, agent) in self.chosen_users(order) {
                    if self.steal_session(&account, &agent) {
                        self.faults.took_effect(order.fault.name());
                    }
                }
            }
            Fault::SetAway => {
                for (_, _, agent) in self.chosen_users(order) {
                    if self.set_away(&agent) {
                        self.faults.took_effect(order.fault.name());
                    }
                }
            }
            _ => {}
        }
    }

    /// Ends a socket as told.
    pub(super) fn cut_socket(&mut self, id: SocketId, how: SocketEnd) {
        self.faults.took_effect("drop_socket");
        match how {
            SocketEnd::Reset => self.end_socket(id, Fate::Reset),
            SocketEnd::Close(code) => self.end_socket(id, Fate::with_code(code)),
            SocketEnd::HalfOpen => self.leave_half_open(id),
        }
    }

    /// The platform goes on to believe in the socket until its own idle limit.
    fn leave_half_open(&mut self, id: SocketId) {
        self.set_fate(id, Fate::HalfOpen);
        let at = Instant::now() + self.settings.idle_limit;
        self.timers.add(at, Timer::HalfOpenIsForgotten { socket: id });
    }

    pub(in super::super) fn half_open_is_forgotten(&mut self, id: SocketId) {
        if let Some(fate) = self.fate_of(id).cloned() {
            if self.detours.half_open.len() == HALF_OPEN_KEPT {
                self.detours.half_open.pop_front();
            }
            // TCP stays open as long as this end of the fate is kept.
            self.detours.half_open.push_back(fate);
        }
        self.socket_died(id);
    }

    pub(in super::super) fn is_half_open(&self, id: SocketId) -> bool {
        self.fate_of(id).is_some_and(|fate| *fate.borrow() == Fate::HalfOpen)
    }

    /// Stalls sockets, or makes them slow, until the order is over.
    pub(super) fn hamper(&mut self, order: &Order) {
        for id in self.chosen_sockets(order) {
            match order.fault {
                Fault::SlowSocket { bytes_per_second } => self.limit_line(id, bytes_per_second),
                _ => self.set_fate(id, Fate::Stalled),
            }
            self.faults.took_effect(order.fault.name());
        }
    }

    /// An order that hampered sockets is over: they work again.
    pub(super) fn let_go(&mut self, order: &Order) {
        let hampers = matches!(order.fault, Fault::Stall | Fault::SlowSocket { .. });
        for id in if hampers { self.aimed_sockets(&order.aim) } else { Vec::new() } {
            match order.fault {
                Fault::SlowSocket { .. } => self.limit_line(id, 0),
                _ if self.fate_of(id).is_some_and(|fate| *fate.borrow() == Fate::Stalled) => {
                    self.set_fate(id, Fate::Alive);
                }
                _ => {}
            }
        }
    }

    /// The aimed sockets for which the dice fall so, at most as many as the order wants.
    fn chosen_sockets(&mut self, order: &Order) -> Vec<SocketId> {
        let mut sockets = self.aimed_sockets(&order.aim);
        sockets.retain(|id| !self.is_half_open(*id));
        self.choose(order, sockets)
    }

    fn chosen_users(&mut self, order: &Order) -> Vec<(AccountId, String, AgentId)> {
        let users = self.users.iter().filter(|(agent, user)| {
            let (account, login) = (user.account.to_string(), user.login.clone());
            let occasion = Occasion { side: Side::Brand, account, login, request: None };
            !self.is_human(agent) && order.aim.takes_in(&occasion)
        });
        let mut users: Vec<_> =
            users.map(|(agent, user)| (user.account.clone(), user.login.clone(), agent.clone())).collect();
        users.sort();
        self.choose(order, users)
    }

    fn choose<T>(&mut self, order: &Order, mut all: Vec<T>) -> Vec<T> {
        let most = order.times.map_or(usize::MAX, |times| times as usize);
        all.retain(|_| self.faults.falls(order.chance));
        while all.len() > most {
            let one = self.faults.pick(all.len());
            all.remove(one);
        }
        all
    }

    fn aimed_sockets(&self, aim: &Aim) -> Vec<SocketId> {
        // The sockets open now are no occasion of a request.
        let aim = Aim { request: None, ..aim.clone() };
        let all = self.sockets.keys().chain(self.consumer_sockets.keys());
        let aimed = |id: &&SocketId| self.occasion_of(**id).is_some_and(|one| aim.takes_in(&one));
        all.filter(aimed).copied().collect()
    }
}
