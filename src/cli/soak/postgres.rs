//! A Postgres of the soak's own, as durable as an operator's, and restarted as an operator's is.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Signal, geteuid};
use tokio::process::Command;

use super::super::Failure;
use super::child::Child;

const CURE: &str = "put `initdb` and `postgres` on the PATH (Debian: apt-get install postgresql), or name a server: \
     --store postgres://…";
const READY: &str = "database system is ready to accept connections";
const SOON: Duration = Duration::from_mins(1);

/// A server in a folder of its own; it ends with this value.
pub(super) struct Postgres {
    server: Child,
    folder: PathBuf,
}

impl Postgres {
    pub(super) async fn start(folder: &Path) -> Result<Self, Failure> {
        let home = folder.join("postgres");
        std::fs::create_dir(&home).map_err(|error| Failure::of(&error))?;
        if geteuid().is_root() {
            // The folder above is the soak's alone; the server's user only passes through it.
            done(Command::new("chmod").arg("711").arg(folder)).await?;
            done(Command::new("chown").arg("postgres:").arg(&home)).await?;
        }
        let initdb = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale"];
        done(as_owner("initdb")?.args(initdb).arg("-D").arg(home.join("data"))).await?;
        Ok(Self { server: serve(folder).await?, folder: folder.to_owned() })
    }

    pub(super) fn url(&self) -> String {
        let home = self.folder.join("postgres");
        format!("postgres://postgres@localhost/postgres?host={}&application_name=muster", home.display())
    }

    /// Stops the server with this signal: `INT` ends its sessions, `QUIT` is a crash.
    pub(super) async fn stop(&mut self, how: Signal) -> Result<(), Failure> {
        self.server.signal(how);
        self.server.ends(SOON).await?;
        Ok(())
    }

    /// Starts it again.
    pub(super) async fn start_again(&mut self) -> Result<(), Failure> {
        self.server = serve(&self.folder).await?;
        Ok(())
    }
}

async fn serve(folder: &Path) -> Result<Child, Failure> {
    let home = folder.join("postgres");
    let mut command = as_owner("postgres")?;
    command.arg("-D").arg(home.join("data")).arg("-k").arg(&home).args(["-c", "listen_addresses="]);
    let mut server = Child::start(command, &folder.join("postgres.log"))?;
    server.says(READY, SOON, |said| said.contains(READY).then_some(())).await?;
    Ok(server)
}

/// Postgres refuses to run as root.
fn as_owner(program: &str) -> Result<Command, Failure> {
    let program = find(program)?;
    let mut command = if geteuid().is_root() {
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
    found.ok_or_else(|| Failure::new(format!("there is no {program}: {CURE}")))
}

async fn done(command: &mut Command) -> Result<(), Failure> {
    let program = command.as_std().get_program().display().to_string();
    match command.stdin(Stdio::null()).stdout(Stdio::null()).status().await {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(format!("{program} ended with {status}; {CURE}"))),
        Err(error) => Err(Failure::new(format!("{program}: {error}; {CURE}"))),
    }
}
