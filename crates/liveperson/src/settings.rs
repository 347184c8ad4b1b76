//! Where the platform is, and how long anything may take.

use std::time::Duration;

use liveperson_proto::AccountId;
use liveperson_proto::host::is_bare_host;

use crate::proxy::Proxy;

/// What a [`Client`](crate::Client) needs to know; the default is the real platform.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// The host that knows all other hosts, `host[:port]`.
    pub csds_domain: String,
    /// Speaks `http` and `ws` instead of `https` and `wss`: for a simulated platform only.
    pub plain: bool,
    /// Certificates (PEM) that are trusted besides the public ones.
    pub ca_pem: Option<Vec<u8>>,
    /// The longest an HTTP call, a handshake or a request on a socket may take.
    pub request_timeout: Duration,
    /// The longest a TCP connection may take to come up.
    pub connect_timeout: Duration,
    /// The largest frame a socket takes, in bytes.
    pub frame_limit: usize,
    /// The service that sockets prefer; without it, or where an account lacks it, the usual ones.
    pub socket_service: Option<String>,
    /// Hosts that stand in for those of the domain answer; of several for one service the last counts.
    pub domain_overrides: Vec<DomainOverride>,
    /// What all traffic to the platform goes through.
    pub proxy: Option<Proxy>,
    /// How often a socket is pinged.
    pub ping_every: Duration,
    /// How often a socket is asked for the platform's time.
    pub clock_every: Duration,
    /// How long after a ping or a clock request anything must have been heard, and how long a
    /// write may stall.
    pub answer_within: Duration,
}

/// A host that stands in for one of the domain answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainOverride {
    /// The account it is for; none means all.
    pub account: Option<AccountId>,
    /// The service.
    pub service: String,
    /// Its `host[:port]`.
    pub host: String,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            csds_domain: "api.liveperson.net".to_owned(),
            plain: false,
            ca_pem: None,
            request_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            frame_limit: 32 * 1024 * 1024,
            socket_service: None,
            domain_overrides: Vec::new(),
            proxy: None,
            ping_every: Duration::from_mins(1),
            clock_every: Duration::from_secs(30),
            answer_within: Duration::from_secs(10),
        }
    }
}

/// Why settings are of no use.
#[derive(Debug, thiserror::Error)]
pub enum ClientSettingsError {
    /// The domain service's host is more, or less, than a host.
    #[error("csds_domain is not a bare host[:port]")]
    CsdsDomain,
    /// An override is more, or less, than a host.
    #[error("the override of service {service} is not a bare host[:port]")]
    Override {
        /// The service of the override.
        service: String,
    },
    /// The extra certificates cannot be read.
    #[error("ca_pem holds no usable certificate")]
    Ca,
    /// A span of time or a limit is zero.
    #[error("{setting} must not be zero")]
    Zero {
        /// The setting's name.
        setting: &'static str,
    },
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be built")]
    Http(#[source] reqwest::Error),
    /// The TLS settings cannot be built.
    #[error("the TLS settings cannot be built")]
    Tls(#[source] tokio_rustls::rustls::Error),
}

impl ClientSettings {
    pub(crate) fn check(&self) -> Result<(), ClientSettingsError> {
        if !is_bare_host(&self.csds_domain) {
            return Err(ClientSettingsError::CsdsDomain);
        }
        if let Some(one) = self.domain_overrides.iter().find(|one| !is_bare_host(&one.host)) {
            return Err(ClientSettingsError::Override { service: one.service.clone() });
        }
        for (setting, zero) in [
            ("request_timeout", self.request_timeout.is_zero()),
            ("connect_timeout", self.connect_timeout.is_zero()),
            ("frame_limit", self.frame_limit == 0),
            ("ping_every", self.ping_every.is_zero()),
            ("clock_every", self.clock_every.is_zero()),
            ("answer_within", self.answer_within.is_zero()),
        ] {
            if zero {
                return Err(ClientSettingsError::Zero { setting });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_usable() {
        assert!(ClientSettings::default().check().is_ok());
    }

    #[test]
    fn hosts_must_be_bare() {
        for host in ["", "a/b", "user@a", "https://a", "a?b", "a b", "a:b", "a#b"] {
            let csds = ClientSettings { csds_domain: host.to_owned(), ..ClientSettings::default() };
            assert!(matches!(csds.check(), Err(ClientSettingsError::CsdsDomain)), "{host}");
            let overridden = ClientSettings {
                domain_overrides: vec![DomainOverride {
                    account: None,
                    service: "agentVep".to_owned(),
                    host: host.to_owned(),
                }],
                ..ClientSettings::default()
            };
            assert!(matches!(overridden.check(), Err(ClientSettingsError::Override { .. })), "{host}");
        }
    }

    #[test]
    fn a_zero_period_would_spin() {
        let settings = ClientSettings { ping_every: Duration::ZERO, ..ClientSettings::default() };
        assert!(matches!(settings.check(), Err(ClientSettingsError::Zero { setting: "ping_every" })));
    }
}
