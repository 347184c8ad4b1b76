//! A disk that a test can fill.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a tool that needs root; false where it may not.
pub(crate) fn done(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program).args(arguments).stderr(std::process::Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A file system of its own for the store; unmounted with this value.
pub(crate) struct SmallDisk(pub(crate) PathBuf);

impl SmallDisk {
    pub(crate) fn mount(folder: PathBuf, size: &str) -> Option<Self> {
        std::fs::create_dir(&folder).unwrap();
        done("mount", &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", text(&folder)])
            .then_some(Self(folder))
    }

    /// Takes all the room that is left.
    pub(crate) fn fill(&self) -> PathBuf {
        let filler = self.0.join("filler");
        let mut file = std::fs::File::create(&filler).unwrap();
        for size in [65_536, 4_096, 1] {
            while std::io::Write::write_all(&mut file, &vec![0; size]).is_ok() {}
        }
        filler
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        done("umount", &["-l", text(&self.0)]);
    }
}
