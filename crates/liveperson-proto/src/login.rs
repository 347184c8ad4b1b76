//! Domains, login and refresh: JSON of the HTTP services. Source: Domain API, Login Service API.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::lenient::null_as_default;
use crate::{PersistentId, UserId};

/// The service that logs agents in.
pub const AGENT_VEP: &str = "agentVep";
/// The service that holds the messaging sockets.
pub const ASYNC_MESSAGING: &str = "asyncMessagingEnt";
/// The service that knows consumers.
pub const IDP: &str = "idp";
/// The socket service newer SDKs prefer.
pub const FACADE: &str = "facadeMsg";

#[derive(Deserialize)]
struct BaseUris {
    #[serde(rename = "baseURIs", default)]
    uris: Vec<BaseUri>,
}

#[derive(Deserialize)]
struct BaseUri {
    service: String,
    #[serde(rename = "baseURI")]
    host: String,
}

/// Where the services of an account live, as bare `host[:port]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domains(HashMap<String, String>);

/// Why a domain answer is of no use.
#[derive(Debug, thiserror::Error)]
pub enum DomainsError {
    /// The body is not the JSON the Domain API speaks.
    #[error("the domain answer is not the expected JSON")]
    Malformed(#[from] serde_json::Error),
    /// The list is empty.
    #[error("the domain answer names no service")]
    Empty,
    /// An entry is more than a host.
    #[error("the domain of service {service} is not a bare host[:port]")]
    NotAHost {
        /// The service of the entry.
        service: String,
    },
}

impl Domains {
    /// Reads the answer of `baseURI.json`.
    pub fn parse(body: &str) -> Result<Self, DomainsError> {
        let answer: BaseUris = serde_json::from_str(body)?;
        let mut hosts = HashMap::new();
        for BaseUri { service, host } in answer.uris {
            if !is_bare_host(&host) {
                return Err(DomainsError::NotAHost { service });
            }
            hosts.insert(service, host);
        }
        if hosts.is_empty() { Err(DomainsError::Empty) } else { Ok(Self(hosts)) }
    }

    /// The host of a service.
    pub fn host(&self, service: &str) -> Option<&str> {
        self.0.get(service).map(String::as_str)
    }

    /// Puts another host in place of a service's.
    pub fn replace(&mut self, service: &str, host: &str) {
        self.0.insert(service.to_owned(), host.to_owned());
    }
}

fn is_bare_host(host: &str) -> bool {
    !host.is_empty()
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']' | b'_'))
}

/// Body of a login by user name and password.
#[derive(Serialize)]
pub struct PasswordLogin<'a> {
    /// The login name.
    pub username: &'a str,
    /// The password, in clear: the body must never be logged.
    pub password: &'a str,
}

/// Body of refresh and logout.
#[derive(Serialize)]
pub struct Csrf<'a> {
    /// The csrf token of the login.
    pub csrf: &'a str,
}

/// What a successful login says; `Debug` is left out on purpose.
#[derive(Deserialize)]
pub struct LoginAnswer {
    /// The token of the socket's path.
    pub bearer: String,
    /// Needed for refresh; without it there is none.
    #[serde(default, deserialize_with = "null_as_default")]
    pub csrf: String,
    /// Who was logged in.
    pub config: LoginConfig,
}

/// The part of a login answer that says who was logged in.
#[derive(Deserialize)]
pub struct LoginConfig {
    /// The user's number.
    #[serde(rename = "userId")]
    pub user: UserId,
    /// The user's persistent id.
    #[serde(rename = "userPid", default)]
    pub persistent: Option<PersistentId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_found_by_service() {
        let domains = Domains::parse(
            r#"{"baseURIs":[{"service":"agentVep","account":"1","baseURI":"localhost:8443"}]}"#,
        )
        .unwrap();
        assert_eq!(domains.host(AGENT_VEP), Some("localhost:8443"));
        assert_eq!(domains.host(FACADE), None);
    }

    #[test]
    fn a_domain_answer_must_be_bare_hosts() {
        for body in [
            r#"{"baseURIs":[]}"#,
            r"{}",
            "<html>",
            r#"{"baseURIs":[{"service":"agentVep","baseURI":"evil.example/path"}]}"#,
            r#"{"baseURIs":[{"service":"agentVep","baseURI":"user@evil.example"}]}"#,
            r#"{"baseURIs":[{"service":"agentVep","baseURI":""}]}"#,
        ] {
            assert!(Domains::parse(body).is_err(), "{body}");
        }
    }

    #[test]
    fn a_login_answer_needs_bearer_and_user_only() {
        let answer: LoginAnswer =
            serde_json::from_str(r#"{"csrf":null,"bearer":"y","config":{"userId":"1"},"new":{}}"#).unwrap();
        assert_eq!(answer.config.user, UserId::from("1"));
        assert!(answer.csrf.is_empty());
    }
}
