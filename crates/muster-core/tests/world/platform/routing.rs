//! What the routing engine does: an open conversation without an agent rings at one bot.

use liveperson_proto::request::Availability;
use liveperson_proto::ring::{Ring, RingState};
use muster_core::duty::Intake;
use muster_core::time::Moment;

use super::dialog::Offer;
use super::{News, Platform};

/// A ring that nobody accepts is offered to somebody else after this many milliseconds.
const LAPSE: u64 = 20_000;

impl Platform {
    /// A bot's state is another from here on; whoever subscribed to it is told.
    pub(crate) fn make_available(&mut self, bot: usize, state: Availability) {
        let wire = &mut self.wires[bot];
        wire.available = state == Availability::Online;
        if wire.states {
            self.caused.push((bot, News::State(bot, state)));
        }
    }

    pub(crate) fn route(&mut self, now: Moment, chance: &mut fastrand::Rng) {
        if self.intake == Intake::All {
            return;
        }
        for at in 0..self.dialogs.len() {
            let dialog = &mut self.dialogs[at];
            let lapsed = dialog.offer.take_if(|offer| offer.since.0 + LAPSE <= now.0);
            if let Some(offer) = lapsed {
                let over = Ring { state: RingState::Over, ..dialog.ring(&offer) };
                self.caused.push((offer.to, News::Rings(vec![over])));
            }
            let dialog = &self.dialogs[at];
            if dialog.open && !dialog.human && dialog.bots.is_empty() && dialog.offer.is_none() {
                self.offer(at, now, chance);
            }
        }
    }

    fn offer(&mut self, at: usize, now: Moment, chance: &mut fastrand::Rng) {
        let able: Vec<_> = (0..self.wires.len())
            .filter(|bot| self.wires[*bot].rings && self.wires[*bot].available)
            .collect();
        let Some(to) = chance.choice(able) else { return };
        let dialog = &mut self.dialogs[at];
        dialog.offers += 1;
        let offer = Offer { id: format!("{}-{}", dialog.id, dialog.offers), to, since: now };
        let ring = dialog.ring(&offer);
        dialog.offer = Some(offer);
        self.caused.push((to, News::Rings(vec![ring])));
    }

    /// Rings lapse before their time, or are shown once more.
    pub(crate) fn disturb_rings(&mut self, at: usize, chance: &mut fastrand::Rng) {
        let dialog = &mut self.dialogs[at];
        let Some(offer) = dialog.offer.take_if(|_| true) else { return };
        let mut ring = dialog.ring(&offer);
        let to = offer.to;
        if chance.bool() {
            ring.state = RingState::Over;
        } else {
            dialog.offer = Some(offer);
        }
        self.caused.push((to, News::Rings(vec![ring])));
    }
}
