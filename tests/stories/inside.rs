//! A fleet inside the test's process, where a story can blast its parts.

use std::future::Future;
use std::time::Duration;

use liveperson_sim::{BotUser, Platform, PlatformSettings as SimSettings};
use muster::app::{Fleet, LaunchOptions};
use muster::board::{Board, BotState, BotStatus};
use muster::logic::Logics;
use muster::settings::{
    AccountSettings, BotSettings, FleetSettings, LogicName, Login, PlatformSettings, ServerSettings,
    StoreSettings, StoreUrlText, TimingSettings, Wanted,
};
use muster_core::bot::Ending;
use tempfile::TempDir;
use tokio::runtime::{Handle, Runtime};

use crate::outside::SOON;
use crate::wait::until;

/// The platform, the fleet's settings and what it is launched with.
pub(crate) struct World {
    pub(crate) platform: Platform,
    pub(crate) settings: FleetSettings,
    pub(crate) board: Board,
    pub(crate) logics: Logics,
    io: Handle,
    _dir: TempDir,
}

/// Tells a story on an actix system, with a platform of two accounts.
pub(crate) fn story<F, Fut>(bots: usize, logic: &str, tell: F)
where
    F: FnOnce(World) -> Fut,
    Fut: Future<Output = ()>,
{
    let io = Runtime::new().unwrap();
    let handle = io.handle().clone();
    actix::System::new().block_on(async {
        let world = World::new(handle, bots, logic).await;
        tell(world).await;
    });
    io.shutdown_timeout(Duration::from_secs(1));
}

pub(crate) const ACCOUNTS: [&str; 2] = ["10000001", "10000002"];

impl World {
    async fn new(io: Handle, bots: usize, logic: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let sim = SimSettings { ring_pause: Duration::from_millis(100), ..SimSettings::default() };
        let platform = io.spawn(Platform::start(sim)).await.unwrap().unwrap();
        let ca_file = dir.path().join("ca.pem");
        std::fs::write(&ca_file, platform.ca_pem()).unwrap();
        let settings = FleetSettings {
            server: ServerSettings::default(),
            store: StoreSettings { url: sqlite(&dir.path().join("muster.db")), ..StoreSettings::default() },
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
            accounts: ACCOUNTS.iter().map(|id| account(&platform, id, bots, logic)).collect(),
        };
        Self { platform, settings, board: Board::default(), logics: Logics::default(), io, _dir: dir }
    }

    /// Launches the fleet and waits until every bot is online.
    pub(crate) async fn launch(&self) -> Fleet {
        let options = LaunchOptions { logics: self.logics.clone(), ..LaunchOptions::default() };
        let fleet =
            Fleet::launch(&self.settings, options, self.board.clone(), self.io.clone()).await.unwrap();
        self.all_online().await;
        fleet
    }

    pub(crate) async fn end(&self, fleet: Fleet, ending: Ending) {
        fleet.end(ending, self.settings.timing.drain).await;
        // Nothing is in doubt any more: a second answer would have come.
        let ledger = self.platform.ledger();
        assert_eq!((ledger.more_than_once, ledger.out_of_order), (0, 0), "{ledger}");
    }

    pub(crate) async fn all_online(&self) {
        until("all bots are online", SOON, async || {
            let bots = self.board.all();
            let online = |bot: &BotStatus| bot.state == BotState::Online;
            if !bots.is_empty() && bots.iter().all(online) { Ok(()) } else { Err(format!("{bots:?}")) }
        })
        .await;
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

fn sqlite(path: &std::path::Path) -> StoreUrlText {
    StoreUrlText::new(format!("sqlite:{}", path.display()).into()).unwrap()
}

fn account(platform: &Platform, id: &str, bots: usize, logic: &str) -> AccountSettings {
    platform.add_account(id);
    let bots = (1..=bots).map(|n| {
        let (name, password) = (format!("bot-{n}"), format!("password-{n}"));
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
            pool: name.as_str().into(),
            logic: LogicName::known(logic, &[logic_name(logic)]).unwrap(),
            login: Login::Password { username: name.clone(), password: password.into() },
            wanted: Wanted::Running,
            capacity: None,
        }
    });
    AccountSettings { id: id.into(), pools: Vec::new(), bots: bots.collect() }
}

fn logic_name(logic: &str) -> &'static str {
    ["echo", "greeting", "fragile"].into_iter().find(|known| *known == logic).unwrap()
}
