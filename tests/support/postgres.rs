//! A real Postgres for tests: one server for all test processes, a fresh database for each test.
//!
//! `MUSTER_TEST_POSTGRES=postgres://…` names a server to use; otherwise the first test to come starts
//! one on a unix socket in a temporary folder, and the last one to leave stops it.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};

const CURE: &str = "the store's contract runs on a real Postgres: put `initdb`, `pg_ctl` and `postgres` on the PATH \
     (Debian: apt-get install postgresql, then PATH=/usr/lib/postgresql/15/bin:$PATH), or name a server \
     with MUSTER_TEST_POSTGRES=postgres://user@host/postgres";

/// A database of its own, gone with this value.
pub(crate) struct Database {
    name: String,
    url: String,
    admin: String,
    _server: Option<Server>,
}

impl Database {
    /// An empty database.
    pub(crate) async fn empty() -> Self {
        let server =
            if std::env::var_os("MUSTER_TEST_POSTGRES").is_some() { None } else { Some(Server::join()) };
        let admin = match &server {
            Some(server) => server.url(),
            None => std::env::var("MUSTER_TEST_POSTGRES").expect("MUSTER_TEST_POSTGRES is not text"),
        };
        let name = format!("muster_test_{}", uuid::Uuid::new_v4().simple());
        execute(&admin, &format!("CREATE DATABASE {name}")).await;
        Self { url: with_database(&admin, &name), name, admin, _server: server }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone(), self.name.clone());
        // The test's own runtime may be the one that drops this value.
        let dropped = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(execute(&admin, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
        });
        if dropped.join().is_err() {
            eprintln!("the test database {} is left behind", self.name);
        }
    }
}

async fn execute(url: &str, statement: &str) {
    let options: PgConnectOptions = url.parse().expect("the address of the test server");
    let mut connection: PgConnection = options.connect().await.expect("the test server answers");
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.expect(statement);
}

fn with_database(url: &str, name: &str) -> String {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let path = url[authority..].find('/').map_or(url.len(), |at| authority + at);
    let query = url.find('?').unwrap_or(url.len());
    format!("{}/{name}{}", &url[..path.min(query)], &url[query..])
}

/// A share in the server that the tests of this user run together.
struct Server {
    folder: PathBuf,
    root: bool,
    users: File,
}

impl Server {
    fn join() -> Self {
        let root = fs::metadata("/proc/self").expect("/proc").uid() == 0;
        let folder =
            std::env::temp_dir().join(format!("muster-postgres-{}", if root { "root" } else { "user" }));
        let _turn = turn(&folder);
        let users = lock_file(&folder, "users");
        if !answers(&folder) {
            start(&folder, root);
        }
        users.lock_shared().expect("a share in the server");
        Self { folder, root, users }
    }

    fn url(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.folder.display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _turn = turn(&self.folder);
        let alone = self.users.unlock().is_ok() && self.users.try_lock().is_ok();
        if alone {
            stop(&self.folder, self.root);
        }
    }
}

/// One process at a time starts, joins or stops.
fn turn(folder: &Path) -> File {
    let turn = lock_file(folder, "turn");
    turn.lock().expect("a turn");
    turn
}

fn lock_file(folder: &Path, kind: &str) -> File {
    let path = folder.with_extension(kind);
    File::options().write(true).create(true).truncate(false).open(path).expect("a lock file")
}

/// The postmaster writes its process id into the first line of this file, and `ready` into the last.
fn postmaster(folder: &Path) -> Option<(String, bool)> {
    let text = fs::read_to_string(folder.join("data/postmaster.pid")).ok()?;
    let pid = text.lines().next()?.to_owned();
    Some((pid, text.lines().last()?.trim() == "ready"))
}

fn answers(folder: &Path) -> bool {
    let Some((pid, ready)) = postmaster(folder) else { return false };
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    ready && name.trim() == "postgres"
}

fn start(folder: &Path, root: bool) {
    fs::remove_dir_all(folder).ok();
    fs::create_dir(folder).expect("a folder for the server");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).expect("a private folder");
    if root {
        run(Command::new("chown").arg("postgres:postgres").arg(folder));
    }
    let data = folder.join("data");
    let initdb = ["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale"];
    run(as_owner("initdb", root).args(initdb).arg(&data));
    let settings = format!(
        "-c listen_addresses='' -c unix_socket_directories='{}' -c fsync=off -c max_connections=200",
        folder.display()
    );
    run(as_owner("pg_ctl", root)
        .args(["start", "--wait", "--silent"])
        .arg(format!("--log={}", folder.join("log").display()))
        .arg(format!("--pgdata={}", data.display()))
        .arg(format!("--options={settings}")));
}

fn stop(folder: &Path, root: bool) {
    let data = format!("--pgdata={}", folder.join("data").display());
    run(as_owner("pg_ctl", root).args(["stop", "--mode=fast", "--wait", "--silent"]).arg(data));
    fs::remove_dir_all(folder).ok();
}

/// Postgres refuses to run as root.
pub(crate) fn as_owner(program: &str, root: bool) -> Command {
    let mut command = if root {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", program]);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/");
    command
}

pub(crate) fn run(command: &mut Command) {
    // The server outlives `pg_ctl` and would keep a pipe of ours open: it gets none.
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("{command:?} ended with {status}. {CURE}"),
        Err(error) => panic!("{command:?}: {error}. {CURE}"),
    }
}
