//! People steer while everything else happens: they pause and resume bots, ask for fresh tokens, and
//! change what is declared. Their dice are their own, so that a run without them stays what it was.

use liveperson_proto::request::Availability;
use muster_core::bot::Event;

use super::{Setup, World};

impl World {
    /// The run of this setup, with people at the helm.
    pub(crate) fn with_people(setup: Setup) -> Self {
        let people = fastrand::Rng::with_seed(setup.seed ^ 0x7065_6f70_6c65);
        Self { people: Some(people), steered: true, ..Self::new(setup) }
    }

    pub(super) fn people_steer(&mut self) {
        let Some(mut people) = self.people.take() else { return };
        if people.u32(0..12) == 0 {
            self.people_talk(&mut people);
        }
        if people.u32(0..20) == 0 {
            let bot = people.usize(0..self.members.len());
            match people.u32(0..7) {
                0 | 1 => self.pause(bot),
                2 | 3 => self.resume(bot),
                4 => self.tell(bot, Event::RefreshAsked),
                5 => {
                    let wanted = [Availability::Online, Availability::Away, Availability::BackSoon];
                    let availability = wanted[people.usize(0..wanted.len())];
                    self.want(bot, availability);
                }
                _ => {
                    let capacity = people.usize(1..=self.terms.capacity);
                    self.adjust(bot, capacity);
                }
            }
        }
        self.people = Some(people);
    }

    /// A new life of a paused bot is told so.
    pub(super) fn is_told_of_its_pause(&mut self, bot: usize) {
        if self.members[bot].paused {
            self.pause(bot);
        }
    }

    /// People have what they wanted: every bot goes on as it was declared first.
    pub(super) fn people_rest(&mut self) {
        if self.people.take().is_none() {
            return;
        }
        self.hands_off();
        for bot in 0..self.members.len() {
            self.resume(bot);
            self.adjust(bot, self.terms.capacity);
            self.want(bot, Availability::Online);
        }
    }

    fn want(&mut self, bot: usize, availability: Availability) {
        self.tell(bot, Event::StateAsked { availability, why: "bea: lunch".to_owned() });
    }

    fn adjust(&mut self, bot: usize, capacity: usize) {
        let (attempts, on_failure) = (self.terms.rules.attempts, self.terms.rules.on_failure.clone());
        self.tell(bot, Event::Adjusted { capacity, attempts, on_failure });
    }

    fn pause(&mut self, bot: usize) {
        self.members[bot].paused = true;
        self.tell(bot, Event::Paused { why: "a rollout".to_owned() });
    }

    fn resume(&mut self, bot: usize) {
        if std::mem::take(&mut self.members[bot].paused) {
            self.tell(bot, Event::Resumed);
        }
    }

    pub(super) fn must_not_be_paused(&mut self, bot: usize, does: &str) {
        if self.members[bot].paused {
            self.breach(format!("b{bot} is paused and {does}"));
        }
    }
}
