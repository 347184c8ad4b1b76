//! Which store a command means, where no fleet file says so.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;

use clap::Args;
use tokio::runtime::Handle;
use toml_edit::Value;

use super::Failure;
use crate::settings::{FleetSettings, ProcessEnvironment};
use crate::store::{Store, StoreError, StoreUrl};

const VARIABLE: &str = "MUSTER_STORE";
const TOKEN_VARIABLE: &str = "MUSTER_BOOTSTRAP_TOKEN";
const KEY_VARIABLE: &str = "MUSTER_STORE_KEY";

/// What a process without a fleet file is told about where it answers.
#[derive(Default)]
pub(super) struct Server {
    /// The address.
    pub(super) listen: Option<SocketAddr>,
    /// `on` or `off`.
    pub(super) authentication: Option<String>,
}

/// The store, by argument or environment.
#[derive(Args)]
pub(super) struct StoreArguments {
    /// The store: `sqlite:PATH`, `postgres://USER@HOST/DATABASE`, or a reference to one, `env:NAME` or
    /// `file:PATH`; else `$MUSTER_STORE` counts, else `sqlite:muster.db`
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

impl StoreArguments {
    /// Whether a store was named on the command line.
    pub(super) fn is_named(&self) -> bool {
        self.store.is_some()
    }

    /// The settings of a process without a fleet file; they declare nothing.
    pub(super) fn settings(&self, server: Option<Server>) -> Result<FleetSettings, Failure> {
        let mut text = "[store]\n".to_owned();
        let from_environment = || set(VARIABLE).then(|| format!("env:{VARIABLE}"));
        if let Some(url) = self.store.clone().or_else(from_environment) {
            let _ = writeln!(text, "url = {}", Value::from(url));
        }
        if set(KEY_VARIABLE) {
            let _ = writeln!(text, "key = \"env:{KEY_VARIABLE}\"");
        }
        if let Some(Server { listen, authentication }) = server {
            text.push_str("[server]\n");
            let _ = listen.map(|listen| writeln!(text, "listen = \"{listen}\""));
            let _ = authentication.map(|whether| writeln!(text, "authentication = {}", Value::from(whether)));
            if set(TOKEN_VARIABLE) {
                let _ = writeln!(text, "bootstrap_token = \"env:{TOKEN_VARIABLE}\"");
            }
        }
        // One parser, one set of rules: a password is refused here as in a file.
        FleetSettings::parse(&text, "command line", Path::new(""), &ProcessEnvironment)
            .map(|(settings, _)| settings)
            .map_err(|faults| Failure::new(faults.to_string()))
    }

    /// Opens the store to look at it; makes nothing.
    pub(super) async fn open(&self, io: Handle) -> Result<Store, Failure> {
        open_to_look(&self.settings(None)?, io).await.map_err(|error| match error {
            StoreError::Rule(words) => Failure::new(format!(
                "{words}: start a fleet with `muster run fleet.toml`, or name its store with --store"
            )),
            error => Failure::of(&error),
        })
    }
}

/// Opens the store of these settings without making one.
pub(super) async fn open_to_look(settings: &FleetSettings, io: Handle) -> Result<Store, StoreError> {
    let url = StoreUrl::from_str(settings.store.url.expose())?;
    Store::open_to_look(&url, io).await
}

fn set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}
