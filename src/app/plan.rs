//! What a fleet file would change in a store, and the change itself, for a process that runs no fleet.

use muster_core::declared::{Change, changes};

use super::declaration::{apart, forget_removed, stored_declaration, tables, union};
use super::shape::{Printer, words};
use super::{LaunchError, client, declared};
use crate::clock::Clock;
use crate::logic::Logics;
use crate::logic::webhook::{Means, Names};
use crate::settings::{Declaration, FleetSettings, Fragment, ProcessEnvironment};
use crate::store::{Store, StoreError};

/// What a fleet file changes.
pub struct Plan {
    /// Which bots move.
    pub changes: Vec<Change>,
    /// The same in words.
    pub words: String,
    /// What there is to say beside.
    pub said: Vec<String>,
    declared: Declaration,
    gone: Vec<Fragment>,
    fleet: FleetSettings,
}

/// Says what a fleet file changes; changes nothing.
///
/// # Errors
/// The file cannot be run, or contradicts what the store declares.
pub async fn plan(store: &Store, settings: &FleetSettings, prune: bool) -> Result<Plan, LaunchError> {
    client(settings)?;
    let means =
        Means { clock: Clock::start(), names: Names::default(), patience: settings.timing.logic_timeout };
    Logics::default().declare(&settings.logics, &means)?;
    let declared = settings.declaration.clone().unwrap_or_default();
    let stored = stored_declaration(store).await?;
    let mut said = Vec::new();
    // What the store declares now may be beyond this machine's secrets; then every bot counts as new.
    let before = match FleetSettings::of_declaration(&stored, &ProcessEnvironment) {
        Ok((fleet, _)) => fleet,
        Err(faults) => {
            said.push(format!("what the store declares now cannot be read here: {faults}"));
            FleetSettings::default()
        }
    };
    let (others, gone) = apart(&declared, stored.fragments, prune);
    let (fleet, beside) = union(&declared, others)?;
    if let Some(contradiction) = beside.iter().find(|words| words.starts_with("left out: ")) {
        return Err(LaunchError::Contradicts(contradiction.clone()));
    }
    said.extend(beside);
    let printer = Printer::default();
    let shape = printer.shape(&fleet);
    let changes = changes(&printer.shape(&before), &shape);
    let words = words(&changes, shape.len());
    Ok(Plan { changes, words, said, declared, gone, fleet })
}

/// Declares it in the store, all or nothing; answers the revision that a running fleet will hear of.
pub async fn apply(store: &Store, plan: &Plan) -> Result<i64, StoreError> {
    let number = store.declare_tables(&tables(&plan.declared.fragments), &tables(&plan.gone)).await?;
    store.declare(&declared(&plan.fleet)).await?;
    if store.holder().await?.is_none() {
        // Nobody is there to let those go that are removed.
        forget_removed(store, &stored_declaration(store).await?).await?;
    }
    Ok(number)
}
