//! Orders by a seed: a mix over all kinds that leaves the ledger of a right client clean.

use std::time::Duration;

use super::{Aim, Fault, Order, SocketEnd, Swap, Trouble};
use crate::settings::Revocation;

/// A mix of faults over time.
#[derive(Clone, Copy, Debug)]
pub struct Schedule;

/// Orders with their times from the moment at which their part of the mix comes.
type Part = Vec<(Duration, Order)>;

/// Draws the particulars of a part.
type Draw = fn(&mut Dice) -> Part;

/// What may come next, and how often it does beside the others.
const MIX: &[(u32, Draw)] = &[
    (4, |dice| dice.drop_one(SocketEnd::Reset)),
    (8, |dice| {
        let code = dice.one_of(&[1000, 1001, 1006, 1006, 1008, 1011, 4401, 4407]);
        dice.drop_one(SocketEnd::Close(code))
    }),
    (2, |dice| dice.drop_one(SocketEnd::HalfOpen)),
    (1, Dice::mass_drop),
    (3, |dice| {
        let how = dice.one_of(&[SocketEnd::Reset, SocketEnd::Close(1006), SocketEnd::Close(1011)]);
        dice.at_a_change(Fault::DropSocket { how })
    }),
    (2, |dice| dice.for_a_while(Fault::Stall)),
    (2, |dice| {
        let bytes_per_second = dice.rng.u32(8_000..64_000);
        dice.for_a_while(Fault::SlowSocket { bytes_per_second })
    }),
    (2, |dice| dice.at_a_request(Fault::LoseRequest)),
    (4, |dice| {
        let status = dice.one_of(&[429, 500, 503]);
        dice.at_a_request(Fault::Refuse { status })
    }),
    (2, |dice| {
        let status = dice.one_of(&[500, 503]);
        dice.at_a_change(Fault::RefuseAfterEffect { status })
    }),
    (3, |dice| dice.at_a_request(Fault::LoseAnswer)),
    (3, |dice| {
        let by = dice.part_of_settle(1.5);
        dice.at_a_request(Fault::DelayAnswer { by })
    }),
    (2, |dice| dice.at_a_request(Fault::DoubleAnswer)),
    (3, |dice| dice.at_frames(Fault::DoubleNotification)),
    (4, |dice| {
        let with = dice.one_of(&[Swap::OtherType, Swap::SameDialog]);
        dice.at_frames(Fault::ReorderNotification { with })
    }),
    (3, |dice| {
        let by = dice.part_of_settle(0.5);
        dice.at_frames(Fault::DelayNotification { by })
    }),
    (3, Dice::lose_and_drop),
    (2, |dice| dice.at_frames(Fault::GarbageFrame)),
    (2, |dice| dice.at_frames(Fault::NullList)),
    (2, |dice| dice.at_frames(Fault::TruncatedFrame)),
    (2, |dice| dice.at_frames(Fault::BinaryFrame)),
    (1, |dice| {
        let bytes = dice.rng.usize(64 * 1024..2 * 1024 * 1024);
        let order = Order::of(Fault::HugeFrame { bytes }).at(dice.bot()).times(1);
        dice.bounded(order)
    }),
    (3, Dice::apply_late_and_drop),
    (2, |dice| {
        let how = dice.trouble(&[429, 500, 503]);
        dice.and_then(Fault::LoginFault { how }, Fault::RevokeToken { how: Revocation::Close4401 })
    }),
    (2, |dice| {
        let how = dice.trouble(&[401, 429, 500, 503]);
        dice.and_then(Fault::RefreshFault { how }, Fault::DropSocket { how: SocketEnd::Close(1011) })
    }),
    (1, |dice| {
        let how = dice.trouble(&[429, 500, 503]);
        dice.and_then(Fault::DomainFault { how }, Fault::RevokeToken { how: Revocation::Close4401 })
    }),
    (2, |dice| {
        let how = dice.trouble(&[401, 500, 503]);
        dice.and_then(Fault::UpgradeFault { how }, Fault::DropSocket { how: SocketEnd::Close(1006) })
    }),
    (2, |dice| {
        let how = dice.one_of(&[Revocation::Close4401, Revocation::Drop1006, Revocation::Silent]);
        vec![(Duration::ZERO, Order::of(Fault::RevokeToken { how }).at(dice.bot()))]
    }),
    (2, |dice| dice.at_a_conversation(Fault::TransferConversation { skill: None })),
    (2, |dice| dice.at_a_conversation(Fault::HumanTakesOver { answers: false })),
    (1, |dice| dice.at_a_conversation(Fault::StepUp)),
    (1, |dice| dice.at_a_conversation(Fault::CloseConversation)),
];

