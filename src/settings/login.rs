//! `login` of a bot: which kind it is follows from its keys, and each secret is a reference.

use liveperson::Credentials;
use liveperson_proto::UserId;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::accounts::Seen;
use super::defaults;
use super::field::{Field, shown};
use super::section::Section;

/// The kinds of login, each with the keys that no other kind has.
const KINDS: [(Kind, &[&str]); 5] = [
    (Kind::Password, &["password"]),
    (Kind::Key, &["app_key", "secret", "access_token", "access_token_secret"]),
    (Kind::Client, &["client_id", "client_secret"]),
    (Kind::Assertion, &["assertion"]),
    (Kind::Token, &["token", "user_id"]),
];

const CURE: &str = "write one of { username, password }, { username, client_id, client_secret }, \
     { username, app_key, secret, access_token, access_token_secret }, { assertion } and { user_id, token }";

#[derive(Clone, Copy)]
enum Kind {
    Password,
    Key,
    Client,
    Assertion,
    Token,
}

/// Who logs in, as far as an account's logins tell: one identity has one connection, and two bots of
/// one identity would steal each other's session.
pub(super) struct Identities {
    users: Seen,
    numbers: Seen,
    assertions: Seen,
}

impl Default for Identities {
    fn default() -> Self {
        Self { users: Seen::new("user"), numbers: Seen::new("user"), assertions: Seen::new("assertion") }
    }
}

pub(super) fn read(section: Section<'_>, identities: &mut Identities) -> Option<Credentials> {
    let own_key =
        |(kind, keys): &(Kind, &[&'static str])| Some((*kind, *keys.iter().find(|key| section.has(key))?));
    let found: Vec<_> = KINDS.iter().filter_map(own_key).collect();
    match found[..] {
        [] => {
            report_no_kind(section);
            None
        }
        [(kind, _)] => {
            let credentials = of_kind(kind, &section, identities);
            section.finish();
            credentials
        }
        [(_, one), (_, other), ..] => {
            let wrong = format!("{one} and {other} belong to two kinds of login");
            section.reading.fault(section.at, &section.path, wrong, CURE);
            None
        }
    }
}

fn report_no_kind(section: Section<'_>) {
    for key in KINDS.iter().flat_map(|(_, keys)| *keys).chain(&["username"]) {
        section.field(key);
    }
    if !section.has_unknown() {
        section.reading.fault(section.at, &section.path, "it does not say what to log in with", CURE);
    }
    section.finish();
}

fn of_kind(kind: Kind, section: &Section<'_>, identities: &mut Identities) -> Option<Credentials> {
    // Every key is read before any is missed, so that all faults are told at once.
    match kind {
        Kind::Password => {
            let username = username(section, identities);
            let password = secret(section, "password", "password = \"env:BOT1_PASSWORD\"", "BOT1_PASSWORD");
            Some(Credentials::Password { username: username?, password: password? })
        }
        Kind::Key => key(section, identities),
        Kind::Client => {
            let username = username(section, identities);
            let id = identifier(section, "client_id", "client_id = \"0oa1b2c3\"");
            let secret = secret(
                section,
                "client_secret",
                "client_secret = \"env:BOT1_CLIENT_SECRET\"",
                "BOT1_CLIENT_SECRET",
            );
            Some(Credentials::Client { username: username?, client_id: id?, client_secret: secret? })
        }
        Kind::Assertion => assertion(section, identities),
        Kind::Token => {
            let user = user(section, identities);
            let token = secret(section, "token", "token = \"env:BOT1_TOKEN\"", "BOT1_TOKEN");
            Some(Credentials::Token { user: user?, token: token? })
        }
    }
}

fn key(section: &Section<'_>, identities: &mut Identities) -> Option<Credentials> {
    let username = username(section, identities);
    let app_key = identifier(section, "app_key", "app_key = \"a1b2c3\"");
    let app_secret = secret(section, "secret", "secret = \"env:BOT1_SECRET\"", "BOT1_SECRET");
    let access_token =
        secret(section, "access_token", "access_token = \"env:BOT1_ACCESS_TOKEN\"", "BOT1_ACCESS_TOKEN");
    let access_token_secret = secret(
        section,
        "access_token_secret",
        "access_token_secret = \"env:BOT1_ACCESS_TOKEN_SECRET\"",
        "BOT1_ACCESS_TOKEN_SECRET",
    );
    Some(Credentials::Key {
        username: username?,
        app_key: app_key?,
        secret: app_secret?,
        access_token: access_token?,
        access_token_secret: access_token_secret?,
    })
}

fn username(section: &Section<'_>, identities: &mut Identities) -> Option<String> {
    let field = section.required("username", "username = \"bot1\"")?;
    let text = field.text("bot1")?;
    if Field::is_reference(text) {
        field.fault("a user name is no secret and is not looked up", "write the name itself: \"bot1\"");
        return None;
    }
    if text.len() > defaults::USERNAME_LENGTH {
        let cure = format!("write at most {} bytes", defaults::USERNAME_LENGTH);
        field.fault("the user name is too long", cure);
        return None;
    }
    identities.users.note(&field, text).then(|| text.to_owned())
}

/// The number in an agent's id; a token does not say whose it is.
fn user(section: &Section<'_>, identities: &mut Identities) -> Option<UserId> {
    let field = section.required("user_id", "user_id = \"1234567890\"")?;
    let text = field.text("1234567890")?;
    if text.len() > defaults::NAME_LENGTH || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        field.fault(format!("{} is no user id", shown(text)), "write digits alone: \"1234567890\"");
        return None;
    }
    identities.numbers.note(&field, text).then(|| UserId::new(text))
}

fn assertion(section: &Section<'_>, identities: &mut Identities) -> Option<Credentials> {
    let field = section.required("assertion", "assertion = \"file:/run/secrets/bot1_assertion\"")?;
    let text = field.secret("BOT1_ASSERTION")?;
    // Tools break base64 into lines.
    let text: String = text.expose_secret().split_whitespace().collect();
    let digest = Sha256::digest(text.as_bytes());
    let digest = format!("{digest:x?}");
    let assertion = SecretString::from(text);
    identities.assertions.note_secret(&field, digest).then_some(Credentials::Assertion { assertion })
}

/// What tells one application from another: no secret, and a reference if the operator likes.
fn identifier(section: &Section<'_>, key: &'static str, example: &'static str) -> Option<String> {
    let field = section.required(key, example)?;
    let text = field.text("a1b2c3")?;
    if Field::is_reference(text) {
        return Some(field.secret("BOT1_KEY")?.expose_secret().to_owned());
    }
    Some(text.to_owned())
}

fn secret(
    section: &Section<'_>,
    key: &'static str,
    example: &'static str,
    variable: &str,
) -> Option<SecretString> {
    section.required(key, example)?.secret(variable)
}
