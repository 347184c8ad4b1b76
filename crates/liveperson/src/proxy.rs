//! A proxy between us and the platform: HTTP goes through it by the HTTP client, sockets by CONNECT.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use liveperson_proto::host::is_bare_host;
use reqwest::Url;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// An HTTP proxy that all traffic to the platform goes through.
#[derive(Clone)]
pub struct Proxy {
    /// Whether the way to the proxy itself is encrypted.
    pub(crate) tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    login: Option<SecretString>,
}

/// Why a text is no proxy; it says nothing of the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyFault {
    /// Another scheme, or none.
    #[error("it begins with neither http:// nor https://")]
    Scheme,
    /// No host, or one that is none.
    #[error("it names no host")]
    Host,
    /// A path, a query or a fragment.
    #[error("it has more than scheme, login, host and port")]
    More,
}

impl Proxy {
    /// Reads `http[s]://[user:password@]host[:port]`; without a port it is 80 or 443.
    pub fn parse(text: &str) -> Result<Self, ProxyFault> {
        let (scheme, rest) = text.split_once("://").ok_or(ProxyFault::Scheme)?;
        let (tls, usual_port) = match scheme {
            "http" => (false, 80),
            "https" => (true, 443),
            _ => return Err(ProxyFault::Scheme),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // A raw `/` or `@` in a password hides the host behind it, so the last `@` counts.
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, rest),
        };
        if place.contains(['/', '?', '#']) {
            return Err(ProxyFault::More);
        }
        if !is_bare_host(place) {
            return Err(ProxyFault::Host);
        }
        let url = Url::parse(&format!("http://{place}/")).map_err(|_| ProxyFault::Host)?;
        let host = url.host_str().ok_or(ProxyFault::Host)?.to_owned();
        let port = liveperson_proto::host::split_port(place).1.and_then(|port| port.parse().ok());
        let login = login.map(|login| decoded(login).into());
        Ok(Self { tls, host, port: port.unwrap_or(usual_port), login })
    }

    /// Its host; an IPv6 address stands in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether it is told a user and a password.
    pub fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// `Basic …`, where the proxy wants to know who asks.
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        let login = self.login.as_ref()?.expose_secret();
        let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(login))).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The same proxy for the HTTP client.
    pub(crate) fn for_http(&self) -> reqwest::Result<reqwest::Proxy> {
        let scheme = if self.tls { "https" } else { "http" };
        let proxy = reqwest::Proxy::all(format!("{scheme}://{}:{}", self.host, self.port))?;
        Ok(match self.authorization() {
            Some(value) => proxy.custom_http_auth(value),
            None => proxy,
        })
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let login = if self.has_login() { "***@" } else { "" };
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{login}{}:{}", self.host, self.port)
    }
}

/// Undoes `%2F` and the like; what is no escape stays as it is.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let byte = escape
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_scheme_login_host_and_port() {
        for (text, shown, authorization) in [
            ("http://proxy:3128", "http://proxy:3128", None),
            ("http://proxy", "http://proxy:80", None),
            ("https://proxy.example/", "https://proxy.example:443", None),
            ("http://[::1]:3128", "http://[::1]:3128", None),
            ("http://proxy:80", "http://proxy:80", None),
            ("http://u:planted@proxy:3128", "http://***@proxy:3128", Some("Basic dTpwbGFudGVk")),
            ("http://u:pl%40nted@proxy:3128", "http://***@proxy:3128", Some("Basic dTpwbEBudGVk")),
            ("http://u:p/l@nted@proxy:1", "http://***@proxy:1", Some("Basic dTpwL2xAbnRlZA==")),
        ] {
            let proxy = Proxy::parse(text).unwrap();
            assert_eq!(format!("{proxy:?}"), shown, "{text}");
            let found = proxy.authorization().map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(found.as_deref(), authorization, "{text}");
            assert!(proxy.for_http().is_ok());
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_quoting_it() {
        for (text, fault) in [
            ("proxy:3128", ProxyFault::Scheme),
            ("socks5://proxy:1080", ProxyFault::Scheme),
            ("http://", ProxyFault::Host),
            ("http://planted@", ProxyFault::Host),
            ("http://proxy:0", ProxyFault::Host),
            ("http://proxy:3128/planted", ProxyFault::More),
            ("http://proxy?planted", ProxyFault::More),
        ] {
            let found = Proxy::parse(text).unwrap_err();
            assert_eq!(found, fault, "{text}");
            assert!(!format!("{found:?} {found}").contains("planted"));
        }
    }
}
