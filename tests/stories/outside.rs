//! A fleet as an operator runs it: `muster run` and `lpsim` as processes of their own.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use liveperson_sim::control::Control;
use liveperson_sim::{Ledger, SECRET_MARK, Unsettled};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;

use crate::postgres::Database;
use crate::wait::until;

pub(crate) const SOON: Duration = Duration::from_secs(40);

#[derive(Clone, Copy)]
pub(crate) enum Store {
    Sqlite,
    Postgres,
}

/// A process whose output goes to a file, which must hold no secret.
pub(crate) struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    pub(crate) fn start(mut command: Command, log: PathBuf) -> Self {
        let out = fs::File::create(&log).unwrap();
        let err = out.try_clone().unwrap();
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().unwrap();
        Self { child, log }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// kill -9.
    pub(crate) fn kill9(&mut self) {
        assert!(self.child.try_wait().unwrap().is_none(), "it was dead before:\n{}", self.log());
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Asks it to read its file again.
    pub(crate) fn hang_up(&self) {
        self.signal("-HUP");
    }

    pub(crate) async fn ended(&mut self) -> i32 {
        let status = until("the process ends", SOON, async || {
            self.child.try_wait().unwrap().ok_or_else(|| "still running".to_owned())
        })
        .await;
        status.code().unwrap_or(-1)
    }

    /// Waits until it has died by kill -9 of its own.
    pub(crate) async fn kills_itself(&mut self) {
        let status = until("the process kills itself", SOON, async || {
            self.child.try_wait().unwrap().ok_or_else(|| self.log())
        })
        .await;
        assert_eq!(status.signal(), Some(9), "{status}\n{}", self.log());
    }

    /// Waits until it has stopped itself.
    pub(crate) async fn stops_itself(&self) {
        let file = format!("/proc/{}/stat", self.child.id());
        until("the process stops itself", SOON, async || {
            let stat = fs::read_to_string(&file).unwrap();
            // The state stands behind the name, which is in parentheses.
            let state = stat.rsplit(") ").next().unwrap().chars().next();
            if state == Some('T') { Ok(()) } else { Err(format!("{state:?}\n{}", self.log())) }
        })
        .await;
    }

    /// Lets a stopped process go on.
    pub(crate) fn goes_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits until these words stand anywhere in the output.
    pub(crate) async fn says_somewhere(&self, words: &str) {
        until(&format!("the process says \"{words}\""), SOON, async || {
            let log = self.log();
            if log.contains(words) { Ok(()) } else { Err(log) }
        })
        .await;
    }

    /// Waits for a line that starts so, and returns the rest of it.
    pub(crate) async fn says(&mut self, start: &str) -> String {
        let log = self.log.clone();
        until(&format!("the process says \"{start}\""), SOON, async || {
            let text = fs::read_to_string(&log).unwrap_or_default();
            let found =
                text.lines().find_map(|line| line.trim_start().strip_prefix(start).map(str::to_owned));
            assert!(
                !(found.is_none() && self.child.try_wait().unwrap().is_some()),
                "the process ended without saying \"{start}\":\n{text}"
            );
            found.ok_or(text)
        })
        .await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<_> = log.lines().rev().take(60).collect();
            eprintln!("--- the end of {}:", self.log.display());
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        } else {
            let log = fs::read(&self.log).expect("the log outlives its process");
            let text = String::from_utf8_lossy(&log);
            assert!(!text.contains(SECRET_MARK), "a secret stands in {}:\n{text}", self.log.display());
        }
    }
}

/// `lpsim`, a store and a fleet file between them.
pub(crate) struct World {
    pub(crate) control: Control,
    pub(crate) store_url: String,
    sim: Running,
    database: Option<Database>,
    runs: std::cell::Cell<usize>,
    /// Last, so that it goes after the processes whose logs it holds.
    pub(crate) dir: TempDir,
}

/// Periods short enough for a test, and right among themselves.
const TIMING: &str = r#"
[timing]
request_timeout = "1s"
settle = "4s"
reconnect_first = "200ms"
clock_every = "1s"
clock_deadline = "2s"
drain = "10s"
login_per_second = 50
login_burst = 50
process_login_per_second = 50
"#;

