//! `/api/v1/session`: a browser logs in with a name and a password, or with a token, and gets a cookie that no
//! script reads. And `/api/v1/me`: who asks.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::cookie::{Cookie, SameSite};
use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use muster_core::rights::Role;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::{Look, May};
use super::gate::{COOKIE, is_foreign};
use super::{ApiState, Body, Problem};
use crate::access::{hash_of, is_password, new_secret};
use crate::store::{Act, NewSession, Subject};

/// A browser's session ends after this.
const LIFE: Duration = Duration::from_hours(12);
/// Attempts to log in from one address, or as one user, within [`WINDOW`].
const ATTEMPTS: u32 = 10;
const WINDOW: Duration = Duration::from_mins(1);
/// Addresses and names that are counted at one time; past that nobody new logs in for a while.
const COUNTED: usize = 10_000;

/// Who logs in: by name and password, or by a token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoggingIn {
    /// A user's name.
    #[schema(max_length = 100)]
    name: Option<String>,
    /// The user's password.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<SecretString>,
    /// A token in place of both.
    #[schema(value_type = Option<String>, format = Password)]
    token: Option<SecretString>,
}

impl LoggingIn {
    /// What a form sends: an empty field was not meant.
    pub fn of_form(name: String, password: SecretString, token: SecretString) -> Self {
        let meant = |secret: SecretString| Some(secret).filter(|secret| !secret.expose_secret().is_empty());
        Self {
            name: Some(name).filter(|name| !name.is_empty()),
            password: meant(password),
            token: meant(token),
        }
    }
}

/// Who asks.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    /// The name that the audit shows.
    who: String,
    /// What they may do.
    #[schema(value_type = String, example = "operator")]
    role: Role,
    /// The accounts that they reach; null for all.
    #[schema(value_type = Option<Vec<String>>)]
    accounts: Option<Vec<liveperson_proto::AccountId>>,
    /// What a page has to send as `x-muster-csrf` with what it writes; null for what is no browser's session.
    csrf: Option<String>,
}

/// How often somebody tried to log in lately.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<HashMap<String, (Instant, u32)>>);

impl Attempts {
    /// Counts an attempt; past the bound says after how many seconds the next may come.
    fn count(&self, key: String, now: Instant) -> Result<(), u64> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.len() >= COUNTED {
            counted.retain(|_, (since, _)| now.duration_since(*since) < WINDOW);
        }
        if counted.len() >= COUNTED && !counted.contains_key(&key) {
            return Err(WINDOW.as_secs());
        }
        let (since, attempts) = counted.entry(key).or_insert((now, 0));
        if now.duration_since(*since) >= WINDOW {
            (*since, *attempts) = (now, 0);
        }
        if *attempts >= ATTEMPTS {
            return Err(WINDOW.saturating_sub(now.duration_since(*since)).as_secs() + 1);
        }
        *attempts += 1;
        Ok(())
    }
}

#[utoipa::path(get, path = "/api/v1/me", tag = "access", operation_id = "me", responses((status = 200, body = Me)))]
pub(super) async fn me(caller: May<Look>) -> Json<Me> {
    let accounts = caller.only();
    Json(Me { who: caller.who.clone(), role: caller.grant.role, accounts, csrf: caller.csrf.clone() })
}

#[utoipa::path(post, path = "/api/v1/session", tag = "access", operation_id = "log_in", request_body = LoggingIn,
    security(()),
    responses((status = 204, description = "logged in: the cookie is the session")))]
pub(super) async fn begin(
    request: HttpRequest,
    body: Body<LoggingIn>,
    state: Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let cookie = log_in(&request, body.0, &state).await?;
    Ok(HttpResponse::NoContent().cookie(cookie).finish())
}

