//! The domain API's knowledge, and its faults.

use liveperson_proto::AccountId;
use serde_json::{Value, json};

use super::World;

/// The services of every account.
const SERVICES: [&str; 4] = ["agentVep", "asyncMessagingEnt", "facadeMsg", "idp"];

/// How the domain API is wrong.
#[derive(Default)]
pub(crate) struct DomainFaults {
    status: Option<u16>,
    names: Vec<(String, String)>,
}

impl World {
    /// Every service of an account, for a client that asks; the error is a status.
    pub(crate) fn domains_asked(&mut self, account: &str) -> Result<Vec<Value>, u16> {
        self.counters.domains_asked(&AccountId::new(account));
        self.stir();
        self.domain_faults.status.map_or_else(|| Ok(self.domains(account)), Err)
    }

    /// Every service of an account.
    pub(super) fn domains(&self, account: &str) -> Vec<Value> {
        let entry = |name: &str| json!({"service": name, "account": account, "baseURI": self.host_of(name)});
        SERVICES.into_iter().map(entry).collect()
    }

    fn host_of(&self, service: &str) -> &str {
        let named = self.domain_faults.names.iter().rev().find(|(name, _)| name == service);
        named.map_or(self.host.as_str(), |(_, host)| host)
    }

    /// Every question is answered with this status; `None` ends it.
    pub(crate) fn fail_domains(&mut self, status: Option<u16>) {
        self.domain_faults.status = status;
    }

    /// The service is said to be there, wherever that is.
    pub(crate) fn name_domain(&mut self, service: &str, host: &str) {
        self.domain_faults.names.retain(|(name, _)| name != service);
        self.domain_faults.names.push((service.to_owned(), host.to_owned()));
    }
}
