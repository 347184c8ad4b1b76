//! The soak's stage: a simulated platform with accounts, a store, and a fleet file that brings them together.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use liveperson::ClientSettings;
use liveperson_proto::AccountId;
use liveperson_sim::{BotUser, ConsumerScript, HumanScript, Platform, PlatformSettings, SECRET_MARK};
use secrecy::SecretString;
use tokio::runtime::Handle;

use super::super::Failure;
use super::super::crowd::Crowd;
use super::super::scratch::Scratch;
use super::fleet::STORE_VARIABLE;
use super::postgres::Postgres;
use crate::settings::StoreUrlText;

/// Bots of one account, about.
const BOTS_AN_ACCOUNT: usize = 20;
/// Open conversations that one bot takes at once.
const CAPACITY: usize = 50;
/// Every so many consumers one is played inside the platform and says two things in one breath.
const BREATHLESS: usize = 4;

/// Who lives on the platform: the same for the same number of bots.
#[derive(Clone, Copy)]
pub(super) struct Cast {
    pub(super) bots: usize,
}

impl Cast {
    /// How many bots each account has.
    pub(super) fn accounts(self) -> Vec<usize> {
        let accounts = self.bots.div_ceil(BOTS_AN_ACCOUNT).max(2).min(self.bots.max(1));
        (0..accounts).map(|n| self.bots / accounts + usize::from(n < self.bots % accounts)).collect()
    }

    /// Every bot's account and login name.
    pub(super) fn logins(self) -> Vec<(String, String)> {
        let of =
            |(account, bots): (usize, usize)| (0..bots).map(move |bot| (id(account), login(account, bot)));
        self.accounts().into_iter().enumerate().flat_map(of).collect()
    }

    /// The accounts in turn take rings and watch everything. All bots of an account are one pool, for whatever is
    /// transferred rings at any of them: an answer that was not sent yet moves with its pool, and only with it.
    fn toml(self, host: &str) -> String {
        // The faults take tokens at random, again and again: that is nobody's rival fleet.
        let mut text = format!(
            "[timing]\ntheft_limit = 1000\n\n[server]\nlisten = \"127.0.0.1:0\"\nauthentication = \"off\"\n\n[store]\nurl = \"env:{STORE_VARIABLE}\"\nkey = \"file:store.key\"\n\n\
             [platform]\ncsds_domain = {host:?}\nca_file = \"ca.pem\"\n"
        );
        for (account, bots) in self.accounts().into_iter().enumerate() {
            let (pool, intake) = if account % 2 == 0 { ("ringers", "rings") } else { ("desk", "all") };
            let id = id(account);
            let _ = write!(
                text,
                "\n[[accounts]]\nid = {id:?}\n\n[[accounts.pools]]\nname = {pool:?}\nintake = {intake:?}\n"
            );
            for bot in 0..bots {
                let logic = if bot % 2 == 0 { "echo" } else { "greeting" };
                let username = login(account, bot);
                let _ = write!(text, "\n[[accounts.bots]]\nname = \"bot-{}\"\nlogic = {logic:?}\n", bot + 1);
                let _ = writeln!(text, "login = {{ username = {username:?}, password = \"file:password\" }}");
                let _ = writeln!(text, "pool = {pool:?}");
            }
        }
        text
    }
}

fn id(account: usize) -> String {
    (10_000_001 + account).to_string()
}

fn login(account: usize, bot: usize) -> String {
    format!("bot-{}-{}", account + 1, bot + 1)
}

/// Where the fleet remembers.
pub(super) enum Store {
    /// Nobody restarts it: a file, or somebody else's server.
    Given(SecretString),
    Own(Box<Postgres>),
}

impl Store {
    /// What `--store` says: `sqlite`, `postgres`, or a URL.
    pub(super) async fn open(wanted: &str, folder: &Path) -> Result<Self, Failure> {
        match wanted {
            "sqlite" => Ok(Self::Given(format!("sqlite:{}", folder.join("muster.db").display()).into())),
            "postgres" => Ok(Self::Own(Box::new(Postgres::start(folder).await?))),
            url => {
                let url = SecretString::from(url.to_owned());
                let words =
                    |wrong| Failure::new(format!("--store: {wrong}; write sqlite, postgres or a URL"));
                StoreUrlText::new(url.clone()).map_err(words)?;
                Ok(Self::Given(url))
            }
        }
    }

    pub(super) fn url(&self) -> SecretString {
        match self {
            Self::Given(url) => url.clone(),
            Self::Own(server) => server.url().into(),
        }
    }
}

