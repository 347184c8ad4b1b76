//! `[platform.domains]` and `[accounts.domains]`: hosts that stand in for those of the domain service.

use std::net::IpAddr;

use liveperson_proto::host::{bracketed_address, is_bare_host, split_port};
use liveperson_proto::login::{AGENT_VEP, ASYNC_MESSAGING, FACADE};

use super::field::{Field, shown};
use super::section::Section;

/// A service and its `host[:port]`.
pub type ServiceHost = (&'static str, String);

/// The services whose host may be set.
const SERVICES: [&str; 3] = [AGENT_VEP, ASYNC_MESSAGING, FACADE];

/// Reads the hosts; over plain HTTP only this machine's are taken.
pub(super) fn read(section: Section<'_>, plain: bool) -> Vec<ServiceHost> {
    let read = |service: &'static str| {
        let field = section.field(service)?;
        let host = host(&field, "va.msg.liveperson.net")?;
        if plain && !is_loopback(&host) {
            unencrypted(&field, &host);
            return None;
        }
        Some((service, host))
    };
    let hosts = SERVICES.into_iter().filter_map(read).collect();
    section.finish();
    hosts
}

/// Which service holds the sockets.
pub(super) fn socket_service(field: &Field<'_>) -> Option<&'static str> {
    let text = field.text(ASYNC_MESSAGING)?;
    let found = [ASYNC_MESSAGING, FACADE].into_iter().find(|service| *service == text);
    if found.is_none() {
        let cure = format!("write \"{ASYNC_MESSAGING}\" or \"{FACADE}\"");
        field.fault(format!("{} is no service for sockets", shown(text)), cure);
    }
    found
}

/// A bare `host[:port]`.
pub(super) fn host(field: &Field<'_>, example: &str) -> Option<String> {
    let text = field.text(example)?;
    if !is_bare_host(text) {
        let cure = format!("write the host alone, with a port if need be: \"{example}\", \"127.0.0.1:8443\"");
        field.fault(format!("{} is no host", shown(text)), cure);
        return None;
    }
    Some(text.to_owned())
}

/// Says that secrets would leave this machine in the clear.
pub(super) fn unencrypted(field: &Field<'_>, host: &str) {
    let wrong = format!("passwords would travel unencrypted to {host}");
    field.fault(wrong, "remove it; plain = true is only for a simulated platform on 127.0.0.1");
}

pub(super) fn is_loopback(domain: &str) -> bool {
    let (host, _) = split_port(domain);
    let address = bracketed_address(host).map(IpAddr::V6).or_else(|| host.parse().ok());
    host.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for (host, loopback) in [
            ("api.liveperson.net", false),
            ("127.0.0.1:8443", true),
            ("localhost", true),
            ("LOCALHOST:1", true),
            ("[::1]:8443", true),
            ("[::1]", true),
            ("[::2]", false),
            ("localhost.example.com", false),
            ("127.0.0.1.example.com", false),
        ] {
            assert_eq!(is_loopback(host), loopback, "{host}");
        }
    }
}
