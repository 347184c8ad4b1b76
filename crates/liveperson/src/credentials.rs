//! What a bot logs in with, and what of it stands in a login's body.

use std::fmt;
use std::hash::{Hash, Hasher};

use liveperson_proto::UserId;
use liveperson_proto::login::{AppLogin, AssertionLogin, PLACEHOLDER, PasswordLogin};
use secrecy::{ExposeSecret, SecretString};

/// What a bot logs in with; each kind of the platform has its variant.
#[derive(Clone)]
pub enum Credentials {
    /// A user name and a password.
    Password {
        /// The login name.
        username: String,
        /// The password.
        password: SecretString,
    },
    /// An OAuth 1.0 key of the account, for a user whom it may log in.
    Key {
        /// The login name.
        username: String,
        /// The application's key.
        app_key: String,
        /// The application's secret.
        secret: SecretString,
        /// The access token.
        access_token: SecretString,
        /// The access token's secret.
        access_token_secret: SecretString,
    },
    /// OAuth 2.0 client credentials of the account, the key's successor.
    Client {
        /// The login name.
        username: String,
        /// The client's id.
        client_id: String,
        /// The client's secret.
        client_secret: SecretString,
    },
    /// A SAML assertion; it says itself who logs in.
    Assertion {
        /// The assertion, in base64.
        assertion: SecretString,
    },
    /// A token that was made elsewhere: there is no login, no refresh and no logout.
    Token {
        /// The number of the token's user.
        user: UserId,
        /// The bearer token.
        token: SecretString,
    },
}

impl Credentials {
    /// Whether a new session can be had with them; a token that was handed in cannot be renewed.
    pub fn can_log_in(&self) -> bool {
        !matches!(self, Self::Token { .. })
    }

    /// The login name, where these credentials have one.
    pub fn username(&self) -> Option<&str> {
        match self {
            Self::Password { username, .. } | Self::Key { username, .. } | Self::Client { username, .. } => {
                Some(username)
            }
            Self::Assertion { .. } | Self::Token { .. } => None,
        }
    }

    /// Which kind it is, as logs and counters call it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Password { .. } => "password",
            Self::Key { .. } => "key",
            Self::Client { .. } => "client",
            Self::Assertion { .. } => "assertion",
            Self::Token { .. } => "token",
        }
    }

    /// The body of a login, secrets and all; none where there is no login.
    pub(crate) fn body(&self) -> Option<serde_json::Result<Vec<u8>>> {
        Some(match self {
            Self::Password { username, password } => {
                serde_json::to_vec(&PasswordLogin { username, password: password.expose_secret() })
            }
            Self::Key { username, app_key, secret, access_token, access_token_secret } => {
                serde_json::to_vec(&AppLogin {
                    username,
                    app_key,
                    secret: secret.expose_secret(),
                    access_token: access_token.expose_secret(),
                    access_token_secret: access_token_secret.expose_secret(),
                })
            }
            Self::Client { username, client_id, client_secret } => serde_json::to_vec(&AppLogin {
                username,
                app_key: client_id,
                secret: client_secret.expose_secret(),
                access_token: PLACEHOLDER,
                access_token_secret: PLACEHOLDER,
            }),
            Self::Assertion { assertion } => {
                serde_json::to_vec(&AssertionLogin { jwt: PLACEHOLDER, assertion: assertion.expose_secret() })
            }
            Self::Token { .. } => return None,
        })
    }
}

/// Secrets and all: for a keyed hash that never leaves the process.
impl Hash for Credentials {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind().hash(state);
        if let Self::Token { user, token } = self {
            user.hash(state);
            token.expose_secret().hash(state);
        }
        // Bodies are made of texts alone, which can always be written.
        self.body().and_then(Result::ok).hash(state);
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Credentials");
        shown.field("kind", &self.kind());
        if let Some(username) = self.username() {
            shown.field("username", &username);
        }
        shown.finish_non_exhaustive()
    }
}
