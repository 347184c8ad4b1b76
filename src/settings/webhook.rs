//! `[logics.NAME]` of kind `webhook`: where it is, and how it knows that muster asks.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::address::Reach;
use super::defaults;
use super::field::Field;
use super::platform;
use super::section::Section;

const URL_EXAMPLE: &str = "https://bots.example.com/muster";

/// A webhook that decides a bot's replies.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// Where it is.
    pub url: WebhookUrl,
    /// Which addresses that URL may lead to.
    pub reach: Reach,
    /// What requests are signed with, the newest first; never empty.
    pub secrets: Vec<SigningSecret>,
    /// How long it may take; `timing.logic_timeout` unless declared.
    pub timeout: Option<Duration>,
    /// How many turns it is asked for at one time at most.
    pub in_flight: u32,
    /// Certificates to trust besides the public ones, in PEM.
    pub ca_file: Option<PathBuf>,
}

/// A webhook's URL, whose query may hold a secret: it shows itself without.
#[derive(Clone)]
pub struct WebhookUrl {
    whole: SecretString,
    shown: Arc<str>,
}

impl WebhookUrl {
    /// The URL of a checked text.
    fn new(url: &Url) -> Self {
        Self { whole: url.as_str().into(), shown: shown(url).into() }
    }

    /// The whole URL, for the request alone.
    pub fn expose(&self) -> &str {
        self.whole.expose_secret()
    }
}

/// Scheme, host, port and path of a URL: what a log may show.
pub fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// A secret of Standard Webhooks, decoded.
#[derive(Clone, Debug)]
pub struct SigningSecret(Arc<SecretSlice<u8>>);

impl SigningSecret {
    /// Reads `whsec_` and 24 to 64 bytes in base64.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.strip_prefix("whsec_")?).ok()?;
        (24..=64).contains(&bytes.len()).then(|| Self(Arc::new(bytes.into())))
    }

    /// The bytes, for signing alone.
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

/// Every key of a webhook.
pub(super) const KEYS: [&str; 7] =
    ["url", "secret", "previous_secret", "allow_private", "timeout", "in_flight", "ca_file"];

pub(super) fn read(section: &Section<'_>) -> Option<WebhookSettings> {
    let allow_private = section.field("allow_private").and_then(|field| field.boolean()).unwrap_or_default();
    let url = section
        .required("url", "url = \"https://bots.example.com/muster\"")
        .and_then(|field| url(&field, allow_private));
    let secret = section
        .required("secret", "secret = \"env:WEBHOOK_SECRET\"")
        .and_then(|field| signing_secret(&field));
    let previous = section.field("previous_secret").map(|field| signing_secret(&field));
    let timeout = section.field("timeout").and_then(|field| field.duration(&defaults::PERIOD));
    let in_flight = section.field("in_flight").and_then(|field| field.number(&defaults::IN_FLIGHT));
    let ca_file = section.field("ca_file").and_then(|field| platform::ca_file(&field));
    let (url, reach) = url?;
    let secrets = [secret].into_iter().chain(previous).collect::<Option<_>>()?;
    Some(WebhookSettings {
        url,
        reach,
        secrets,
        timeout,
        in_flight: in_flight.unwrap_or(defaults::WEBHOOK_IN_FLIGHT),
        ca_file,
    })
}

fn signing_secret(field: &Field<'_>) -> Option<SigningSecret> {
    let text = field.secret("WEBHOOK_SECRET")?;
    let secret = SigningSecret::parse(text.expose_secret());
    if secret.is_none() {
        let wrong =
            "the secret referred to is none of Standard Webhooks: whsec_ and 24 to 64 bytes in base64";
        field.fault(wrong, "make one: echo \"whsec_$(openssl rand -base64 32)\"");
    }
    secret
}

fn url(field: &Field<'_>, allow_private: bool) -> Option<(WebhookUrl, Reach)> {
    let text = field.text(URL_EXAMPLE)?;
    let is_reference = Field::is_reference(text);
    if !is_reference && text.contains('?') {
        // What stands in the file is stored in clear text.
        let wrong = "what follows ? in a URL may be a secret, and none must stand in this file";
        field.fault(wrong, "refer to the whole URL: url = \"env:WEBHOOK_URL\"");
        return None;
    }
    let secret = if is_reference { field.secret("WEBHOOK_URL")? } else { text.into() };
    match checked(secret.expose_secret(), allow_private) {
        Ok(url) => Some(url),
        Err(UrlFault { wrong, cure }) => {
            field.fault(wrong, cure);
            None
        }
    }
}

struct UrlFault {
    wrong: String,
    cure: &'static str,
}

