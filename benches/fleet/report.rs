//! The figures, and the conditions without which they mean nothing.

use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::Failure;
use crate::arguments::{Arguments, Client, LoginBudget, Store};
use crate::stage::{Fleet, Stage};

/// What one run found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) conditions: Conditions,
    /// From the start of the process until every bot was online.
    pub(crate) online_seconds: f64,
    /// The fleet's resident memory when all bots were online and quiet.
    pub(crate) memory_bytes: u64,
    /// The same less that of a fleet of one, for each further bot.
    pub(crate) memory_bytes_a_bot: f64,
    pub(crate) replies: u64,
    pub(crate) replies_per_second: f64,
    pub(crate) cpu_seconds_per_1000_replies: CpuSeconds,
    /// How many cores each kept busy meanwhile.
    pub(crate) cpu_cores_busy: CpuSeconds,
    /// The fleet's resident memory after the load.
    pub(crate) memory_bytes_after: u64,
    /// From a consumer's message to its first answer, as the platform saw it.
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    pub(crate) ledger_clean: bool,
    pub(crate) ledger: String,
}

/// CPU time; SQLite's threads are the store, though they live in the fleet's process.
#[derive(Debug, Serialize)]
pub(crate) struct CpuSeconds {
    pub(crate) fleet: f64,
    pub(crate) store: f64,
    pub(crate) lpsim: f64,
}

impl CpuSeconds {
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let store = self.store - earlier.store;
        Self { fleet: self.fleet - earlier.fleet, store, lpsim: self.lpsim - earlier.lpsim }
    }

    pub(crate) fn per_thousand(&self, replies: u64) -> Self {
        self.times(1000.0 / (replies.max(1) as f64))
    }

    pub(crate) fn per(&self, time: Duration) -> Self {
        self.times(1.0 / time.as_secs_f64())
    }

    fn times(&self, factor: f64) -> Self {
        Self { fleet: self.fleet * factor, store: self.store * factor, lpsim: self.lpsim * factor }
    }
}

impl fmt::Display for CpuSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fleet {:.3}, store {:.3}, lpsim {:.3}", self.fleet, self.store, self.lpsim)
    }
}

/// What the figures hold for.
#[derive(Debug, Serialize)]
pub(crate) struct Conditions {
    pub(crate) client: Client,
    pub(crate) bots: usize,
    pub(crate) accounts: usize,
    pub(crate) conversations_a_bot: usize,
    pub(crate) think_ms: u64,
    /// Replies a second that the consumers ask for; none means as many as there can be.
    pub(crate) wanted_rate: Option<u64>,
    pub(crate) login_budget: LoginBudget,
    pub(crate) measured_seconds: f64,
    pub(crate) logic: &'static str,
    pub(crate) tls: bool,
    pub(crate) receipts: bool,
    pub(crate) store_kind: Store,
    /// In muster's words, with what makes a commit durable.
    pub(crate) store: String,
    /// What one durable write of 4 KiB took here, the median of fifty.
    pub(crate) flush_ms: f64,
    pub(crate) muster: &'static str,
    pub(crate) cores: usize,
    pub(crate) processor: String,
    pub(crate) kernel: String,
    /// How many processes wanted to run in the last minute, ours included.
    pub(crate) load: String,
}

impl Conditions {
    pub(crate) fn of(arguments: &Arguments, stage: &Stage, fleet: &Fleet) -> Result<Self, Failure> {
        let postgres = stage.postgres.as_ref().map(|it| it.version.as_str());
        let store = match postgres {
            _ if arguments.client == Client::VendorSdk => fleet.store.clone(),
            None if arguments.store == Store::Memory => "SQLite in memory".to_owned(),
            None => "SQLite (WAL, synchronous=FULL)".to_owned(),
            Some(version) => format!("PostgreSQL {version} (fsync=on, synchronous_commit=on), unix socket"),
        };
        // The fleet says it too: what is claimed here must be what it uses.
        let ours = arguments.client == Client::Muster;
        if ours && postgres.is_none() && !fleet.store.contains("synchronous=FULL") {
            return Err(format!("the fleet's store is another one: {}", fleet.store).into());
        }
        Ok(Self {
            client: arguments.client,
            bots: arguments.bots,
            accounts: arguments.bots_of_each().len(),
            conversations_a_bot: arguments.conversations,
            think_ms: arguments.think(),
            wanted_rate: arguments.rate,
            login_budget: arguments.login_budget,
            measured_seconds: arguments.lasts.as_secs_f64(),
            logic: "echo",
            tls: true,
            receipts: true,
            store_kind: arguments.store,
            store,
            flush_ms: flush(stage.folder.path())?.as_secs_f64() * 1000.0,
            muster: env!("CARGO_PKG_VERSION"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: processor(),
            kernel: line_of("/proc/sys/kernel/osrelease"),
            load: line_of("/proc/loadavg"),
        })
    }
}

fn line_of(file: &str) -> String {
    fs::read_to_string(file).unwrap_or_default().trim().to_owned()
}

fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| "unknown".to_owned(), |(_, name)| name.trim().to_owned())
}

/// The yardstick for everything that waits for the disk.
fn flush(folder: &Path) -> Result<Duration, Failure> {
    let path = folder.join("flush");
    let mut file = File::create(&path)?;
    let mut times = Vec::with_capacity(50);
    for _ in 0..50 {
        let began = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    fs::remove_file(path)?;
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

impl Report {
    /// One line, to stand below others.
    pub(crate) fn in_short(&self) -> String {
        let (p50, p99) = (ms(self.p50_ms), ms(self.p99_ms));
        let cpu = &self.cpu_seconds_per_1000_replies;
        format!("{:.0} replies a second, p50 {p50}, p99 {p99}, CPU {cpu}", self.replies_per_second)
    }
}

fn ms(wait: Option<f64>) -> String {
    wait.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.2} ms"))
}

impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:?} {}, {} bots of {} accounts x {} conversations",
            self.client, self.muster, self.bots, self.accounts, self.conversations_a_bot
        )?;
        writeln!(
            f,
            "  machine     {} cores, {}, Linux {}, load {}",
            self.cores, self.processor, self.kernel, self.load
        )?;
        writeln!(f, "  store       {}, a flush takes {:.2} ms", self.store, self.flush_ms)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let it = &self.conditions;
        let kib = |bytes: f64| bytes / 1024.0;
        write!(f, "{it}")?;
        writeln!(
            f,
            "  load        think {} ms{}, logic {}, TLS on, receipts on, measured for {} s",
            it.think_ms,
            it.wanted_rate.map_or_else(String::new, |rate| format!(" ({rate} replies a second wanted)")),
            it.logic,
            it.measured_seconds
        )?;
        writeln!(f, "online        {:.2} s (login budget {:?})", self.online_seconds, it.login_budget)?;
        writeln!(
            f,
            "memory        {:.1} KiB a bot idle ({:.0} KiB in all, {:.0} KiB after the load)",
            kib(self.memory_bytes_a_bot),
            kib(self.memory_bytes as f64),
            kib(self.memory_bytes_after as f64)
        )?;
        writeln!(f, "replies       {:.0} a second ({} in all)", self.replies_per_second, self.replies)?;
        writeln!(f, "CPU seconds   {} per 1,000 replies", self.cpu_seconds_per_1000_replies)?;
        writeln!(f, "cores busy    {}", self.cpu_cores_busy)?;
        writeln!(f, "latency       p50 {}, p99 {}", ms(self.p50_ms), ms(self.p99_ms))?;
        write!(f, "{}", self.ledger)
    }
}
