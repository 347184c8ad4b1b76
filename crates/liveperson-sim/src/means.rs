//! What a bot of `lpsim` comes in with, and how a fleet file says so.

use liveperson_sim::{BotUser, Credential, Platform, SECRET_MARK};

use crate::arguments::Logins;

/// What a bot comes in with.
pub(crate) enum Means {
    /// It logs in.
    Credential(Credential),
    /// It is handed a token for the user of this number.
    Token { user_id: String, token: String },
}

/// A value of a fleet file's `login`.
pub(crate) enum Entry {
    /// It may stand in the file.
    Plain(String),
    /// It goes to a file of its own.
    Secret(String),
}

impl Means {
    /// The means of the bot of this number in its account; both count from 1.
    pub(crate) fn of(logins: Logins, account: usize, bot: usize) -> Self {
        if logins == Logins::Password {
            return Self::Credential(Credential::Password { password: secret() });
        }
        Self::Credential(match bot % 5 {
            1 => Credential::Password { password: secret() },
            2 => Credential::Key {
                app_key: format!("key-{account}"),
                secret: secret(),
                access_token: secret(),
                access_token_secret: secret(),
            },
            3 => Credential::Client { client_id: format!("client-{account}"), client_secret: secret() },
            4 => Credential::Assertion { assertion: secret() },
            _ => {
                let user_id = (2_000_000_000 + account * 100_000 + bot).to_string();
                return Self::Token { user_id, token: String::new() };
            }
        })
    }

    /// Makes the user known to the platform, and fetches the token if there is one.
    pub(crate) fn move_in(&mut self, platform: &Platform, account: &str, login: &str, capacity: usize) {
        let user_id = match self {
            Self::Token { user_id, .. } => Some(user_id.clone()),
            Self::Credential(_) => None,
        };
        // Nobody knows this password; what is known is set right after.
        let (login_name, password) = (login.to_owned(), secret());
        let user = BotUser { login: login_name, password, skills: Vec::new(), capacity, user_id };
        platform.add_bot(account, user);
        match self {
            Self::Credential(credential) => platform.set_credential(account, login, credential.clone()),
            Self::Token { token, .. } => *token = platform.issue_token(account, login).unwrap_or_default(),
        }
    }

    /// The keys of the fleet file's `login`.
    pub(crate) fn entries(&self, login: &str) -> Vec<(&'static str, Entry)> {
        let plain = |text: &str| Entry::Plain(text.to_owned());
        let secret = |text: &str| Entry::Secret(text.to_owned());
        let username = ("username", plain(login));
        match self {
            Self::Credential(Credential::Password { password }) => {
                vec![username, ("password", secret(password))]
            }
            Self::Credential(Credential::Key { app_key, secret: app, access_token, access_token_secret }) => {
                vec![
                    username,
                    ("app_key", plain(app_key)),
                    ("secret", secret(app)),
                    ("access_token", secret(access_token)),
                    ("access_token_secret", secret(access_token_secret)),
                ]
            }
            Self::Credential(Credential::Client { client_id, client_secret }) => {
                vec![username, ("client_id", plain(client_id)), ("client_secret", secret(client_secret))]
            }
            Self::Credential(Credential::Assertion { assertion }) => vec![("assertion", secret(assertion))],
            Self::Token { user_id, token } => vec![("user_id", plain(user_id)), ("token", secret(token))],
        }
    }
}

fn secret() -> String {
    format!("{SECRET_MARK}{}", uuid::Uuid::new_v4().simple())
}
