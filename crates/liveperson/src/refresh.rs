//! Keeping a session alive, and ending it.

use liveperson_proto::login::{Csrf, Domains};
use reqwest::header::HeaderValue;
use secrecy::ExposeSecret;

use crate::client::Client;
use crate::service::{Reply, ServiceFault};
use crate::session::Session;

/// Why a refresh or a logout failed.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// 401: the session is gone; only a login helps.
    #[error("the session is gone")]
    Unauthorized,
    /// The session came without what a refresh needs; see [`Session::can_refresh`].
    #[error("the session came without what a refresh needs")]
    NotRefreshable,
    /// Trouble that is not the session's.
    #[error(transparent)]
    Service(#[from] ServiceFault),
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
        let body = serde_json::to_vec(&Csrf { csrf: session.csrf.expose_secret() }).unwrap_or_default();
        match self.call_agent_service(domains, &session.account, what, body, cookie(session)).await? {
            // Nobody reads the body: an over-long one is a success all the same.
            Reply::Done(_) | Reply::Endless => Ok(()),
            Reply::Refused { status: 401 } => Err(RefreshError::Unauthorized),
            Reply::Refused { status } => Err(ServiceFault::Server { status }.into()),
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
