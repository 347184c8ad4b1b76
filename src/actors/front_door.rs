//! An account's front door: its domains and its login budget, shared by its bots.
//!
//! It outlives the account's actor, so a restart of that actor forgets no login.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use liveperson::{DomainError, Domains};
use liveperson_proto::AccountId;
use muster_core::budget::{Allowance, LoginBudget, Permit};
use muster_core::time::Moment;
use tokio::sync::Notify;

use super::house::House;

/// How long a domain answer is good.
const FRESH: Duration = Duration::from_mins(1);

/// The shared part of an account.
pub struct FrontDoor {
    account: AccountId,
    budget: Mutex<LoginBudget>,
    over: Notify,
    domains: tokio::sync::Mutex<Option<(Moment, Arc<Domains>)>>,
}

/// The right to one login attempt; over when dropped.
pub struct LoginPermit(Arc<FrontDoor>);

impl Drop for LoginPermit {
    fn drop(&mut self) {
        self.0.budget().answered();
        self.0.over.notify_one();
    }
}

impl FrontDoor {
    /// The front door of an account.
    pub fn new(account: AccountId, allowance: Allowance, now: Moment) -> Arc<Self> {
        Arc::new(Self {
            account,
            budget: Mutex::new(LoginBudget::new(allowance, now)),
            over: Notify::new(),
            domains: tokio::sync::Mutex::default(),
        })
    }

    fn budget(&self) -> std::sync::MutexGuard<'_, LoginBudget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the account's budget allows one login. Cancel safe.
    pub async fn permit(self: Arc<Self>, house: &House) -> LoginPermit {
        loop {
            let answer = self.budget().ask(house.clock.now().moment);
            match answer {
                Permit::Granted => return LoginPermit(self),
                Permit::Later(wait) => tokio::time::sleep(wait).await,
                Permit::Busy => self.over.notified().await,
            }
        }
    }

    /// The account's domains: cached, and the last good ones when the service is down. Cancel safe.
    pub async fn domains(&self, house: &House) -> Result<Arc<Domains>, DomainError> {
        // One bot asks, the others wait for its answer.
        let mut cached = self.domains.lock().await;
        let now = house.clock.now().moment;
        if let Some((at, domains)) = &*cached
            && now.since(*at) < FRESH
        {
            return Ok(domains.clone());
        }
        match house.client.domains(&self.account).await {
            Ok(domains) => {
                let domains = Arc::new(domains);
                *cached = Some((now, domains.clone()));
                Ok(domains)
            }
            Err(error) => match &*cached {
                Some((_, stale)) => Ok(stale.clone()),
                None => Err(error),
            },
        }
    }
}
