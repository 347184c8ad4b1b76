//! SQLite: one machine, one writer.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection as _, Executor as _, SqlitePool};

use super::StoreError;

const READERS: u32 = 4;
const BUSY: Duration = Duration::from_secs(5);

/// The open database and the lock that says this process owns its fleet.
pub(super) struct Sqlite {
    writer: SqlitePool,
    reader: SqlitePool,
    path: PathBuf,
    lock: Mutex<Option<File>>,
}

impl Sqlite {
    /// Opens it to write; makes it where there is none.
    pub(super) async fn open(path: &Path) -> Result<Self, StoreError> {
        // SQLite opens a file that may not be written all the same, and never tries again: a connection
        // from such a moment would be of no use for ever.
        let writer = pool(1).after_connect(|connection, _| {
            Box::pin(async move { connection.execute("BEGIN IMMEDIATE; ROLLBACK").await.map(drop) })
        });
        Self::open_with(path, writer).await
    }

    /// Opens it even where it cannot be written at the moment.
    pub(super) async fn open_to_look(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, pool(1)).await
    }

    async fn open_with(path: &Path, writer: SqlitePoolOptions) -> Result<Self, StoreError> {
        // SQLite gives its journal files the mode of the database file.
        private_file(path).map_err(|source| StoreError::Unavailable {
            what: "the database file cannot be opened",
            source: Some(source.into()),
        })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // A fleet writes the same pages again and again: seldom copied back, they are copied once.
            .pragma("wal_autocheckpoint", "8000")
            .foreign_keys(true)
            .busy_timeout(BUSY);
        let writer = writer.connect_with(options.clone()).await?;
        let reader = pool(READERS).min_connections(0).connect_lazy_with(options.pragma("query_only", "on"));
        Ok(Self { writer, reader, path: path.to_owned(), lock: Mutex::new(None) })
    }

    pub(super) fn writer(&self) -> &SqlitePool {
        &self.writer
    }

    pub(super) fn reader(&self) -> &SqlitePool {
        &self.reader
    }

    /// Reads back what makes a commit durable.
    pub(super) async fn durability(&self) -> Result<Vec<(&'static str, String)>, StoreError> {
        let (journal,): (String,) = sqlx::query_as("PRAGMA journal_mode").fetch_one(&self.writer).await?;
        let (synchronous,): (i64,) = sqlx::query_as("PRAGMA synchronous").fetch_one(&self.writer).await?;
        let synchronous = match synchronous {
            0 => "OFF",
            1 => "NORMAL",
            2 => "FULL",
            _ => "EXTRA",
        };
        Ok(vec![("journal_mode", journal), ("synchronous", synchronous.to_owned())])
    }

    pub(super) fn describe(&self) -> String {
        format!("SQLite {} (WAL, synchronous=FULL)", self.path.display())
    }

    /// A connection of its own, beside those of the fleet; it makes no file.
    pub(super) async fn connect_aside(&self) -> sqlx::Result<SqliteConnection> {
        let options = SqliteConnectOptions::new().filename(&self.path).busy_timeout(BUSY);
        SqliteConnection::connect_with(&options).await
    }

    /// The database's path with `suffix` appended to its name.
    pub(super) fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(suffix);
        name.into()
    }

    /// Whether this process holds the lock file, taking it if it is free.
    ///
    /// The system lets go of it when the process ends, however it ends.
    pub(super) fn take_lock(&self) -> Result<bool, StoreError> {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if lock.is_some() {
            return Ok(true);
        }
        let file = private_file(&self.beside(".lock")).map_err(no_lock_file)?;
        match file.try_lock() {
            Ok(()) => {
                *lock = Some(file);
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(no_lock_file(error)),
        }
    }

    /// Whether another process holds the lock file at this moment; takes and makes nothing.
    pub(super) fn is_locked_elsewhere(&self) -> Result<bool, StoreError> {
        let file = match File::open(self.beside(".lock")) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(no_lock_file(error)),
        };
        // A shared lock is refused while another process holds it, and let go of at once.
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(no_lock_file(error)),
        }
    }

    pub(super) fn drop_lock(&self) {
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn no_lock_file(error: io::Error) -> StoreError {
    StoreError::Unavailable { what: "the lock file cannot be opened", source: Some(error.into()) }
}

fn pool(size: u32) -> SqlitePoolOptions {
    // Connections of a local file do not go stale: they are neither tested nor renewed.
    SqlitePoolOptions::new()
        .max_connections(size)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(BUSY)
        // After a full disk or a failed write SQLite has ended the transaction by itself. The roll-back that
        // follows fails, and the driver would count the transaction as open for ever.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
}

/// Opens `path`, which only its owner may read; a file that exists keeps its mode.
fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}
