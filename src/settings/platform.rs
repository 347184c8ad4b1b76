//! `[platform]`: where LivePerson is, and how it is reached.

use std::path::PathBuf;

use liveperson::Proxy;
use secrecy::ExposeSecret as _;

use super::defaults;
use super::domains::{self, ServiceHost, is_loopback, unencrypted};
use super::field::Field;
use super::section::Section;

const PROXY_CURE: &str = "write \"http://host:port\" or \"https://host:port\"";

/// Where LivePerson is, and how it is reached.
#[derive(Clone, Debug)]
pub struct PlatformSettings {
    /// The host that knows every account's domains; it may carry a port.
    pub csds_domain: String,
    /// Hosts that stand in for those that it names, for every account.
    pub domains: Vec<ServiceHost>,
    /// The service that sockets prefer; without it the usual ones.
    pub socket_service: Option<&'static str>,
    /// Whether bots subscribe to the messages of each dialog, which today nobody needs to.
    pub subscribe_messages: bool,
    /// What all traffic to LivePerson goes through.
    pub proxy: Option<Proxy>,
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
        let domain = section.field("csds_domain").map(|field| domains::host(&field, "api.liveperson.net"));
        let is_sound = domain != Some(None);
        settings.csds_domain = domain.flatten().unwrap_or(settings.csds_domain);
        settings.ca_file = section.field("ca_file").and_then(|field| ca_file(&field));
        if let Some(field) = section.field("plain") {
            settings.plain = field.boolean().unwrap_or_default();
            // A domain that is no domain is one fault already.
            if settings.plain && is_sound && !is_loopback(&settings.csds_domain) {
                unencrypted(&field, &settings.csds_domain);
            }
        }
        settings.proxy = section.field("proxy").and_then(|field| proxy(&field, settings.plain));
        settings.domains = domains::read(section.section("domains"), settings.plain);
        settings.socket_service =
            section.field("socket_service").and_then(|field| domains::socket_service(&field));
        if let Some(field) = section.field("subscribe_messages") {
            settings.subscribe_messages = field.boolean().unwrap_or_default();
        }
        let limit = section.field("frame_limit").and_then(|field| field.size(&defaults::FRAME));
        settings.frame_limit = limit.map_or(settings.frame_limit, |limit| limit as usize);
        section.finish();
        settings
    }
}

fn proxy(field: &Field<'_>, plain: bool) -> Option<Proxy> {
    // No helper here may repeat what was written: a password may be part of it.
    let Some(text) = field.item.as_str() else {
        field.wrong_type("a string such as \"http://proxy:3128\"", PROXY_CURE);
        return None;
    };
    let is_reference = Field::is_reference(text);
    if !is_reference && text.contains('@') {
        field.fault(
            "a password must not stand in this file",
            "refer to the whole URL: proxy = \"env:MUSTER_PROXY\" or \"file:/run/secrets/proxy-url\"",
        );
        return None;
    }
    let text = if is_reference { field.secret("MUSTER_PROXY")? } else { text.into() };
    let proxy = Proxy::parse(text.expose_secret());
    let proxy = proxy.map_err(|fault| field.fault(format!("it is no proxy: {fault}"), PROXY_CURE)).ok()?;
    if plain && !is_loopback(proxy.host()) {
        unencrypted(field, proxy.host());
        return None;
    }
    Some(proxy)
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
