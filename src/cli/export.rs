//! `muster export`: what the store declares, as a fleet file.

use clap::Args;
use tokio::runtime::Handle;

use super::Failure;
use super::chosen::failed;
use super::store::StoreArguments;
use crate::app::stored_declaration;

/// What `muster export` takes.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) async fn export(arguments: Arguments, io: Handle) -> Result<(), Failure> {
    let store = arguments.store.open(io).await?;
    let declared = stored_declaration(&store).await;
    store.close().await;
    let text = declared.map_err(|error| failed(&error))?.to_string();
    if text.is_empty() {
        return Err(Failure::new(
            "the store declares no fleet yet: declare one with `muster apply fleet.toml`",
        ));
    }
    print!("{text}");
    Ok(())
}
