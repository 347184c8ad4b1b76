//! A Postgres of the benchmark's own, as durable as an operator's.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Failure;
use crate::process::{Goodbye, Running};

const CURE: &str = "put `initdb` and `postgres` on the PATH (Debian: apt-get install postgresql)";

/// A running server; it ends with this value.
pub(crate) struct Postgres {
    server: Running,
    pub(crate) url: String,
    pub(crate) version: String,
}

impl Postgres {
    pub(crate) async fn start(folder: &Path) -> Result<Self, Failure> {
        let home = folder.join("postgres");
        std::fs::create_dir(&home)?;
        let root = is_root();
        if root {
            // The folder above is the benchmark's alone; the server's user only passes through it.
            done(Command::new("chmod").arg("711").arg(folder))?;
            done(Command::new("chown").arg("postgres:").arg(&home))?;
        }
        let data = home.join("data");
        let initdb = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale"];
        done(as_owner("initdb", root)?.args(initdb).arg("-D").arg(&data))?;
        let mut command = as_owner("postgres", root)?;
        command.arg("-D").arg(&data).arg("-k").arg(&home).args(["-c", "listen_addresses="]);
        let mut server = Running::start(command, folder.join("postgres.log"), Goodbye::Interrupt)?;
        let version = until_ready(&mut server).await?;
        let url = format!("postgres://postgres@localhost/postgres?host={}", home.display());
        Ok(Self { server, url, version })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.server.pid()
    }
}

async fn until_ready(server: &mut Running) -> Result<String, Failure> {
    let ready = server.contains("database system is ready to accept connections", Duration::from_secs(30));
    let log = ready.await?;
    let version = log.split_once("starting PostgreSQL ").and_then(|(_, rest)| rest.split_whitespace().next());
    Ok(version.unwrap_or("unknown").to_owned())
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Postgres refuses to run as root.
fn as_owner(program: &str, root: bool) -> Result<Command, Failure> {
    let program = find(program)?;
    let mut command = if root {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/");
    Ok(command)
}

/// On the PATH, or where Debian puts it.
fn find(program: &str) -> Result<PathBuf, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(debian.map(|version| version.path().join("bin")));
    let found = folders.into_iter().map(|folder| folder.join(program)).find(|path| path.exists());
    Ok(found.ok_or_else(|| format!("there is no {program}: {CURE}"))?)
}

fn done(command: &mut Command) -> Result<(), Failure> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?} ended with {status}; {CURE}").into()),
        Err(error) => Err(format!("{command:?}: {error}; {CURE}").into()),
    }
}
