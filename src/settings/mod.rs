//! The fleet file: raw text in, checked types out, every fault at once.
//!
//! - [`FleetSettings`]: the whole file; no other module reads raw settings
//! - `server`, `store`, `platform`, `domains`, `timing`, `logics`, `accounts`, `pools`, `bots`, `login`: a
//!   file a table
//! - `webhook`, `address`: a logic that is asked over HTTP, and where it may be
//! - `defaults`: every default and every limit
//! - `section`, `field`, `units`, `secret`: reading tables, keys, durations and references to secrets
//! - `fragments`: what is declared, in pieces that the store keeps, and back again
//! - `faults`, `nearest`: what is wrong, where, and what cures it
//!
//! Secrets never stand in the file: a literal one is refused, and no message repeats one.

mod accounts;
mod address;
mod bots;
mod defaults;
mod domains;
mod environment;
mod faults;
mod field;
mod fragments;
mod logic;
mod logics;
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
mod webhook;

#[cfg(test)]
mod tests;

use std::path::Path;

use toml_edit::{Document, TomlError};

pub use accounts::{AccountSettings, BotSettings, Wanted};
pub use address::Reach;
pub use domains::ServiceHost;
pub use environment::{Environment, NamedFile, ProcessEnvironment};
pub use faults::{Place, Remark, SettingsFaults, Warning};
pub use fragments::{BOTS, Declaration, Fragment};
pub use logic::{LOGICS, LogicName};
pub use logics::{Failing, LogicKind, LogicSettings};
pub use platform::PlatformSettings;
pub use pools::PoolSettings;
pub use server::{ServerSettings, TlsFiles};
pub use store::{StoreSettings, StoreUrlText};
pub use timing::TimingSettings;
pub use units::duration;
pub use webhook::{SigningSecret, WebhookSettings, WebhookUrl, shown as shown_url};

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
    /// What decides bots' replies, beside [`LOGICS`].
    pub logics: Vec<LogicSettings>,
    /// Who the fleet is made of.
    pub accounts: Vec<AccountSettings>,
    /// What was declared, as the store keeps it; `None` where code made the settings.
    pub declaration: Option<Declaration>,
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
        Self::judge(reading, text, base_dir, extra_logics)
    }

    /// Checks what the store holds, with the same rules as a file; process settings are the defaults.
    ///
    /// # Errors
    /// Every fault; each names the row of the store that it stands in.
    pub fn of_declaration(
        declaration: &Declaration,
        environment: &dyn Environment,
    ) -> Result<(Self, Vec<Warning>), SettingsFaults> {
        let (text, rows) = declaration.text();
        let base_dir = Path::new("/"); // the rows' paths are whole
        let reading = Reading::new("the store", &text, base_dir, environment).with_rows(rows);
        Self::judge(reading, &text, base_dir, &declaration.extra_logics())
    }

    fn judge(
        reading: Reading<'_>,
        text: &str,
        base_dir: &Path,
        extra_logics: &[&str],
    ) -> Result<(Self, Vec<Warning>), SettingsFaults> {
        let settings = match Document::parse(text) {
            Ok(document) => {
                let settings = Self::read(Section::root(&reading, document.as_table()), extra_logics);
                let declaration = Declaration::of(document.as_table(), base_dir, extra_logics);
                Self { declaration: Some(declaration), ..settings }
            }
            Err(error) => {
                report_syntax(&reading, &error);
                Self::default()
            }
        };
        reading.verdict().map(|warnings| (settings, warnings))
    }

    fn read(root: Section<'_>, extra_logics: &[&str]) -> Self {
        let platform = PlatformSettings::read(root.section("platform"));
        let logics::Read { logics, names } = logics::read(&root, extra_logics);
        let settings = Self {
            server: ServerSettings::read(root.section("server")),
            store: StoreSettings::read(root.section("store")),
            timing: TimingSettings::read(root.section("timing")),
            logics,
            accounts: accounts::read(&root, &names, &platform),
            platform,
            declaration: None,
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