/// The platform, and what the fleet's process finds in its folder.
pub(super) struct Stage {
    pub(super) platform: Platform,
    pub(super) cast: Cast,
    pub(super) folder: Scratch,
}

impl Stage {
    pub(super) async fn set(
        cast: Cast,
        folder: Scratch,
        late_after: Duration,
        io: &Handle,
    ) -> Result<Self, Failure> {
        // Ids are others each time, for a store may know those of an earlier soak.
        let settings = PlatformSettings {
            consumer_token_life: Duration::from_hours(24 * 365),
            answer_within: late_after,
            ..PlatformSettings::default()
        };
        let started = io.spawn(Platform::start(settings)).await.map_err(|error| Failure::of(&error))?;
        let platform = started.map_err(|error| Failure::of(&error))?;
        let password = format!("{SECRET_MARK}{}", uuid::Uuid::new_v4());
        for (account, login) in cast.logins() {
            let user = BotUser {
                login,
                password: password.clone(),
                skills: Vec::new(),
                capacity: CAPACITY,
                user_id: None,
            };
            platform.add_bot(&account, user);
        }
        let key = uuid::Uuid::new_v4().simple().to_string() + &uuid::Uuid::new_v4().simple().to_string();
        let toml = cast.toml(&platform.host());
        for (name, text) in [
            ("password", &password),
            ("store.key", &key),
            ("ca.pem", &platform.ca_pem().to_owned()),
            ("fleet.toml", &toml),
        ] {
            write(&folder.path().join(name), text).map_err(|error| Failure::of(&error))?;
        }
        Ok(Self { platform, cast, folder })
    }

    /// Lets consumers in: most are clients on the wire, some are played and say two things at once.
    pub(super) async fn open_the_doors(&self, consumers: usize, io: &Handle) -> Result<Crowd, Failure> {
        let accounts: Vec<AccountId> =
            (0..self.cast.accounts().len()).map(|n| id(n).as_str().into()).collect();
        let breathless = consumers / BREATHLESS;
        for (n, account) in accounts.iter().enumerate() {
            let count = breathless / accounts.len() + usize::from(n < breathless % accounts.len());
            let script = ConsumerScript {
                count,
                messages: 0,
                messages_per_conversation: 6,
                think: Duration::from_millis(1500),
                burst: 2,
                ..ConsumerScript::default()
            };
            if count > 0 {
                self.platform.consumers(account.as_str(), script);
            }
        }
        let settings = ClientSettings {
            csds_domain: self.platform.host(),
            ca_pem: Some(self.platform.ca_pem().into()),
            ..ClientSettings::default()
        };
        Crowd::admit(settings, &accounts, consumers - breathless, io).await
    }

    /// Lets human agents in, who take conversations over and give them back. What a bot still had under way
    /// when it was relieved arrives within `reach`, so they take longer than that to answer.
    pub(super) fn humans(&self, reach: Duration) {
        for (n, bots) in self.cast.accounts().into_iter().enumerate() {
            let reply = reach + Duration::from_secs(4);
            let script = HumanScript {
                count: bots.div_ceil(10),
                pause: Duration::from_secs(3),
                reply,
                hold: 2 * reply,
                ..HumanScript::default()
            };
            self.platform.humans(&id(n), script);
        }
    }
}

fn write(file: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::FleetSettings;

    #[test]
    fn each_bot_is_cast_once_and_both_intakes_are_played() {
        for bots in [1, 2, 7, 100, 101, 500] {
            let cast = Cast { bots };
            let logins: std::collections::BTreeSet<_> = cast.logins().into_iter().collect();
            assert_eq!((logins.len(), cast.accounts().iter().sum::<usize>()), (bots, bots));
            let text = cast.toml("localhost:1");
            assert_eq!(text.matches("[[accounts.bots]]").count(), bots);
            assert_eq!(text.contains("intake = \"all\""), bots > 1);
        }
    }

    #[test]
    fn the_fleet_file_has_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("fleet.toml", Cast { bots: 9 }.toml("localhost:1")),
            ("password", "p".to_owned()),
            ("ca.pem", "-----BEGIN CERTIFICATE-----".to_owned()),
            ("store.key", "0".repeat(64)),
        ] {
            write(&folder.path().join(name), &text).unwrap();
        }
        let read = FleetSettings::load(&folder.path().join("fleet.toml"));
        let faults = read.err().map(|faults| faults.to_string()).unwrap_or_default();
        // The store's URL is the variable that only the fleet's process has.
        assert_eq!(faults.matches("error").count().max(1), 1, "{faults}");
        assert!(faults.contains(STORE_VARIABLE), "{faults}");
    }
}
