//! The domain API's knowledge.

use liveperson_proto::AccountId;
use serde_json::{Value, json};

use super::World;
use super::faults::Door;
use crate::faults::Trouble;

/// The services of every account.
const SERVICES: [&str; 4] = ["agentVep", "asyncMessagingEnt", "facadeMsg", "idp"];

impl World {
    /// Every service of an account, for a client that asks, or what it gets instead.
    pub(crate) fn domains_asked(&mut self, account: &str) -> Result<Vec<Value>, Trouble> {
        self.counters.domains_asked(&AccountId::new(account));
        self.stir();
        match self.trouble_at(Door::Domains, account, "") {
            Some(trouble) => Err(trouble),
            None => Ok(self.domains(account)),
        }
    }

    /// Every service of an account.
    pub(super) fn domains(&mut self, account: &str) -> Vec<Value> {
        let mut all = Vec::new();
        for name in SERVICES {
            let host = self.wrong_domain(account, name).unwrap_or_else(|| self.host.clone());
            all.push(json!({"service": name, "account": account, "baseURI": host}));
        }
        all
    }
}
