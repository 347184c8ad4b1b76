//! A login's fruit: who the bot is, and the secrets that prove it.

use std::fmt;

use liveperson_proto::{AccountId, AgentId, PersistentId, UserId};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::credentials::Credentials;

/// A login that holds until it expires, is refused or is stolen by another login.
#[derive(Clone)]
pub struct Session {
    /// The account.
    pub account: AccountId,
    /// The bot's user.
    pub user: UserId,
    /// The old agent id, which requests speak.
    pub agent: AgentId,
    /// The persistent id, by which the bot knows its own messages.
    pub persistent: Option<PersistentId>,
    /// The login name it was made with, where there is one.
    pub(crate) username: Option<String>,
    pub(crate) bearer: SecretString,
    pub(crate) csrf: SecretString,
    pub(crate) cookie: SecretString,
}

/// A text that is no sealed session; it says nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text is no sealed session")]
pub struct UnsealError;

#[derive(Serialize, Deserialize)]
struct Sealed {
    account: AccountId,
    user: UserId,
    persistent: Option<PersistentId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    bearer: String,
    csrf: String,
    cookie: String,
}

impl Session {
    /// A session of a token that was made elsewhere: no login, no refresh, no logout, and the
    /// platform does not say the persistent id.
    pub fn of_token(account: &AccountId, user: &UserId, token: &SecretString) -> Self {
        Self {
            account: account.clone(),
            user: user.clone(),
            agent: AgentId::of(account, user),
            persistent: None,
            username: None,
            bearer: token.clone(),
            csrf: SecretString::default(),
            cookie: SecretString::default(),
        }
    }

    /// The bearer token, for whoever may be this user.
    pub fn bearer(&self) -> &SecretString {
        &self.bearer
    }

    /// Whether the login came with what a refresh needs.
    pub fn can_refresh(&self) -> bool {
        !self.csrf.expose_secret().is_empty()
    }

    /// Whether these credentials may have made it: a bot that was given another user's must not go on
    /// as the one before. Assertions do not tell whose they are.
    pub fn is_of(&self, credentials: &Credentials) -> bool {
        match credentials {
            Credentials::Token { user, token } => {
                self.user == *user && self.bearer.expose_secret() == token.expose_secret()
            }
            _ => self.username.as_deref() == credentials.username(),
        }
    }

    /// The session as JSON, secrets and all: for an encrypted store and nothing else.
    pub fn seal(&self) -> SecretString {
        let sealed = Sealed {
            account: self.account.clone(),
            user: self.user.clone(),
            persistent: self.persistent.clone(),
            username: self.username.clone(),
            bearer: self.bearer.expose_secret().to_owned(),
            csrf: self.csrf.expose_secret().to_owned(),
            cookie: self.cookie.expose_secret().to_owned(),
        };
        serde_json::to_string(&sealed).unwrap_or_default().into()
    }

    /// Reads what [`Session::seal`] wrote.
    pub fn unseal(text: &str) -> Result<Self, UnsealError> {
        let sealed: Sealed = serde_json::from_str(text).map_err(|_| UnsealError)?;
        if sealed.bearer.is_empty() {
            return Err(UnsealError);
        }
        Ok(Self {
            agent: AgentId::of(&sealed.account, &sealed.user),
            account: sealed.account,
            user: sealed.user,
            persistent: sealed.persistent,
            username: sealed.username,
            bearer: sealed.bearer.into(),
            csrf: sealed.csrf.into(),
            cookie: sealed.cookie.into(),
        })
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("account", &self.account)
            .field("user", &self.user)
            .field("persistent", &self.persistent)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEALED: &str = r#"{"account":"1","user":"2","persistent":"p","bearer":"planted-b","csrf":"planted-c","cookie":"planted-k"}"#;

    #[test]
    fn a_sealed_session_comes_back_whole() {
        let session = Session::unseal(SEALED).unwrap();
        assert_eq!(session.agent.as_str(), "1.2");
        assert!(session.can_refresh());
        assert_eq!(session.seal().expose_secret(), SEALED);
    }

    #[test]
    fn a_token_from_elsewhere_makes_a_session_that_cannot_be_refreshed() {
        let session = Session::of_token(&"1".into(), &"2".into(), &"planted-b".into());
        assert_eq!((session.agent.as_str(), session.can_refresh()), ("1.2", false));
        assert!(!format!("{session:?}").contains("planted"));
    }

    #[test]
    fn a_session_knows_whose_credentials_made_it() {
        let with_name = SEALED.replace(r#""bearer""#, r#""username":"bot1","bearer""#);
        let (named, nameless) = (Session::unseal(&with_name).unwrap(), Session::unseal(SEALED).unwrap());
        assert_eq!(named.seal().expose_secret(), with_name);
        let password = |username: &str| Credentials::Password {
            username: username.to_owned(),
            password: "planted".into(),
        };
        let token = |user: &str, token: &str| Credentials::Token { user: user.into(), token: token.into() };
        let assertion = Credentials::Assertion { assertion: "planted".into() };
        for (session, credentials, is_of) in [
            (&named, password("bot1"), true),
            (&named, password("bot2"), false),
            (&named, assertion.clone(), false),
            (&nameless, assertion, true),
            (&nameless, password("bot1"), false),
            (&nameless, token("2", "planted-b"), true),
            (&nameless, token("2", "another"), false),
            (&nameless, token("3", "planted-b"), false),
        ] {
            assert_eq!(session.is_of(&credentials), is_of, "{session:?}, {credentials:?}");
        }
    }

    #[test]
    fn a_session_shows_no_secret() {
        let session = Session::unseal(SEALED).unwrap();
        let shown = format!("{session:?} {:#?} {:?}", session, session.seal());
        assert!(!shown.contains("planted"), "{shown}");
    }

    #[test]
    fn what_is_no_session_is_refused_without_quoting_it() {
        for text in ["", "planted", "{}", r#"{"account":"planted"}"#, &SEALED.replace("planted-b", "")] {
            assert_eq!(Session::unseal(text).unwrap_err().to_string(), "the text is no sealed session");
        }
    }
}
