//! An account's front door: its domains and its login gate, shared by its bots.
//!
//! It outlives the account's actor, so a restart of that actor forgets no login.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use liveperson::{DomainError, Domains};
use liveperson_proto::AccountId;
use muster_core::crowd::Crowd;
use muster_core::time::Moment;
use tracing::warn;

use super::house::House;
use super::login_gate::LoginGate;
use crate::telemetry::Chain;

/// The shared part of an account.
pub struct FrontDoor {
    account: AccountId,
    /// Lets logins through, as the account's budget allows.
    pub gate: Arc<LoginGate>,
    /// How many bots share it.
    bots: AtomicUsize,
    crowd: Mutex<Crowd>,
    known: Mutex<Option<Known>>,
    /// Held by whoever asks the domain service.
    asking: tokio::sync::Mutex<Option<Asked>>,
}

/// The last good domains, and when the service was last asked, whatever came of it.
#[derive(Clone)]
struct Known {
    domains: Arc<Domains>,
    asked: Moment,
}

/// What came of asking, while nothing good is known.
struct Asked {
    at: Moment,
    error: Arc<DomainError>,
}

impl FrontDoor {
    /// The front door of an account.
    pub fn new(account: AccountId, bots: usize, gate: Arc<LoginGate>) -> Arc<Self> {
        let (crowd, known, asking) = (Mutex::default(), Mutex::default(), tokio::sync::Mutex::default());
        Arc::new(Self { account, gate, bots: bots.into(), crowd, known, asking })
    }

    /// So many bots share it from now on.
    pub fn is_shared_by(&self, bots: usize) {
        self.bots.store(bots, Ordering::Relaxed);
    }

    /// A bot lost its socket; whether it is one of many.
    pub fn dropped(&self, now: Moment) -> bool {
        let bots = self.bots.load(Ordering::Relaxed);
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner).dropped(bots, now)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account's domains: fresh, or the last good ones while the service is down or asked.
    /// Cancel safe.
    ///
    /// # Errors
    /// The service gave no good answer yet, and gave none now.
    pub async fn domains(&self, house: &House) -> Result<Arc<Domains>, Arc<DomainError>> {
        let began = house.clock.now().moment;
        let known = self.known().clone();
        let Some(known) = known else { return self.first_domains(house, began).await };
        if began.since(known.asked) < house.timing.domains_fresh {
            return Ok(known.domains);
        }
        // One bot asks; a service that is silent costs the others no time.
        let Ok(_asking) = self.asking.try_lock() else { return Ok(known.domains) };
        Ok(self.ask(house).await.unwrap_or_else(|error| {
            warn!(account.id = %self.account, error = %Chain(&*error), "the domains cannot be renewed; the last good ones are used");
            let asked = house.clock.now().moment;
            *self.known() = Some(Known { domains: known.domains.clone(), asked });
            known.domains
        }))
    }

    /// Asks; whoever waited meanwhile shares the outcome instead of asking too.
    async fn first_domains(&self, house: &House, began: Moment) -> Result<Arc<Domains>, Arc<DomainError>> {
        let mut last = self.asking.lock().await;
        if let Some(known) = &*self.known() {
            return Ok(known.domains.clone());
        }
        if let Some(asked) = last.as_ref().filter(|asked| asked.at >= began) {
            return Err(asked.error.clone());
        }
        let asked = self.ask(house).await;
        if let Err(error) = &asked {
            *last = Some(Asked { at: house.clock.now().moment, error: error.clone() });
        }
        asked
    }

    async fn ask(&self, house: &House) -> Result<Arc<Domains>, Arc<DomainError>> {
        let domains = Arc::new(house.client.domains(&self.account).await?);
        let asked = house.clock.now().moment;
        *self.known() = Some(Known { domains: domains.clone(), asked });
        Ok(domains)
    }
}
