//! The composition root: settings in, a running fleet out; and its two endings.

mod convergence;
mod declaration;
mod places;
mod plan;
mod shape;
mod starts;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr, Arbiter};
use liveperson::{Client, ClientSettings, ClientSettingsError, DomainOverride};
use liveperson_proto::AccountId;
use muster_core::BotId;
use muster_core::bot::Ending;
use muster_core::budget::Allowance;
use muster_core::dialog::Rules;
use muster_core::health::Limits;
use muster_core::pause::Pause;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tracing::info;

use crate::actors::bot::Drain;
use crate::actors::fleet::{Detonate, End, FleetActor};
use crate::actors::house::{House, LogicsPlace, Pauses, RecorderPlace, Right, TakenOver};
use crate::actors::login_gate::LoginHall;
use crate::actors::timeline::Timeline;
use crate::actors::watchdog;
use crate::board::{Board, FleetStatus, Watch};
use crate::clock::Clock;
use crate::happening::Happening;
use crate::logic::webhook::{Means, Names};
use crate::logic::{DeclareError, Logics, Thinker};
use crate::metrics::Metrics;
use crate::protection::Protection;
use crate::settings::{FleetSettings, ServiceHost, SettingsFaults, StoreSettings, TimingSettings, Wanted};
use crate::store::{
    AcquireError, BotKey, DeclaredBot, KeySource, NodeIdentity, Store, StoreError, StoreOptions, StoreUrl,
};

use convergence::{Convergence, Reload, without};
use declaration::Converged;
use places::Places;
use shape::Printer;

pub use declaration::stored_declaration;
pub use plan::{Plan, apply, plan};
pub use shape::step_words;

/// Runs of logic at one time at most, for each core.
pub const THINKERS: usize = 16;

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// How long the end waits for a store that is to keep what happened last.
const GOODBYE: Duration = Duration::from_secs(5);

