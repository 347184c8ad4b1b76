//! Consumer identities: signed tokens that say whose they are, so that nothing has to be remembered.

use std::hash::{BuildHasher, RandomState};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use liveperson_proto::{AccountId, ConsumerId};
use serde_json::{Value, json};

use super::{SECRET_MARK, World, wall};

const ISSUER: &str = "https://idp.liveperson.net";
/// Tokens of this issuer only buy tokens of the other.
const ANONYMOUS_ISSUER: &str = "https://idp.liveperson.net/anonymous";
/// Milliseconds that an anonymous token is good for.
const ANONYMOUS_LIFE: i64 = 10 * 60 * 1000;
/// Milliseconds after which an anonymous token can no longer be renewed.
const RENEWABLE: i64 = 730 * 60 * 60 * 1000;

/// Signs tokens; the key comes from the system, never from the seed, and dies with the platform.
#[derive(Default)]
pub(super) struct Signer(RandomState);

/// Whose token it is, and until when, in milliseconds of the wall clock.
pub(super) struct Identity {
    pub(super) consumer: ConsumerId,
    pub(super) expires: i64,
    issued: i64,
}

/// Why a token is no good; the words of the identity service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenRefused {
    /// There is no such account.
    UnknownAccount,
    /// It was not signed here, or for another account or purpose.
    Forged,
    /// Its time is up.
    Expired,
}

impl TokenRefused {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::UnknownAccount => "unauthorized_client",
            Self::Forged | Self::Expired => "invalid_code",
        }
    }
}

impl World {
    /// A new consumer's token, without any proof of who that is.
    pub(crate) fn sign_up(&mut self, account: &AccountId) -> Result<String, TokenRefused> {
        self.known(account)?;
        let consumer = self.uuid();
        Ok(self.messaging_token(account, &consumer))
    }

    /// A connector's anonymous token: a new consumer's, or the renewal of an old one.
    pub(crate) fn authorize_anonymous(
        &mut self,
        account: &AccountId,
        old: Option<&str>,
    ) -> Result<String, TokenRefused> {
        self.known(account)?;
        let now = wall();
        let Some(old) = old else {
            let consumer = self.uuid();
            return Ok(self.token(ANONYMOUS_ISSUER, account, &consumer, now, now + ANONYMOUS_LIFE));
        };
        let old = self.read_token(ANONYMOUS_ISSUER, account, old)?;
        if old.issued + RENEWABLE < now {
            return Err(TokenRefused::Expired);
        }
        let consumer = old.consumer.as_str();
        Ok(self.token(ANONYMOUS_ISSUER, account, consumer, old.issued, now + ANONYMOUS_LIFE))
    }

    /// The messaging token that a connector's anonymous token buys.
    pub(crate) fn authenticate_anonymous(
        &mut self,
        account: &AccountId,
        token: &str,
    ) -> Result<String, TokenRefused> {
        self.known(account)?;
        let anonymous = self.read_token(ANONYMOUS_ISSUER, account, token)?;
        if anonymous.expires < wall() {
            return Err(TokenRefused::Expired);
        }
        Ok(self.messaging_token(account, anonymous.consumer.as_str()))
    }

    /// Whose messaging token this is.
    pub(super) fn identity(&self, account: &AccountId, token: &str) -> Result<Identity, TokenRefused> {
        self.known(account)?;
        let identity = self.read_token(ISSUER, account, token)?;
        if identity.expires < wall() { Err(TokenRefused::Expired) } else { Ok(identity) }
    }

    fn known(&self, account: &AccountId) -> Result<(), TokenRefused> {
        if self.accounts.contains_key(account) { Ok(()) } else { Err(TokenRefused::UnknownAccount) }
    }

    fn messaging_token(&self, account: &AccountId, consumer: &str) -> String {
        let now = wall();
        let life = self.settings.consumer_token_life.as_millis() as i64;
        self.token(ISSUER, account, consumer, now, now + life)
    }

    fn token(&self, issuer: &str, account: &AccountId, consumer: &str, from: i64, until: i64) -> String {
        let seconds = |millis: i64| millis as f64 / 1000.0;
        let head = json!({"alg": "HS256", "typ": "JWT"});
        let claims = json!({
            "sub": consumer, "aud": format!("acc:{account}"), "iss": issuer,
            "iat": seconds(from), "exp": seconds(until),
        });
        let part = |json: &Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(&head), part(&claims));
        let signature = self.sign(&signed);
        format!("{signed}.{signature}")
    }

    fn read_token(&self, issuer: &str, account: &AccountId, token: &str) -> Result<Identity, TokenRefused> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenRefused::Forged)?;
        if self.sign(signed) != signature {
            return Err(TokenRefused::Forged);
        }
        let claims = signed.split_once('.').map_or("", |(_, claims)| claims);
        let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).map_err(|_| TokenRefused::Forged)?;
        let claims: Value = serde_json::from_slice(&claims).map_err(|_| TokenRefused::Forged)?;
        if claims["iss"] != issuer || claims["aud"] != format!("acc:{account}") {
            return Err(TokenRefused::Forged);
        }
        let millis = |name: &str| (claims[name].as_f64().unwrap_or_default() * 1000.0).round() as i64;
        let consumer = ConsumerId::new(claims["sub"].as_str().unwrap_or_default());
        Ok(Identity { consumer, expires: millis("exp"), issued: millis("iat") })
    }

    /// A mark of 64 bits would not hold outside of a simulator.
    fn sign(&self, text: &str) -> String {
        format!("{SECRET_MARK}{:016x}", self.signer.0.hash_one(text))
    }
}
