//! The orders that stand, and how often a client really met a fault.

use std::collections::BTreeMap;

use super::{Aim, Fault, Order, Side};

/// Who or what a fault could happen to now.
#[derive(Clone, Debug)]
pub(crate) struct Occasion {
    pub(crate) side: Side,
    pub(crate) account: String,
    pub(crate) login: String,
    /// The wire type of the request or notification.
    pub(crate) request: Option<String>,
}

impl Occasion {
    /// The same with a request or a notification of that type.
    pub(crate) fn of(&self, request: &str) -> Self {
        Self { request: Some(request.to_owned()), ..self.clone() }
    }
}

/// What the world writes down.
pub(crate) struct FaultBook {
    standing: BTreeMap<u64, Order>,
    last: u64,
    effects: BTreeMap<&'static str, u64>,
    chance: fastrand::Rng,
}

impl FaultBook {
    /// The seed decides whose turn it is where an order leaves that to chance.
    pub(crate) fn new(seed: u64) -> Self {
        let chance = fastrand::Rng::with_seed(seed ^ 0xfa17);
        Self { standing: BTreeMap::new(), last: 0, effects: BTreeMap::new(), chance }
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(crate) fn place(&mut self, id: u64, order: Order) {
        self.standing.insert(id, order);
    }

    pub(crate) fn withdraw(&mut self, id: u64) -> Option<Order> {
        self.standing.remove(&id)
    }

    pub(crate) fn ids(&self) -> Vec<u64> {
        self.standing.keys().copied().collect()
    }

    /// Those that stand and are as wanted.
    pub(crate) fn which(&self, wanted: impl Fn(&Order) -> bool) -> Vec<u64> {
        self.standing.iter().filter(|(_, order)| wanted(order)).map(|(id, _)| *id).collect()
    }

    /// Whether no order stands: nothing has to be looked at.
    pub(crate) fn is_quiet(&self) -> bool {
        self.standing.is_empty()
    }

    /// The first order that fits, if its dice fall so; uses up one of its times.
    pub(crate) fn meet(&mut self, occasion: &Occasion, wanted: impl Fn(&Fault) -> bool) -> Option<Order> {
        self.meet_among(occasion, |order| wanted(&order.fault))
    }

    fn meet_among(&mut self, occasion: &Occasion, wanted: impl Fn(&Order) -> bool) -> Option<Order> {
        let chance = &mut self.chance;
        let fits = |order: &Order| wanted(order) && order.aim.takes_in(occasion);
        let (id, order) =
            self.standing.iter_mut().find(|(_, order)| fits(order) && chance.f64() < order.chance)?;
        let (id, found) = (*id, order.clone());
        if let Some(times) = &mut order.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.standing.remove(&id);
            }
        }
        Some(found)
    }

    /// The same among orders whose aim names a request.
    pub(crate) fn meet_named(
        &mut self,
        occasion: &Occasion,
        wanted: impl Fn(&Fault) -> bool,
    ) -> Option<Order> {
        self.meet_among(occasion, |order| order.aim.request.is_some() && wanted(&order.fault))
    }

    /// Whether the dice of an order fall so.
    pub(crate) fn falls(&mut self, chance: f64) -> bool {
        self.chance.f64() < chance
    }

    /// One of so many.
    pub(crate) fn pick(&mut self, among: usize) -> usize {
        self.chance.usize(..among)
    }

    /// A client really met it.
    pub(crate) fn took_effect(&mut self, name: &'static str) {
        *self.effects.entry(name).or_default() += 1;
    }

    pub(crate) fn effects(&self) -> BTreeMap<String, u64> {
        self.effects.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }
}

impl Aim {
    /// Whether it covers the occasion.
    pub(crate) fn takes_in(&self, occasion: &Occasion) -> bool {
        let side = self.side == Side::Both || self.side == occasion.side;
        let request = match (&self.request, &occasion.request) {
            (None, _) => true,
            (Some(wanted), Some(here)) => last_part(wanted) == last_part(here),
            (Some(_), None) => false,
        };
        side && request
            && self.account.as_ref().is_none_or(|one| *one == occasion.account)
            && self.login.as_ref().is_none_or(|one| *one == occasion.login)
    }
}

/// `.ams.ms.PublishEvent` and `ms.PublishEvent` are one type in two families.
fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}
