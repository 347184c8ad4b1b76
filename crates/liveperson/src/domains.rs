//! Where the services of an account live.

use std::time::Duration;

use liveperson_proto::AccountId;
use liveperson_proto::login::{AGENT_VEP, ASYNC_MESSAGING, Domains, DomainsError, FACADE};

use crate::client::Client;
use crate::http::{HttpFault, address, ask};

/// Why the domains of an account are not known.
#[derive(Debug, thiserror::Error)]
pub enum DomainError {
    /// 400, 401, 403 or 404: the platform does not know the account.
    #[error("the domain service refused the account ({status})")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// 429: too many questions.
    #[error("the domain service was asked too often")]
    TooMany {
        /// How long to wait, if the service says so.
        retry_after: Option<Duration>,
    },
    /// 5xx, or a status the service is not known to send.
    #[error("the domain service failed ({status})")]
    Server {
        /// The HTTP status.
        status: u16,
    },
    /// No answer, or not all of it, in time.
    #[error("the domain service did not answer")]
    NoAnswer {
        /// What happened; without the address.
        source: reqwest::Error,
    },
    /// An answer that is of no use.
    #[error("the domain service's answer is of no use")]
    Malformed(#[source] DomainsError),
    /// An answer of over 1 MiB.
    #[error("the domain service's answer is too large")]
    TooLarge,
    /// The account's id cannot stand in an address.
    #[error("the account's id cannot stand in an address")]
    BadAccount,
}

impl From<HttpFault> for DomainError {
    fn from(fault: HttpFault) -> Self {
        match fault {
            HttpFault::NoAnswer(source) => Self::NoAnswer { source },
            HttpFault::TooLarge => Self::TooLarge,
        }
    }
}

impl Client {
    /// Asks where the services of an account live, and puts the settings' overrides in.
    ///
    /// Cancel safe.
    pub async fn domains(&self, account: &AccountId) -> Result<Domains, DomainError> {
        let path = ["api", "account", account.as_str(), "service", "baseURI.json"];
        let url = address(self.http_scheme(), &self.settings().csds_domain, &path, "version=1.0")
            .ok_or(DomainError::BadAccount)?;
        let answer = ask(self.http().get(url).header("Accept", "application/json")).await?;
        match answer.status {
            200..=299 => {}
            status @ (400 | 401 | 403 | 404) => return Err(DomainError::Refused { status }),
            429 => return Err(DomainError::TooMany { retry_after: answer.retry_after }),
            status => return Err(DomainError::Server { status }),
        }
        let body = String::from_utf8_lossy(&answer.body);
        let mut domains = Domains::parse(&body).map_err(DomainError::Malformed)?;
        for one in &self.settings().domain_overrides {
            if one.account.as_ref().is_none_or(|of| of == account) {
                domains.replace(&one.service, &one.host);
            }
        }
        domains.insist_on(&self.needed_services()).map_err(DomainError::Malformed)?;
        Ok(domains)
    }

    fn needed_services(&self) -> Vec<&str> {
        let preferred = self.settings().socket_service.as_deref();
        [AGENT_VEP, ASYNC_MESSAGING, FACADE].into_iter().chain(preferred).collect()
    }
}
