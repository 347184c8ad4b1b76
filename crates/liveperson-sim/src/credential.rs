//! What the login service takes for a user.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What stands in the token fields of a login by client credentials.
const PLACEHOLDER: &str = "dummy";

/// What the login service takes for a user; a user has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Credential {
    /// A password.
    Password {
        /// The password.
        password: String,
    },
    /// An OAuth 1.0 key; nothing is signed, its values travel in the body.
    Key {
        /// The application's key.
        app_key: String,
        /// The application's secret.
        secret: String,
        /// The access token.
        access_token: String,
        /// The access token's secret.
        access_token_secret: String,
    },
    /// OAuth 2.0 client credentials, in the fields of a key.
    Client {
        /// The client's id.
        client_id: String,
        /// The client's secret.
        client_secret: String,
    },
    /// A SAML assertion, which says itself whose it is.
    Assertion {
        /// The assertion, in base64.
        assertion: String,
    },
}

impl Credential {
    /// What counters call it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Password { .. } => "password",
            Self::Key { .. } => "key",
            Self::Client { .. } => "client",
            Self::Assertion { .. } => "assertion",
        }
    }

    /// Whether the user may come in with what is offered.
    pub(crate) fn accepts(&self, offer: &Offer<'_>) -> bool {
        match (self, offer) {
            (Self::Password { password }, Offer::Password { password: offered, .. }) => password == offered,
            (Self::Key { app_key, secret, access_token, access_token_secret }, Offer::App { values, .. }) => {
                *values == [app_key.as_str(), secret, access_token, access_token_secret]
            }
            (Self::Client { client_id, client_secret }, Offer::App { values, .. }) => {
                *values == [client_id.as_str(), client_secret, PLACEHOLDER, PLACEHOLDER]
            }
            (Self::Assertion { assertion }, Offer::Assertion(offered)) => assertion == offered,
            _ => false,
        }
    }
}

/// What a login's body offers.
pub(crate) enum Offer<'a> {
    Password {
        username: &'a str,
        password: &'a str,
    },
    /// Key, secret, access token and its secret.
    App {
        username: &'a str,
        values: [&'a str; 4],
    },
    Assertion(&'a str),
}

impl<'a> Offer<'a> {
    /// Reads a body, which must offer exactly one thing.
    pub(crate) fn read(body: &'a Value) -> Option<Self> {
        let text = |key: &str| body[key].as_str();
        match (text("password"), text("appKey"), text("assertion")) {
            (Some(password), None, None) => Some(Self::Password { username: text("username")?, password }),
            (None, Some(key), None) => {
                let values = [key, text("secret")?, text("accessToken")?, text("accessTokenSecret")?];
                Some(Self::App { username: text("username")?, values })
            }
            (None, None, Some(assertion)) => text("jwt").map(|_| Self::Assertion(assertion)),
            _ => None,
        }
    }

    /// Who wants to come in; an assertion is asked itself.
    pub(crate) fn username(&self) -> Option<&'a str> {
        match self {
            Self::Password { username, .. } | Self::App { username, .. } => Some(username),
            Self::Assertion(_) => None,
        }
    }
}
