//! Consumers of a simulated platform, as one crowd: real clients on the wire.

mod consumer;
mod script;

use std::sync::Arc;

use liveperson::{Client, ClientSettings, Domains};
use liveperson_proto::AccountId;
use tokio::runtime::Handle;
use tokio::sync::RwLock;
use tokio::task::JoinSet;

use super::Failure;
use consumer::{Doors, live};

/// The consumers; they are gone when this is dropped.
pub(super) struct Crowd {
    open: Arc<RwLock<bool>>,
    consumers: JoinSet<String>,
}

impl Crowd {
    /// Lets so many consumers in, spread over the accounts. They live on the I/O runtime, for HTTP connections
    /// stay with the runtime that opened them.
    pub(super) async fn admit(
        settings: ClientSettings,
        accounts: &[AccountId],
        count: usize,
        io: &Handle,
    ) -> Result<Self, Failure> {
        let client = Client::new(settings).map_err(|error| Failure::of(&error))?;
        let open = Arc::new(RwLock::new(true));
        let mut consumers = JoinSet::new();
        for (n, account) in accounts.iter().enumerate() {
            let domains = discover(&client, account, io).await?;
            let (client, account, open) = (client.clone(), account.clone(), Arc::clone(&open));
            let doors = Arc::new(Doors { client, domains, account, open });
            let share = count / accounts.len() + usize::from(n < count % accounts.len());
            for _ in 0..share {
                consumers.spawn_on(live(Arc::clone(&doors)), io);
            }
        }
        Ok(Self { open, consumers })
    }

    /// Waits until nobody speaks. From then on nobody says anything more; all stay to hear what they are owed.
    pub(super) async fn hush(&self) {
        *self.open.write().await = false;
    }

    /// What befell a consumer, if anything did: none ever ends by itself.
    pub(super) fn trouble(&mut self) -> Option<String> {
        let ended = self.consumers.try_join_next()?;
        Some(ended.unwrap_or_else(|error| format!("a consumer failed: {error}")))
    }
}

async fn discover(client: &Client, account: &AccountId, io: &Handle) -> Result<Domains, Failure> {
    let (client, account) = (client.clone(), account.clone());
    let domains = io.spawn(async move { client.domains(&account).await }).await;
    domains.map_err(|error| Failure::of(&error))?.map_err(|error| Failure::of(&error))
}
