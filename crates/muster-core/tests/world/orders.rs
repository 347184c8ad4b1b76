//! Bots that are told to end, or whose ownership is in doubt, and are shown all that is new meanwhile: they
//! take none of it. What was running may finish.

use std::collections::BTreeMap;

use liveperson_proto::message::Role;
use liveperson_proto::request::{FieldChange, Request};
use liveperson_proto::ring::RingState;
use muster_core::bot::{Ending, Event};
use muster_core::dialog::Effect;
use muster_core::turn::TurnEvent;

use super::pace::{Pace, Slow};
use super::swarm::Fault;
use super::{Setup, World};

/// What may be slow, so that an ending lasts: one of them at least is.
const SLOW: [Slow; 8] = [
    Slow::Logic,
    Slow::Commits,
    Slow::HandBacks,
    Slow::Publishes,
    Slow::Joins,
    Slow::Store,
    Slow::Claims,
    Slow::Finds,
];

/// What comes again and again.
const OFTEN: [Fault; 7] =
    [Fault::Drain, Fault::Drain, Fault::Drain, Fault::Fence, Fault::Fence, Fault::DropSocket, Fault::Closing];

/// Under which order a bot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Fenced,
    Ends(Ending),
}

/// Who tempts, and how often bots under an order were shown something new, and others took something.
pub(crate) struct Tempter {
    chance: fastrand::Rng,
    pub(crate) seen: Temptations,
}

/// How often bots under an order were shown something new, and how often others took something.
pub(crate) type Temptations = BTreeMap<&'static str, u64>;

impl World {
    /// The run of this setup, full of endings and doubts about the ownership.
    pub(crate) fn under_orders(setup: Setup) -> Self {
        let mut chance = fastrand::Rng::with_seed(setup.seed ^ 0x6f72_6465_7273);
        let slow = (0..chance.usize(1..=3)).map(|_| SLOW[chance.usize(0..SLOW.len())]).collect();
        let pace = Pace::with(slow, [6, 30, 120][chance.usize(0..3)], OFTEN.to_vec());
        let mut world = Self::new(setup);
        world.swarm.extend(OFTEN.into_iter());
        world.pace = Some(pace);
        world.tempter = Some(Tempter { chance, seen: Temptations::new() });
        world
    }

    /// While somebody is under an order, consumers write and open more than else, and that one hears of it.
    pub(super) fn tempt(&mut self) {
        let ordered =
            (0..self.members.len()).find(|bot| self.members[*bot].runs() && self.order(*bot).is_some());
        let (Some(tempter), Some(bot)) = (&mut self.tempter, ordered) else { return };
        match tempter.chance.u32(0..6) {
            0 => self.consumer_opens(),
            1 => self.consumer_writes(),
            2 | 3 => self.deliver(bot),
            _ => {}
        }
    }

    fn order(&self, bot: usize) -> Option<Order> {
        let member = &self.members[bot];
        let ends = || member.ending.map(Order::Ends);
        if member.fenced { Some(Order::Fenced) } else { ends() }
    }

    /// Counts what a bot under an order is shown that it would take otherwise.
    pub(super) fn note_temptation(&mut self, bot: usize, event: &Event) {
        if self.tempter.is_none() {
            return;
        }
        let (Some(order), Some(what)) = (self.order(bot), temptation(event)) else { return };
        let name = match (order, what) {
            (Order::Fenced, "ring") => "a ring while fenced",
            (Order::Fenced, "placement") => "a placement while fenced",
            (Order::Fenced, "message") => "a message while fenced",
            (Order::Ends(_), "ring") => "a ring while ending",
            (Order::Ends(_), "placement") => "a placement while ending",
            (Order::Ends(_), "message") => "a message while ending",
            _ => return,
        };
        self.count(name);
    }

    /// Whoever is under an order takes nothing new; what others take is counted.
    pub(super) fn must_take_nothing_new(&mut self, bot: usize, effect: &Effect) {
        let Some(taken) = taken(effect) else { return };
        match self.order(bot) {
            Some(order) if !is_excused(order, effect) => {
                self.breach(format!("b{bot} is under the order {order:?} and {taken}"));
            }
            Some(_) => {}
            None => self.count(taken),
        }
    }

    fn count(&mut self, what: &'static str) {
        if let Some(tempter) = &mut self.tempter {
            *tempter.seen.entry(what).or_default() += 1;
        }
    }
}

/// Something new that a bot would take.
fn temptation(event: &Event) -> Option<&'static str> {
    match event {
        Event::Rings { rings, .. } if rings.iter().any(|ring| ring.state == RingState::Waiting) => {
            Some("ring")
        }
        Event::Placed { .. } => Some("placement"),
        Event::Message { event, .. } if event.role == Role::Consumer => Some("message"),
        _ => None,
    }
}

/// What a bot begins with an effect, if it begins something.
fn taken(effect: &Effect) -> Option<&'static str> {
    match effect {
        Effect::Claim { .. } => Some("asks for a claim"),
        Effect::Think(_) => Some("begins a turn"),
        Effect::Ask(_, Request::AcceptRing { .. }) => Some("accepts a ring"),
        Effect::Ask(_, Request::UpdateConversation { changes, .. }) => {
            matches!(changes[..], [FieldChange::Add { .. }]).then_some("joins a conversation")
        }
        Effect::Open { .. } => Some("opens a socket"),
        _ => None,
    }
}

/// A bot that retires connects once more to hand back what it holds, and ends what was closed.
fn is_excused(order: Order, effect: &Effect) -> bool {
    let last_turn = matches!(effect, Effect::Think(turn) if matches!(turn.event, TurnEvent::Closed { .. }));
    order == Order::Ends(Ending::Retire) && (last_turn || matches!(effect, Effect::Open { .. }))
}
