//! What a start declares: the file's tables over those that the store holds, read back as one fleet.

use std::collections::BTreeSet;

use super::LaunchError;
use crate::settings::{BOTS, Declaration, FleetSettings, Fragment, ProcessEnvironment, SettingsFaults};
use crate::store::{DeclaredTable, Store, StoreError};

const ACCOUNTS: &str = "[[accounts]]";
/// How many names a sentence lists.
const NAMES: usize = 5;

/// Everything that was ever declared in a store.
///
/// # Errors
/// The store failed, or its tables are older than this muster.
pub async fn stored_declaration(store: &Store) -> Result<Declaration, StoreError> {
    let fragments = store.declared_tables().await?.into_iter().map(fragment).collect();
    Ok(Declaration::default().with(fragments))
}

/// What a declaration made of a fleet.
pub(super) struct Converged {
    /// What it is made of now.
    pub(super) settings: FleetSettings,
    /// What there is to say about the difference to the file.
    pub(super) said: Vec<String>,
    /// The store's revision that says the same.
    pub(super) revision: i64,
}

/// Declares what the settings declare, and answers what the fleet is now made of. Settings that code
/// made stand for themselves.
pub(super) async fn converge(
    store: &Store,
    settings: &FleetSettings,
    prune: bool,
) -> Result<Converged, LaunchError> {
    let Some(declared) = &settings.declaration else {
        let revision = store.declared_revision().await?.number;
        return Ok(Converged { settings: settings.clone(), said: Vec::new(), revision });
    };
    let stored = stored_declaration(store).await?.fragments;
    let (others, pruned) = apart(declared, stored, prune);
    // What cannot run must not be declared.
    let (fleet, said) = union(declared, others)?;
    let revision = store.declare_tables(&tables(&declared.fragments), &tables(&pruned)).await?;
    Ok(Converged { settings: beside(settings, fleet), said, revision })
}

/// A fleet under the process settings of another.
pub(super) fn beside(process: &FleetSettings, fleet: FleetSettings) -> FleetSettings {
    let FleetSettings { server, store, timing, declaration, .. } = process.clone();
    FleetSettings { server, store, timing, declaration, ..fleet }
}

/// What the store declares and the file does not: what stays, and what goes.
pub(super) fn apart(
    declared: &Declaration,
    stored: Vec<Fragment>,
    prune: bool,
) -> (Vec<Fragment>, Vec<Fragment>) {
    let keys: BTreeSet<_> = declared.fragments.iter().map(Fragment::key).collect();
    let others: Vec<_> = stored.into_iter().filter(|piece| !keys.contains(&piece.key())).collect();
    // A file of process settings alone declares no fleet, not an empty one.
    if prune && !declared.fragments.is_empty() { (Vec::new(), others) } else { (others, Vec::new()) }
}

/// Forgets what is kept of bots that are declared no longer, and that nobody runs.
pub(super) async fn forget_removed(store: &Store, stored: &Declaration) -> Result<(), StoreError> {
    let declared = stored.fragments.iter().filter(|piece| piece.header == BOTS);
    let declared: BTreeSet<_> = declared.map(|bot| (bot.account.as_str(), bot.name.as_str())).collect();
    let rows = store.declared().await?;
    let removed: Vec<_> = rows
        .iter()
        .map(|row| (row.bot.account.to_string(), row.bot.bot.to_string()))
        .filter(|(account, bot)| !declared.contains(&(account.as_str(), bot.as_str())))
        .collect();
    if removed.is_empty() { Ok(()) } else { store.forget_bots(BOTS, &removed).await }
}

pub(super) fn tables(fragments: &[Fragment]) -> Vec<DeclaredTable> {
    fragments.iter().map(table).collect()
}

/// The declared tables, and beside them those of the store that do not contradict them.
pub(super) fn union(
    declared: &Declaration,
    mut others: Vec<Fragment>,
) -> Result<(FleetSettings, Vec<String>), SettingsFaults> {
    let mut said = Vec::new();
    loop {
        // Of two that contradict each other the later one is at fault: what is declared comes first.
        let pieces = declared.fragments.iter().chain(&others).cloned().collect();
        let faults = match FleetSettings::of_declaration(&declared.with(pieces), &ProcessEnvironment) {
            Ok((fleet, _)) => {
                said.extend(not_in_the_file(&others));
                return Ok((fleet, said));
            }
            Err(faults) => faults,
        };
        let before = others.len();
        others = without(others, &faults);
        if others.len() == before {
            return Err(faults);
        }
        let stored = |file: &str| !declared.fragments.iter().any(|piece| piece.label() == file);
        let left_out = faults.all().iter().filter(|fault| stored(&fault.file));
        said.extend(left_out.map(|fault| format!("left out: {fault}")));
    }
}

