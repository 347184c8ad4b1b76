//! `muster migrate`: brings a store's tables up to date.

use std::path::PathBuf;

use clap::Args;
use tokio::runtime::Handle;

use super::Failure;
use super::run::load;
use super::store::StoreArguments;
use crate::app::open_store;

/// What `muster migrate` takes.
#[derive(Args)]
pub(super) struct Arguments {
    /// The fleet file whose store is meant; without one --store or `$MUSTER_STORE` names it
    fleet: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArguments,
    /// Only say what is due
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn migrate(arguments: Arguments, io: Handle) -> Result<(), Failure> {
    let settings = match &arguments.fleet {
        Some(_) if arguments.store.is_named() => {
            return Err(Failure::new("the fleet file names its store: leave --store out").with_code(2));
        }
        Some(fleet) => load(fleet)?,
        None => arguments.store.settings(None)?,
    };
    let store = open_store(&settings.store, io).await.map_err(|error| Failure::of(&error))?;
    let (names, said) = if arguments.dry_run {
        (store.pending_migrations().await, "due")
    } else {
        (store.migrate().await, "applied")
    };
    let names = names.map_err(|error| Failure::of(&error))?;
    println!("{}", store.describe());
    if names.is_empty() {
        println!("the tables are up to date");
    }
    for name in names {
        println!("{said}: {name}");
    }
    store.close().await;
    Ok(())
}
