//! What proves who somebody is: tokens and passwords. What leaves here for the store is a hash.

use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use muster_core::rights::{Grant, Role};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::store::{NewToken, Store, StoreError};

/// What every token begins with, so that whoever finds one knows what it is.
pub const TOKEN_MARK: &str = "mst_";
/// The name of the first token of a fleet.
pub const BOOTSTRAP: &str = "bootstrap";
/// The fewest characters of a password.
pub const PASSWORD_LEAST: usize = 12;
/// The most characters of a password: a longer one would cost time before it is refused.
pub const PASSWORD_MOST: usize = 256;

/// A secret that nobody guesses, 256 bits less a few, made by the system's randomness.
pub fn new_secret() -> SecretString {
    format!("{TOKEN_MARK}{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()).into()
}

/// By which the store knows a secret of [`new_secret`].
pub fn hash_of(secret: &str) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(secret.as_bytes());
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A new token, and its secret, which is shown once.
pub fn new_token(name: &str, grant: Grant, by: &str, life: Option<Duration>) -> (NewToken, SecretString) {
    let secret = new_secret();
    let token = NewToken {
        id: Uuid::new_v4().simple().to_string(),
        name: name.to_owned(),
        hash: hash_of(secret.expose_secret()),
        grant,
        by: by.to_owned(),
        life,
    };
    (token, secret)
}

/// Makes a fleet's first token: an admin's, from what the operator handed in, or made here if nobody may ask
/// yet. Answers the secret if it was made here; nobody can read it later.
///
/// # Errors
/// The store's.
pub async fn bootstrap(
    store: &Store,
    handed_in: Option<&SecretString>,
) -> Result<Option<SecretString>, StoreError> {
    let (mut token, secret) = new_token(BOOTSTRAP, Grant::everywhere(Role::Admin), "muster", None);
    if let Some(given) = handed_in {
        token.hash = hash_of(given.expose_secret());
        store.replace_token(&token).await?;
        return Ok(None);
    }
    Ok(store.add_first_token(&token).await?.then_some(secret))
}

/// A password as the store keeps it: Argon2id with the crate's recommended costs. Takes some ten milliseconds
/// and 19 MiB; not for a thread that others wait for.
///
/// # Errors
/// What is wrong with the password, in words.
pub fn hash_password(password: &SecretString) -> Result<String, String> {
    let characters = password.expose_secret().chars().count();
    if !(PASSWORD_LEAST..=PASSWORD_MOST).contains(&characters) {
        return Err(format!(
            "a password has {PASSWORD_LEAST} to {PASSWORD_MOST} characters, this one has {characters}"
        ));
    }
    let salt = SaltString::generate(&mut OsRng);
    let hash = Argon2::default().hash_password(password.expose_secret().as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|error| format!("the password cannot be hashed: {error}"))
}

/// Whether this is the password; takes as long where there is none to compare with.
pub fn is_password(password: &SecretString, hash: Option<&str>) -> bool {
    // Of no password at all: the costs are those of a real one.
    const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bXVzdGVyIG5vYm9keQ$\
                          q3Qj0kq0cQyX6n2m1Wl0pYb8C1o9d2o7q5m1S4v0x1A";
    if password.expose_secret().chars().count() > PASSWORD_MOST {
        return false;
    }
    let Ok(parsed) = PasswordHash::new(hash.unwrap_or(NOBODY)) else { return false };
    let fits = Argon2::default().verify_password(password.expose_secret().as_bytes(), &parsed).is_ok();
    fits && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_by_its_hash_alone() {
        let password = SecretString::from("correct horse battery");
        let hash = hash_password(&password).unwrap();
        assert!(hash.starts_with("$argon2id$") && !hash.contains("horse"));
        assert!(is_password(&password, Some(&hash)));
        assert!(!is_password(&SecretString::from("correct horse batterz"), Some(&hash)));
        assert!(!is_password(&password, None), "nobody has no password");
        assert!(hash_password(&SecretString::from("short")).unwrap_err().contains("12 to 256"));
    }

    #[test]
    fn nobody_costs_as_much_as_somebody() {
        let (password, began) = (SecretString::from("correct horse battery"), std::time::Instant::now());
        let hash = hash_password(&password).unwrap();
        let one = began.elapsed();
        is_password(&password, None);
        let nobody = began.elapsed().saturating_sub(one);
        assert!(nobody * 20 > one, "{nobody:?} beside {one:?}: the hash of nobody is not computed; {hash}");
    }

    #[test]
    fn no_two_secrets_are_the_same() {
        let (one, other) = (new_secret(), new_secret());
        assert_ne!(one.expose_secret(), other.expose_secret());
        assert!(one.expose_secret().starts_with(TOKEN_MARK) && one.expose_secret().len() == 68);
        assert_eq!(hash_of("a").len(), 64);
    }
}
