//! The accounts and bots of `lpsim`, and the fleet file that lets muster run them.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use liveperson_sim::Platform;

use crate::arguments::Logins;
use crate::means::{Entry, Means};

/// Who lives on the platform.
pub(crate) struct Fleet {
    bots: Vec<(String, Vec<Bot>)>,
}

struct Bot {
    name: String,
    login: String,
    means: Means,
}

/// How clients know that the platform is the platform.
#[derive(Clone, Copy)]
pub(crate) enum Trust<'a> {
    /// By this certificate.
    Authority(&'a Path),
    /// They do not: the port is plain.
    Plain,
}

impl Fleet {
    /// So many accounts with so many bots each; secrets are random, whatever the platform's seed is.
    pub(crate) fn of(accounts: usize, bots: usize, logins: Logins) -> Self {
        let account = |a: usize| {
            let bots = (1..=bots).map(|b| Bot {
                name: format!("bot-{b}"),
                login: format!("bot-{a}-{b}"),
                means: Means::of(logins, a, b),
            });
            ((10_000_000 + a).to_string(), bots.collect())
        };
        Self { bots: (1..=accounts).map(account).collect() }
    }

    /// The accounts' ids.
    pub(crate) fn accounts(&self) -> Vec<&str> {
        self.bots.iter().map(|(account, _)| account.as_str()).collect()
    }

    /// Makes accounts and users known to the platform.
    pub(crate) fn move_in(&mut self, platform: &Platform, capacity: usize) {
        for (account, bots) in &mut self.bots {
            platform.add_account(account);
            for bot in bots {
                bot.means.move_in(platform, account, &bot.login, capacity);
            }
        }
    }

    /// Writes the fleet file, and each secret into a file of its own that only this user may read.
    pub(crate) fn write(&self, file: &Path, host: &str, trust: Trust<'_>) -> io::Result<()> {
        let secrets = secrets_beside(file);
        if !secrets.is_dir() {
            fs::DirBuilder::new().mode(0o700).create(&secrets)?;
        }
        for (account, bots) in &self.bots {
            for bot in bots {
                for (key, entry) in bot.means.entries(&bot.login) {
                    if let Entry::Secret(secret) = entry {
                        write_secret(&secrets.join(secret_name(account, bot, key)), &secret)?;
                    }
                }
            }
        }
        let folder = secrets.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let trust = match trust {
            Trust::Authority(ca) => Some(as_seen_from(file, ca)),
            Trust::Plain => None,
        };
        fs::write(file, self.toml(&folder, host, trust.as_deref()))
    }

    fn toml(&self, secrets: &str, host: &str, ca_file: Option<&str>) -> String {
        let mut text = String::from(
            "[server]\nlisten = \"127.0.0.1:9300\"\n# Whoever is on this machine may do anything: for trying out.\nauthentication = \"off\"\n\n[store]\nurl = \"sqlite:muster.db\"\n\n[platform]\n",
        );
        let _ = writeln!(text, "csds_domain = {host:?}");
        let _ = match ca_file {
            Some(ca_file) => writeln!(text, "ca_file = {ca_file:?}"),
            None => writeln!(text, "plain = true"),
        };
        for (account, bots) in &self.bots {
            let _ = write!(text, "\n[[accounts]]\nid = {account:?}\n");
            for (number, bot) in bots.iter().enumerate() {
                let logic = if number % 2 == 0 { "echo" } else { "greeting" };
                let keys = keys(secrets, account, bot);
                let _ = write!(
                    text,
                    "\n[[accounts.bots]]\nname = {:?}\nlogic = {logic:?}\nlogin = {{ {keys} }}\n",
                    bot.name
                );
            }
        }
        text
    }
}

/// `fleet.toml` keeps its secrets in `fleet.secrets`.
fn secrets_beside(file: &Path) -> PathBuf {
    file.with_extension("secrets")
}

fn secret_name(account: &str, bot: &Bot, key: &str) -> String {
    let login = &bot.login;
    if key == "password" { format!("{account}-{login}") } else { format!("{account}-{login}.{key}") }
}

fn keys(secrets: &str, account: &str, bot: &Bot) -> String {
    let written = |(key, entry): (&'static str, Entry)| match entry {
        Entry::Plain(text) => format!("{key} = {text:?}"),
        Entry::Secret(_) => {
            format!("{key} = {:?}", format!("file:{secrets}/{}", secret_name(account, bot, key)))
        }
    };
    bot.means.entries(&bot.login).into_iter().map(written).collect::<Vec<_>>().join(", ")
}

/// The authority as the fleet file names it: by name alone if it lies beside it.
fn as_seen_from(fleet: &Path, ca: &Path) -> String {
    let seen = match ca.file_name() {
        Some(name) if ca.parent() == fleet.parent() => PathBuf::from(name),
        _ => fs::canonicalize(ca).unwrap_or_else(|_| ca.to_owned()),
    };
    seen.to_string_lossy().into_owned()
}

fn write_secret(file: &Path, secret: &str) -> io::Result<()> {
    // A file left by an earlier run may have other rights; a new one has ours.
    let _ = fs::remove_file(file);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    file.write_all(secret.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fleet_file_names_every_bot_and_alternates_their_logic() {
        let text = Fleet::of(1, 2, Logins::Password).toml("fleet.secrets", "localhost:1234", None);
        let expected = r#"[server]
listen = "127.0.0.1:9300"
# Whoever is on this machine may do anything: for trying out.
authentication = "off"

[store]
url = "sqlite:muster.db"

[platform]
csds_domain = "localhost:1234"
plain = true

[[accounts]]
id = "10000001"

[[accounts.bots]]
name = "bot-1"
logic = "echo"
login = { username = "bot-1-1", password = "file:fleet.secrets/10000001-bot-1-1" }

[[accounts.bots]]
name = "bot-2"
logic = "greeting"
login = { username = "bot-1-2", password = "file:fleet.secrets/10000001-bot-1-2" }
"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn each_kind_of_login_has_its_keys_and_no_secret_in_the_file() {
        let fleet = Fleet::of(1, 5, Logins::Each);
        let text = fleet.toml("s", "localhost:1234", None);
        let logins: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("login = ")).collect();
        assert_eq!(
            logins,
            [
                r#"{ username = "bot-1-1", password = "file:s/10000001-bot-1-1" }"#,
                r#"{ username = "bot-1-2", app_key = "key-1", secret = "file:s/10000001-bot-1-2.secret", access_token = "file:s/10000001-bot-1-2.access_token", access_token_secret = "file:s/10000001-bot-1-2.access_token_secret" }"#,
                r#"{ username = "bot-1-3", client_id = "client-1", client_secret = "file:s/10000001-bot-1-3.client_secret" }"#,
                r#"{ assertion = "file:s/10000001-bot-1-4.assertion" }"#,
                r#"{ user_id = "2000100005", token = "file:s/10000001-bot-1-5.token" }"#,
            ]
        );
    }
}
