//! A process of the soak's own: it is started, listened to, and sent signals by its id.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child as Process, Command};

use super::super::Failure;

const LOOK: Duration = Duration::from_millis(20);

/// A process whose output goes to a file; it is killed with this value.
pub(super) struct Child {
    process: Process,
    pid: Pid,
    log: PathBuf,
}

impl Child {
    /// Starts it in a group of its own, so that Ctrl-C reaches only the soak.
    pub(super) fn start(mut command: Command, log: &Path) -> Result<Self, Failure> {
        let out = File::create(log).map_err(|error| Failure::of(&error))?;
        let err = out.try_clone().map_err(|error| Failure::of(&error))?;
        command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0).kill_on_drop(true);
        let program = command.as_std().get_program().display().to_string();
        let process = command.spawn().map_err(|error| Failure::new(format!("{program}: {error}")))?;
        let pid = process.id().and_then(|id| Pid::from_raw(id as i32));
        let pid = pid.ok_or_else(|| Failure::new(format!("{program} ended at once")))?;
        Ok(Self { process, pid, log: log.to_owned() })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get() as u32
    }

    pub(super) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends a signal; one that is gone already does not mind.
    pub(super) fn signal(&self, signal: Signal) {
        // The id stays ours until the process is waited for, which only `ended` does.
        if self.process.id().is_some() {
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Waits until the process has ended. Cancel safe.
    pub(super) async fn ended(&mut self) -> Result<ExitStatus, Failure> {
        self.process.wait().await.map_err(|error| Failure::of(&error))
    }

    /// The same with a limit, after which the process is killed.
    pub(super) async fn ends(&mut self, within: Duration) -> Result<ExitStatus, Failure> {
        if let Ok(ended) = tokio::time::timeout(within, self.ended()).await {
            return ended;
        }
        self.signal(Signal::KILL);
        self.ended().await?;
        Err(Failure::new(format!("a process did not end within {} s and was killed", within.as_secs())))
    }

    /// Waits until `find` finds something in what it said.
    pub(super) async fn says<T>(
        &mut self,
        what: &str,
        within: Duration,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Failure> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(found) = find(&self.said()) {
                return Ok(found);
            }
            let ended = self.process.try_wait().map_err(|error| Failure::of(&error))?;
            if ended.is_some() || Instant::now() > deadline {
                let log = self.log.display();
                return Err(Failure::new(format!("a process never said \"{what}\"; see {log}")));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Resident memory of a process in bytes; nought when it is gone.
pub(super) fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    kib.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}
