//! A fleet inside the test's process, where a story can blast its parts.

use std::future::Future;
use std::time::Duration;

use liveperson_sim::{BotUser, Platform, PlatformSettings as SimSettings, SECRET_MARK};
use muster::app::{Fleet, LaunchOptions};
use muster::board::{Board, BotState, BotStatus};
use muster::logic::Logics;
use muster::logic::webhook::Names;
use muster::settings::{
    AccountSettings, BotSettings, FleetSettings, LogicName, Login, PlatformSettings, PoolSettings,
    ServerSettings, StoreSettings, StoreUrlText, TimingSettings, Wanted,
};
use muster_core::bot::{Ending, OnTheft};
use muster_core::dialog::Tagging;
use muster_core::duty::Duty;
use tempfile::TempDir;
use tokio::runtime::{Handle, Runtime};

use crate::outside::{SOON, Store};
use crate::postgres::Database;
use crate::wait::until;

/// The platform, the fleet's settings and what it is launched with.
pub(crate) struct World {
    pub(crate) platform: Platform,
    pub(crate) settings: FleetSettings,
    pub(crate) board: Board,
    pub(crate) logics: Logics,
    /// Where the names of webhooks lead.
    pub(crate) names: Names,
    io: Handle,
    dir: TempDir,
    _database: Option<Database>,
}

/// Who is in a story, and where they remember.
pub(crate) struct Cast<'a> {
    /// Bots in each account.
    pub(crate) bots: usize,
    pub(crate) logic: &'a str,
    /// The duty of the one pool of all bots of an account; else each is a pool of its own.
    pub(crate) pool: Option<Duty>,
    pub(crate) store: Store,
}

/// Tells a story on an actix system, with a platform of two accounts.
pub(crate) fn story<F, Fut>(bots: usize, logic: &str, tell: F)
where
    F: FnOnce(World) -> Fut,
    Fut: Future<Output = ()>,
{
    story_of(&Cast { bots, logic, pool: None, store: Store::Sqlite }, tell);
}

