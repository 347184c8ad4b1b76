//! A process that is started, listened to, and ended by its id.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Failure;

const LOOK: Duration = Duration::from_millis(20);

/// How a process is asked to end.
#[derive(Clone, Copy)]
pub(crate) enum Goodbye {
    Terminate,
    Interrupt,
}

/// A process whose output goes to a file; it ends with this value.
pub(crate) struct Running {
    child: Child,
    log: PathBuf,
    goodbye: Goodbye,
}

impl Running {
    pub(crate) fn start(mut command: Command, log: PathBuf, goodbye: Goodbye) -> Result<Self, Failure> {
        let out = File::create(&log)?;
        let spawned = command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).spawn();
        let child = spawned.map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        Ok(Self { child, log, goodbye })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits for a line that starts so, and returns the rest of it.
    pub(crate) async fn says(&mut self, start: &str, within: Duration) -> Result<String, Failure> {
        let rest =
            |said: &str| said.lines().find_map(|line| line.trim_start().strip_prefix(start).map(trimmed));
        self.until(start, within, rest).await
    }

    /// Waits until the output contains these words, and returns all of it.
    pub(crate) async fn contains(&mut self, words: &str, within: Duration) -> Result<String, Failure> {
        self.until(words, within, |said| said.contains(words).then(|| said.to_owned())).await
    }

    async fn until(
        &mut self,
        wanted: &str,
        within: Duration,
        find: impl Fn(&str) -> Option<String>,
    ) -> Result<String, Failure> {
        let deadline = Instant::now() + within;
        loop {
            let said = self.said();
            if let Some(found) = find(&said) {
                return Ok(found);
            }
            if self.child.try_wait()?.is_some() || Instant::now() > deadline {
                return Err(format!("a process never said \"{wanted}\", but:\n{said}").into());
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let signal = match self.goodbye {
            Goodbye::Terminate => "-TERM",
            Goodbye::Interrupt => "-INT",
        };
        let _ = Command::new("kill").args([signal, &self.pid().to_string()]).status();
        let deadline = Instant::now() + Duration::from_secs(40);
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            pause(LOOK);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "nothing else runs here, and a destructor cannot await")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn trimmed(text: &str) -> String {
    text.trim().to_owned()
}

/// A binary of the given folder, or of this build.
pub(crate) fn binary(name: &str, folder: Option<&Path>) -> Result<PathBuf, Failure> {
    let path = match folder {
        Some(folder) => folder.canonicalize()?.join(name),
        None => Path::new(env!("CARGO_BIN_EXE_muster")).with_file_name(name),
    };
    if path.exists() {
        return Ok(path);
    }
    Err(format!("{} is missing: run `cargo build --release --workspace --bins` first", path.display()).into())
}
