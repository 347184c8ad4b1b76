//! One process owns the fleet.
//!
//! The row in `node` is the lease. A group of turns locks it against deletion, so a take-over waits
//! for the groups under way and sees their work, and every later one finds the row gone.

use std::fmt;
use std::time::Duration;

use super::postgres::Postgres;
use super::sqlite::Sqlite;
use super::{Engine, Inner, Store, StoreError, each_dialect};

/// A process, told from every other one by its random incarnation, never by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeIdentity {
    /// A fresh UUID for each start.
    pub incarnation: String,
    /// The host's name, for people.
    pub name: String,
    /// The version of muster.
    pub version: String,
    /// The process id on that host.
    pub pid: u32,
}

/// Who owns the fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerRecord {
    /// The owning process.
    pub node: NodeIdentity,
    /// When it acquired the fleet, epoch milliseconds by the database's clock.
    pub since_ms: i64,
    /// What is left of its lease; on SQLite its lock file counts, not its lease.
    pub remaining: Option<Duration>,
}

/// What came of a renewal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// The fleet is still ours, for another lease.
    Kept,
    /// It is not: stop at once.
    Lost {
        /// The name of the process that took it, or `nobody`.
        to: String,
    },
}

/// Why the fleet could not be acquired.
#[derive(Debug)]
pub enum AcquireError {
    /// Another process owns it.
    Held {
        /// Its name.
        name: String,
        /// Its process id on that host.
        pid: u32,
        /// Since when, epoch milliseconds; 0 if unknown.
        since_ms: i64,
        /// How long its lease would last without a renewal; unknown on SQLite.
        remaining: Option<Duration>,
    },
    /// The store failed.
    Store(StoreError),
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Held { name, pid, since_ms, remaining } = self else {
            return f.write_str("the store could not say who owns the fleet");
        };
        write!(f, "the fleet is run by process {pid} on {name}")?;
        if *since_ms > 0 {
            write!(f, " since {}", utc(*since_ms))?;
        }
        f.write_str(": stop it, ")?;
        if let Some(remaining) = remaining {
            write!(f, "wait {} s if it is dead, ", remaining.as_secs() + 1)?;
        }
        f.write_str("or start with --take-over")
    }
}

impl std::error::Error for AcquireError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Held { .. } => None,
            Self::Store(error) => Some(error),
        }
    }
}

impl From<StoreError> for AcquireError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<sqlx::Error> for AcquireError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

type Row = (String, String, String, i64, bool, i64, i64);

const OWNER: &str = "SELECT incarnation, name, version, pid, holds_lock, started_at, \
     expires_at - (SELECT ms FROM clock) FROM node ORDER BY expires_at DESC LIMIT 1";
const OUST: &str = "DELETE FROM node WHERE incarnation <> $1";
const ENTER: &str = "INSERT INTO node (incarnation, name, version, pid, holds_lock, started_at, expires_at) \
     SELECT $1, $2, $3, $4, $5, ms, ms + $6 FROM clock WHERE true \
     ON CONFLICT (incarnation) DO UPDATE SET holds_lock = excluded.holds_lock, expires_at = excluded.expires_at";
const RENEW: &str =
    "UPDATE node SET expires_at = (SELECT ms FROM clock) + $2, holds_lock = $3 WHERE incarnation = $1";
const LEAVE: &str = "DELETE FROM node WHERE incarnation = $1";

macro_rules! enter {
    ($inner:expr, $me:expr, $locked:expr, $tx:expr) => {
        sqlx::query(ENTER)
            .bind(&$me.incarnation)
            .bind(&$me.name)
            .bind(&$me.version)
            .bind(i64::from($me.pid))
            .bind($locked)
            .bind($inner.node_lease.as_millis() as i64)
            .execute(&mut *$tx)
            .await?
    };
}

impl Store {
    /// Makes this process the owner of the whole fleet, or says who is.
    ///
    /// With `take_over` a live owner is ousted: whatever it commits from now on is refused.
    pub async fn acquire(&self, me: &NodeIdentity, take_over: bool) -> Result<(), AcquireError> {
        let me = me.clone();
        let acquired = self
            .on_io(move |inner| async move {
                let acquired = match &inner.engine {
                    Engine::Sqlite(sqlite) => acquire_sqlite(&inner, sqlite, &me, take_over).await,
                    Engine::Postgres(postgres) => acquire_postgres(&inner, postgres, &me, take_over).await,
                };
                if acquired.is_ok() {
                    inner.is_now(Some(me.incarnation));
                }
                Ok(acquired)
            })
            .await;
        acquired?
    }

    /// Extends the lease, if the fleet is still this process's.
    pub async fn renew(&self, me: &NodeIdentity) -> Result<Renewal, StoreError> {
        let me = me.incarnation.clone();
        self.on_io(move |inner| async move {
            let lease = inner.node_lease.as_millis() as i64;
            let lock = match &inner.engine {
                // Ousting a live owner left us without its lock: take it once that one is gone.
                Engine::Sqlite(sqlite) => sqlite.take_lock()?,
                Engine::Postgres(_) => true,
            };
            let kept = each_dialect!(inner.engine, writer, db => {
                sqlx::query(RENEW).bind(&me).bind(lease).bind(lock).execute(db).await?.rows_affected()
            });
            if kept == 1 {
                return Ok(Renewal::Kept);
            }
            inner.engine.drop_lock();
            let owner = owner_row(&inner.engine).await?;
            Ok(Renewal::Lost { to: owner.map_or_else(|| "nobody".to_owned(), |row| row.1) })
        })
        .await
    }

