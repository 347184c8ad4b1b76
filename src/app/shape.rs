//! A fleet's settings in the terms of `muster_core::declared`, and what no running process can take up.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash, Hasher};

use muster_core::declared::{Change, DeclaredBot, DeclaredFleet, Print, Step};

use crate::actors::account::CAPACITY;
use crate::logic::webhook::Means;
use crate::logic::{DeclareError, Logics};
use crate::settings::{FleetSettings, LogicKind, LogicSettings, Wanted};

/// How many names a sentence lists.
const NAMES: usize = 20;

/// Makes prints; those of one printer alone can be compared, and they lead to no secret.
#[derive(Default)]
pub(super) struct Printer(RandomState);

impl Printer {
    /// Every bot, as far as a change of it makes a difference.
    pub(super) fn shape(&self, fleet: &FleetSettings) -> DeclaredFleet {
        let logics = self.logics(fleet);
        let mut shape = DeclaredFleet::new();
        for account in &fleet.accounts {
            for bot in &account.bots {
                let logic = (bot.logic.as_str(), logics.get(bot.logic.as_str()));
                let declared = DeclaredBot {
                    runs: bot.wanted == Wanted::Running,
                    pool: bot.pool.clone(),
                    duty: account.duty(&bot.pool),
                    tagging: account.tagging,
                    capacity: bot.capacity.map_or(CAPACITY, |capacity| capacity as usize),
                    logic: Print(self.0.hash_one(logic)),
                    login: Print(self.0.hash_one(&bot.login)),
                };
                shape.insert((account.id.clone(), bot.name.clone()), declared);
            }
        }
        shape
    }

    fn logics<'a>(&self, fleet: &'a FleetSettings) -> BTreeMap<&'a str, Print> {
        fleet.logics.iter().map(|logic| (logic.name.as_str(), self.logic(logic))).collect()
    }

    fn logic(&self, LogicSettings { kind, failing, .. }: &LogicSettings) -> Print {
        let mut hasher = self.0.build_hasher();
        // What it shows of itself is all but its secrets.
        format!("{kind:?} {failing:?}").hash(&mut hasher);
        if let LogicKind::Webhook(webhook) = kind {
            webhook.url.expose().hash(&mut hasher);
            webhook.secrets.iter().for_each(|secret| secret.expose().hash(&mut hasher));
        }
        Print(hasher.finish())
    }

    /// The logics of a fleet; of those that run already what is declared as before stays as it is.
    pub(super) fn declare(
        &self,
        mut logics: Logics,
        (running, deciding): (&FleetSettings, impl Fn(&str) -> Option<crate::logic::Declared>),
        fleet: &FleetSettings,
        means: &Means,
    ) -> Result<Logics, DeclareError> {
        let before = self.logics(running);
        let (kept, new): (Vec<_>, Vec<_>) = fleet
            .logics
            .iter()
            .cloned()
            .partition(|logic| before.get(logic.name.as_str()) == Some(&self.logic(logic)));
        logics.declare(&new, means)?;
        for LogicSettings { name, .. } in &kept {
            if let Some(declared) = deciding(name.as_str()) {
                logics.keep(name.as_str(), declared);
            }
        }
        Ok(logics)
    }
}

/// What is declared and takes effect with the next start alone, as the fleet file names it.
pub(super) fn needs_restart(running: &FleetSettings, declared: &FleetSettings) -> Vec<String> {
    let mut tables = Vec::new();
    let shown = |fleet: &FleetSettings| {
        let FleetSettings { server, store, timing, platform, .. } = fleet;
        let store_url = store.url.expose().to_owned();
        [
            format!("{server:?}"),
            format!("{store:?} {store_url}"),
            format!("{timing:?}"),
            format!("{platform:?}"),
        ]
    };
    let names = ["[server]", "[store]", "[timing]", "[platform]"];
    for ((name, one), other) in names.into_iter().zip(shown(running)).zip(shown(declared)) {
        if one != other {
            tables.push(name.to_owned());
        }
    }
    for account in &declared.accounts {
        let before = running.accounts.iter().find(|before| before.id == account.id);
        if before.map_or(&[][..], |before| &before.domains) != account.domains {
            tables.push(format!("domains of account {}", account.id));
        }
    }
    tables
}

/// What moves, in words: `1 of 30 bots changed: 1/a (logic)`.
pub(super) fn words(changes: &[Change], bots: usize) -> String {
    if changes.is_empty() {
        return format!("no bot moves: all {bots} are as they are declared");
    }
    let one = |change: &Change| {
        let what = [step_words(change)].into_iter().chain(change.what.iter().copied()).collect::<Vec<_>>();
        format!("{}/{} ({})", change.account, change.bot, what.join(", "))
    };
    let names: Vec<_> = changes.iter().take(NAMES).map(one).collect();
    let more = changes.len().saturating_sub(NAMES);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    let moved = changes.iter().filter(|change| change.step != Some(Step::Remove)).count();
    let count = changes.len();
    let noun = if count == 1 { "bot moves" } else { "bots move" };
    format!("{count} {noun}: {}{more}; {} stay as they are", names.join(", "), bots.saturating_sub(moved))
}

/// What becomes of a bot, in a word or two.
pub fn step_words(change: &Change) -> &'static str {
    match change.step {
        Some(Step::Start) => "starts",
        Some(Step::Remove) => "is removed",
        Some(Step::Park) => "is parked",
        Some(Step::Move) => "hands back and starts anew",
        Some(Step::Renew) => "reconnects",
        Some(Step::Adjust) => "goes on",
        None => "tries its new login",
    }
}
