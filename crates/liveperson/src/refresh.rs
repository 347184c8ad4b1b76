//! Keeping a session alive, and ending it.

use std::time::Duration;

use liveperson_proto::login::{AGENT_VEP, Csrf, Domains};
use reqwest::header::{COOKIE, HeaderValue};
use secrecy::ExposeSecret;

use crate::client::Client;
use crate::http::{HttpFault, ask};
use crate::session::Session;

/// Why a refresh or a logout failed.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// 401: the session is gone; only a login helps.
    #[error("the session is gone")]
    Unauthorized,
    /// 429: too many calls.
    #[error("the login service was asked too often")]
    TooMany {
        /// How long to wait, if the service says so.
        retry_after: Option<Duration>,
    },
    /// Any other status: trouble that is not the session's.
    #[error("the login service failed ({status})")]
    Server {
        /// The HTTP status.
        status: u16,
    },
    /// No answer in time.
    #[error("the login service did not answer")]
    NoAnswer {
        /// What happened; without the address.
        source: reqwest::Error,
    },
    /// The login came without what a refresh needs; see [`Session::can_refresh`].
    #[error("the session came without what a refresh needs")]
    NotRefreshable,
    /// The account has no usable host for the service.
    #[error("the account has no usable domain for service {service}")]
    NoDomain {
        /// The service.
        service: &'static str,
    },
}

impl Client {
    /// Keeps a session alive. Cancel safe: a refresh may be repeated.
    pub async fn refresh(&self, domains: &Domains, session: &Session) -> Result<(), RefreshError> {
        self.prove(domains, session, "refresh").await
    }

    /// Ends a session. Cancel safe: a logout may be repeated.
    pub async fn logout(&self, domains: &Domains, session: &Session) -> Result<(), RefreshError> {
        self.prove(domains, session, "logout").await
    }

    async fn prove(&self, domains: &Domains, session: &Session, what: &str) -> Result<(), RefreshError> {
        if !session.can_refresh() {
            return Err(RefreshError::NotRefreshable);
        }
        let url = self
            .agent_service(domains, &session.account, what)
            .ok_or(RefreshError::NoDomain { service: AGENT_VEP })?;
        let body = serde_json::to_vec(&Csrf { csrf: session.csrf.expose_secret() });
        let mut request = self.post(url, body.unwrap_or_default());
        if let Some(cookie) = cookie(session) {
            request = request.header(COOKIE, cookie);
        }
        let answer = match ask(request).await {
            Ok(answer) => answer,
            // Nobody reads the body: an over-long one is a success all the same.
            Err(HttpFault::TooLarge) => return Ok(()),
            Err(HttpFault::NoAnswer(source)) => return Err(RefreshError::NoAnswer { source }),
        };
        match answer.status {
            200..=299 => Ok(()),
            401 => Err(RefreshError::Unauthorized),
            429 => Err(RefreshError::TooMany { retry_after: answer.retry_after }),
            status => Err(RefreshError::Server { status }),
        }
    }
}

fn cookie(session: &Session) -> Option<HeaderValue> {
    let cookie = session.cookie.expose_secret();
    if cookie.is_empty() {
        return None;
    }
    let mut value = HeaderValue::from_str(cookie).ok()?;
    value.set_sensitive(true);
    Some(value)
}