fn tool(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_muster")).with_file_name(name);
    assert!(path.exists(), "{} is missing: run `cargo build --workspace` first", path.display());
    path
}

impl World {
    pub(crate) async fn new(store: Store, sim_arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let fleet_file = dir.path().join("fleet.toml");
        let mut command = Command::new(tool("lpsim"));
        command.args(["--control", "127.0.0.1:0", "--fleet-out"]).arg(&fleet_file).args(sim_arguments);
        let mut sim = Running::start(command, dir.path().join("lpsim.log"));
        sim.says("ready").await;
        let control = control_of(&sim.log());
        let (store_url, database) = match store {
            Store::Sqlite => (format!("sqlite:{}", dir.path().join("muster.db").display()), None),
            Store::Postgres => {
                let database = Database::empty().await;
                // Any password is let in here; this one must turn up nowhere.
                let planted = format!("postgres:{SECRET_MARK}-store@");
                (database.url().replacen("postgres@", &planted, 1), Some(database))
            }
        };
        let text = fs::read_to_string(&fleet_file).unwrap();
        let text = text
            .replace("127.0.0.1:9300", "127.0.0.1:0")
            .replace("url = \"sqlite:muster.db\"", "url = \"env:STORY_STORE\"\nnode_lease = \"4s\"");
        fs::write(&fleet_file, format!("{text}{TIMING}")).unwrap();
        Self { dir, control, store_url, sim, database, runs: 0.into() }
    }

    /// The database itself, whatever stands between it and the fleet.
    pub(crate) fn direct_url(&self) -> String {
        self.database.as_ref().map_or(&*self.store_url, Database::url).to_owned()
    }

    /// The platform is gone, and does not come back.
    pub(crate) fn platform_dies(&mut self) {
        self.sim.kill9();
    }

    /// Writes something else into the fleet file.
    pub(crate) fn rewrites(&self, from: &str, to: &str) {
        let file = self.dir.path().join("fleet.toml");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{from} is not in:\n{text}");
        fs::write(&file, text.replace(from, to)).unwrap();
    }

    /// All bots of the one account become a pool that watches it and joins.
    pub(crate) fn joins_by_itself(&self) {
        let file = self.dir.path().join("fleet.toml");
        let pool = "[[accounts.pools]]\nname = \"desk\"\nintake = \"all\"\n\n[[accounts.bots]]";
        let text = fs::read_to_string(&file).unwrap().replacen("[[accounts.bots]]", pool, 1);
        let text = text.replace("[[accounts.bots]]\n", "[[accounts.bots]]\npool = \"desk\"\n");
        assert!(text.matches("pool = \"desk\"").count() > 1, "{text}");
        fs::write(&file, text).unwrap();
    }

    /// No account of the fleet publishes tags.
    pub(crate) fn without_tags(&self) {
        let file = self.dir.path().join("fleet.toml");
        let text =
            fs::read_to_string(&file).unwrap().replace("[[accounts]]\n", "[[accounts]]\ntag = \"off\"\n");
        assert!(text.contains("tag = \"off\""), "{text}");
        fs::write(&file, text).unwrap();
    }

    pub(crate) fn muster(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        command.args(arguments).current_dir(self.dir.path());
        command.env("STORY_STORE", &self.store_url).env("RUST_LOG", "info,muster=debug");
        command
    }

    pub(crate) fn start(&self, command: Command) -> Running {
        self.runs.set(self.runs.get() + 1);
        Running::start(command, self.dir.path().join(format!("muster-{}.log", self.runs.get())))
    }

    /// `muster run`, until it listens.
    pub(crate) async fn run(&self, more: &[&str], environment: &[(&str, &str)]) -> Fleet {
        let mut command = self.muster(&["run", "fleet.toml", "--migrate"]);
        command.args(more).envs(environment.iter().copied());
        let mut process = self.start(command);
        let rest = process.says("listening  http://").await;
        Fleet { process, address: Fleet::address_in(&rest) }
    }

    pub(crate) async fn ledger(&self) -> Ledger {
        self.control.ledger().await.unwrap()
    }

