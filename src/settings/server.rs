//! `[server]`: where muster itself answers, and whether it asks who is there.

use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};

use super::field::{Field, shown};
use super::section::Section;

const CURE: &str = "write \"127.0.0.1:9300\" or \"[::1]:9300\"";
/// A secret that is handed in must be as hard to guess as one that is made.
const TOKEN_LEAST: usize = 32;

/// Where muster itself answers.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// The address of the API, the console and the metrics; loopback unless callers are asked who they are.
    pub listen: SocketAddr,
    /// Whether callers are asked who they are.
    pub authentication: bool,
    /// The first admin's token, where it is handed in rather than made.
    pub bootstrap_token: Option<SecretString>,
    /// What makes it answer over TLS.
    pub tls: Option<TlsFiles>,
}

/// Files in PEM format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those between it and an authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl ServerSettings {
    pub(super) fn read(section: Section<'_>) -> Self {
        let mut settings = Self::default();
        if let Some(authentication) = section.field("authentication").and_then(|field| authentication(&field))
        {
            settings.authentication = authentication;
        }
        if let Some(listen) = listen(&section, settings.authentication) {
            settings.listen = listen;
        }
        settings.bootstrap_token = section.field("bootstrap_token").and_then(|field| bootstrap_token(&field));
        settings.tls = tls(&section);
        section.finish();
        settings
    }
}

fn listen(section: &Section<'_>, authentication: bool) -> Option<SocketAddr> {
    let field = section.field("listen")?;
    let text = field.text("127.0.0.1:9300")?;
    let Ok(listen) = text.parse::<SocketAddr>() else {
        field.fault(format!("{} is no address and port", shown(text)), CURE);
        return None;
    };
    if !authentication && !listen.ip().is_loopback() {
        let wrong = format!("{listen} is open to other machines, and authentication is off");
        field.fault(wrong, format!("{CURE}, or authentication = \"on\""));
        return None;
    }
    Some(listen)
}

fn authentication(field: &Field<'_>) -> Option<bool> {
    match field.text("on")? {
        "on" => Some(true),
        "off" => Some(false),
        other => {
            field.fault(format!("{} is neither \"on\" nor \"off\"", shown(other)), "write \"on\" or \"off\"");
            None
        }
    }
}

fn bootstrap_token(field: &Field<'_>) -> Option<SecretString> {
    let token = field.secret("MUSTER_BOOTSTRAP_TOKEN")?;
    if token.expose_secret().len() < TOKEN_LEAST {
        let cure = "make one with `openssl rand -hex 32`";
        field.fault(format!("the token referred to has fewer than {TOKEN_LEAST} characters"), cure);
        return None;
    }
    Some(token)
}

fn tls(section: &Section<'_>) -> Option<TlsFiles> {
    let certificate = section.field("tls_certificate");
    let key = section.field("tls_key");
    match (certificate, key) {
        (Some(certificate), Some(key)) => {
            Some(TlsFiles { certificate: pem(&certificate, "CERTIFICATE")?, key: pem(&key, "PRIVATE KEY")? })
        }
        (None, None) => None,
        (Some(alone), None) => {
            alone.fault("a certificate without its key", "name the file of its private key in tls_key");
            None
        }
        (None, Some(alone)) => {
            alone.fault(
                "a key without its certificate",
                "name the file of the certificate in tls_certificate",
            );
            None
        }
    }
}

/// A file in PEM format that has such a part.
fn pem(field: &Field<'_>, part: &str) -> Option<PathBuf> {
    let path = field.reading.path(field.text("server.pem")?);
    let cure = "name a file in PEM format; a relative path starts at the fleet file";
    match field.reading.environment.file(&path) {
        Ok(file) if file.text.contains(&format!("{part}-----")) => {
            if part == "PRIVATE KEY" && file.open_to_others {
                let wrong = format!("every user of this machine may read {}", path.display());
                field.reading.warn(field.at, &field.path, wrong, format!("chmod o= {}", path.display()));
            }
            Some(path)
        }
        Ok(_) => {
            field.fault(format!("{} has no {}", path.display(), part.to_lowercase()), cure);
            None
        }
        Err(error) => {
            field.fault(format!("{} cannot be read: {error}", path.display()), cure);
            None
        }
    }
}
