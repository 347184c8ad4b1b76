//! The login service as login, refresh and logout all call it; one place for what goes wrong with it.

use std::time::Duration;

use liveperson_proto::AccountId;
use liveperson_proto::login::{AGENT_VEP, Domains};
use reqwest::header::{COOKIE, HeaderValue};

use crate::client::Client;
use crate::http::{Answer, HttpFault, address, ask};

/// Trouble with the login service that is neither the credentials' nor the session's fault.
#[derive(Debug, thiserror::Error)]
pub enum ServiceFault {
    /// 429: too many calls.
    #[error("the login service was asked too often")]
    TooMany {
        /// How long to wait, if the service says so.
        retry_after: Option<Duration>,
    },
    /// 5xx, or a status the service is not known to send.
    #[error("the login service failed ({status})")]
    Server {
        /// The HTTP status.
        status: u16,
    },
    /// No answer, or not all of it, in time.
    #[error("the login service did not answer")]
    NoAnswer {
        /// What happened; without the address.
        source: reqwest::Error,
    },
    /// The account has no usable host for the service.
    #[error("the account has no usable domain for service {service}")]
    NoDomain {
        /// The service.
        service: &'static str,
    },
}

/// What the service said.
pub(crate) enum Reply {
    /// A success.
    Done(Answer),
    /// A success whose body is over the limit.
    Endless,
    /// A status under 500 that is for the caller to judge.
    Refused { status: u16 },
}

impl Client {
    /// Calls the login service; `what` is the last segment of the path.
    pub(crate) async fn call_agent_service(
        &self,
        domains: &Domains,
        account: &AccountId,
        what: &str,
        body: Vec<u8>,
        cookie: Option<HeaderValue>,
    ) -> Result<Reply, ServiceFault> {
        let no_domain = ServiceFault::NoDomain { service: AGENT_VEP };
        let Some(host) = domains.host(AGENT_VEP) else { return Err(no_domain) };
        let path = ["api", "account", account.as_str(), what];
        let Some(url) = address(self.http_scheme(), host, &path, "v=1.3") else { return Err(no_domain) };
        let mut request = self
            .http()
            .post(url)
            .header("Accept", "application/json")
            .header("Content-Type", "application/json")
            .body(body);
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie);
        }
        let answer = match ask(request).await {
            Ok(answer) => answer,
            Err(HttpFault::TooLarge) => return Ok(Reply::Endless),
            Err(HttpFault::NoAnswer(source)) => return Err(ServiceFault::NoAnswer { source }),
        };
        match answer.status {
            200..=299 => Ok(Reply::Done(answer)),
            429 => Err(ServiceFault::TooMany { retry_after: answer.retry_after }),
            status @ 500.. => Err(ServiceFault::Server { status }),
            status => Ok(Reply::Refused { status }),
        }
    }
}
