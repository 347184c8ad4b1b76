//! What happens to requests over HTTP.

use super::super::World;
use crate::faults::book::Occasion;
use crate::faults::{Fault, Side, Trouble};

/// The requests that have faults of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Door {
    Login,
    Refresh,
    Domains,
    Upgrade,
}

impl World {
    /// What a request gets instead of an answer, if anything.
    pub(in super::super) fn trouble_at(&mut self, door: Door, account: &str, login: &str) -> Option<Trouble> {
        if self.faults.is_quiet() {
            return None;
        }
        let (account, login) = (account.to_owned(), login.to_owned());
        let occasion = Occasion { side: Side::Brand, account, login, request: None };
        let wanted = |fault: &Fault| match fault {
            Fault::LoginFault { .. } => door == Door::Login,
            Fault::RefreshFault { .. } => door == Door::Refresh,
            Fault::DomainFault { .. } => door == Door::Domains,
            Fault::UpgradeFault { .. } => door == Door::Upgrade,
            _ => false,
        };
        match self.meets(&occasion, wanted)? {
            Fault::LoginFault { how }
            | Fault::RefreshFault { how }
            | Fault::DomainFault { how }
            | Fault::UpgradeFault { how } => Some(how),
            _ => None,
        }
    }

    /// Where a service is said to be, if that is wrong.
    pub(in super::super) fn wrong_domain(&mut self, account: &str, name: &str) -> Option<String> {
        let (account, login) = (account.to_owned(), String::new());
        let occasion = Occasion { side: Side::Brand, account, login, request: None };
        let wanted = |fault: &Fault| matches!(fault, Fault::WrongDomain { service, .. } if service == name);
        match self.meets(&occasion, wanted)? {
            Fault::WrongDomain { host, .. } => Some(host),
            _ => None,
        }
    }
}
