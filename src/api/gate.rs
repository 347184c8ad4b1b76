//! How a caller is known: by a token, by a browser's session, or, where nobody is asked, by being here.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, ORIGIN};
use tokio::sync::Mutex;
use tracing::warn;

use super::{Caller, Problem};
use crate::access::hash_of;
use crate::store::{Bearer, Keyring, Store};
use crate::telemetry::Chain;

/// The cookie of a browser's session.
pub(super) const COOKIE: &str = "muster_session";
/// What a page sends with what it writes.
pub(super) const CSRF: &str = "x-muster-csrf";

/// How old the known credentials may be: so long a revoked token may go on.
const FRESH: Duration = Duration::from_secs(2);
/// A credential that nobody knows has the store asked again, at most so often.
const AGAIN: Duration = Duration::from_millis(200);
/// While the store is away whoever was known stays known so long: that is when people need to look.
const STALE: Duration = Duration::from_mins(15);

/// Asks callers who they are; clones share what they know.
#[derive(Clone, Debug, Default)]
pub struct Gate(Option<Arc<Asking>>);

struct Asking {
    store: Store,
    known: RwLock<Known>,
    /// Held by whoever asks the store.
    reading: Mutex<()>,
}

impl std::fmt::Debug for Asking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Asking")
    }
}

#[derive(Default)]
struct Known {
    keyring: Keyring,
    read: Option<Instant>,
}

impl Gate {
    /// Asks by what this store knows.
    pub fn asking(store: Store) -> Self {
        let (known, reading) = (RwLock::default(), Mutex::default());
        Self(Some(Arc::new(Asking { store, known, reading })))
    }

    /// Whether callers are asked at all.
    pub fn asks(&self) -> bool {
        self.0.is_some()
    }

    /// What is known is old from now on: a credential was just given or taken.
    pub fn forget(&self) {
        if let Some(asking) = &self.0 {
            let mut known = asking.known.write().unwrap_or_else(PoisonError::into_inner);
            known.read = known.read.and_then(|read| read.checked_sub(FRESH));
        }
    }

    /// Who is behind a live token; `None` for what is none.
    pub(super) async fn token(&self, hash: &str) -> Result<Option<Bearer>, Problem> {
        let Some(asking) = &self.0 else { return Ok(None) };
        Ok(asking.bearer(hash).await?.filter(|bearer| bearer.csrf.is_none()))
    }

    /// Who asks.
    ///
    /// # Errors
    /// Nobody, somebody unknown, or a page of another site.
    pub(super) async fn caller(&self, request: &HttpRequest) -> Result<Caller, Problem> {
        let headers = request.headers();
        let origin = origin(request);
        let writes = !matches!(*request.method(), Method::GET | Method::HEAD);
        let Some(asking) = &self.0 else {
            return if writes && is_foreign(headers) {
                Err(Problem::foreign_page())
            } else {
                Ok(Caller::local(origin))
            };
        };
        let shown = shown(request)?.ok_or_else(Problem::unauthorized)?;
        let bearer = asking.bearer(&hash_of(&shown.secret)).await?.ok_or_else(Problem::unknown_credential)?;
        // A cookie is no token, and a token no cookie.
        if shown.is_cookie != bearer.csrf.is_some() {
            return Err(Problem::unknown_credential());
        }
        if let (true, Some(csrf)) = (writes, &bearer.csrf) {
            let sent = headers.get(CSRF).and_then(|value| value.to_str().ok());
            if is_foreign(headers) || sent != Some(csrf) {
                return Err(Problem::foreign_page());
            }
        }
        Ok(Caller { who: bearer.name, grant: bearer.grant, origin, csrf: bearer.csrf })
    }
}

impl Asking {
    async fn bearer(&self, hash: &str) -> Result<Option<Bearer>, Problem> {
        let (known, age) = self.look(hash);
        let enough = if known.is_some() { FRESH } else { AGAIN };
        if age.is_some_and(|age| age < enough) {
            return Ok(known);
        }
        let _reading = self.reading.lock().await;
        let (known, age) = self.look(hash);
        if age.is_some_and(|age| age < enough) {
            return Ok(known);
        }
        match self.store.keyring().await {
            Ok(keyring) => {
                *self.known.write().unwrap_or_else(PoisonError::into_inner) =
                    Known { keyring, read: Some(Instant::now()) };
                Ok(self.look(hash).0)
            }
            Err(error) => {
                warn!(error = %Chain(&error), "who may ask could not be read");
                known.filter(|_| age.is_some_and(|age| age < STALE)).map(Some).ok_or_else(Problem::store_away)
            }
        }
    }

    /// What is known of a credential, and for how long.
    fn look(&self, hash: &str) -> (Option<Bearer>, Option<Duration>) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.map_or(0, |since| since.as_millis() as i64);
        let bearer = known.keyring.0.get(hash).filter(|bearer| bearer.expires_at.is_none_or(|end| end > now));
        (bearer.cloned(), known.read.map(|read| read.elapsed()))
    }
}

struct Shown {
    secret: String,
    is_cookie: bool,
}

fn shown(request: &HttpRequest) -> Result<Option<Shown>, Problem> {
    if let Some(value) = request.headers().get(AUTHORIZATION) {
        let token = value.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        let token = token.ok_or_else(Problem::unknown_credential)?;
        return Ok(Some(Shown { secret: token.trim().to_owned(), is_cookie: false }));
    }
    let cookie = request.cookie(COOKIE);
    Ok(cookie.map(|cookie| Shown { secret: cookie.value().to_owned(), is_cookie: true }))
}

/// Whether a page of another site sends this: browsers say so, and programs say nothing.
pub(super) fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |value: &HeaderValue| value.to_str().unwrap_or("unreadable").to_owned();
    if let Some(site) = headers.get("sec-fetch-site").map(text) {
        return !matches!(site.as_str(), "same-origin" | "none");
    }
    let Some(origin) = headers.get(ORIGIN).map(text) else { return false };
    let host = headers.get("host").map(text).unwrap_or_default();
    origin.split_once("://").is_none_or(|(_, name)| name != host)
}

fn origin(request: &HttpRequest) -> String {
    match request.peer_addr() {
        Some(address) => format!("api {}", address.ip()),
        None => "api".to_owned(),
    }
}
