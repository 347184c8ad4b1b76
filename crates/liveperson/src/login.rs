//! Logging a bot in.

use std::fmt;
use std::time::Duration;

use liveperson_proto::login::{AGENT_VEP, Domains, LoginAnswer, PasswordLogin};
use liveperson_proto::{AccountId, AgentId};
use secrecy::{ExposeSecret, SecretString};

use crate::client::Client;
use crate::http::{Answer, AnswerFault, HttpFault, address, ask};
use crate::session::Session;

/// What a bot logs in with.
#[derive(Clone)]
pub enum Credentials {
    /// A user name and a password.
    Password {
        /// The login name.
        username: String,
        /// The password.
        password: SecretString,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Password { username, .. } = self;
        f.debug_struct("Password").field("username", username).finish_non_exhaustive()
    }
}

/// Why a login failed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// 400 or 401: the credentials are wrong, or the user is disabled.
    #[error("the login service refused the credentials ({status})")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// 429: too many logins of the account.
    #[error("the login service was asked too often")]
    TooMany {
        /// How long to wait, if the service says so.
        retry_after: Option<Duration>,
    },
    /// 403 or 451: the platform has blocked the account or the user.
    #[error("the platform has blocked the account or the user ({status})")]
    Blocked {
        /// The HTTP status.
        status: u16,
    },
    /// 5xx, or a status the service is not known to send: not the credentials' fault.
    #[error("the login service failed ({status})")]
    Server {
        /// The HTTP status.
        status: u16,
    },
    /// No answer, or not all of it, in time. The login may have taken place.
    #[error("the login service did not answer")]
    NoAnswer {
        /// What happened; without the address.
        source: reqwest::Error,
    },
    /// A success that is of no use.
    #[error("the login service's answer is of no use")]
    Malformed(#[source] AnswerFault),
    /// The account has no usable host for the service.
    #[error("the account has no usable domain for service {service}")]
    NoDomain {
        /// The service.
        service: &'static str,
    },
}

impl From<HttpFault> for LoginError {
    fn from(fault: HttpFault) -> Self {
        match fault {
            HttpFault::NoAnswer(source) => Self::NoAnswer { source },
            HttpFault::TooLarge => Self::Malformed(AnswerFault::TooLarge),
        }
    }
}

impl Client {
    /// Logs a bot in; any earlier session of the same user is dead afterwards.
    ///
    /// Dropping the future leaves it open whether the login took place.
    pub async fn login(
        &self,
        domains: &Domains,
        account: &AccountId,
        credentials: &Credentials,
    ) -> Result<Session, LoginError> {
        let Credentials::Password { username, password } = credentials;
        let body = serde_json::to_vec(&PasswordLogin { username, password: password.expose_secret() })
            .map_err(|error| LoginError::Malformed(error.into()))?;
        let url = self
            .agent_service(domains, account, "login")
            .ok_or(LoginError::NoDomain { service: AGENT_VEP })?;
        let answer = ask(self.post(url, body)).await?;
        match answer.status {
            200..=299 => session(account, &answer).map_err(LoginError::Malformed),
            status @ (400 | 401) => Err(LoginError::Refused { status }),
            status @ (403 | 451) => Err(LoginError::Blocked { status }),
            429 => Err(LoginError::TooMany { retry_after: answer.retry_after }),
            status => Err(LoginError::Server { status }),
        }
    }

    pub(crate) fn agent_service(
        &self,
        domains: &Domains,
        account: &AccountId,
        what: &str,
    ) -> Option<reqwest::Url> {
        let path = ["api", "account", account.as_str(), what];
        address(self.http_scheme(), domains.host(AGENT_VEP)?, &path, "v=1.3")
    }

    pub(crate) fn post(&self, url: reqwest::Url, body: Vec<u8>) -> reqwest::RequestBuilder {
        self.http()
            .post(url)
            .header("Accept", "application/json")
            .header("Content-Type", "application/json")
            .body(body)
    }
}

fn session(account: &AccountId, answer: &Answer) -> Result<Session, AnswerFault> {
    let login: LoginAnswer = serde_json::from_slice(&answer.body)?;
    if login.bearer.is_empty() {
        return Err(AnswerFault::NoToken);
    }
    Ok(Session {
        account: account.clone(),
        agent: AgentId::of(account, &login.config.user),
        user: login.config.user,
        persistent: login.config.persistent,
        bearer: login.bearer.into(),
        csrf: login.csrf.into(),
        cookie: answer.cookies.as_str().into(),
    })
}
