//! What people do to single conversations goes to the bots that hold them.

use actix::{Context, Handler, Message};
use muster_core::bot::Event;

use super::super::bot::FromStore;
use super::super::command;
use super::recalling::deed;
use super::{AccountActor, Running};
use crate::store::WishedRows;

/// People have taken over other conversations than before.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TakenOver;

impl Handler<TakenOver> for AccountActor {
    type Result = ();

    fn handle(&mut self, _: TakenOver, _: &mut Context<Self>) {
        for seat in self.bots.values() {
            if let Some(Running(addr)) = &seat.running {
                let taken = self.house.taken_over.of_pool(&self.id, &seat.place.settings.pool);
                command(addr, FromStore(Event::TakenOver(taken)));
            }
        }
    }
}

/// People wish these of conversations of this account; told again until they are done.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Wished(pub Vec<WishedRows>);

impl Handler<Wished> for AccountActor {
    type Result = ();

    // Downward and rare: people wish by hand.
    fn handle(&mut self, Wished(wished): Wished, _: &mut Context<Self>) {
        for WishedRows { bot, conversation, rows, unsent, .. } in wished {
            let Some(Running(addr)) = self.bots.get(&bot).and_then(|seat| seat.running.as_ref()) else {
                continue;
            };
            let deeds = rows.into_iter().filter_map(deed).collect();
            let unsent = usize::try_from(unsent).unwrap_or(usize::MAX);
            command(addr, FromStore(Event::Wished { conversation, deeds, unsent }));
        }
    }
}
