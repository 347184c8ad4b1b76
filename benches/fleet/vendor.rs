//! The vendor's SDK as a fleet, to stand beside muster on the same platform, load and machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use toml_edit::DocumentMut;

use crate::Failure;

/// An installed `node-agent-sdk`.
pub(crate) struct Sdk {
    folder: PathBuf,
}

impl Sdk {
    /// The given folder, or the newest that `scripts/test --only vendor` filled.
    pub(crate) fn find(given: Option<&Path>) -> Result<Self, Failure> {
        let folder = match given {
            Some(folder) => folder.to_owned(),
            None => installed()
                .ok_or("the vendor's SDK is not installed: run `scripts/test --only vendor` first")?,
        };
        if folder.join("node_modules/node-agent-sdk").is_dir() {
            return Ok(Self { folder });
        }
        Err(format!("{} holds no node_modules/node-agent-sdk", folder.display()).into())
    }

    /// What runs the bots of this fleet file in one process; nothing but logins is taken from the file.
    pub(crate) fn command(&self, fleet_file: &Path) -> Result<Command, Failure> {
        let folder = fleet_file.parent().ok_or("the fleet file lies nowhere")?;
        let bots = fleet_file.with_extension("json");
        fs::write(&bots, logins(folder, &fs::read_to_string(fleet_file)?.parse()?)?.to_string())?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/fleet/sdk.mjs");
        let mut command = Command::new("node");
        command.arg(script).arg(bots).env("VENDOR_SDK", &self.folder);
        command.env("NODE_EXTRA_CA_CERTS", folder.join("ca.pem")).env("NO_PROXY", "localhost,127.0.0.1");
        Ok(command)
    }
}

fn installed() -> Option<PathBuf> {
    let cache = std::env::var_os("MUSTER_CACHE").map(PathBuf::from).or_else(|| {
        let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
        Some(std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)?.join("muster"))
    })?;
    let folders = fs::read_dir(cache.join("vendor-sdk")).ok()?.flatten();
    folders.max_by_key(|entry| entry.metadata().and_then(|it| it.modified()).ok()).map(|entry| entry.path())
}

/// Accounts, names and passwords of a file that `lpsim --fleet-out` wrote.
fn logins(folder: &Path, fleet: &DocumentMut) -> Result<serde_json::Value, Failure> {
    let mut logins = Vec::new();
    let tables =
        |item: &toml_edit::Item, name: &str| item[name].as_array_of_tables().cloned().unwrap_or_default();
    for account in &tables(fleet.as_item(), "accounts") {
        for bot in account["bots"].as_array_of_tables().into_iter().flatten() {
            let password = bot["login"]["password"].as_str().and_then(|it| it.strip_prefix("file:"));
            let password = password.ok_or("a bot without a password file")?;
            logins.push(serde_json::json!({
                "account": account["id"].as_str(),
                "username": bot["login"]["username"].as_str(),
                "password": fs::read_to_string(folder.join(password))?.trim(),
                "csdsDomain": fleet["platform"]["csds_domain"].as_str(),
            }));
        }
    }
    Ok(logins.into())
}