    /// Gives the fleet up, so that the next process need not wait.
    pub async fn release(&self, me: &NodeIdentity) -> Result<(), StoreError> {
        let me = me.incarnation.clone();
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => { sqlx::query(LEAVE).bind(&me).execute(db).await?; });
            inner.engine.drop_lock();
            Ok(())
        })
        .await
    }

    /// Who owns the fleet, or owned it last if it crashed.
    pub async fn owner(&self) -> Result<Option<OwnerRecord>, StoreError> {
        self.on_io(|inner| async move {
            let row = owner_row(&inner.engine).await?;
            Ok(row.map(|(incarnation, name, version, pid, holds_lock, since_ms, left)| OwnerRecord {
                node: NodeIdentity { incarnation, name, version, pid: pid as u32 },
                since_ms,
                remaining: counts(&inner.engine, holds_lock).then(|| millis(left)),
            }))
        })
        .await
    }
}

impl OwnerRecord {
    /// The owner in words, such as `process 7 on ada since 2024-02-29 12:34:56 UTC`.
    pub fn words(&self) -> String {
        format!("process {} on {} since {}", self.node.pid, self.node.name, utc(self.since_ms))
    }
}

/// Whether an owner's lease says if it is alive; otherwise its lock file does.
fn counts(engine: &Engine, holds_lock: bool) -> bool {
    matches!(engine, Engine::Postgres(_)) || !holds_lock
}

fn millis(left: i64) -> Duration {
    Duration::from_millis(u64::try_from(left).unwrap_or(0))
}

async fn owner_row(engine: &Engine) -> Result<Option<Row>, StoreError> {
    Ok(each_dialect!(engine, reader, db => sqlx::query_as(OWNER).fetch_optional(db).await?))
}

fn held(row: Option<Row>, remaining: Option<Duration>) -> AcquireError {
    let (name, pid, since_ms) =
        row.map_or(("this machine".to_owned(), 0, 0), |row| (row.1, row.3 as u32, row.5));
    AcquireError::Held { name, pid, since_ms, remaining }
}

async fn acquire_sqlite(
    inner: &Inner,
    sqlite: &Sqlite,
    me: &NodeIdentity,
    take_over: bool,
) -> Result<(), AcquireError> {
    let locked = sqlite.take_lock()?;
    let mut tx = sqlite.writer().begin_with("BEGIN IMMEDIATE").await.map_err(StoreError::from)?;
    let other: Option<Row> = sqlx::query_as(OWNER).fetch_optional(&mut *tx).await?;
    let other = other.filter(|row| row.0 != me.incarnation);
    if !take_over {
        if !locked {
            return Err(held(other, None));
        }
        // An owner that ousted another one may live without the lock until its next renewal.
        if let Some(row) = other.filter(|row| !row.4 && row.6 > 0) {
            let remaining = millis(row.6);
            sqlite.drop_lock();
            return Err(held(Some(row), Some(remaining)));
        }
    }
    if !locked {
        tracing::warn!("takes the fleet over from a live process, which still holds the lock file");
    }
    sqlx::query(OUST).bind(&me.incarnation).execute(&mut *tx).await?;
    enter!(inner, me, locked, tx);
    tx.commit().await?;
    Ok(())
}

async fn acquire_postgres(
    inner: &Inner,
    postgres: &Postgres,
    me: &NodeIdentity,
    take_over: bool,
) -> Result<(), AcquireError> {
    let mut tx = postgres.writer().begin().await?;
    // Waits for renewals and other acquisitions, not for the groups that only look.
    sqlx::query("LOCK TABLE node IN SHARE ROW EXCLUSIVE MODE").execute(&mut *tx).await?;
    let other: Option<Row> = sqlx::query_as(OWNER).fetch_optional(&mut *tx).await?;
    if let Some(row) = other.filter(|row| row.0 != me.incarnation && row.6 > 0 && !take_over) {
        let remaining = millis(row.6);
        return Err(held(Some(row), Some(remaining)));
    }
    sqlx::query(OUST).bind(&me.incarnation).execute(&mut *tx).await?;
    enter!(inner, me, true, tx);
    tx.commit().await?;
    Ok(())
}

/// The time in words that a person and a log can both read.
fn utc(ms: i64) -> String {
    let (days, seconds) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000) / 1000);
    // Days since 1970 to a date of the proleptic Gregorian calendar (Hinnant's civil_from_days).
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_who_since_when_and_the_cure() {
        for (remaining, since_ms, text) in [
            (None, 0, "the fleet is run by process 7 on ada: stop it, or start with --take-over"),
            (
                Some(Duration::from_millis(4200)),
                1_709_210_096_000,
                "the fleet is run by process 7 on ada since 2024-02-29 12:34:56 UTC: \
                 stop it, wait 5 s if it is dead, or start with --take-over",
            ),
        ] {
            let error = AcquireError::Held { name: "ada".to_owned(), pid: 7, since_ms, remaining };
            assert_eq!(error.to_string(), text);
        }
    }
}
