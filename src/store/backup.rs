//! A copy of a SQLite store, made while a fleet runs on it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::{Engine, Store, StoreError};

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Conversations held when it was made.
    pub held: i64,
}

const HELD: &str = "SELECT count(*) FROM claim WHERE state = 'held'";

impl Store {
    /// Copies the store as it is at one moment into a new file that only its owner may read; the fleet
    /// goes on meanwhile. The copy is checked, and is there whole or not at all.
    ///
    /// # Errors
    /// [`StoreError::Rule`] on Postgres, and where the file exists.
    pub async fn backup(&self, to: &Path) -> Result<Backup, StoreError> {
        let to = to.to_owned();
        self.on_io_unhurried(|inner| async move {
            let Engine::Sqlite(sqlite) = &inner.engine else {
                let cure = "Postgres makes its own backups: see docs/how-to/back-up-and-restore.md";
                return Err(StoreError::Rule(cure.to_owned()));
            };
            if to.exists() {
                return Err(exists(&to));
            }
            let half = half_of(&to);
            made(&half)?;
            let copied = async {
                let name = half.to_string_lossy().into_owned();
                let mut store = sqlite.connect_aside().await?;
                sqlx::query("VACUUM INTO $1").bind(name).execute(&mut store).await?;
                store.close().await?;
                let held = checked(&half).await?;
                let bytes = finished(&half, &to)?;
                Ok(Backup { path: to.clone(), bytes, held })
            };
            let copied = copied.await;
            // Where it became the backup, this is only its other name.
            let _ = std::fs::remove_file(&half);
            copied
        })
        .await
    }
}

fn exists(path: &Path) -> StoreError {
    StoreError::Rule(format!("{} exists and is not overwritten: name another file", path.display()))
}

fn half_of(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

fn cannot_be_written(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Rule(format!("{} cannot be written: {error}", path.display()))
}

/// Makes the empty file that SQLite fills, so that nobody else may ever read it.
fn made(half: &Path) -> Result<(), StoreError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(half);
    made.map(drop).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => StoreError::Rule(format!(
            "{} exists: another backup is under way, or was cut short; then remove it",
            half.display()
        )),
        _ => cannot_be_written(half, &error),
    })
}

/// Reads the copy through; says how many conversations are held in it.
async fn checked(half: &Path) -> Result<i64, StoreError> {
    let mut copy = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(half)).await?;
    let said: String = sqlx::query_scalar("PRAGMA quick_check").fetch_one(&mut copy).await?;
    let held = sqlx::query_scalar(HELD).fetch_one(&mut copy).await?;
    copy.close().await?;
    if said == "ok" {
        return Ok(held);
    }
    Err(StoreError::Rule(format!("the copy is damaged, and so may be the store: {said}")))
}

/// Gives the durable copy its name, unless somebody took it meanwhile.
fn finished(half: &Path, to: &Path) -> Result<u64, StoreError> {
    let finish = || {
        let file = File::open(half)?;
        file.sync_all()?;
        std::fs::hard_link(half, to)?;
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(file.metadata()?.len())
    };
    finish().map_err(|error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(to),
        _ => cannot_be_written(to, &error),
    })
}
