//! Logging a bot in.

use liveperson_proto::login::{Domains, LoginAnswer};
use liveperson_proto::{AccountId, AgentId};

use crate::client::Client;
use crate::credentials::Credentials;
use crate::http::{Answer, AnswerFault};
use crate::service::{Reply, ServiceFault};
use crate::session::Session;

/// Why a login failed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// 400 or 401: the credentials are wrong, or the user is disabled.
    #[error("the login service refused the credentials ({status})")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// 403 or 451: the platform has blocked the account or the user.
    #[error("the platform has blocked the account or the user ({status})")]
    Blocked {
        /// The HTTP status.
        status: u16,
    },
    /// A token that was handed in is no login: only whoever made it can make another.
    #[error("there is no login for a token that was handed in")]
    NoLogin,
    /// Trouble that is not the credentials' fault. After [`ServiceFault::NoAnswer`] the login may
    /// have taken place.
    #[error(transparent)]
    Service(#[from] ServiceFault),
    /// A success that is of no use.
    #[error("the login service's answer is of no use")]
    Malformed(#[source] AnswerFault),
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
        let body = credentials.body().ok_or(LoginError::NoLogin)?;
        let body = body.map_err(|error| LoginError::Malformed(error.into()))?;
        match self.call_agent_service(domains, account, "login", body, None).await? {
            Reply::Done(answer) => session(account, credentials, &answer).map_err(LoginError::Malformed),
            Reply::Endless => Err(LoginError::Malformed(AnswerFault::TooLarge)),
            Reply::Refused { status: status @ (400 | 401) } => Err(LoginError::Refused { status }),
            Reply::Refused { status: status @ (403 | 451) } => Err(LoginError::Blocked { status }),
            Reply::Refused { status } => Err(ServiceFault::Server { status }.into()),
        }
    }
}

fn session(account: &AccountId, credentials: &Credentials, answer: &Answer) -> Result<Session, AnswerFault> {
    let login: LoginAnswer = serde_json::from_slice(&answer.body)?;
    if login.bearer.is_empty() {
        return Err(AnswerFault::NoToken);
    }
    Ok(Session {
        account: account.clone(),
        agent: AgentId::of(account, &login.config.user),
        user: login.config.user,
        persistent: login.config.persistent,
        logged_in: None,
        refreshed: None,
        username: credentials.username().map(str::to_owned),
        bearer: login.bearer.into(),
        csrf: login.csrf.into(),
        cookie: answer.cookies.as_str().into(),
    })
}
