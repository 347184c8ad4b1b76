//! The fleet file: raw text in, checked types out, every fault at once.
//!
//! - [`FleetSettings`]: the whole file; no other module reads raw settings
//! - `server`, `store`, `platform`, `domains`, `timing`, `accounts`, `pools`, `bots`, `login`: a file a
//!   table
//! - `defaults`: every default and every limit
//! - `section`, `field`, `units`, `secret`: reading tables, keys, durations and references to secrets
//! - `faults`, `nearest`: what is wrong, where, and what cures it
//!
//! Secrets never stand in the file: a literal one is refused, and no message repeats one.

mod accounts;
mod bots;
mod defaults;
mod domains;
mod environment;
mod faults;
mod field;
mod logic;
mod login;
mod nearest;
mod platform;
mod pools;
mod reading;
mod secret;
mod section;
mod server;
mod store;
mod timing;
mod units;

#[cfg(test)]
mod tests;

use std::path::Path;

use toml_edit::{Document, TomlError};

pub use accounts::{AccountSettings, BotSettings, Wanted};
pub use domains::ServiceHost;
pub use environment::{Environment, NamedFile, ProcessEnvironment};
pub use faults::{Place, Remark, SettingsFaults, Warning};
pub use logic::{LOGICS, LogicName};
pub use platform::PlatformSettings;
pub use pools::PoolSettings;
pub use server::ServerSettings;
pub use store::{StoreSettings, StoreUrlText};
pub use timing::TimingSettings;
pub use units::duration;

/// How a bot logs in: the client's own type, so nothing needs translating.
pub use liveperson::Credentials as Login;

use reading::Reading;
use section::Section;

/// A checked fleet file; `Default` is an empty one.
#[derive(Clone, Debug, Default)]
pub struct FleetSettings {
    /// Where muster itself answers.
    pub server: ServerSettings,
    /// Where the fleet remembers.
    pub store: StoreSettings,
    /// Where LivePerson is.
    pub platform: PlatformSettings,
    /// Every period and every rate.
    pub timing: TimingSettings,
    /// Who the fleet is made of.
    pub accounts: Vec<AccountSettings>,
}

impl FleetSettings {
    /// Reads and checks a fleet file; references lead to this process's environment.
    ///
    /// # Errors
    /// Every fault of the file, in the order of its lines.
    pub fn load(path: &Path) -> Result<(Self, Vec<Warning>), SettingsFaults> {
        let name = path.display().to_string();
        let text = std::fs::File::open(path)
            .and_then(|file| environment::bounded_text(file, defaults::FLEET_FILE_LIMIT))
            .map_err(|error| unreadable(&name, &error))?;
        let base_dir = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, &name, base_dir, &ProcessEnvironment)
    }

    /// Checks the text of a fleet file; relative paths in it start at `base_dir`.
    ///
    /// # Errors
    /// Every fault of the text, in the order of its lines.
    pub fn parse(
        text: &str,
        file_name: &str,
        base_dir: &Path,
        environment: &dyn Environment,
    ) -> Result<(Self, Vec<Warning>), SettingsFaults> {
        Self::parse_with_logics(text, file_name, base_dir, environment, &[])
    }

    /// Like [`parse`](Self::parse), and knows some logics more than [`LOGICS`].
    ///
    /// # Errors
    /// Every fault of the text, in the order of its lines.
    pub fn parse_with_logics(
        text: &str,
        file_name: &str,
        base_dir: &Path,
        environment: &dyn Environment,
        extra_logics: &[&str],
    ) -> Result<(Self, Vec<Warning>), SettingsFaults> {
        let reading = Reading::new(file_name, text, base_dir, environment);
        let settings = match Document::parse(text) {
            Ok(document) => Self::read(Section::root(&reading, document.as_table()), extra_logics),
            Err(error) => {
                report_syntax(&reading, &error);
                Self::default()
            }
        };
        reading.verdict().map(|warnings| (settings, warnings))
    }

    fn read(root: Section<'_>, extra_logics: &[&str]) -> Self {
        let platform = PlatformSettings::read(root.section("platform"));
        let settings = Self {
            server: ServerSettings::read(root.section("server")),
            store: StoreSettings::read(root.section("store")),
            timing: TimingSettings::read(root.section("timing")),
            accounts: accounts::read(&root, extra_logics, &platform),
            platform,
        };
        root.finish();
        settings
    }
}

fn report_syntax(reading: &Reading<'_>, error: &TomlError) {
    let at = error.span().map_or(0, |span| span.start);
    // The message spans lines; the text it is about is left out, since it may be a password.
    let message = error.message().lines().collect::<Vec<_>>().join(", ");
    reading.fault(at, "", format!("this is not TOML: {message}"), "see https://toml.io for the syntax");
}

fn unreadable(name: &str, error: &std::io::Error) -> SettingsFaults {
    let remark = Remark {
        file: name.into(),
        place: None,
        key: String::new(),
        wrong: format!("cannot be read: {error}"),
        cure: "name a fleet file, or try `muster demo`, which needs none".into(),
    };
    SettingsFaults::new(name.into(), vec![remark])
}
