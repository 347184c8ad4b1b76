//! Keeps a running fleet as it is declared: what is declared anew is taken up, and only what changed moves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use liveperson_proto::AccountId;
use muster_core::BotId;
use muster_core::declared::{Change, changes};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use super::declaration::{self, stored_declaration};
use super::places::{Epochs, Places};
use super::shape::{Printer, needs_restart, words};
use super::{LaunchError, declared};
use crate::actors::account::Arrange;
use crate::actors::command;
use crate::actors::fleet::{Arranged, FleetActor};
use crate::actors::house::House;
use crate::happening::Happening;
use crate::logic::Logics;
use crate::logic::webhook::Means;
use crate::settings::{AccountSettings, BotSettings, FleetSettings, ProcessEnvironment, Wanted};
use crate::store::BotKey;
use crate::telemetry::Chain;

/// How often the store is asked whether something else is declared.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A wish to look now.
pub(super) struct Reload {
    /// What a fleet file says now; without one the store is read again.
    pub(super) file: Option<(Box<FleetSettings>, bool)>,
    /// Told what came of it.
    pub(super) done: oneshot::Sender<Result<String, LaunchError>>,
}

/// What keeps a running fleet as it is declared.
pub(super) struct Convergence {
    pub(super) house: Arc<House>,
    pub(super) fleet: Addr<FleetActor>,
    pub(super) places: Places,
    pub(super) printer: Printer,
    /// Logics that the program brought along.
    pub(super) brought: Logics,
    pub(super) means: Means,
    /// What is declared.
    pub(super) declared: FleetSettings,
    /// The bots that people parked.
    pub(super) parked: BTreeSet<BotKey>,
    /// What runs: what is declared, without those.
    pub(super) running: FleetSettings,
    /// The last revision of the store that was looked at.
    pub(super) revision: i64,
}