/// Why a fleet did not start.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Another process runs it.
    #[error(transparent)]
    Held(#[from] AcquireError),
    /// The store is of no use.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// Migrations are due, and Postgres is only migrated on purpose.
    #[error("the store needs {count} migrations ({first}, …): run `muster migrate FILE` first")]
    Migrations {
        /// How many.
        count: usize,
        /// The first.
        first: String,
    },
    /// The platform settings are of no use.
    #[error("the platform settings cannot be used")]
    Platform(#[from] ClientSettingsError),
    /// A declared logic is of no use.
    #[error(transparent)]
    Logic(#[from] DeclareError),
    /// The extra CA file cannot be read.
    #[error("the CA file {path} cannot be read")]
    CaFile {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What the store holds contradicts itself.
    #[error("what is declared cannot be run:\n{0}")]
    Declared(#[from] SettingsFaults),
    /// The file contradicts what the store holds beside it.
    #[error(
        "the file contradicts what the store declares beside it: {0}; correct one of them, or forget what the file does not declare with --prune"
    )]
    Contradicts(String),
    /// The metrics could not be declared.
    #[error("the metrics cannot be declared")]
    Metrics(#[from] prometheus::Error),
}

/// What a launch may do beyond its settings.
#[derive(Clone, Default)]
pub struct LaunchOptions {
    /// The logics by name, beside those that the settings declare.
    pub logics: Logics,
    /// Where the names of webhooks lead.
    pub names: Names,
    /// Oust a live owner.
    pub take_over: bool,
    /// Migrate the store, whichever it is.
    pub migrate: bool,
    /// Forget what the store declares and the settings do not.
    pub prune: bool,
}

/// A fleet at work. Lives on the actix system that launched it.
pub struct Fleet {
    /// What its actors are lent.
    pub house: Arc<House>,
    /// What it is made of: what was declared now, and before in the same store.
    pub settings: FleetSettings,
    /// What there is to say about the difference.
    pub said: Vec<String>,
    /// Told when another process took the fleet.
    pub lost: oneshot::Receiver<String>,
    actor: Addr<FleetActor>,
    arbiters: Vec<Arbiter>,
    reloads: mpsc::Sender<Reload>,
}

/// Opens the store that settings name.
pub async fn open_store(settings: &StoreSettings, io: Handle) -> Result<Store, StoreError> {
    let url = StoreUrl::from_str(settings.url.expose())?;
    let key = settings.key_source.as_deref().map(KeySource::from_str).transpose()?;
    Store::open(&StoreOptions { url, key, node_lease: settings.node_lease }, io).await
}

/// Migrates SQLite by itself; on Postgres an operator says when.
pub async fn prepare_store(
    store: &Store,
    settings: &StoreSettings,
    migrate: bool,
) -> Result<(), LaunchError> {
    let is_sqlite = settings.url.expose().starts_with("sqlite:");
    if migrate || is_sqlite {
        for name in store.migrate().await? {
            info!(migration = name, "migrated the store");
        }
        return Ok(());
    }
    match store.pending_migrations().await?.as_slice() {
        [] => Ok(()),
        pending => Err(LaunchError::Migrations { count: pending.len(), first: pending[0].clone() }),
    }
}

/// This process, under a fresh incarnation.
pub fn identify() -> NodeIdentity {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = if name.trim().is_empty() { "localhost" } else { name.trim() };
    NodeIdentity {
        incarnation: uuid::Uuid::new_v4().to_string(),
        name: name.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
    }
}

impl Fleet {
    /// Opens the store, takes the fleet, declares its bots and starts them.
    ///
    /// Must be called on an actix system; connections live on `io`.
    pub async fn launch(
        settings: &FleetSettings,
        options: LaunchOptions,
        board: Board,
        io: Handle,
    ) -> Result<Self, LaunchError> {
        let clock = Clock::start();
        let means = Means { clock, names: options.names, patience: settings.timing.logic_timeout };
        let store = open_store(&settings.store, io.clone()).await?;
        prepare_store(&store, &settings.store, options.migrate).await?;
        let me = identify();
        let asked = clock.now().moment;
        let before = if options.take_over { store.owner().await? } else { None };
        store.acquire(&me, options.take_over).await?;
        let owned = own(&store, &me, settings, options.prune, (options.logics.clone(), &means)).await;
        if owned.is_err() {
            // The next start must not wait for a lease of nobody.
            let _ = store.release(&me).await;
        }
        let Owned { converged, parked, client, logics, epochs, pauses, taken_over, starts } = owned?;
        let Converged { settings: declared, said, revision } = converged;
        let settings = without(&declared, &parked);
        let right = Right::default();
        right.renewed(asked, settings.store.node_lease);
        board.set_fleet(FleetStatus {
            store_ok: true,
            owner: format!("process {} on {}", me.pid, me.name),
            started_ms: clock.now().wall,
            fenced: None,
            version: me.version.clone(),
            ..FleetStatus::default()
        });
        board.watch(watch(clock, &settings.timing));
        let cores = cores();
        let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"))?);
        let house = Arc::new(House {
            clock,
            thinker: Thinker::new(io.clone(), THINKERS * cores, settings.timing.logic_timeout),
            io,
            store,
            client,
            me,
            board,
            timeline: Arc::new(Timeline::new(clock, metrics.clone())),
            traces: Arc::default(),
            metrics,
            pulse: Arc::default(),
            pauses: Pauses::new(pauses),
            taken_over: TakenOver::new(taken_over),
            logics: LogicsPlace::new(logics),
            timing: settings.timing,
            rules: rules(&settings),
            node_lease: settings.store.node_lease,
            keep_released: settings.store.keep_released,
            recorder: RecorderPlace::default(),
            right,
        });
        let ours = format!("by process {} on {}", house.me.pid, house.me.name);
        house.note_fleet(Happening::FleetStarted, Some(&ours));
        if let Some(owner) = before {
            house.note_fleet(Happening::TookOver, Some(&format!("{ours} from {}", owner.words())));
        }
        let arbiters: Vec<_> = (0..=cores).map(|_| Arbiter::new()).collect();
        let handles: Vec<_> = arbiters.iter().map(Arbiter::handle).collect();
        let watched = ["recorder".to_owned()].into_iter().chain((1..=cores).map(|n| format!("bots-{n}")));
        let mut watched: Vec<_> = watched.zip(handles.iter().cloned()).collect();
        watched.push(("main".to_owned(), Arbiter::current()));
        watchdog::watch(watched, &house.pulse, &house.metrics, &house.io);
        let hall = login_hall(&settings.timing, house.clock, house.io.clone());
        let mut places = Places::new(&handles[1..], hall);
        let mut accounts = places.of(&settings, &epochs, &house);
        let later: HashSet<_> = starts.groups.iter().flatten().cloned().collect();
        for account in &mut accounts {
            for place in &mut account.bots {
                place.later = later.contains(&(account.id.clone(), place.settings.name.clone()));
            }
        }
        let (report, lost) = oneshot::channel();
        let actor = FleetActor::new(house.clone(), accounts, handles[0].clone(), starts, report).start();
        let convergence = Convergence {
            house: house.clone(),
            fleet: actor.clone(),
            places,
            printer: Printer::default(),
            brought: options.logics,
            means,
            declared,
            parked,
            running: settings.clone(),
            revision,
        };
        let (reloads, asked) = mpsc::channel(1);
        actix::spawn(convergence.run(asked));
        Ok(Self { house, settings, said, lost, actor, arbiters, reloads })
    }

    /// Takes up what a fleet file says now, or without one what its store holds, and says what moves.
    ///
    /// # Errors
    /// The file or the store declares what cannot be run: the fleet goes on as it was.
    pub async fn reload(&self, file: Option<(FleetSettings, bool)>) -> Result<String, LaunchError> {
        let (done, taken) = oneshot::channel();
        let file = file.map(|(settings, prune)| (Box::new(settings), prune));
        let _ = self.reloads.send(Reload { file, done }).await;
        taken.await.unwrap_or_else(|_| Ok("the fleet is ending".to_owned()))
    }

    /// Ends every bot within the time, then gives the fleet up. The store is closed after.
    pub async fn end(self, ending: Ending, within: Duration) {
        let (ended, end) = oneshot::channel();
        let drain = Drain { ending, within };
        if self.actor.send(End { drain, ended }).await.is_ok() {
            // Bots end by themselves at the deadline; a little more for their goodbyes.
            let patience = within + Duration::from_secs(3);
            if actix::clock::timeout(patience, end).await.is_err() {
                tracing::warn!("some bots did not end in time; what they left is taken up at the next start");
            }
        }
        if let Err(error) = self.house.store.starts_ended(&self.house.me).await {
            tracing::warn!(error = %crate::telemetry::Chain(&error), "the store does not know that no start is under way");
        }
        self.house.note_fleet(Happening::FleetEnded, Some(words_of(ending)));
        self.house.write_whole_timeline(GOODBYE).await;
        // Whatever still runs may change nothing from here on: the next process may start at once.
        self.house.right.end();
        if let Err(error) = self.house.store.release(&self.house.me).await {
            tracing::warn!(error = %crate::telemetry::Chain(&error), "the fleet could not be given up in the store");
        }
        self.house.store.close().await;
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
    }

    /// Panics somewhere in the fleet, for tests; release builds pass it over.
    pub async fn detonate(&self, detonate: Detonate) {
        let _ = self.actor.send(detonate).await;
    }
}

fn words_of(ending: Ending) -> &'static str {
    match ending {
        Ending::Restart => "its bots stay logged in",
        Ending::Retire => "its bots handed back and logged out",
    }
}

/// The fleet of the moment, and the right to run it.
struct Owned {
    converged: Converged,
    parked: BTreeSet<BotKey>,
    client: Client,
    logics: Logics,
    epochs: HashMap<(AccountId, BotId), i64>,
    pauses: Vec<Pause>,
    taken_over: Vec<crate::store::TakenOverRow>,
    starts: muster_core::starts::Plan<BotKey>,
}

async fn own(
    store: &Store,
    me: &NodeIdentity,
    settings: &FleetSettings,
    prune: bool,
    (mut logics, means): (Logics, &Means),
) -> Result<Owned, LaunchError> {
    // What cannot start must not change what is declared.
    client(settings)?;
    logics.clone().declare(&settings.logics, means)?;
    let converged = declaration::converge(store, settings, prune).await?;
    let settings = &converged.settings;
    let client = client(settings)?;
    logics.declare(&settings.logics, means)?;
    store.declare(&declared(settings)).await?;
    if settings.declaration.is_some() {
        declaration::forget_removed(store, &stored_declaration(store).await?).await?;
    }
    let names: Vec<_> = bots(settings).map(|(account, bot)| (account.clone(), bot.name.clone())).collect();
    let epochs = store.own_bots(me, &names).await?;
    let pauses = store.pauses().await?.into_iter().map(|row| row.pause).collect();
    let parked = store.parked().await?;
    let starts = starts::prepare(store, me, &without(&converged.settings, &parked)).await?;
    let taken_over = store.taken_over().await?;
    Ok(Owned { converged, parked, client, logics, epochs, pauses, taken_over, starts })
}

/// The platform's client, as settings describe the platform.
///
/// # Errors
/// The CA file cannot be read or holds no certificate.
pub fn client(settings: &FleetSettings) -> Result<Client, LaunchError> {
    let (platform, timing) = (&settings.platform, &settings.timing);
    let ca_pem = match &platform.ca_file {
        None => None,
        Some(path) => {
            let read = std::fs::read(path);
            Some(read.map_err(|source| LaunchError::CaFile { path: path.clone(), source })?)
        }
    };
    Ok(Client::new(ClientSettings {
        csds_domain: platform.csds_domain.clone(),
        plain: platform.plain,
        socket_service: platform.socket_service.map(str::to_owned),
        domain_overrides: overrides(settings),
        proxy: platform.proxy.clone(),
        ca_pem,
        request_timeout: timing.request_timeout,
        connect_timeout: timing.connect_timeout,
        frame_limit: platform.frame_limit,
        ping_every: timing.ping_every,
        clock_every: timing.clock_every,
        answer_within: timing.clock_deadline,
    })?)
}

/// Every account's hosts come after those of the platform: the last one counts.
fn overrides(settings: &FleetSettings) -> Vec<DomainOverride> {
    let of = |account: Option<&AccountId>, (service, host): &ServiceHost| DomainOverride {
        account: account.cloned(),
        service: (*service).to_owned(),
        host: host.clone(),
    };
    let everywhere = settings.platform.domains.iter().map(|one| of(None, one));
    let of_accounts = settings
        .accounts
        .iter()
        .flat_map(|account| account.domains.iter().map(move |one| of(Some(&account.id), one)));
    everywhere.chain(of_accounts).collect()
}

/// From when on what is shown counts as degraded.
fn watch(clock: Clock, timing: &TimingSettings) -> Watch {
    let limits = Limits {
        // A socket that is silent ends by itself before; this is for one that is stuck.
        silent_after: timing.clock_every + timing.clock_deadline * 2,
        behind_after: timing.behind_after,
        token_old_after: timing.refresh_every * 2 + timing.request_timeout,
    };
    Watch { clock, limits, store_slow_after: timing.store_slow_after }
}

fn rules(settings: &FleetSettings) -> Rules {
    Rules {
        settle: settings.timing.settle,
        subscribe_messages: settings.platform.subscribe_messages,
        reconcile: Protection::Reconciliation.is_on(),
        catch_up: Protection::CatchUp.is_on(),
        dedupe: Protection::Dedupe.is_on(),
        ..Rules::default()
    }
}

fn bots(settings: &FleetSettings) -> impl Iterator<Item = (&AccountId, &crate::settings::BotSettings)> {
    settings.accounts.iter().flat_map(|account| account.bots.iter().map(move |bot| (&account.id, bot)))
}

/// The declared state as the store keeps it: no secret, not even a reference to one.
fn declared(settings: &FleetSettings) -> Vec<DeclaredBot> {
    let row = |(account, bot): (&AccountId, &crate::settings::BotSettings)| DeclaredBot {
        account: account.clone(),
        bot: bot.name.clone(),
        pool: bot.pool.clone(),
        declared_json: summary(bot),
    };
    bots(settings).map(row).collect()
}

fn summary(bot: &crate::settings::BotSettings) -> String {
    let wanted = match bot.wanted {
        Wanted::Running => "running",
        Wanted::Parked => "parked",
    };
    json!({"logic": bot.logic.as_str(), "capacity": bot.capacity, "wanted": wanted}).to_string()
}

/// What all logins of this process share.
pub fn login_hall(timing: &TimingSettings, clock: Clock, io: Handle) -> LoginHall {
    let shortest_wait = timing.reconnect_first * 5;
    LoginHall::new(allowance(timing), timing.process_login_per_second.get(), shortest_wait, clock, io)
}

fn allowance(timing: &TimingSettings) -> Allowance {
    Allowance {
        per_second: timing.login_per_second.get(),
        burst: timing.login_burst.get(),
        in_flight: timing.login_in_flight.get(),
    }
}
