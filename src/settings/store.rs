//! `[store]`: where the fleet remembers.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::defaults;
use super::field::Field;
use super::section::Section;

const CURE: &str = "write \"sqlite:muster.db\" or \"postgres://user@host/database\"";

/// Where the fleet remembers.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// The database.
    pub url: StoreUrlText,
    /// What stored sessions are sealed with; without one SQLite makes a key file, and Postgres stores no sessions.
    pub key: Option<SecretString>,
    /// Where that key comes from: `env:NAME`, or `file:PATH` with the path made whole.
    pub key_source: Option<String>,
    /// How long this node's right to its bots lasts when it cannot be renewed.
    pub node_lease: Duration,
    /// How long a released claim is kept, with its cursor and what was not sent.
    pub keep_released: Duration,
}

/// A database's URL; it may carry a password and is therefore never shown.
#[derive(Clone)]
pub struct StoreUrlText(SecretString);

impl StoreUrlText {
    /// Takes a URL that code has made, such as the demo's.
    ///
    /// # Errors
    /// What is wrong with it, in words that do not repeat it.
    pub fn new(url: SecretString) -> Result<Self, &'static str> {
        let text = url.expose_secret();
        let body =
            ["sqlite:", "postgres://", "postgresql://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        match body {
            None => Err("it is no URL of SQLite or PostgreSQL"),
            Some("") => Err("the URL names no database"),
            Some(_) if text.chars().any(char::is_control) => Err("the URL has control characters"),
            Some(_) => Ok(Self(url)),
        }
    }

    pub(super) fn trusted(url: &str) -> Self {
        Self(SecretString::from(url))
    }

    /// The URL with its password: for the store alone.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Which database it is, and for SQLite which file.
    pub fn redacted(&self) -> &str {
        let text = self.expose();
        if text.starts_with("sqlite:") { text.split('?').next().unwrap_or(text) } else { "postgres://***" }
    }
}

impl fmt::Debug for StoreUrlText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.redacted())
    }
}

impl StoreSettings {
    pub(super) fn read(section: Section<'_>) -> Self {
        let mut settings = Self::default();
        if let Some(url) = section.field("url").and_then(|field| url(&field)) {
            settings.url = url;
        }
        if let Some(field) = section.field("key") {
            settings.key = field.secret("MUSTER_STORE_KEY");
            settings.key_source = settings.key.as_ref().and_then(|_| field.whole_reference());
        }
        let lease = section.field("node_lease").and_then(|field| field.duration(&defaults::NODE_LEASE));
        settings.node_lease = lease.unwrap_or(settings.node_lease);
        let keep = section.field("keep_released").and_then(|field| field.duration(&defaults::KEEP_RELEASED));
        settings.keep_released = keep.unwrap_or(settings.keep_released);
        section.finish();
        settings
    }
}

fn url(field: &Field<'_>) -> Option<StoreUrlText> {
    // No helper here may repeat what was written: a password may be part of it.
    let Some(text) = field.item.as_str() else {
        field.wrong_type("a string such as \"sqlite:muster.db\"", CURE);
        return None;
    };
    if !Field::is_reference(text) && carries_password(text) {
        field.fault(
            "a password must not stand in this file",
            "refer to the whole URL: url = \"env:MUSTER_STORE_URL\" or \"file:/run/secrets/store-url\"",
        );
        return None;
    }
    let secret = if Field::is_reference(text) { field.secret("MUSTER_STORE_URL")? } else { text.into() };
    StoreUrlText::new(secret).map_err(|wrong| field.fault(wrong, CURE)).ok()
}

/// Whether a PostgreSQL URL has a password before its host or among its parameters.
fn carries_password(url: &str) -> bool {
    let Some((scheme, body)) = url.split_once(':') else { return false };
    if scheme.eq_ignore_ascii_case("sqlite") {
        return false;
    }
    let body = body.trim_start_matches('/');
    // A raw `/` or `?` in a password hides the `@` behind it, so the last one in the text counts.
    let login_has_colon = body.rsplit_once('@').is_some_and(|(login, _)| login.contains(':'));
    login_has_colon || body.to_lowercase().contains("password=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_found_wherever_it_hides() {
        for (url, carries) in [
            ("sqlite:muster.db", false),
            ("sqlite:a:b@c.db", false),
            ("postgres://muster@db:5432/muster", false),
            ("postgres://db:5432/muster", false),
            ("postgres:///muster?host=/run/postgresql", false),
            ("postgres://muster:secret@db/muster", true),
            ("postgresql://muster:se/cr?et@db/muster", true),
            ("postgres://db/muster?user=muster&password=secret", true),
            ("postgres://db/muster?PASSWORD=secret", true),
            ("mysql://muster:secret@db/muster", true),
        ] {
            assert_eq!(carries_password(url), carries, "{url}");
        }
    }

    #[test]
    fn a_shown_url_has_no_password() {
        for (url, shown) in [
            ("sqlite:muster.db", "sqlite:muster.db"),
            ("sqlite:muster.db?key=secret", "sqlite:muster.db"),
            ("postgres://muster:secret@db/muster", "postgres://***"),
        ] {
            assert_eq!(format!("{:?}", StoreUrlText::new(url.into()).unwrap()), shown);
        }
    }

    #[test]
    fn only_the_two_databases_are_known() {
        for url in ["mysql://db/muster", "sqlite:", "postgres://", "muster.db", "postgres://db/\n"] {
            assert!(StoreUrlText::new(url.into()).is_err(), "{url}");
        }
    }
}
