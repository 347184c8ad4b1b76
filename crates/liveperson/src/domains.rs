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
    /// Without TLS only this machine is spoken to.
    #[error("service {service} is on another machine, where passwords would travel unencrypted")]
    Unencrypted {
        /// The service.
        service: String,
    },
    /// The account's id cannot stand in an address.
    #[error("the account's id cannot stand in an address")]
    BadAccount,
}

/// Whether a bare `host[:port]` is this machine.
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let address = name.parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
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
        let needed = self.needed_services();
        domains.insist_on(&needed).map_err(DomainError::Malformed)?;
        let elsewhere = |service: &&&str| !domains.host(service).is_none_or(is_this_machine);
        if let Some(service) = needed.iter().find(elsewhere).filter(|_| self.settings().plain) {
            return Err(DomainError::Unencrypted { service: (*service).to_owned() });
        }
        Ok(domains)
    }

    fn needed_services(&self) -> Vec<&str> {
        let preferred = self.settings().socket_service.as_deref();
        [AGENT_VEP, ASYNC_MESSAGING, FACADE].into_iter().chain(preferred).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::is_this_machine;

    #[test]
    fn only_this_machine_is_spoken_to_without_encryption() {
        for (host, here) in [
            ("127.0.0.1:8080", true),
            ("localhost", true),
            ("[::1]:1", true),
            ("10.0.0.1", false),
            ("lp.example", false),
            ("localhost.example", false),
        ] {
            assert_eq!(is_this_machine(host), here, "{host}");
        }
    }
}