/// What the URL leads to, or what is wrong with it; no message repeats its query or user.
fn checked(text: &str, allow_private: bool) -> Result<(WebhookUrl, Reach), UrlFault> {
    let fault = |wrong: &str, cure| Err(UrlFault { wrong: wrong.to_owned(), cure });
    let whole = "write the whole URL: \"https://bots.example.com/muster\"";
    let Ok(url) = Url::parse(text) else { return fault("it is no URL", whole) };
    if !url.username().is_empty() || url.password().is_some() {
        return fault("a user or password in a URL is not sent", "remove it; requests are signed instead");
    }
    if url.fragment().is_some() {
        return fault("what follows # in a URL is not sent", "remove it");
    }
    let here = names_this_machine(&url);
    match url.scheme() {
        "https" => {}
        "http" if here => {}
        "http" => {
            return fault(
                "what consumers write would travel unencrypted",
                "write https://; http:// goes to this machine only",
            );
        }
        _ => return fault("it is neither https nor http", whole),
    }
    let reach = match (here, allow_private) {
        (true, true) if url.scheme() == "https" => Reach::Anywhere,
        (true, _) => Reach::ThisMachine,
        (false, true) => Reach::Anywhere,
        (false, false) => Reach::Internet,
    };
    if let Some((address, kind)) = literal(&url).and_then(|ip| Some((ip, reach.refuses(ip)?))) {
        let wrong = format!("{address} is {kind}");
        return Err(UrlFault { wrong, cure: "set allow_private = true beside it if that is meant" });
    }
    Ok((WebhookUrl::new(&url), reach))
}

/// The address that stands in the URL instead of a name.
fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

fn names_this_machine(url: &Url) -> bool {
    let is_localhost = url.host_str().is_some_and(|host| host.trim_end_matches('.') == "localhost");
    is_localhost || literal(url).is_some_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_leads_out_encrypted_or_to_this_machine() {
        for (text, allow_private, expected) in [
            ("https://bots.example.com/muster", false, Ok(Reach::Internet)),
            ("https://bots.example.com:8443/a?key=s3cret", true, Ok(Reach::Anywhere)),
            ("https://8.8.8.8/", false, Ok(Reach::Internet)),
            ("http://127.0.0.1:8080/", false, Ok(Reach::ThisMachine)),
            ("http://localhost:8080/", true, Ok(Reach::ThisMachine)),
            ("http://[::1]/", false, Ok(Reach::ThisMachine)),
            ("https://localhost/", false, Ok(Reach::ThisMachine)),
            ("https://10.0.0.1/", true, Ok(Reach::Anywhere)),
            ("https://10.0.0.1/", false, Err("10.0.0.1 is a private address")),
            ("https://0x0a.1/", false, Err("10.0.0.1 is a private address")),
            ("https://169.254.169.254/latest", false, Err("169.254.169.254 is a link-local address")),
            ("https://[::ffff:10.0.0.1]/", false, Err("is a private address")),
            ("http://bots.example.com/", false, Err("would travel unencrypted")),
            ("http://bots.example.com/", true, Err("would travel unencrypted")),
            ("http://localhost.example.com/", false, Err("would travel unencrypted")),
            ("http://127.0.0.1@example.com/", false, Err("a user or password in a URL")),
            ("https://user:s3cret@example.com/", false, Err("a user or password in a URL")),
            ("https://example.com/#s3cret", false, Err("what follows #")),
            ("ftp://example.com/", false, Err("neither https nor http")),
            ("bots.example.com/muster", false, Err("it is no URL")),
            ("s3cret", false, Err("it is no URL")),
        ] {
            match (checked(text, allow_private), expected) {
                (Ok((url, reach)), Ok(expected)) => {
                    assert_eq!(reach, expected, "{text}");
                    assert!(!format!("{url} {url:?}").contains("s3cret"), "{url}");
                }
                (Err(fault), Err(words)) => {
                    assert!(fault.wrong.contains(words), "{text}: {}", fault.wrong);
                    assert!(!fault.wrong.contains("s3cret"), "{}", fault.wrong);
                }
                (Ok(_), Err(_)) => panic!("{text} passes"),
                (Err(fault), Ok(_)) => panic!("{text}: {}", fault.wrong),
            }
        }
    }

    #[test]
    fn a_signing_secret_is_that_of_standard_webhooks() {
        let of = |n: usize| format!("whsec_{}", STANDARD.encode(vec![7; n]));
        for (text, goes) in [
            (of(24), true),
            (of(64), true),
            (of(23), false),
            (of(65), false),
            (of(32).replace("whsec_", ""), false),
            ("whsec_###".to_owned(), false),
        ] {
            assert_eq!(SigningSecret::parse(&text).is_some(), goes, "{text}");
        }
        assert!(!format!("{:?}", SigningSecret::parse(&of(24))).contains('7'));
    }
}