/// Requests that change something, and all requests that a client may have refused.
const CHANGES: &[&str] = &["ms.PublishEvent", "cm.UpdateConversationField"];
const REQUESTS: &[&str] = &[
    "ms.PublishEvent",
    "ms.PublishEvent",
    "cm.UpdateConversationField",
    "routing.UpdateRingState",
    "ms.QueryMessages",
    "routing.SetAgentState",
    "routing.SubscribeRoutingTasks",
    "cqm.SubscribeExConversations",
    "GetClock",
];

impl Schedule {
    /// The orders of a run, each with its time from the start, in order of time: the same seed gives the same
    /// ones. They come about `every` so often; none stands when the run is over. For clients that send
    /// nothing again before a second has passed.
    pub fn of<A: AsRef<str>, L: AsRef<str>>(
        seed: u64,
        lasts: Duration,
        every: Duration,
        logins: &[(A, L)],
    ) -> Vec<(Duration, Order)> {
        Self::settling(Duration::from_secs(1), seed, lasts, every, logins)
    }

    /// The same for clients that wait `settle` before they send something again: the longer that is, the
    /// longer sockets stall and requests are late.
    pub fn settling<A: AsRef<str>, L: AsRef<str>>(
        settle: Duration,
        seed: u64,
        lasts: Duration,
        every: Duration,
        logins: &[(A, L)],
    ) -> Vec<(Duration, Order)> {
        let owned = |(account, login): &(A, L)| (account.as_ref().to_owned(), login.as_ref().to_owned());
        let logins: Vec<(String, String)> = logins.iter().map(owned).collect();
        let mut orders = Vec::new();
        if logins.is_empty() {
            return orders;
        }
        let mut dice = Dice { rng: fastrand::Rng::with_seed(seed), settle, logins };
        let mut now = Duration::ZERO;
        loop {
            now += every.mul_f64(0.5 + dice.rng.f64()).max(Duration::from_millis(1));
            if now >= lasts {
                break;
            }
            let part = dice.part();
            // A part that would not be over in time is left out as a whole: its halves belong together.
            if part.iter().all(|(after, order)| now + *after + order.lasts.unwrap_or_default() < lasts) {
                orders.extend(part.into_iter().map(|(after, order)| (now + after, order)));
            }
        }
        orders.sort_by_key(|(at, _)| *at);
        orders
    }
}

struct Dice {
    rng: fastrand::Rng,
    settle: Duration,
    logins: Vec<(String, String)>,
}