/// What is left when the pieces at fault go, and with an account all that belongs to it.
fn without(mut pieces: Vec<Fragment>, faults: &SettingsFaults) -> Vec<Fragment> {
    let at_fault = |piece: &Fragment| faults.all().iter().any(|fault| *fault.file == piece.label());
    let gone: BTreeSet<_> = pieces
        .iter()
        .filter(|piece| piece.header == ACCOUNTS && at_fault(piece))
        .map(|piece| piece.account.clone())
        .collect();
    pieces.retain(|piece| !gone.contains(&piece.account) && !at_fault(piece));
    pieces
}

fn not_in_the_file(others: &[Fragment]) -> Option<String> {
    let bots: Vec<_> = others.iter().filter(|piece| piece.header == BOTS).collect();
    let names: Vec<_> = bots.iter().take(NAMES).map(|bot| format!("{}/{}", bot.account, bot.name)).collect();
    let (count, is) = match bots.len() {
        0 => return None,
        1 => ("1 bot".to_owned(), "is"),
        count => (format!("{count} bots"), "are"),
    };
    let (run, more) =
        (if bots.len() == 1 { "runs" } else { "run" }, if bots.len() > NAMES { ", …" } else { "" });
    Some(format!(
        "{count} of the store {is} not in this file and {run} all the same: {}{more}; \
         a bot stays away with wanted = \"parked\" in the file, or goes with --prune",
        names.join(", ")
    ))
}

fn table(Fragment { account, header, name, body }: &Fragment) -> DeclaredTable {
    DeclaredTable { account: account.clone(), header: header.clone(), name: name.clone(), body: body.clone() }
}

fn fragment(DeclaredTable { account, header, name, body }: DeclaredTable) -> Fragment {
    Fragment { account, header, name, body }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn declaration(text: &str) -> Declaration {
        let parsed = FleetSettings::parse(text, "fleet.toml", Path::new("/etc"), &ProcessEnvironment);
        parsed.unwrap().0.declaration.unwrap()
    }

    /// An account of bots given as `name user logic`; the secret is any variable that is always set.
    fn file(account: &str, bots: &[&str]) -> String {
        let bot = |bot: &&str| {
            let [name, user, logic] = bot.split(' ').collect::<Vec<_>>()[..] else { panic!("{bot}") };
            format!(
                "[[accounts.bots]]\nname = \"{name}\"\nlogic = \"{logic}\"\n\
                 login = {{ username = \"{user}\", password = \"env:PATH\" }}\n"
            )
        };
        format!("[[accounts]]\nid = \"{account}\"\n{}", bots.iter().map(bot).collect::<String>())
    }

    fn names(fleet: &FleetSettings) -> Vec<String> {
        let name = |account: &crate::settings::AccountSettings| {
            account.bots.iter().map(|bot| format!("{}/{}", account.id, bot.name)).collect::<Vec<_>>()
        };
        fleet.accounts.iter().flat_map(name).collect()
    }

    #[test]
    fn the_stores_bots_run_beside_the_files_and_are_told() {
        let stored = declaration(&file("1", &["old u1 echo", "kept u2 echo"])).fragments;
        let declared = declaration(&file("1", &["kept u2 greeting"]));
        let (fleet, said) = union(&declared, apart(&declared, stored, false).0).unwrap();
        assert_eq!(names(&fleet), ["1/kept", "1/old"]);
        assert_eq!(fleet.accounts[0].bots[0].logic.as_str(), "greeting", "what is declared wins");
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].starts_with("1 bot of the store is not in this file and runs all the same: 1/old;"),
            "{said:?}"
        );
    }

    #[test]
    fn a_stored_bot_that_contradicts_the_file_is_left_out_and_told() {
        // The store's bot comes first by its name, and yet the file's one is right.
        let stored = declaration(&file("1", &["a-old bot1 echo"])).fragments;
        let declared = declaration(&file("1", &["b-new bot1 echo"]));
        let (fleet, said) = union(&declared, apart(&declared, stored, false).0).unwrap();
        assert_eq!(names(&fleet), ["1/b-new"]);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].starts_with("left out: stored bot 1/a-old: ")
                && said[0].contains("in the stored bot 1/b-new already"),
            "{said:?}"
        );
    }

    #[test]
    fn a_stored_account_at_fault_takes_its_bots_along() {
        let mut stored = declaration(&file("2", &["x u2 echo"])).fragments;
        stored
            .iter_mut()
            .filter(|piece| piece.header == ACCOUNTS)
            .for_each(|piece| piece.body.push_str("colour = 1\n"));
        let (fleet, said) = union(&declaration(&file("1", &["a u echo"])), stored).unwrap();
        assert_eq!(names(&fleet), ["1/a"]);
        assert!(said[0].contains("stored account 2: accounts[2].colour: unknown key"), "{said:?}");
    }

    #[test]
    fn a_file_of_process_settings_alone_runs_what_the_store_holds() {
        let stored = declaration(&file("1", &["a u echo"])).fragments;
        let (fleet, _) = union(&declaration("[timing]\ndrain = \"1s\""), stored).unwrap();
        assert_eq!(names(&fleet), ["1/a"]);
    }
}
