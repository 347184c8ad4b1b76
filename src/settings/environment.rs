//! What lies outside the fleet file: environment variables and files.

use std::io::{self, Read as _};
use std::path::Path;

/// The largest file that a setting may name.
const FILE_LIMIT: u64 = 1 << 20;

/// A file that a setting names.
pub struct NamedFile {
    /// What it says.
    pub text: String,
    /// Whether any user of the machine may read it.
    pub open_to_others: bool,
}

/// Where `env:` and `file:` lead; tests bring their own.
pub trait Environment {
    /// An environment variable's value.
    fn variable(&self, name: &str) -> Option<String>;
    /// A file's text and who may read it.
    ///
    /// # Errors
    /// The file cannot be read, is no UTF-8 text, or is larger than 1 MiB.
    fn file(&self, path: &Path) -> io::Result<NamedFile>;
}

/// The environment of this process.
#[derive(Clone, Copy, Debug)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &Path) -> io::Result<NamedFile> {
        let file = std::fs::File::open(path)?;
        let open_to_others = open_to_others(&file.metadata()?);
        Ok(NamedFile { text: bounded_text(file, FILE_LIMIT)?, open_to_others })
    }
}

/// Reads text, and refuses more than `limit` bytes of it.
pub(super) fn bounded_text(file: std::fs::File, limit: u64) -> io::Result<String> {
    let mut text = String::new();
    file.take(limit + 1).read_to_string(&mut text)?;
    if text.len() as u64 > limit {
        return Err(io::Error::other(format!("it is larger than {limit} bytes")));
    }
    Ok(text)
}

#[cfg(unix)]
fn open_to_others(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    // The group is left alone: a mounted secret reaches an unprivileged process by its group.
    metadata.permissions().mode() & 0o007 != 0
}

#[cfg(not(unix))]
fn open_to_others(_: &std::fs::Metadata) -> bool {
    false
}
