//! Who decides something, unless they say; and the store that hears of it.

use clap::Args;
use tokio::runtime::Handle;

use super::Failure;
use super::store::StoreArguments;
use crate::store::Store;

/// Whose shell this is.
pub(super) fn user() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}

/// A reason that says something and is no novel: 1 to 500 characters.
pub(super) fn reason(text: &str) -> Result<String, String> {
    let words = text.trim();
    match words.chars().count() {
        0 => Err("say why, in a few words".to_owned()),
        1..=500 => Ok(words.to_owned()),
        count => Err(format!("it has {count} characters; say why in 500 at most")),
    }
}

/// What every decision that goes through the store takes.
#[derive(Args)]
pub(super) struct Deciding {
    /// Who decides it [default: the user of this shell]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Answer as JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

impl Deciding {
    /// Opens the store for what somebody decides, named beside it, and closes it whatever comes of it.
    pub(super) async fn carry_out<T>(
        self,
        io: Handle,
        decide: impl AsyncFnOnce(&Store, &str) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let by = self.by.unwrap_or_else(user);
        let store = self.store.open(io).await?;
        let done = decide(&store, &by).await;
        store.close().await;
        done
    }
}
