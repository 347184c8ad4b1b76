//! Who a consumer is: tokens of the identity service, for consumers who prove nothing.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use liveperson_proto::login::{Domains, IDP};
use liveperson_proto::{AccountId, ConsumerId};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::http::{AnswerFault, HttpFault, address, ask};

/// A consumer of an account, and the token that says so.
#[derive(Clone)]
pub struct ConsumerIdentity {
    /// The account.
    pub account: AccountId,
    /// The consumer's id, as brands see it.
    pub consumer: ConsumerId,
    /// When the token is no good any more, in seconds since 1970; it may be refused earlier.
    pub expires: Option<i64>,
    pub(crate) token: SecretString,
}

/// A text that is no sealed identity; it says nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text is no sealed consumer identity")]
pub struct IdentityUnsealError;

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// 400, 401 or 403: the account, its connector or the token shown is not accepted.
    #[error("the identity service refused ({status})")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// 429: too many identities of the account.
    #[error("the identity service was asked too often")]
    TooMany {
        /// How long to wait, if the service says so.
        retry_after: Option<Duration>,
    },
    /// 5xx, or a status the service is not known to send.
    #[error("the identity service failed ({status})")]
    Server {
        /// The HTTP status.
        status: u16,
    },
    /// No answer, or not all of it, in time. The identity, if one was made, is nobody's.
    #[error("the identity service did not answer")]
    NoAnswer {
        /// What happened; without the address.
        source: reqwest::Error,
    },
    /// A success that is of no use.
    #[error("the identity service's answer is of no use")]
    Malformed(#[source] AnswerFault),
    /// The account has no usable host for the service.
    #[error("the account has no usable domain for service {service}")]
    NoDomain {
        /// The service.
        service: &'static str,
    },
}

impl From<HttpFault> for IdentityError {
    fn from(fault: HttpFault) -> Self {
        match fault {
            HttpFault::NoAnswer(source) => Self::NoAnswer { source },
            HttpFault::TooLarge => Self::Malformed(AnswerFault::TooLarge),
        }
    }
}

/// `jwt` is what a signup calls it, `token` what all others do.
#[derive(Deserialize)]
struct Granted {
    #[serde(alias = "jwt")]
    token: String,
}

#[derive(Serialize)]
struct Shown<'a> {
    id_token: &'a str,
}

#[derive(Deserialize)]
struct Claims {
    sub: ConsumerId,
    #[serde(default)]
    exp: Option<f64>,
}

impl Client {
    /// Makes a new consumer of the account, who is nobody in particular.
    ///
    /// Dropping the future leaves at most an identity that nobody uses.
    pub async fn sign_up(
        &self,
        domains: &Domains,
        account: &AccountId,
    ) -> Result<ConsumerIdentity, IdentityError> {
        let token = self.token(domains, &["api", "account", account.as_str(), "signup"], "", None).await?;
        ConsumerIdentity::of(account, token).map_err(IdentityError::Malformed)
    }

    /// Makes a new consumer through a connector of the account for unauthenticated consumers.
    ///
    /// Dropping the future leaves at most an identity that nobody uses.
    pub async fn sign_up_through(
        &self,
        domains: &Domains,
        account: &AccountId,
        connector: &str,
    ) -> Result<ConsumerIdentity, IdentityError> {
        let base = ["api", "account", account.as_str()];
        let path = [&base[..], &["anonymous", "authorize"]].concat();
        let shown = self.token(domains, &path, "", None).await?;
        let path = [&base[..], &["app", connector, "authenticate"]].concat();
        let token = self.token(domains, &path, "v=3.0", Some(&shown)).await?;
        ConsumerIdentity::of(account, token).map_err(IdentityError::Malformed)
    }

    async fn token(
        &self,
        domains: &Domains,
        path: &[&str],
        query: &str,
        shown: Option<&SecretString>,
    ) -> Result<SecretString, IdentityError> {
        let host = domains.host(IDP).ok_or(IdentityError::NoDomain { service: IDP })?;
        let url = address(self.http_scheme(), host, path, query);
        let url = url.ok_or(IdentityError::NoDomain { service: IDP })?;
        let body = match shown {
            Some(token) => serde_json::to_vec(&Shown { id_token: token.expose_secret() }),
            None => Ok(Vec::new()),
        };
        let body = body.map_err(|error| IdentityError::Malformed(error.into()))?;
        let request = self.http().post(url).header("Accept", "application/json");
        let answer = ask(request.header("Content-Type", "application/json").body(body)).await?;
        match answer.status {
            200..=299 => {}
            status @ (400 | 401 | 403) => return Err(IdentityError::Refused { status }),
            429 => return Err(IdentityError::TooMany { retry_after: answer.retry_after }),
            status => return Err(IdentityError::Server { status }),
        }
        let granted: Granted =
            serde_json::from_slice(&answer.body).map_err(|error| IdentityError::Malformed(error.into()))?;
        Ok(granted.token.into())
    }
}

impl ConsumerIdentity {
    /// Reads whose token it is; the platform alone can say whether it is good.
    fn of(account: &AccountId, token: SecretString) -> Result<Self, AnswerFault> {
        let claims = token.expose_secret().split('.').nth(1).ok_or(AnswerFault::NoToken)?;
        let claims =
            BASE64_URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).map_err(|_| AnswerFault::NoToken)?;
        let claims: Claims = serde_json::from_slice(&claims)?;
        let expires = claims.exp.map(|seconds| seconds as i64);
        Ok(Self { account: account.clone(), consumer: claims.sub, expires, token })
    }

    /// The token, secret as it is: to be kept by whoever wants to come back as the same consumer.
    pub fn seal(&self) -> SecretString {
        self.token.clone()
    }

    /// Takes up what [`ConsumerIdentity::seal`] gave away.
    pub fn unseal(account: &AccountId, sealed: SecretString) -> Result<Self, IdentityUnsealError> {
        Self::of(account, sealed).map_err(|_| IdentityUnsealError)
    }
}

impl fmt::Debug for ConsumerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerIdentity")
            .field("account", &self.account)
            .field("consumer", &self.consumer)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_whose_it_is_and_is_never_shown() {
        let claims = BASE64_URL_SAFE_NO_PAD.encode(r#"{"sub":"c-1","exp":1700000000.5,"aud":"acc:12"}"#);
        let sealed = SecretString::from(format!("planted.{claims}.planted"));
        let identity = ConsumerIdentity::unseal(&"12".into(), sealed).unwrap();
        assert_eq!((identity.consumer.as_str(), identity.expires), ("c-1", Some(1_700_000_000)));
        let shown = format!("{identity:?} {identity:#?} {:?}", identity.seal());
        assert!(!shown.contains("planted") && !shown.contains(&claims), "{shown}");
    }

    #[test]
    fn what_is_no_token_is_refused_without_quoting_it() {
        for text in ["", "planted", "a.planted.b", "a.e30.b"] {
            let error = ConsumerIdentity::unseal(&"12".into(), text.to_owned().into()).unwrap_err();
            assert_eq!(error.to_string(), "the text is no sealed consumer identity", "{text}");
        }
    }
}
