//! The key that seals what the store must not show: XChaCha20-Poly1305.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, AeadCore, KeyInit, OsRng, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};

use super::StoreError;

/// Where the key comes from: `env:NAME` or `file:PATH`, never the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// An environment variable.
    Env(String),
    /// A file.
    File(PathBuf),
}

impl FromStr for KeySource {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            // The text is not quoted: it may be the key.
            _ => Err(StoreError::Rule("the store's key is written `env:NAME` or `file:PATH`".to_owned())),
        }
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

/// Why a sealed text does not open.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum SealError {
    #[error("it was sealed with another key")]
    OtherKey,
    #[error("it is damaged or belongs to another row")]
    Damaged,
}

/// One key, ready to seal and open.
pub(super) struct Seal {
    cipher: XChaCha20Poly1305,
    /// The first bytes of a hash of the key, so that a changed key is told from a damaged row.
    id: String,
}

const NONCE: usize = 24;

impl Seal {
    fn with(key: &Key) -> Self {
        let digest = Sha256::new().chain_update(b"muster store key").chain_update(key).finalize();
        let id = format!("{:08x}", u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]));
        Self { cipher: XChaCha20Poly1305::new(key), id }
    }

    /// Reads the key from `source`.
    pub(super) fn load(source: &KeySource) -> Result<Self, StoreError> {
        let fault = |fault: String| StoreError::Key { key: source.to_string(), fault };
        let text = match source {
            KeySource::Env(name) => std::env::var(name).map_err(|_| {
                fault("is not set: give it 32 bytes in base64 (`openssl rand -base64 32`)".to_owned())
            })?,
            KeySource::File(path) => {
                warn_of_readers(path);
                fs::read_to_string(path).map_err(|error| fault(format!("cannot be read: {error}")))?
            }
        };
        let key = parse(text.trim()).ok_or_else(|| {
            fault("is not 32 bytes in base64 or hex (`openssl rand -base64 32`)".to_owned())
        })?;
        Ok(Self::with(&key))
    }

    /// Reads the key file at `path`, or makes one that only its owner may read.
    ///
    /// The flag says whether it was made now.
    pub(super) fn load_or_make(path: &Path) -> Result<(Self, bool), StoreError> {
        let source = KeySource::File(path.to_owned());
        match make(path) {
            Ok(key) => Ok((Self::with(&key), true)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok((Self::load(&source)?, false)),
            Err(error) => {
                Err(StoreError::Key { key: source.to_string(), fault: format!("cannot be made: {error}") })
            }
        }
    }

    /// Seals `plain` for one place, which `place` names.
    pub(super) fn seal(&self, plain: &str, place: &str) -> Result<String, SealError> {
        let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
        let payload = Payload { msg: plain.as_bytes(), aad: place.as_bytes() };
        let sealed = self.cipher.encrypt(&nonce, payload).map_err(|_| SealError::Damaged)?;
        Ok(format!("{}.{}", self.id, BASE64_STANDARD.encode([nonce.as_slice(), &sealed].concat())))
    }

    /// Opens what [`Seal::seal`] made for the same place.
    pub(super) fn open(&self, sealed: &str, place: &str) -> Result<String, SealError> {
        let (id, text) = sealed.split_once('.').ok_or(SealError::Damaged)?;
        if id != self.id {
            return Err(SealError::OtherKey);
        }
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| SealError::Damaged)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE).ok_or(SealError::Damaged)?;
        let payload = Payload { msg: sealed, aad: place.as_bytes() };
        let plain =
            self.cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| SealError::Damaged)?;
        String::from_utf8(plain).map_err(|_| SealError::Damaged)
    }
}

fn make(path: &Path) -> io::Result<Key> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let key = XChaCha20Poly1305::generate_key(&mut OsRng);
    writeln!(file, "{}", BASE64_STANDARD.encode(key))?;
    file.sync_all()?;
    Ok(key)
}

fn parse(text: &str) -> Option<Key> {
    let bytes = if text.len() == 64 {
        hex(text)?
    } else {
        let text = text.trim_end_matches('=');
        BASE64_STANDARD_NO_PAD.decode(text).or_else(|_| BASE64_URL_SAFE_NO_PAD.decode(text)).ok()?
    };
    <[u8; 32]>::try_from(bytes).ok().map(Key::from)
}

fn hex(text: &str) -> Option<Vec<u8>> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

fn warn_of_readers(path: &Path) {
    let readers = fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0);
    if readers {
        tracing::warn!(path = %path.display(), "the store's key file may be read by others: chmod 600");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(byte: u8) -> Seal {
        Seal::with(&Key::from([byte; 32]))
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_in_its_place_alone() {
        let sealed = seal(1).seal("bearer", "session/a/b/sealed").unwrap();
        assert_eq!(seal(1).open(&sealed, "session/a/b/sealed").as_deref(), Ok("bearer"));
        for (key, place, text, error) in [
            (2, "session/a/b/sealed", sealed.as_str(), SealError::OtherKey),
            (1, "session/a/c/sealed", &sealed, SealError::Damaged),
            (1, "session/a/b/sealed", &sealed[..20], SealError::Damaged),
            (1, "session/a/b/sealed", "", SealError::Damaged),
        ] {
            assert_eq!(seal(key).open(text, place), Err(error), "{key} {place} {text}");
        }
    }

    #[test]
    fn the_same_text_is_never_sealed_the_same_way_twice() {
        assert_ne!(seal(1).seal("bearer", "x").unwrap(), seal(1).seal("bearer", "x").unwrap());
    }

    #[test]
    fn a_key_is_32_bytes_in_base64_or_hex() {
        let bytes = [0xfb_u8; 32];
        let standard = BASE64_STANDARD.encode(bytes);
        let url = standard.replace('+', "-").replace('/', "_");
        for (text, good) in [
            (standard.as_str(), true),
            (url.as_str(), true),
            (standard.trim_end_matches('='), true),
            ("fb".repeat(32).as_str(), true),
            ("zz".repeat(32).as_str(), false),
            ("c2hvcnQ=", false),
            ("", false),
        ] {
            assert_eq!(parse(text) == Some(Key::from(bytes)), good, "{text}");
        }
    }

    #[test]
    fn a_key_source_is_a_reference_and_never_the_key() {
        assert_eq!("env:KEY".parse::<KeySource>().unwrap(), KeySource::Env("KEY".to_owned()));
        assert_eq!("file:/k".parse::<KeySource>().unwrap(), KeySource::File("/k".into()));
        for text in ["c2VjcmV0", "env:", "file:", "vault:x"] {
            let error = text.parse::<KeySource>().unwrap_err().to_string();
            assert!(error.contains("env:NAME") && !error.contains("c2VjcmV0"), "{error}");
        }
    }
}
