//! The fleet under test: `muster run` of this very executable, a process of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use super::super::Failure;
use super::child::Child;

/// The variable by which the fleet file names its store.
pub(super) const STORE_VARIABLE: &str = "MUSTER_SOAK_FLEET_STORE";
/// A lease of fifteen seconds may have to end first, and a debug build is slow.
const START: Duration = Duration::from_secs(90);
/// The drain of twenty seconds, and goodbyes.
const END: Duration = Duration::from_mins(1);
/// How long its API may take; it may be stopped just now.
const ANSWER: Duration = Duration::from_secs(5);

/// What makes a fleet's process.
pub(super) struct Recipe {
    program: PathBuf,
    folder: PathBuf,
    store: SecretString,
}

impl Recipe {
    pub(super) fn new(folder: &Path, store: SecretString) -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(|error| Failure::of(&error))?;
        Ok(Self { program, folder: folder.to_owned(), store })
    }

    fn launch(&self, name: &str) -> Result<Child, Failure> {
        let mut command = Command::new(&self.program);
        command.args(["run", "fleet.toml", "--migrate"]).current_dir(&self.folder);
        command.env(STORE_VARIABLE, self.store.expose_secret());
        Child::start(command, &self.folder.join(format!("{name}.log")))
    }
}

/// Which process the fleet is at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spell {
    /// Counted from one: each start begins another.
    pub(super) number: usize,
    pub(super) pid: u32,
    /// Where it answers, once it does.
    pub(super) address: Option<SocketAddr>,
}

/// The fleet.
pub(super) struct Fleet {
    recipe: Recipe,
    child: Child,
    spells: usize,
    seconds: usize,
    address: Option<SocketAddr>,
}

impl Fleet {
    /// Starts it and waits until it listens.
    pub(super) async fn start(recipe: Recipe) -> Result<Self, Failure> {
        let child = recipe.launch("fleet-1")?;
        let mut fleet = Self { recipe, child, spells: 1, seconds: 0, address: None };
        fleet.listens().await?;
        Ok(fleet)
    }

    pub(super) fn spell(&self) -> Spell {
        Spell { number: self.spells, pid: self.child.pid(), address: self.address }
    }

    /// Starts the next process, which need not listen yet.
    pub(super) fn launch_again(&mut self) -> Result<(), Failure> {
        self.spells += 1;
        self.address = None;
        self.child = self.recipe.launch(&format!("fleet-{}", self.spells))?;
        Ok(())
    }

    pub(super) async fn listens(&mut self) -> Result<(), Failure> {
        let address = |said: &str| {
            let rest = said.lines().find_map(|line| line.trim_start().strip_prefix("listening  http://"))?;
            rest.split('/').next()?.parse().ok()
        };
        self.address = Some(self.child.says("listening", START, address).await?);
        Ok(())
    }

    /// kill -9.
    pub(super) async fn kill(&mut self) -> Result<(), Failure> {
        self.child.signal(Signal::KILL);
        self.child.ended().await.map(drop)
    }

    /// Stops it where it is, until [`Self::goes_on`].
    pub(super) fn stops(&self) {
        self.child.signal(Signal::STOP);
    }

    pub(super) fn goes_on(&self) {
        self.child.signal(Signal::CONT);
    }

    /// Asks it to end, and waits.
    ///
    /// # Errors
    /// It did not end in time, or with another exit code than nought.
    pub(super) async fn end(&mut self) -> Result<(), Failure> {
        self.child.signal(Signal::TERM);
        let status = self.child.ends(END).await?;
        if status.success() {
            return Ok(());
        }
        Err(Failure::new(format!("the fleet's process {} ended with {status}", self.spells)))
    }

    /// Waits until it ends by itself, which it never should. Cancel safe.
    pub(super) async fn ended(&mut self) -> String {
        match self.child.ended().await {
            Ok(status) => format!("the fleet's process {} ended by itself with {status}", self.spells),
            Err(failure) => failure.words,
        }
    }

    /// Starts a second process beside it, as an accident would; returns its exit code.
    pub(super) async fn second(&mut self) -> Result<Option<i32>, Failure> {
        self.seconds += 1;
        let mut second = self.recipe.launch(&format!("second-{}", self.seconds))?;
        Ok(second.ends(START).await?.code())
    }
}

/// Where its bots are, by the words of its own API; `None` when it does not answer.
pub(super) async fn states(spell: Spell) -> Option<Vec<(String, String)>> {
    let body = timeout(ANSWER, get(spell.address?, "/api/v1/bots?limit=1000")).await.ok()?.ok()?;
    let json: Value = serde_json::from_str(body.split_once("\r\n\r\n")?.1).ok()?;
    let word = |bot: &Value, key: &str| bot[key].as_str().unwrap_or_default().to_owned();
    let named = |bot: &Value| {
        let name = format!("{}/{}", word(bot, "account"), word(bot, "bot"));
        let cause = word(bot, "cause");
        let state = word(bot, "state");
        (name, if cause.is_empty() { state } else { format!("{state} ({cause})") })
    };
    Some(json["items"].as_array()?.iter().map(named).collect())
}

async fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    // The old version means one answer in one piece.
    stream.write_all(format!("GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
