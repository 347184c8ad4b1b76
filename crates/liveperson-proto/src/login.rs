//! Domains, login and refresh: JSON of the HTTP services. Source: Domain API, Login Service API.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::host::is_bare_host;
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
pub struct Domains {
    hosts: HashMap<String, String>,
    /// Services whose entry was more, or less, than a host.
    refused: BTreeSet<String>,
}

/// Why a domain answer is of no use.
#[derive(Debug, thiserror::Error)]
pub enum DomainsError {
    /// The body is not the JSON the Domain API speaks.
    #[error("the domain answer is not the expected JSON")]
    Malformed(#[from] serde_json::Error),
    /// The list is empty.
    #[error("the domain answer names no service")]
    Empty,
    /// An entry is more, or less, than a host.
    #[error("the domain of service {service} is not a bare host[:port], so it is not used")]
    NotAHost {
        /// The service of the entry.
        service: String,
    },
}

impl Domains {
    /// Reads the answer of `baseURI.json`. An entry that is no bare host is not taken; see
    /// [`Domains::insist_on`].
    pub fn parse(body: &str) -> Result<Self, DomainsError> {
        let answer: BaseUris = serde_json::from_str(body)?;
        if answer.uris.is_empty() {
            return Err(DomainsError::Empty);
        }
        let mut domains = Self::default();
        for BaseUri { service, host } in answer.uris {
            if is_bare_host(&host) {
                domains.hosts.insert(service, host);
            } else {
                domains.refused.insert(service);
            }
        }
        Ok(domains)
    }

    /// Refuses the answer if an entry of one of these services was no bare host; services that
    /// nobody needs do not matter.
    pub fn insist_on(&self, services: &[&str]) -> Result<(), DomainsError> {
        match services.iter().find(|service| self.refused.contains(**service)) {
            Some(service) => Err(DomainsError::NotAHost { service: (*service).to_owned() }),
            None => Ok(()),
        }
    }

    /// The host of a service.
    pub fn host(&self, service: &str) -> Option<&str> {
        self.hosts.get(service).map(String::as_str)
    }

    /// Puts another host in place of a service's.
    pub fn replace(&mut self, service: &str, host: &str) {
        self.refused.remove(service);
        self.hosts.insert(service.to_owned(), host.to_owned());
    }
}

/// Body of a login by user name and password.
#[derive(Serialize)]
pub struct PasswordLogin<'a> {
    /// The login name.
    pub username: &'a str,
    /// The password, in clear: the body must never be logged.
    pub password: &'a str,
}

/// Body of an application's login: the key values travel in the body, and nothing is signed.
///
/// An OAuth 1.0 key fills all four fields; a client id and secret fill the first two, with
/// [`PLACEHOLDER`] in the token fields.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AppLogin<'a> {
    /// The login name of the bot's user.
    pub username: &'a str,
    /// The application's key, or the client id.
    pub app_key: &'a str,
    /// The application's secret, or the client secret.
    pub secret: &'a str,
    /// The key's access token.
    pub access_token: &'a str,
    /// The access token's secret.
    pub access_token_secret: &'a str,
}

/// Body of a login by SAML assertion.
#[derive(Serialize)]
pub struct AssertionLogin<'a> {
    /// Always [`PLACEHOLDER`]: the vendor's SDK sends it too.
    pub jwt: &'a str,
    /// The assertion, in base64.
    pub assertion: &'a str,
}

/// What stands in a field that a kind of login does not use.
pub const PLACEHOLDER: &str = "dummy";

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
    fn an_answer_without_services_is_of_no_use() {
        for body in [r#"{"baseURIs":[]}"#, r"{}", "<html>"] {
            assert!(Domains::parse(body).is_err(), "{body}");
        }
    }

    #[test]
    fn an_entry_that_is_no_bare_host_is_never_used_and_hurts_only_whoever_needs_it() {
        for host in ["evil.example/path", "https://evil.example", "user@evil.example", ""] {
            let entry =
                |service: &str, host: &str| format!(r#"{{"service":"{service}","baseURI":"{host}"}}"#);
            let body =
                format!(r#"{{"baseURIs":[{},{}]}}"#, entry(AGENT_VEP, host), entry(FACADE, "f.example"));
            let mut domains = Domains::parse(&body).unwrap();
            assert_eq!((domains.host(AGENT_VEP), domains.host(FACADE)), (None, Some("f.example")), "{host}");
            assert!(domains.insist_on(&[FACADE, ASYNC_MESSAGING]).is_ok());
            let error = domains.insist_on(&[FACADE, AGENT_VEP]).unwrap_err().to_string();
            assert!(error.starts_with("the domain of service agentVep is not a bare host[:port]"), "{error}");
            domains.replace(AGENT_VEP, "a.example");
            assert!(domains.insist_on(&[AGENT_VEP]).is_ok(), "an override is the cure");
        }
    }

    #[test]
    fn bodies_say_what_the_login_service_reads() {
        let app = AppLogin {
            username: "bot1",
            app_key: "k",
            secret: "s",
            access_token: "t",
            access_token_secret: PLACEHOLDER,
        };
        assert_eq!(
            serde_json::to_string(&app).unwrap(),
            r#"{"username":"bot1","appKey":"k","secret":"s","accessToken":"t","accessTokenSecret":"dummy"}"#
        );
        let saml = AssertionLogin { jwt: PLACEHOLDER, assertion: "PHNhbWw+" };
        assert_eq!(serde_json::to_string(&saml).unwrap(), r#"{"jwt":"dummy","assertion":"PHNhbWw+"}"#);
    }

    #[test]
    fn a_login_answer_needs_bearer_and_user_only() {
        let answer: LoginAnswer =
            serde_json::from_str(r#"{"csrf":null,"bearer":"y","config":{"userId":"1"},"new":{}}"#).unwrap();
        assert_eq!(answer.config.user, UserId::from("1"));
        assert!(answer.csrf.is_empty());
    }
}
