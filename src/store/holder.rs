//! Who runs which bots at this moment: for commands that must not disturb them.

use std::collections::HashSet;

use liveperson_proto::AccountId;
use muster_core::BotId;

use super::{Engine, OwnerRecord, Store, StoreError, each_dialect};

/// A live process and the bots that it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process.
    pub owner: OwnerRecord,
    bots: HashSet<(String, String)>,
}

impl Holder {
    /// Whether it runs a bot of this account: a bot may have had another name when it started.
    pub fn is_at_work_in(&self, account: &AccountId) -> bool {
        self.bots.iter().any(|(of, _)| of == account.as_str())
    }

    /// Whether it runs this bot.
    pub fn runs(&self, account: &AccountId, bot: &BotId) -> bool {
        self.bots.contains(&(account.to_string(), bot.to_string()))
    }
}

const OWNED: &str = "SELECT account_id, bot_id FROM bot_owner WHERE incarnation = $1";

impl Store {
    /// The live process that runs the fleet; `None` if nobody does, or the last one is dead.
    ///
    /// Changes nothing. On SQLite the lock file tells the living from the dead, on Postgres the lease.
    pub async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        let Some(owner) = self.owner().await? else { return Ok(None) };
        let incarnation = owner.node.incarnation.clone();
        let lease_runs = owner.remaining.is_some_and(|left| !left.is_zero());
        let bots: Option<Vec<(String, String)>> = self
            .on_io(move |inner| async move {
                let locked = match &inner.engine {
                    Engine::Sqlite(sqlite) => sqlite.is_locked_elsewhere()?,
                    Engine::Postgres(_) => false,
                };
                if !lease_runs && !locked {
                    return Ok(None);
                }
                Ok(Some(each_dialect!(inner.engine, reader, db => {
                    sqlx::query_as(OWNED).bind(incarnation).fetch_all(db).await?
                })))
            })
            .await?;
        Ok(bots.map(|bots| Holder { owner, bots: bots.into_iter().collect() }))
    }
}
