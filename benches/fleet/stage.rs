//! The stage: a platform with bots, a store, and fleet files that bring them together.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use liveperson_sim::control::Control;
use tempfile::TempDir;
use toml_edit::{DocumentMut, value};

use crate::Failure;
use crate::arguments::{Arguments, Client, LoginBudget, Store};
use crate::postgres::Postgres;
use crate::process::{Goodbye, Running, binary};
use crate::vendor::Sdk;

/// The accounts that lpsim has, counted from nought.
pub(crate) fn account(number: usize) -> String {
    (10_000_001 + number).to_string()
}

const SOON: Duration = Duration::from_mins(1);

/// Everything the fleet needs; it goes with this value.
pub(crate) struct Stage {
    pub(crate) control: Control,
    pub(crate) lpsim: Running,
    pub(crate) postgres: Option<Postgres>,
    muster: PathBuf,
    /// Where a store in memory lies.
    memory: Option<TempDir>,
    /// The vendor's SDK, if it is what runs the fleet.
    sdk: Option<Sdk>,
    /// Last, so that it goes after the processes that write into it.
    pub(crate) folder: TempDir,
}

impl Stage {
    pub(crate) async fn set(arguments: &Arguments) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let sdk = match arguments.client {
            Client::Muster => None,
            Client::VendorSdk => Some(Sdk::find(arguments.vendor_sdk.as_deref())?),
        };
        let postgres = match arguments.store {
            Store::Postgres if sdk.is_none() => Some(Postgres::start(folder.path()).await?),
            _ => None,
        };
        let memory = (arguments.store == Store::Memory).then(folder_in_memory).transpose()?;
        let mut command = Command::new(binary("lpsim", arguments.binaries.as_deref())?);
        let bots = arguments.bots_of_each();
        command.args(["--control", "127.0.0.1:0", "--accounts", &bots.len().to_string()]);
        command.args(["--bots", &bots[0].to_string()]);
        command.args(["--capacity", &arguments.conversations.to_string()]);
        if arguments.scenes {
            // How late an answer is says the outage, not the fleet.
            command.args(["--answer-within", "1800000"]);
        }
        command.arg("--fleet-out").arg(folder.path().join("fleet.toml"));
        command.arg("--ca-out").arg(folder.path().join("ca.pem"));
        let mut lpsim = Running::start(command, folder.path().join("lpsim.log"), Goodbye::Terminate)?;
        let control = lpsim.says("control", SOON).await?;
        lpsim.says("ready", SOON).await?;
        let control = Control::new(control.trim_start_matches("http://").parse()?);
        let muster = binary("muster", arguments.binaries.as_deref())?;
        Ok(Self { control, lpsim, postgres, muster, memory, sdk, folder })
    }

    /// Starts so many bots of each account; the clock of [`Fleet::started`] begins here.
    pub(crate) async fn fleet(&self, bots: &[usize], budget: LoginBudget) -> Result<Fleet, Failure> {
        let file = self.write_fleet_file(bots, budget)?;
        let mut command = if let Some(sdk) = &self.sdk {
            sdk.command(&file)?
        } else {
            let mut muster = Command::new(&self.muster);
            muster.arg("run").arg(&file).arg("--migrate");
            muster
        };
        command.current_dir(self.folder.path());
        let started = Instant::now();
        let log = file.with_extension("log");
        let mut running = Running::start(command, log, Goodbye::Terminate)?;
        let store = running.says("store ", SOON).await?;
        let address = running.says("listening  http://", SOON).await?;
        let address = address.split('/').next().unwrap_or_default().parse()?;
        Ok(Fleet { running, started, store, address })
    }

    /// What `lpsim --fleet-out` wrote, with fewer bots, one logic, our store and a free port.
    fn write_fleet_file(&self, bots: &[usize], budget: LoginBudget) -> Result<PathBuf, Failure> {
        let mut fleet: DocumentMut = fs::read_to_string(self.folder.path().join("fleet.toml"))?.parse()?;
        fleet["server"]["listen"] = value("127.0.0.1:0");
        fleet["store"]["url"] = value(match (&self.postgres, &self.memory) {
            (Some(postgres), _) => postgres.url.clone(),
            (None, Some(memory)) => format!("sqlite:{}/muster.db", memory.path().display()),
            (None, None) => "sqlite:muster.db".to_owned(),
        });
        if budget == LoginBudget::Lifted {
            let lifted = [
                ("login_per_second", 1000),
                ("login_burst", 1000),
                ("login_in_flight", 64),
                ("process_login_per_second", 1000),
            ];
            let timing = lifted.iter().map(|(key, limit)| (*key, *limit)).collect::<toml_edit::Table>();
            fleet["timing"] = toml_edit::Item::Table(timing);
        }
        let accounts = fleet["accounts"].as_array_of_tables_mut();
        let accounts = accounts.ok_or("lpsim wrote a fleet file without accounts")?;
        while accounts.len() > bots.len() {
            accounts.remove(accounts.len() - 1);
        }
        for (account, bots) in accounts.iter_mut().zip(bots) {
            let all = account["bots"].as_array_of_tables_mut();
            let all = all.ok_or("lpsim wrote a fleet file without bots")?;
            while all.len() > *bots {
                all.remove(all.len() - 1);
            }
            all.iter_mut().for_each(|bot| bot["logic"] = value("echo"));
        }
        let file = self.folder.path().join(format!("fleet-of-{}.toml", bots.iter().sum::<usize>()));
        fs::write(&file, fleet.to_string())?;
        Ok(file)
    }
}

/// A folder that no disk stands behind.
fn folder_in_memory() -> Result<TempDir, Failure> {
    const FOLDER: &str = "/dev/shm";
    let mounts = fs::read_to_string("/proc/mounts")?;
    let in_memory = |mount: &str| {
        let mut fields = mount.split(' ').skip(1);
        fields.next() == Some(FOLDER) && fields.next() == Some("tmpfs")
    };
    if mounts.lines().any(in_memory) {
        return Ok(tempfile::tempdir_in(FOLDER)?);
    }
    Err(format!("{FOLDER} is no tmpfs here: there is no folder in memory to put a store in").into())
}

/// A running `muster run`, or what stands beside it.
pub(crate) struct Fleet {
    pub(crate) running: Running,
    pub(crate) started: Instant,
    /// The store in muster's own words.
    pub(crate) store: String,
    address: SocketAddr,
}

impl Fleet {
    /// How many bots are online, by the fleet's own metrics, which `sdk.mjs` imitates.
    pub(crate) fn online(&self) -> Result<usize, Failure> {
        let mut stream = TcpStream::connect(self.address)?;
        write!(stream, "GET /metrics HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let lines = answer.lines().filter(|line| line.starts_with("muster_bots{"));
        let online = lines.filter(|line| line.contains("state=\"online\""));
        Ok(online.filter_map(|line| line.rsplit_once(' ')?.1.parse::<usize>().ok()).sum())
    }
}