impl Convergence {
    /// Looks until nobody can ask any more.
    pub(super) async fn run(mut self, mut asked: mpsc::Receiver<Reload>) {
        let mut looks = actix::clock::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                reload = asked.recv() => match reload {
                    Some(Reload { file, done }) => {
                        // Whoever asked may have gone.
                        let _ = done.send(self.reload(file).await);
                    }
                    None => return,
                },
                _ = looks.tick() => self.look().await,
            }
        }
    }

    /// Takes up what the store declares anew.
    async fn look(&mut self) {
        // A store that is away, or another's, is noticed elsewhere.
        let Ok(revision) = self.house.store.declared_revision().await else { return };
        if !self.is_ours() {
            return;
        }
        if revision.number == self.revision {
            return self.look_at_parked().await;
        }
        match self.take_stored(revision.number).await {
            Ok(words) => info!("declared anew: {words}"),
            Err(error) => {
                error!(error = %Chain(&error), "what is declared anew cannot be run; the fleet goes on as it was");
            }
        }
    }

    /// Takes up whom people parked or want to run again.
    async fn look_at_parked(&mut self) {
        let Ok(parked) = self.house.store.parked().await else { return };
        if parked == self.parked {
            return;
        }
        self.parked = parked;
        let fleet = without(&self.declared, &self.parked);
        let changes = changes(&self.printer.shape(&self.running), &self.printer.shape(&fleet));
        self.arrange(&changes, &fleet, &Epochs::new());
        self.running = fleet;
    }

    fn is_ours(&self) -> bool {
        self.house.right.holds(self.house.clock.now().moment)
    }

    async fn reload(&mut self, file: Option<(Box<FleetSettings>, bool)>) -> Result<String, LaunchError> {
        let Some((settings, prune)) = file else {
            let number = self.house.store.declared_revision().await?.number;
            return self.take_stored(number).await;
        };
        super::client(&settings)?;
        self.brought.clone().declare(&settings.logics, &self.means)?;
        let declared = declaration::converge(&self.house.store, &settings, prune).await?;
        let taken = self.take(declared.settings).await;
        self.heard(declared.revision, &taken).await;
        taken.map(|words| declared.said.into_iter().chain([words]).collect::<Vec<_>>().join("; "))
    }

    async fn take_stored(&mut self, number: i64) -> Result<String, LaunchError> {
        let taken = match self.stored().await {
            Ok(fleet) => self.take(fleet).await,
            Err(error) => Err(error),
        };
        self.heard(number, &taken).await;
        taken
    }

    async fn stored(&self) -> Result<FleetSettings, LaunchError> {
        let stored = stored_declaration(&self.house.store).await?;
        let rules = self.running.declaration.clone().unwrap_or_default();
        let (fleet, warnings) =
            FleetSettings::of_declaration(&rules.with(stored.fragments), &ProcessEnvironment)?;
        for warning in warnings {
            warn!("{warning}");
        }
        super::client(&fleet)?;
        Ok(declaration::beside(&self.running, fleet))
    }

    /// What failed for a while is tried again at the next look; what is wrong stays as it is.
    async fn heard(&mut self, number: i64, taken: &Result<String, LaunchError>) {
        if matches!(taken, Err(LaunchError::Store(_))) {
            return;
        }
        self.revision = number;
        let words = taken.as_ref().map_err(|error| Chain(error).to_string());
        let outcome = words.as_ref().map(|words| words.as_str()).map_err(String::as_str);
        match outcome {
            Ok(words) => self.house.note_fleet(Happening::Declared, Some(words)),
            Err(words) => self.house.note_fleet(Happening::DeclarationRefused, Some(words)),
        }
        if let Err(error) = self.house.store.hear_revision(number, outcome).await {
            warn!(error = %Chain(&error), "the store was not told that its declaration was heard");
        }
    }

    /// Brings the fleet to these settings: every bot that changed is told, and no other.
    async fn take(&mut self, fleet: FleetSettings) -> Result<String, LaunchError> {
        let house = self.house.clone();
        let deciding = |name: &str| house.logics.chosen(name);
        let logics =
            self.printer.declare(self.brought.clone(), (&self.running, deciding), &fleet, &self.means)?;
        self.parked = house.store.parked().await?;
        let wanted = without(&fleet, &self.parked);
        let shape = self.printer.shape(&wanted);
        let changes = changes(&self.printer.shape(&self.running), &shape);
        let epochs = self.own_new(&fleet).await?;
        house.store.declare(&declared(&fleet)).await?;
        house.logics.put(logics);
        self.arrange(&changes, &wanted, &epochs);
        let mut said = vec![words(&changes, shape.len())];
        let restart = needs_restart(&self.running, &fleet);
        if !restart.is_empty() {
            said.push(format!("these need a restart of muster: {}", restart.join(", ")));
        }
        self.declared = declaration::beside(&self.declared, fleet);
        self.running = declaration::beside(&self.running, wanted);
        Ok(said.join("; "))
    }

    /// Tells every bot that moves, and no other.
    fn arrange(&mut self, changes: &[Change], fleet: &FleetSettings, epochs: &Epochs) {
        let house = self.house.clone();
        let bots = by_name(fleet);
        for change in changes {
            let place = match bots.get(&(&change.account, &change.bot)) {
                Some((account, bot)) => self.places.place(account, bot, epochs),
                None => self.places.last(&change.account, &change.bot),
            };
            if let Some(place) = place {
                let front_door = self.places.door(&change.account, &house);
                command(
                    &self.fleet,
                    Arranged { front_door, arrange: Arrange { change: change.clone(), place } },
                );
            }
        }
    }

    /// Takes the bots that this process does not own yet.
    async fn own_new(&self, fleet: &FleetSettings) -> Result<Epochs, LaunchError> {
        let names = super::bots(fleet).map(|(account, bot)| (account.clone(), bot.name.clone()));
        let new: Vec<_> = names.filter(|(account, bot)| !self.places.knows(account, bot)).collect();
        Ok(self.house.store.own_bots(&self.house.me, &new).await?)
    }
}

/// The fleet, with the bots that people parked parked.
pub(super) fn without(fleet: &FleetSettings, parked: &BTreeSet<BotKey>) -> FleetSettings {
    let mut fleet = fleet.clone();
    for account in &mut fleet.accounts {
        for bot in &mut account.bots {
            if parked.contains(&(account.id.clone(), bot.name.clone())) {
                bot.wanted = Wanted::Parked;
            }
        }
    }
    fleet
}

type Named<'a> = BTreeMap<(&'a AccountId, &'a BotId), (&'a AccountSettings, &'a BotSettings)>;

fn by_name(fleet: &FleetSettings) -> Named<'_> {
    let mut named = Named::new();
    for account in &fleet.accounts {
        named.extend(account.bots.iter().map(|bot| ((&account.id, &bot.name), (account, bot))));
    }
    named
}
