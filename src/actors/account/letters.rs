//! Dead letters that people revived go to the bots that hold their conversations.

use std::collections::BTreeMap;

use actix::{Context, Handler, Message};
use liveperson_proto::ConversationId;
use muster_core::BotId;
use muster_core::bot::Event;

use super::super::bot::FromStore;
use super::super::command;
use super::recalling::deed;
use super::{AccountActor, Running};
use crate::store::{OutboxRow, RevivedRow};

/// People revived these actions of this account.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Revived(pub Vec<RevivedRow>);

impl Handler<Revived> for AccountActor {
    type Result = ();

    // Downward and rare: people revive letters by hand.
    fn handle(&mut self, Revived(rows): Revived, _: &mut Context<Self>) {
        let mut places: BTreeMap<(BotId, ConversationId), Vec<OutboxRow>> = BTreeMap::new();
        for RevivedRow { bot, conversation, row, .. } in rows {
            places.entry((bot, conversation)).or_default().push(row);
        }
        for ((bot, conversation), rows) in places {
            let deeds = rows.into_iter().filter_map(deed).collect();
            if let Some(Running(addr)) = self.bots.get(&bot).and_then(|seat| seat.running.as_ref()) {
                command(addr, FromStore(Event::Revived { conversation, deeds }));
            }
        }
    }
}
