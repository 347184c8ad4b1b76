//! A folder for a command that brings its own world.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::Failure;

/// A folder that only this user may enter; it goes with this value.
pub(super) struct Scratch {
    path: PathBuf,
    is_kept: bool,
}

impl Scratch {
    /// A fresh one among the system's temporary files, named after the command.
    pub(super) fn make(command: &str) -> Result<Self, Failure> {
        Self::at(std::env::temp_dir().join(format!("muster-{command}-{}", uuid::Uuid::new_v4())))
    }

    /// One that must not exist yet.
    pub(super) fn at(path: PathBuf) -> Result<Self, Failure> {
        fs::DirBuilder::new().mode(0o700).create(&path).map_err(|error| {
            Failure::new(format!("{}: {error}; name a folder that is not there yet", path.display()))
        })?;
        Ok(Self { path, is_kept: false })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// From now on the folder outlives this value.
    pub(super) fn keep(&mut self) {
        self.is_kept = true;
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be removed is left to the system's care of its temporary files.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
