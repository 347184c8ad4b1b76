//! Where the store lives, as the operator writes it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

use super::StoreError;

/// Where the store lives. Neither its `Display` nor its `Debug` shows a password.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// A SQLite file on this machine.
    Sqlite(PathBuf),
    /// A Postgres database, with its password if it has one.
    Postgres(String),
}

const FORMS: &str = "write `sqlite:PATH` or `postgres://USER@HOST/DATABASE`";

impl FromStr for StoreUrl {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(StoreError::Rule(format!("a store's address starts with its kind: {FORMS}")));
        };
        match scheme {
            "sqlite" => sqlite(rest),
            "postgres" | "postgresql" => {
                postgres(text)?;
                Ok(Self::Postgres(text.to_owned()))
            }
            // Only the scheme is quoted: the rest may hold a password.
            _ => Err(StoreError::Rule(format!("muster has no store of kind {scheme:?}: {FORMS}"))),
        }
    }
}

fn sqlite(rest: &str) -> Result<StoreUrl, StoreError> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    match path {
        "" => Err(StoreError::Rule("the SQLite store has no path: write `sqlite:muster.db`".to_owned())),
        ":memory:" => Err(StoreError::Rule(
            "a store in memory forgets what it promised: write `sqlite:muster.db`".to_owned(),
        )),
        _ => Ok(StoreUrl::Sqlite(path.into())),
    }
}

/// Parses a Postgres address; the error does not repeat it.
pub(super) fn postgres(text: &str) -> Result<PgConnectOptions, StoreError> {
    PgConnectOptions::from_str(text).map_err(|_| {
        StoreError::Rule(
            "the Postgres address does not parse: write `postgres://USER:PASSWORD@HOST:PORT/DATABASE` \
             and percent-encode what is not a letter or digit in the password"
                .to_owned(),
        )
    })
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(text) => match postgres(text) {
                Ok(at) => write!(f, "postgres://{}@{}/{}", at.get_username(), host(&at), database(&at)),
                Err(_) => f.write_str("postgres://(does not parse)"),
            },
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Host and port, or the folder of the socket.
pub(super) fn host(at: &PgConnectOptions) -> String {
    match at.get_socket() {
        Some(folder) => folder.display().to_string(),
        None => format!("{}:{}", at.get_host(), at.get_port()),
    }
}

/// The database's name; Postgres takes the user's where none is given.
pub(super) fn database(at: &PgConnectOptions) -> String {
    at.get_database().unwrap_or_else(|| at.get_username()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_its_kind_and_shows_no_password() {
        for (text, shown) in [
            ("sqlite:muster.db", "sqlite:muster.db"),
            ("sqlite:///var/lib/muster.db", "sqlite:/var/lib/muster.db"),
            ("sqlite:/var/lib/muster.db", "sqlite:/var/lib/muster.db"),
            ("postgres://ada:s3cret@db.example/fleet", "postgres://ada@db.example:5432/fleet"),
            ("postgresql://ada@db.example:6000/fleet", "postgres://ada@db.example:6000/fleet"),
            ("postgres://ada@db.example/fleet?password=s3cret", "postgres://ada@db.example:5432/fleet"),
            ("postgres://ada:s3cret@db.example", "postgres://ada@db.example:5432/ada"),
            ("postgres:///fleet?host=/run/postgresql&user=ada", "postgres://ada@/run/postgresql/fleet"),
        ] {
            let url: StoreUrl = text.parse().expect(text);
            assert_eq!(url.to_string(), shown, "{text}");
            assert_eq!(format!("{url:?}"), shown, "{text}");
        }
    }

    #[test]
    fn a_wrong_address_names_the_cure_and_not_the_password() {
        for (text, cure) in [
            ("muster.db", "sqlite:PATH"),
            ("sqlite:", "sqlite:muster.db"),
            ("sqlite::memory:", "sqlite:muster.db"),
            ("mysql://ada:s3cret@db/fleet", "\"mysql\""),
            ("postgres://ada:s3cret@db:port/fleet", "percent-encode"),
        ] {
            let error = text.parse::<StoreUrl>().expect_err(text).to_string();
            assert!(error.contains(cure), "{text}: {error}");
            assert!(!error.contains("s3cret"), "{text}: {error}");
        }
    }
}
