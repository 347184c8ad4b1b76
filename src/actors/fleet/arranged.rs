//! Bots that are declared anew are passed on to their accounts.

use std::sync::Arc;

use actix::{Context, Handler, Message};
use muster_core::declared::Step;
use muster_core::supervision::History;

use super::super::account::Arrange;
use super::super::command;
use super::super::front_door::FrontDoor;
use super::{AccountPlace, FleetActor, Supervised};

/// A bot is declared anew.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Arranged {
    /// Its account's front door, for an account that is new too.
    pub front_door: Arc<FrontDoor>,
    /// What changes.
    pub arrange: Arrange,
}

impl Handler<Arranged> for FleetActor {
    type Result = ();

    // Rare: a person declared something.
    fn handle(&mut self, Arranged { front_door, arrange }: Arranged, ctx: &mut Context<Self>) {
        if self.ending.is_some() {
            return;
        }
        let id = arrange.change.account.clone();
        if !self.accounts.contains_key(&id) {
            let place = AccountPlace { id: id.clone(), front_door, bots: Vec::new() };
            let new = Supervised { place, life: 0, running: None, history: History::default() };
            self.accounts.insert(id.clone(), new);
            self.start_account(&id, ctx);
        }
        let Some(account) = self.accounts.get_mut(&id) else { return };
        account.place.arrange(&arrange);
        match &account.running {
            Some(running) => command(running, arrange),
            // The next life of the account begins as it is declared now.
            None if arrange.change.step == Some(Step::Remove) => {
                drop(self.house.board.remove(&id, &arrange.change.bot));
            }
            None => {}
        }
    }
}

impl AccountPlace {
    /// What the next life of the account begins with.
    fn arrange(&mut self, Arrange { change, place }: &Arrange) {
        self.bots.retain(|bot| bot.settings.name != change.bot);
        if change.step != Some(Step::Remove) {
            self.bots.push(place.clone());
        }
        self.front_door.is_shared_by(self.bots.len());
    }
}
