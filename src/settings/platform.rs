//! `[platform]`: where LivePerson is, and how it is reached.

use std::net::IpAddr;
use std::path::PathBuf;

use super::defaults;
use super::field::{Field, shown};
use super::section::Section;

/// Where LivePerson is, and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformSettings {
    /// The host that knows every account's domains; it may carry a port.
    pub csds_domain: String,
    /// Certificates to trust besides the public ones, in PEM.
    pub ca_file: Option<PathBuf>,
    /// Whether to speak http and ws; only to this machine.
    pub plain: bool,
    /// The largest frame a socket takes, in bytes; a snapshot of a large account is one frame.
    pub frame_limit: usize,
}

impl PlatformSettings {
    pub(super) fn read(section: Section<'_>) -> Self {
        let mut settings = Self::default();
        let domain = section.field("csds_domain").map(|field| domain(&field));
        let is_sound = domain != Some(None);
        settings.csds_domain = domain.flatten().unwrap_or(settings.csds_domain);
        settings.ca_file = section.field("ca_file").and_then(|field| ca_file(&field));
        if let Some(field) = section.field("plain") {
            settings.plain = field.boolean().unwrap_or_default();
            // A domain that is no domain is one fault already.
            if is_sound {
                check_plain(&settings, &field);
            }
        }
        let limit = section.field("frame_limit").and_then(|field| field.size(&defaults::FRAME));
        settings.frame_limit = limit.map_or(settings.frame_limit, |limit| limit as usize);
        section.finish();
        settings
    }
}

fn check_plain(settings: &PlatformSettings, field: &Field<'_>) {
    if settings.plain && !is_loopback(&settings.csds_domain) {
        let wrong = format!("passwords would travel unencrypted to {}", settings.csds_domain);
        field.fault(wrong, "remove it; plain = true is only for a simulated platform on 127.0.0.1");
    }
}

fn domain(field: &Field<'_>) -> Option<String> {
    let text = field.text("api.liveperson.net")?;
    if !is_domain(text) {
        let cure = "write the host alone, with a port if need be: \"api.liveperson.net\", \"127.0.0.1:8443\"";
        field.fault(format!("{} is no host", shown(text)), cure);
        return None;
    }
    Some(text.to_owned())
}

/// A file of certificates in PEM.
pub(super) fn ca_file(field: &Field<'_>) -> Option<PathBuf> {
    let path = field.reading.path(field.text("ca.pem")?);
    match field.reading.environment.file(&path) {
        Ok(file) if file.text.contains("-----BEGIN CERTIFICATE-----") => Some(path),
        Ok(_) => {
            field.fault(format!("{} has no certificate", path.display()), "name a file in PEM format");
            None
        }
        Err(error) => {
            let wrong = format!("{} cannot be read: {error}", path.display());
            field.fault(wrong, "name a file in PEM format; a relative path starts at the fleet file");
            None
        }
    }
}

fn is_domain(text: &str) -> bool {
    let (host, port) = split_port(text);
    let is_name = |host: &str| {
        let is_label = |label: &str| {
            (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        host.len() <= 253 && host.split('.').all(is_label)
    };
    let port_fits = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    port_fits && (is_name(host) || unbracketed(host).is_some())
}

fn is_loopback(domain: &str) -> bool {
    let (host, _) = split_port(domain);
    let address = unbracketed(host).or_else(|| host.parse().ok());
    host.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback())
}

/// The address in `[::1]`.
fn unbracketed(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

fn split_port(domain: &str) -> (&str, Option<&str>) {
    let colon_in_brackets = domain.ends_with(']');
    match domain.rsplit_once(':') {
        Some((host, port)) if !colon_in_brackets => (host, Some(port)),
        _ => (domain, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_a_host_and_perhaps_a_port() {
        for (text, fits, loopback) in [
            ("api.liveperson.net", true, false),
            ("api.liveperson.net:443", true, false),
            ("127.0.0.1:8443", true, true),
            ("localhost", true, true),
            ("[::1]:8443", true, true),
            ("[::1]", true, true),
            ("localhost.example.com", true, false),
            ("127.0.0.1.example.com", true, false),
            ("https://api.liveperson.net", false, false),
            ("user:secret@api.liveperson.net", false, false),
            ("api.liveperson.net/path", false, false),
            ("api..net", false, false),
            ("host:0", false, false),
            ("host:99999", false, false),
            ("::1", false, false),
        ] {
            assert_eq!(is_domain(text), fits, "{text}");
            assert_eq!(fits && is_loopback(text), loopback, "{text}");
        }
    }
}