/// Logs somebody in; answers the cookie of their session.
///
/// # Errors
/// Wrong words, too many attempts, a page of another site, or a store that is away.
pub async fn log_in(
    request: &HttpRequest,
    who: LoggingIn,
    state: &ApiState,
) -> Result<Cookie<'static>, Problem> {
    if !state.gate.asks() {
        return Err(Problem::conflict(
            "nobody is asked who they are here: [server] authentication is \"off\"",
        ));
    }
    if is_foreign(request.headers()) {
        return Err(Problem::foreign_page());
    }
    let address = request.peer_addr().map_or_else(String::new, |address| address.ip().to_string());
    let now = Instant::now();
    let named = who.name.as_ref().map(|name| format!("user {name}"));
    for key in [Some(format!("from {address}")), named].into_iter().flatten() {
        state.attempts.count(key, now).map_err(Problem::too_many)?;
    }
    let store = state.store()?;
    let subject = match who {
        LoggingIn { name: Some(name), password: Some(password), token: None } => {
            let hash = store.password_hash(&name).await.map_err(|error| Problem::of_store(&error))?;
            let checking = actix_web::web::block(move || is_password(&password, hash.as_deref()));
            if !checking.await.map_err(|_| Problem::internal())? {
                let act = Act::new(("", ""), &name, "log in", "a wrong name or password")
                    .from(&format!("api {address}"));
                let id = store.audit(&act).await.map_err(|error| Problem::of_store(&error))?;
                store
                    .audit_outcome(&id, false, "refused")
                    .await
                    .map_err(|error| Problem::of_store(&error))?;
                return Err(Problem::wrong_password());
            }
            Subject::User(name)
        }
        LoggingIn { name: None, password: None, token: Some(token) } => {
            let hash = hash_of(token.expose_secret());
            let bearer = state.gate.token(&hash).await?.ok_or_else(Problem::unknown_credential)?;
            bearer.subject
        }
        _ => return Err(Problem::invalid("", "send a name and a password, or a token")),
    };
    let secret = new_secret();
    let csrf = new_secret().expose_secret().to_owned();
    let hash = hash_of(secret.expose_secret());
    let session = NewSession { hash, subject, csrf, life: LIFE };
    store.begin_session(&session).await.map_err(|error| Problem::of_store(&error))?;
    state.gate.forget();
    Ok(cookie(request, secret.expose_secret().to_owned()))
}

#[utoipa::path(delete, path = "/api/v1/session", tag = "access", operation_id = "log_out",
    responses((status = 204, description = "logged out")))]
pub(super) async fn end(
    request: HttpRequest,
    _caller: May<Look>,
    state: Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    if let Some(cookie) = request.cookie(COOKIE) {
        let ended = state.store()?.end_session(&hash_of(cookie.value())).await;
        ended.map_err(|error| Problem::of_store(&error))?;
        state.gate.forget();
    }
    let mut gone = cookie(&request, String::new());
    gone.make_removal();
    Ok(HttpResponse::NoContent().cookie(gone).finish())
}

fn cookie(request: &HttpRequest, value: String) -> Cookie<'static> {
    let is_tls = request.app_config().secure();
    let cookie =
        Cookie::build(COOKIE, value).path("/").http_only(true).same_site(SameSite::Strict).secure(is_tls);
    cookie.max_age(actix_web::cookie::time::Duration::seconds(LIFE.as_secs() as i64)).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_bounded_by_address_and_in_number_and_forgiven() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..ATTEMPTS {
            attempts.count("a".into(), now).unwrap();
        }
        assert_eq!(attempts.count("a".into(), now), Err(61));
        attempts.count("b".into(), now).unwrap();
        attempts.count("a".into(), now + WINDOW).unwrap();
        for n in 2..COUNTED {
            attempts.count(n.to_string(), now + WINDOW / 2).unwrap();
        }
        assert_eq!(attempts.count("one more".into(), now + WINDOW / 2), Err(60), "no room for another");
        attempts.count("one more".into(), now + 2 * WINDOW).unwrap();
    }
}
