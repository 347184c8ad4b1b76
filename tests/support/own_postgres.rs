//! A Postgres that one test has for itself, to crash it, fill it and start it again.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use crate::postgres::{as_owner, run};

/// The server; gone with this value.
pub(crate) struct OwnPostgres {
    folder: PathBuf,
    root: bool,
}

impl OwnPostgres {
    pub(crate) fn start() -> Self {
        let root = fs::metadata("/proc/self").unwrap().uid() == 0;
        let folder = std::env::temp_dir().join(format!("muster-own-{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        let server = Self { folder, root };
        server.give(&server.folder);
        let options = ["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale"];
        run(as_owner("initdb", root).args(options).arg(server.folder.join("data")));
        server.start_again();
        server
    }

    /// Where it is; `password` is let in and must turn up nowhere.
    pub(crate) fn url(&self, database: &str, password: &str) -> String {
        format!("postgres://postgres:{password}@localhost/{database}?host={}", self.folder.display())
    }

    /// Its folder, which goes with it.
    pub(crate) fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// A folder becomes the server's own.
    pub(crate) fn give(&self, folder: &std::path::Path) {
        if self.root {
            run(std::process::Command::new("chown").arg("postgres:postgres").arg(folder));
        }
    }

    /// Ends it as a crash would: nothing is finished, and the next start recovers from its log.
    pub(crate) fn crash(&self) {
        run(self.control("stop").arg("--mode=immediate"));
    }

    pub(crate) fn start_again(&self) {
        let settings = format!(
            "-c listen_addresses='' -c unix_socket_directories='{}' -c fsync=off",
            self.folder.display()
        );
        run(self
            .control("start")
            .arg(format!("--log={}", self.folder.join("log").display()))
            .arg(format!("--options={settings}")));
    }

    fn control(&self, what: &str) -> std::process::Command {
        let mut command = as_owner("pg_ctl", self.root);
        command.args([what, "--wait", "--silent"]);
        command.arg(format!("--pgdata={}", self.folder.join("data").display()));
        command
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        let stopped = self.control("stop").arg("--mode=immediate").status();
        if !stopped.is_ok_and(|status| status.success()) {
            eprintln!("a server is left behind in {}", self.folder.display());
            return;
        }
        fs::remove_dir_all(&self.folder).ok();
    }
}