/// Tells a story with this cast.
pub(crate) fn story_of<F, Fut>(cast: &Cast<'_>, tell: F)
where
    F: FnOnce(World) -> Fut,
    Fut: Future<Output = ()>,
{
    let sim = SimSettings { ring_pause: Duration::from_millis(100), ..SimSettings::default() };
    story_on(sim, cast, tell);
}

/// Tells a story with this cast on such a platform.
pub(crate) fn story_on<F, Fut>(sim: SimSettings, cast: &Cast<'_>, tell: F)
where
    F: FnOnce(World) -> Fut,
    Fut: Future<Output = ()>,
{
    let io = Runtime::new().unwrap();
    let handle = io.handle().clone();
    actix::System::new().block_on(async {
        let world = World::new(handle, sim, cast).await;
        tell(world).await;
    });
    io.shutdown_timeout(Duration::from_secs(1));
}

pub(crate) const ACCOUNTS: [&str; 2] = ["10000001", "10000002"];

impl World {
    async fn new(io: Handle, sim: SimSettings, cast: &Cast<'_>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let platform = io.spawn(Platform::start(sim)).await.unwrap().unwrap();
        let ca_file = dir.path().join("ca.pem");
        std::fs::write(&ca_file, platform.ca_pem()).unwrap();
        let database = match cast.store {
            Store::Sqlite => None,
            Store::Postgres => Some(io.spawn(Database::empty()).await.unwrap()),
        };
        let url = match &database {
            None => format!("sqlite:{}", dir.path().join("muster.db").display()),
            Some(database) => database.url().to_owned(),
        };
        let settings = FleetSettings {
            server: ServerSettings { authentication: false, ..ServerSettings::default() },
            store: StoreSettings { url: StoreUrlText::new(url.into()).unwrap(), ..StoreSettings::default() },
            platform: PlatformSettings {
                csds_domain: platform.host(),
                ca_file: Some(ca_file),
                ..PlatformSettings::default()
            },
            timing: TimingSettings {
                request_timeout: Duration::from_secs(1),
                settle: Duration::from_secs(1),
                reconnect_first: Duration::from_millis(50),
                drain: Duration::from_secs(10),
                ..TimingSettings::default()
            },
            logics: Vec::new(),
            accounts: ACCOUNTS.iter().map(|id| account(&platform, id, cast)).collect(),
            ..FleetSettings::default()
        };
        Self {
            platform,
            settings,
            board: Board::default(),
            logics: Logics::default(),
            names: Names::default(),
            io,
            dir,
            _database: database,
        }
    }

    /// Launches the fleet and waits until every bot is online.
    pub(crate) async fn launch(&self) -> Fleet {
        let fleet = self.launch_with(self.options()).await;
        self.all_online().await;
        fleet
    }

    /// How [`World::launch`] launches.
    pub(crate) fn options(&self) -> LaunchOptions {
        LaunchOptions {
            logics: self.logics.clone(),
            names: self.names.clone(),
            migrate: true,
            ..LaunchOptions::default()
        }
    }

    /// Launches the fleet and waits for nothing.
    pub(crate) async fn launch_with(&self, options: LaunchOptions) -> Fleet {
        Fleet::launch(&self.settings, options, self.board.clone(), self.io.clone()).await.unwrap()
    }

    /// Where the store is.
    pub(crate) fn store_url(&self) -> String {
        self.settings.store.url.expose().to_owned()
    }

    pub(crate) async fn end(&self, fleet: Fleet, ending: Ending) {
        fleet.end(ending, self.settings.timing.drain).await;
        // Nothing is in doubt any more: a second answer would have come.
        let ledger = self.platform.ledger();
        assert_eq!((ledger.more_than_once, ledger.out_of_order), (0, 0), "{ledger}");
        self.search_for_secrets();
    }

    pub(crate) async fn all_online(&self) {
        until("all bots are online", SOON, async || {
            let bots = self.board.all();
            let online = |bot: &BotStatus| bot.state == BotState::Online;
            if !bots.is_empty() && bots.iter().all(online) { Ok(()) } else { Err(format!("{bots:?}")) }
        })
        .await;
    }

    /// No secret of the platform stands in a file of the store.
    fn search_for_secrets(&self) {
        for file in std::fs::read_dir(self.dir.path()).unwrap() {
            let path = file.unwrap().path();
            let content = std::fs::read(&path).unwrap();
            let found = content.windows(SECRET_MARK.len()).any(|bytes| bytes == SECRET_MARK.as_bytes());
            assert!(!found, "a secret stands in {}", path.display());
        }
    }

    pub(crate) fn status(&self, account: &str, bot: &str) -> BotStatus {
        self.board.get(&account.into(), &bot.into()).unwrap()
    }

    /// Waits until nothing is owed and requires a clean ledger.
    pub(crate) async fn judge(&self) {
        self.platform.stop_consumers();
        let settled = self.platform.settled(Duration::from_secs(40)).await;
        let ledger = self.platform.ledger();
        assert!(settled.is_ok(), "{settled:?}\n{ledger}");
        assert!(ledger.is_clean(), "{ledger}\n{:?}", ledger.details);
    }
}

fn account(platform: &Platform, id: &str, cast: &Cast<'_>) -> AccountSettings {
    platform.add_account(id);
    let logic = cast.logic;
    let bots = (1..=cast.bots).map(|n| {
        let (name, password) = (format!("bot-{n}"), format!("{SECRET_MARK}-password-{n}"));
        let user = BotUser {
            login: name.clone(),
            password: password.clone(),
            skills: Vec::new(),
            capacity: 50,
            user_id: None,
        };
        platform.add_bot(id, user);
        BotSettings {
            name: name.as_str().into(),
            pool: if cast.pool.is_some() { "desk".into() } else { name.as_str().into() },
            logic: LogicName::known(logic, &[logic_name(logic)]).unwrap(),
            login: Login::Password { username: name.clone(), password: password.into() },
            wanted: Wanted::Running,
            capacity: None,
            on_theft: OnTheft::default(),
        }
    });
    let pool = |duty| PoolSettings { name: "desk".into(), duty, logic: None, on_theft: None };
    let pools = cast.pool.map(pool).into_iter().collect();
    AccountSettings { id: id.into(), domains: Vec::new(), tagging: Tagging::On, pools, bots: bots.collect() }
}

fn logic_name(logic: &str) -> &'static str {
    ["echo", "greeting", "fragile", "mine"].into_iter().find(|known| *known == logic).unwrap()
}
