//! Who runs where: an arbiter for each bot, in turn, and a front door for each account.

use std::collections::HashMap;
use std::sync::Arc;

use actix::ArbiterHandle;
use liveperson_proto::AccountId;
use muster_core::BotId;
use tokio::sync::Mutex;

use crate::actors::account::Place;
use crate::actors::fleet::AccountPlace;
use crate::actors::front_door::FrontDoor;
use crate::actors::house::House;
use crate::actors::login_gate::{LoginGate, LoginHall, Shared};
use crate::settings::{AccountSettings, BotSettings, FleetSettings};

/// The epochs under which this process owns its bots.
pub(super) type Epochs = HashMap<(AccountId, BotId), i64>;

/// Deals out places, and knows all that it ever dealt: a bot that comes back gets its own again, so that
/// it never has two lives or two connections at once.
pub(super) struct Places {
    arbiters: Vec<ArbiterHandle>,
    dealt: usize,
    hall: LoginHall,
    doors: HashMap<AccountId, Arc<FrontDoor>>,
    known: HashMap<(AccountId, BotId), Place>,
}

impl Places {
    pub(super) fn new(arbiters: &[ArbiterHandle], hall: LoginHall) -> Self {
        let arbiters = arbiters.to_vec();
        Self { arbiters, dealt: 0, hall, doors: HashMap::new(), known: HashMap::new() }
    }

    /// Every bot of the fleet in its place.
    pub(super) fn of(&mut self, fleet: &FleetSettings, epochs: &Epochs, house: &House) -> Vec<AccountPlace> {
        let mut accounts = Vec::new();
        for account in &fleet.accounts {
            let front_door = self.door(&account.id, house);
            front_door.is_shared_by(account.bots.len());
            let bots = account.bots.iter().filter_map(|bot| self.place(account, bot, epochs)).collect();
            accounts.push(AccountPlace { id: account.id.clone(), front_door, bots });
        }
        accounts
    }

    /// The place of a bot, with what is declared of it now; none of a bot that this process does not own.
    pub(super) fn place(
        &mut self,
        account: &AccountSettings,
        bot: &BotSettings,
        epochs: &Epochs,
    ) -> Option<Place> {
        let key = (account.id.clone(), bot.name.clone());
        let (duty, tagging) = (account.duty(&bot.pool), account.tagging);
        if let Some(place) = self.known.get_mut(&key) {
            *place = Place { settings: bot.clone(), duty, tagging, ..place.clone() };
            return Some(place.clone());
        }
        let place = Place {
            settings: bot.clone(),
            duty,
            tagging,
            epoch: epochs.get(&key).copied()?,
            later: false,
            arbiter: self.arbiters.get(self.dealt % self.arbiters.len().max(1))?.clone(),
            seat: Arc::new(Mutex::new(())),
            bench: Arc::new(Mutex::new(())),
        };
        self.dealt += 1;
        self.known.insert(key, place.clone());
        Some(place)
    }

    /// The last place of a bot, whatever is declared now.
    pub(super) fn last(&self, account: &AccountId, bot: &BotId) -> Option<Place> {
        self.known.get(&(account.clone(), bot.clone())).cloned()
    }

    pub(super) fn knows(&self, account: &AccountId, bot: &BotId) -> bool {
        self.known.contains_key(&(account.clone(), bot.clone()))
    }

    /// The account's front door, which remembers its logins however often its bots change.
    pub(super) fn door(&mut self, account: &AccountId, house: &House) -> Arc<FrontDoor> {
        let hall = &self.hall;
        let made = || {
            let (store, board, timeline) = (house.store.clone(), house.board.clone(), house.timeline.clone());
            let shared = Shared { account: account.clone(), store, board, timeline };
            FrontDoor::new(account.clone(), 0, LoginGate::new(hall.clone(), Some(shared)))
        };
        self.doors.entry(account.clone()).or_insert_with(made).clone()
    }
}
