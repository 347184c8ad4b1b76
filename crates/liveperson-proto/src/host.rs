//! What may stand where a host is expected: `host[:port]` and nothing else.

use std::net::Ipv6Addr;

/// The longest name that DNS knows.
const NAME_LENGTH: usize = 253;

/// Whether a text is a bare `host[:port]`: a name, an IPv4 address or an IPv6 address in brackets.
///
/// A scheme, a user, a path, a query, white space and port 0 are refused.
pub fn is_bare_host(text: &str) -> bool {
    let (host, port) = split_port(text);
    let port_fits = port.is_none_or(|port| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    port_fits && (is_name(host) || bracketed_address(host).is_some())
}

/// Host and port, apart; brackets of an address stay.
pub fn split_port(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    }
}

/// The address in `[::1]`.
pub fn bracketed_address(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

fn is_name(host: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(is_letter);
    host.len() <= NAME_LENGTH && host.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_host_is_a_name_or_an_address_and_perhaps_a_port() {
        for host in [
            "va.msg.liveperson.net",
            "va_1.example:443",
            "127.0.0.1:8443",
            "localhost",
            "[::1]:8443",
            "[::1]",
        ] {
            assert!(is_bare_host(host), "{host}");
        }
        for host in [
            "",
            "https://a.example",
            "wss://a.example",
            "//a.example",
            "a.example/",
            "a.example/path",
            "a.example?x",
            "a.example#x",
            "user@a.example",
            "user:secret@a.example",
            "a.example:",
            "a.example:0",
            "a.example:99999",
            "a.example:+80",
            "a.example:80:81",
            "a..example",
            "a.example ",
            "a example",
            "a.example\n",
            "::1",
            "[::1",
            "[a.example]",
            "[127.0.0.1]",
            "ä.example",
            "a%2eexample",
        ] {
            assert!(!is_bare_host(host), "{host}");
        }
        assert!(!is_bare_host(&"a.".repeat(130)));
    }
}
