//! What can go wrong in the store, by what the caller can do about it.

use std::borrow::Cow;

use sqlx::migrate::MigrateError;

/// A failure of the store. No text here carries a secret or a connection string.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store is away or too busy: stay where you are and try again.
    #[error("the store is not available: {what}")]
    Unavailable {
        /// What was being done.
        what: &'static str,
        /// Why it failed, where the driver knows.
        source: Option<sqlx::Error>,
    },
    /// The caller broke a rule of the store; trying again changes nothing.
    #[error("{0}")]
    Rule(String),
    /// Another process owns the fleet now, or this one never did.
    #[error("this process does not own the fleet")]
    Fenced,
    /// The database refused a statement for a reason of its own.
    #[error("the database refused a statement")]
    Database {
        /// The driver's words.
        source: sqlx::Error,
    },
    /// The tables are not those that this muster knows.
    #[error("the store's tables do not fit this muster: {cure}")]
    Migration {
        /// What to do about it.
        cure: &'static str,
        /// The driver's words.
        source: MigrateError,
    },
    /// The key that seals sessions cannot be had.
    #[error("store key {key}: {fault}")]
    Key {
        /// Where the key should come from, `env:NAME` or `file:PATH`.
        key: String,
        /// What is wrong with it, and the cure.
        fault: String,
    },
}

/// How a driver's error is to be treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The store is away, busy, full or failing over.
    Away,
    /// Lost a race inside the database: the same statement may win now.
    Race,
    /// A value that the database cannot hold.
    Value,
    /// The tables are missing or older than the statement.
    Tables,
    /// Everything else.
    Other,
}

/// Postgres reports the group's own guard against concurrent claims as a division by zero.
const GUARD: &str = "22012";

impl Kind {
    pub(super) fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Self::Away,
            sqlx::Error::Encode(_) => Self::Value,
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or(Cow::Borrowed(""));
                if database.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
                    Self::of_sqlite(&code, database.message())
                } else {
                    Self::of_sqlstate(&code)
                }
            }
            _ => Self::Other,
        }
    }

    fn of_sqlstate(code: &str) -> Self {
        match code {
            GUARD => return Self::Race,
            // The new primary of a fail-over is still read-only.
            "25006" => return Self::Away,
            "42P01" | "42703" | "42883" => return Self::Tables,
            _ => {}
        }
        match code.get(..2) {
            // No connection, no login, no such database (it is being restored, say), no resources.
            Some("08" | "28" | "3D" | "53" | "55" | "57" | "58") => Self::Away,
            Some("40") => Self::Race,
            Some("22" | "23" | "54") => Self::Value,
            _ => Self::Other,
        }
    }

    fn of_sqlite(code: &str, message: &str) -> Self {
        // The low byte of an extended result code is the primary one.
        match code.parse::<i64>().map(|code| code & 0xff) {
            // busy, locked, no memory, read-only, I/O error, full, cannot open
            Ok(5..=8 | 10 | 13 | 14) => Self::Away,
            // too big, constraint, mismatch
            Ok(18..=20) => Self::Value,
            Ok(1) if message.starts_with("no such ") => Self::Tables,
            _ => Self::Other,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(source: sqlx::Error) -> Self {
        match Kind::of(&source) {
            Kind::Away | Kind::Race => {
                Self::Unavailable { what: "a statement failed on the way", source: Some(source) }
            }
            Kind::Tables => Self::Migration { cure: "run `muster migrate`", source: source.into() },
            Kind::Value | Kind::Other => Self::Database { source },
        }
    }
}

impl From<MigrateError> for StoreError {
    fn from(source: MigrateError) -> Self {
        match source {
            MigrateError::Execute(source) if Kind::of(&source) == Kind::Away => source.into(),
            MigrateError::VersionMissing(_) => {
                Self::Migration { cure: "a newer muster wrote them, run that one", source }
            }
            MigrateError::VersionMismatch(_) => Self::Migration {
                cure: "another build of muster wrote them, restore a backup or run that build",
                source,
            },
            _ => Self::Migration { cure: "see the cause below, then run `muster migrate` again", source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlstate_says_what_to_do() {
        for (code, kind) in [
            ("08006", Kind::Away),
            ("57P01", Kind::Away),
            ("55000", Kind::Away),
            ("28P01", Kind::Away),
            ("3D000", Kind::Away),
            ("53100", Kind::Away),
            ("25006", Kind::Away),
            ("40P01", Kind::Race),
            ("22012", Kind::Race),
            ("22021", Kind::Value),
            ("23514", Kind::Value),
            ("42P01", Kind::Tables),
            ("42501", Kind::Other),
            ("", Kind::Other),
        ] {
            assert_eq!(Kind::of_sqlstate(code), kind, "{code}");
        }
    }

    #[test]
    fn a_result_code_of_sqlite_says_what_to_do() {
        for (code, message, kind) in [
            ("5", "database is locked", Kind::Away),
            ("517", "database is locked", Kind::Away),
            ("13", "database or disk is full", Kind::Away),
            ("19", "constraint failed", Kind::Value),
            ("1", "no such table: claim", Kind::Tables),
            ("1", "near \"SELEC\": syntax error", Kind::Other),
        ] {
            assert_eq!(Kind::of_sqlite(code, message), kind, "{code} {message}");
        }
    }
}
