//! What goes wrong, and where: orders are taken in here and carried out.
//!
//! - [`at_once`]: sockets and sessions that end when they are told to
//! - [`conversations`]: conversations that somebody else changes
//! - [`frames`]: what happens to frames on their way out
//! - [`spoilt`]: frames that nobody can read
//! - [`requests`]: what happens to requests and their answers
//! - [`http`]: what happens to requests over HTTP

mod at_once;
mod conversations;
mod frames;
mod http;
mod requests;
mod spoilt;

use std::collections::BTreeMap;
use std::time::Instant;

use super::World;
use super::sockets::SocketId;
use super::timers::Timer;
use crate::faults::book::Occasion;
use crate::faults::{Fault, Order, Side};

pub(crate) use self::frames::Detours;
pub(super) use self::http::Door;
pub(super) use self::requests::Before;

impl World {
    /// Takes an order in: what acts at once acts now, and everything else stands from now on.
    pub(crate) fn order(&mut self, order: Order) -> u64 {
        let id = self.faults.number();
        let stays = match &order.fault {
            Fault::Stall | Fault::SlowSocket { .. } => {
                self.hamper(&order);
                true
            }
            _ if order.aim.request.is_some() => true,
            Fault::DropSocket { .. } | Fault::RevokeToken { .. } | Fault::StealSession | Fault::SetAway => {
                self.act_at_once(&order);
                false
            }
            fault if fault.is_of_conversations() => {
                self.act_on_conversations(&order);
                false
            }
            _ => true,
        };
        if stays {
            if let Some(lasts) = order.lasts {
                self.timers.add(Instant::now() + lasts, Timer::OrderIsOver { id });
            }
            self.faults.place(id, order);
        }
        self.stir();
        id
    }

    /// The order stands no more; what it held back goes on.
    pub(crate) fn withdraw(&mut self, id: u64) {
        if let Some(order) = self.faults.withdraw(id) {
            self.let_go(&order);
            self.stir();
        }
    }

    pub(crate) fn withdraw_all(&mut self) {
        for id in self.faults.ids() {
            self.withdraw(id);
        }
    }

    /// No order of that kind stands any more.
    pub(crate) fn withdraw_those(&mut self, wanted: impl Fn(&Order) -> bool) {
        for id in self.faults.which(wanted) {
            self.withdraw(id);
        }
    }

    pub(crate) fn fault_effects(&self) -> BTreeMap<String, u64> {
        self.faults.effects()
    }

    /// Whose socket it is, as an aim would say it.
    pub(super) fn occasion_of(&self, id: SocketId) -> Option<Occasion> {
        if let Some(socket) = self.sockets.get(&id) {
            let (account, login) = (socket.account.to_string(), self.login_of(&socket.agent).to_owned());
            return Some(Occasion { side: Side::Brand, account, login, request: None });
        }
        let socket = self.consumer_sockets.get(&id)?;
        let login = socket.consumer.as_ref().map(ToString::to_string).unwrap_or_default();
        Some(Occasion { side: Side::Consumer, account: socket.account.to_string(), login, request: None })
    }
}
