//! The handle on a running platform.

mod faults;
mod settled;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use liveperson_proto::AccountId;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::consumer::Consumer;
use crate::counters::Counters;
use crate::credential::Credential;
use crate::door;
use crate::door::certificates::Certificates;
use crate::human::Human;
use crate::latencies::Latencies;
use crate::ledger::Ledger;
use crate::settings::{BotUser, ConsumerScript, HumanScript, PlatformSettings};
use crate::world::Shared;

pub use settled::Unsettled;

/// A running platform; clones are the same platform, which ends with the last of them.
#[derive(Clone)]
pub struct Platform {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    address: SocketAddr,
    host: String,
    ca_pem: String,
    tasks: Vec<AbortHandle>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        // Connections are tasks of their own; they end when they are told to.
        self.shared.end();
    }
}

impl Platform {
    /// Opens the platform's port and lets clients in.
    ///
    /// # Errors
    /// The port cannot be had, or no certificate could be made.
    pub async fn start(settings: PlatformSettings) -> io::Result<Self> {
        let listener = TcpListener::bind(settings.listen).await?;
        let address = listener.local_addr()?;
        let host = format!("localhost:{}", address.port());
        let certificates = if settings.tls { Some(Certificates::issue()?) } else { None };
        let (tls, ca_pem) = match certificates {
            Some(certificates) => (Some(certificates.acceptor), certificates.ca_pem),
            None => (None, String::new()),
        };
        let shared = Arc::new(Shared::new(settings, host.clone()));
        let tasks = vec![
            tokio::spawn(door::serve(listener, tls, Arc::clone(&shared))).abort_handle(),
            tokio::spawn(Arc::clone(&shared).keep_time()).abort_handle(),
        ];
        Ok(Self { inner: Arc::new(Inner { shared, address, host, ca_pem, tasks }) })
    }

    /// Where the port listens.
    pub fn address(&self) -> SocketAddr {
        self.inner.address
    }

    /// `localhost:port`, for clients that take another CSDS domain.
    pub fn host(&self) -> String {
        self.inner.host.clone()
    }

    /// The certificate that clients must trust; empty on a plain port.
    pub fn ca_pem(&self) -> &str {
        &self.inner.ca_pem
    }

    /// Adds an account; once is enough, twice does no harm.
    pub fn add_account(&self, account: &str) {
        self.shared().enter(|world| world.add_account(&AccountId::new(account)));
    }

    /// Adds an agent user, marked as bot, and its account if need be.
    pub fn add_bot(&self, account: &str, bot: BotUser) {
        self.shared().enter(|world| world.add_bot(&AccountId::new(account), bot));
    }

    /// From now on the user logs in with this and nothing else.
    pub fn set_credential(&self, account: &str, login: &str, credential: Credential) {
        self.shared().enter(|world| world.set_credential(&AccountId::new(account), login, credential));
    }

    /// A token for the user without a login; the one before it is dead. It needs no refresh. `None` when
    /// there is no such user.
    pub fn issue_token(&self, account: &str, login: &str) -> Option<String> {
        self.shared().enter(|world| world.issue_token(&AccountId::new(account), login))
    }

    /// Lets a crowd of scripted consumers in.
    pub fn consumers(&self, account: &str, script: ConsumerScript) {
        self.shared().enter(|world| world.admit_consumers(&AccountId::new(account), script));
    }

    /// The consumer of that name, to be driven by hand.
    pub fn consumer(&self, account: &str, name: &str) -> Consumer {
        let id = self.shared().enter(|world| world.consumer_named(&AccountId::new(account), name));
        Consumer::new(Arc::clone(&self.inner.shared), id)
    }

    /// Scripts say nothing more and open nothing more; their conversations stay open.
    pub fn stop_consumers(&self) {
        self.shared().enter(crate::world::World::stop_scripts);
    }

    /// The human agent of that name, to be driven by hand; the name is its login name, so no bot may have it.
    pub fn human(&self, account: &str, name: &str) -> Human {
        let account = AccountId::new(account);
        let agent = self.shared().enter(|world| world.human_named(&account, name));
        Human::new(Arc::clone(&self.inner.shared), account, agent)
    }

    /// Lets a crowd of scripted human agents in, who take over whatever is open.
    pub fn humans(&self, account: &str, script: HumanScript) {
        self.shared().enter(|world| world.admit_humans(&AccountId::new(account), script));
    }

    /// Scripted humans take nothing over any more; what they hold they give back in their time.
    pub fn stop_humans(&self) {
        self.shared().enter(crate::world::World::stop_humans);
    }

    /// Whether the user may watch conversations of other agents, as managers and bots may; by default it may.
    pub fn let_watch_all(&self, account: &str, login: &str, may: bool) {
        self.shared().enter(|world| world.let_watch_all(&AccountId::new(account), login, may));
    }

    /// What became of every message so far.
    pub fn ledger(&self) -> Ledger {
        self.shared().enter(|world| world.ledger.judge())
    }

    /// How long consumers waited for their answers so far; cheap, however many messages there were.
    pub fn latencies(&self) -> Latencies {
        self.shared().enter(|world| world.ledger.latencies())
    }

    /// What the clients cost so far.
    pub fn counters(&self) -> Counters {
        self.shared().enter(|world| world.counters.count())
    }

    fn shared(&self) -> &Shared {
        &self.inner.shared
    }
}