    /// Waits until so many messages were answered.
    pub(crate) async fn answered(&self, count: usize) {
        until(&format!("{count} messages are answered"), SOON, async || {
            let ledger = self.ledger().await;
            if ledger.once >= count { Ok(()) } else { Err(ledger.to_string()) }
        })
        .await;
    }

    /// Waits until so many messages are owed an answer.
    pub(crate) async fn unheard(&self, count: usize) {
        until(&format!("{count} messages are owed an answer"), SOON, async || {
            let ledger = self.ledger().await;
            if ledger.waiting >= count { Ok(()) } else { Err(ledger.to_string()) }
        })
        .await;
    }

    /// The consumers stop; waits until nothing is owed any more.
    pub(crate) async fn settled(&self, within: Duration) -> Result<(), Unsettled> {
        self.control.stop_consumers().await.unwrap();
        self.control.settled(within).await.unwrap()
    }

    /// Searches every file of the world and every row of its database for a secret.
    pub(crate) async fn search_for_secrets(&self) {
        search_files(self.dir.path());
        if self.store_url.starts_with("postgres") {
            search_postgres(&self.store_url).await;
        }
    }

    /// Once nothing is owed any more the ledger judges.
    pub(crate) async fn judged(&self, within: Duration) -> Result<Ledger, String> {
        let settled = self.settled(within).await;
        self.search_for_secrets().await;
        let ledger = self.ledger().await;
        match settled {
            Ok(()) if ledger.is_clean() => Ok(ledger),
            Ok(()) => Err(ledger.to_string()),
            Err(unsettled) => Err(format!("{unsettled}\n{ledger}")),
        }
    }
}

/// Searches every file of the folder but those that hold the passwords on purpose.
fn search_files(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert!(path.ends_with("fleet.secrets"), "{}", path.display());
            continue;
        }
        let Ok(bytes) = fs::read(&path) else { continue };
        let found = bytes.windows(SECRET_MARK.len()).any(|window| window == SECRET_MARK.as_bytes());
        assert!(!found, "a secret stands in {}", path.display());
    }
}

async fn search_postgres(url: &str) {
    let mut database = PgConnection::connect(url).await.unwrap();
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
            .fetch_all(&mut database)
            .await
            .unwrap();
    assert!(tables.len() > 5, "{tables:?}");
    for table in tables {
        let all = format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM \"{table}\" t");
        let text: String = sqlx::query_scalar(AssertSqlSafe(all)).fetch_one(&mut database).await.unwrap();
        assert!(!text.contains(SECRET_MARK), "a secret stands in table {table}");
    }
}

fn control_of(banner: &str) -> Control {
    let line = banner.lines().find(|line| line.contains("control")).unwrap();
    let address = line
        .split_whitespace()
        .find_map(|word| word.trim_start_matches("http://").trim_end_matches('/').parse::<SocketAddr>().ok());
    Control::new(address.unwrap_or_else(|| panic!("no address in: {line}")))
}

/// A running `muster run`.
pub(crate) struct Fleet {
    pub(crate) process: Running,
    pub(crate) address: SocketAddr,
}

impl Fleet {
    /// What follows `listening  http://`.
    pub(crate) fn address_in(rest: &str) -> SocketAddr {
        rest.split('/').next().unwrap().parse().unwrap()
    }

    /// The body of a GET, headers included.
    pub(crate) fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(!answer.contains(SECRET_MARK), "a secret stands in {path}:\n{answer}");
        answer
    }

    pub(crate) fn bots(&self) -> Vec<Value> {
        let answer = self.get("/api/v1/bots?limit=1000");
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        let json = &body[body.find('{').unwrap()..=body.rfind('}').unwrap()];
        let value: Value = serde_json::from_str(json).unwrap();
        value["items"].as_array().unwrap().clone()
    }

    pub(crate) async fn all_online(&self) {
        until("all bots are online", SOON, async || {
            let bots = self.bots();
            if !bots.is_empty() && bots.iter().all(|bot| bot["state"] == "online") {
                Ok(())
            } else {
                Err(format!("{bots:?}"))
            }
        })
        .await;
    }
}
