//! The demo's stage: a platform of its own, accounts, bots, and a store.

use std::num::NonZeroU32;
use std::time::Duration;

use liveperson::ClientSettings;
use liveperson_proto::AccountId;
use liveperson_sim::{BotUser, Platform, PlatformSettings as SimSettings, SECRET_MARK};
use muster_core::bot::OnTheft;
use secrecy::SecretString;
use tokio::runtime::Handle;

use super::super::Failure;
use super::super::crowd::Crowd;
use super::super::scratch::Scratch;
use crate::settings::{
    AccountSettings, BotSettings, FleetSettings, LogicName, Login, PlatformSettings, ServerSettings,
    StoreSettings, StoreUrlText, TimingSettings, Wanted,
};

const ACCOUNTS: usize = 3;
const BOTS: usize = 4;

/// Everything the demo plays with.
pub(super) struct Stage {
    pub(super) platform: Platform,
    pub(super) settings: FleetSettings,
    _scratch: Scratch,
}

impl Stage {
    pub(super) async fn set(store: Option<SecretString>, io: &Handle) -> Result<Self, Failure> {
        let scratch = Scratch::make("demo")?;
        // A demo may be left running: its consumers do not renew their identities.
        let sim =
            SimSettings { consumer_token_life: Duration::from_hours(24 * 365), ..SimSettings::default() };
        let started = io.spawn(Platform::start(sim)).await.map_err(|error| Failure::of(&error))?;
        let platform = started.map_err(|error| Failure::of(&error))?;
        let ca_file = scratch.path().join("ca.pem");
        std::fs::write(&ca_file, platform.ca_pem()).map_err(|error| Failure::of(&error))?;
        let url =
            store.unwrap_or_else(|| format!("sqlite:{}", scratch.path().join("muster.db").display()).into());
        let url = StoreUrlText::new(url).map_err(|wrong| Failure::new(format!("--store: {wrong}")))?;
        let request_timeout = Duration::from_secs(5);
        let settings = FleetSettings {
            server: ServerSettings { authentication: false, ..ServerSettings::default() },
            store: StoreSettings { url, ..StoreSettings::default() },
            platform: PlatformSettings {
                csds_domain: platform.host(),
                ca_file: Some(ca_file),
                ..PlatformSettings::default()
            },
            timing: TimingSettings {
                request_timeout,
                settle: request_timeout,
                // The mischief takes a token a minute: that is nobody's rival fleet.
                theft_limit: NonZeroU32::MIN.saturating_add(999),
                ..TimingSettings::default()
            },
            logics: Vec::new(),
            accounts: (1..=ACCOUNTS).map(|n| account(&platform, n)).collect(),
            ..FleetSettings::default()
        };
        Ok(Self { platform, settings, _scratch: scratch })
    }

    /// Lets the consumers in: clients of the platform as the bots are, on the other side.
    pub(super) async fn open_the_doors(&self, consumers: usize, io: &Handle) -> Result<Crowd, Failure> {
        let settings = ClientSettings {
            csds_domain: self.platform.host(),
            ca_pem: Some(self.platform.ca_pem().into()),
            ..ClientSettings::default()
        };
        let accounts: Vec<AccountId> =
            self.settings.accounts.iter().map(|account| account.id.clone()).collect();
        Crowd::admit(settings, &accounts, consumers, io).await
    }

    /// Every bot's account and login name.
    pub(super) fn logins(&self) -> Vec<(String, String)> {
        let login = |bot: &BotSettings| bot.login.username().map(str::to_owned);
        let of = |account: &AccountSettings| {
            let id = account.id.to_string();
            account.bots.iter().filter_map(move |bot| Some((id.clone(), login(bot)?))).collect::<Vec<_>>()
        };
        self.settings.accounts.iter().flat_map(of).collect()
    }
}

fn account(platform: &Platform, n: usize) -> AccountSettings {
    let id = AccountId::from(format!("{}", 10_000_000 + n));
    platform.add_account(id.as_str());
    let bots = (1..=BOTS).map(|bot| declare(platform, &id, n, bot)).collect();
    AccountSettings {
        id,
        domains: Vec::new(),
        tagging: muster_core::dialog::Tagging::On,
        pools: Vec::new(),
        bots,
    }
}

fn declare(platform: &Platform, account: &AccountId, n: usize, bot: usize) -> BotSettings {
    let (username, password) = (format!("bot-{n}-{bot}"), format!("{SECRET_MARK}{}", uuid::Uuid::new_v4()));
    let user = BotUser {
        login: username.clone(),
        password: password.clone(),
        skills: Vec::new(),
        capacity: 50,
        user_id: None,
    };
    platform.add_bot(account.as_str(), user);
    let logic = if bot % 2 == 1 { "echo" } else { "greeting" };
    let name = format!("{logic}-{bot}");
    BotSettings {
        name: name.as_str().into(),
        pool: name.as_str().into(),
        logic: LogicName::known(logic, &[]).expect("both logics are built in"),
        login: Login::Password { username, password: password.into() },
        wanted: Wanted::Running,
        capacity: None,
        on_theft: OnTheft::default(),
    }
}