impl Dice {
    fn part(&mut self) -> Part {
        let all: u32 = MIX.iter().map(|(weight, _)| weight).sum();
        let mut left = self.rng.u32(..all);
        for (weight, part) in MIX {
            if left < *weight {
                return part(self);
            }
            left -= weight;
        }
        Vec::new()
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.rng.usize(..all.len())]
    }

    fn bot(&mut self) -> Aim {
        let (account, login) = &self.logins[self.rng.usize(..self.logins.len())];
        Aim::bot(account, login)
    }

    fn account(&mut self) -> Aim {
        Aim::account(&self.logins[self.rng.usize(..self.logins.len())].0)
    }

    /// Mostly one bot, now and then a whole account.
    fn some(&mut self) -> Aim {
        if self.rng.u8(..8) == 0 { self.account() } else { self.bot() }
    }

    /// A time up to so many times what the client waits before it sends something again.
    fn part_of_settle(&mut self, most: f64) -> Duration {
        let time = self.settle.mul_f64(most * (0.05 + 0.95 * self.rng.f64()));
        Duration::from_millis(time.as_millis() as u64)
    }

    fn trouble(&mut self, statuses: &[u16]) -> Trouble {
        match self.rng.u8(..6) {
            0 => Trouble::Silence,
            1 => Trouble::Rubbish,
            _ => {
                let status = self.one_of(statuses);
                Trouble::Status { status, retry_after: (status == 429).then_some(1) }
            }
        }
    }

    fn drop_one(&mut self, how: SocketEnd) -> Part {
        vec![(Duration::ZERO, Order::of(Fault::DropSocket { how }).at(self.bot()))]
    }

    fn mass_drop(&mut self) -> Part {
        let how = self.one_of(&[SocketEnd::Reset, SocketEnd::Close(1006), SocketEnd::Close(1001)]);
        vec![(Duration::ZERO, Order::of(Fault::DropSocket { how }).at(self.account()))]
    }

    /// What the sockets take later was sent before they stopped: it must be there before it is sent again.
    fn for_a_while(&mut self, fault: Fault) -> Part {
        let order = Order::of(fault).at(self.bot());
        let lasts = self.part_of_settle(0.5);
        vec![(Duration::ZERO, order.lasting(lasts))]
    }

    fn at_a_request(&mut self, fault: Fault) -> Part {
        let request = self.one_of(REQUESTS);
        let order = Order::of(fault).at(self.some().request(request)).times(self.rng.u32(1..=3));
        self.bounded(order)
    }

    fn at_a_change(&mut self, fault: Fault) -> Part {
        let request = self.one_of(CHANGES);
        let order = Order::of(fault).at(self.some().request(request)).times(1);
        self.bounded(order)
    }

    fn at_frames(&mut self, fault: Fault) -> Part {
        let chance = self.one_of(&[0.1, 0.5, 1.0]);
        let order = Order::of(fault).at(self.some()).chance(chance).times(self.rng.u32(1..=10));
        self.bounded(order)
    }

    fn bounded(&mut self, order: Order) -> Part {
        let lasts = Duration::from_millis(self.rng.u64(500..3_000));
        vec![(Duration::ZERO, order.lasting(lasts))]
    }

    /// What was lost shows when the client connects again.
    fn lose_and_drop(&mut self) -> Part {
        let (aim, lasts) = (self.bot(), Duration::from_millis(self.rng.u64(200..1_000)));
        let lose = Order::of(Fault::LoseNotification).at(aim.clone()).times(self.rng.u32(1..=3));
        let drop = Order::of(Fault::DropSocket { how: SocketEnd::Close(1006) }).at(aim);
        vec![(Duration::ZERO, lose.lasting(lasts)), (lasts, drop)]
    }

    fn apply_late_and_drop(&mut self) -> Part {
        let (aim, lasts) = (self.bot(), Duration::from_millis(self.rng.u64(200..1_000)));
        let late = Order::of(Fault::ApplyLate { after: self.part_of_settle(0.5) }).at(aim.clone());
        let drop = Order::of(Fault::DropSocket { how: SocketEnd::Reset }).at(aim);
        // The drop comes while requests still travel.
        let at = lasts.mul_f64(0.9);
        vec![(Duration::ZERO, late.lasting(lasts)), (Duration::from_millis(at.as_millis() as u64), drop)]
    }

    /// A fault in waiting, and what makes the client run into it.
    fn and_then(&mut self, fault: Fault, push: Fault) -> Part {
        let aim = self.bot();
        // Whoever asks for domains has not said yet who it is.
        let wide = matches!(fault, Fault::DomainFault { .. });
        let aim_of_fault = if wide { Aim { login: None, ..aim.clone() } } else { aim.clone() };
        let order = Order::of(fault).at(aim_of_fault).times(1);
        let lasts = Duration::from_millis(self.rng.u64(1_000..5_000));
        vec![(Duration::ZERO, order.lasting(lasts)), (Duration::from_millis(1), Order::of(push).at(aim))]
    }

    fn at_a_conversation(&mut self, fault: Fault) -> Part {
        let lasts = Duration::from_millis(self.rng.u64(500..2_500));
        let held = matches!(fault, Fault::HumanTakesOver { .. });
        let order = Order::of(fault).at(self.account()).times(1);
        vec![(Duration::ZERO, if held { order.lasting(lasts) } else { order })]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const LOGINS: [(&str, &str); 3] = [("1", "a"), ("1", "b"), ("2", "c")];

    fn hour(seed: u64) -> Vec<(Duration, Order)> {
        Schedule::of(seed, Duration::from_hours(1), Duration::from_millis(500), &LOGINS)
    }

    #[test]
    fn the_same_seed_gives_the_same_schedule_and_another_seed_another() {
        assert_eq!(hour(7), hour(7));
        assert_ne!(hour(7), hour(8));
        let line = hour(7)[0].1.to_string();
        assert!(!line.contains('\n') && line.contains(" at "), "{line}");
    }

    #[test]
    fn every_kind_comes_but_those_that_no_client_survives() {
        let names: BTreeSet<&str> = hour(1).iter().map(|(_, order)| order.fault.name()).collect();
        let missing: Vec<_> = Fault::NAMES.iter().filter(|name| !names.contains(*name)).collect();
        assert_eq!(missing, [&"wrong_domain", &"steal_session", &"set_away"]);
    }

    #[test]
    fn what_is_lost_is_followed_by_a_drop_and_all_else_is_survivable() {
        let orders = hour(3);
        assert!(orders.is_sorted_by_key(|(at, _)| *at));
        for (at, order) in &orders {
            order.check().unwrap_or_else(|why| panic!("{order}: {why}"));
            let end = *at + order.lasts.unwrap_or_default();
            assert!(end < Duration::from_hours(1), "{order}");
            if order.fault != Fault::LoseNotification {
                assert!(order.fault.survivable(), "{order}");
                continue;
            }
            let drops = |(later, other): &(Duration, Order)| {
                matches!(other.fault, Fault::DropSocket { .. }) && *later == end && other.aim == order.aim
            };
            assert!(orders.iter().any(drops), "{order} is not followed by a drop");
        }
    }
}
