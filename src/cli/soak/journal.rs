//! What was done and when, a line each: on the screen and in a file.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use super::super::Failure;

/// Where the lines of people go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Screen {
    Stdout,
    /// Standard output belongs to the report.
    Stderr,
}

/// The soak's diary. Lives on one thread.
pub(super) struct Journal {
    began: Instant,
    file: RefCell<File>,
    screen: Screen,
    is_live: bool,
    has_bar: Cell<bool>,
    faults: RefCell<BTreeMap<String, u64>>,
    troubles: RefCell<Vec<String>>,
}

impl Journal {
    /// Time begins now.
    pub(super) fn open(file: &Path, screen: Screen) -> Result<Self, Failure> {
        let file = File::create(file).map_err(|error| Failure::of(&error))?;
        let is_live = match screen {
            Screen::Stdout => std::io::stdout().is_terminal(),
            Screen::Stderr => std::io::stderr().is_terminal(),
        };
        Ok(Self {
            began: Instant::now(),
            file: file.into(),
            screen,
            is_live,
            has_bar: false.into(),
            faults: RefCell::default(),
            troubles: RefCell::default(),
        })
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Whether somebody watches a terminal.
    pub(super) fn is_live(&self) -> bool {
        self.is_live
    }

    /// A fault begins.
    pub(super) fn fault(&self, name: &str, words: &impl Display) {
        *self.faults.borrow_mut().entry(name.to_owned()).or_default() += 1;
        self.say(&format!("fault  {words}"));
    }

    /// Something is wrong, and the verdict will say so.
    pub(super) fn trouble(&self, words: &str) {
        self.say(&format!("WRONG  {words}"));
        self.troubles.borrow_mut().push(words.to_owned());
    }

    pub(super) fn say(&self, words: &str) {
        let line = format!("{:>9.3} s  {words}", self.elapsed().as_secs_f64());
        let _ = writeln!(self.file.borrow_mut(), "{line}");
        if self.has_bar.replace(false) {
            self.print("\r\x1b[2K");
        }
        self.print(&format!("{line}\n"));
    }

    /// The last line of a terminal, until the next is said.
    pub(super) fn bar(&self, words: &str) {
        self.has_bar.set(true);
        self.print(&format!("\r\x1b[2K{words}"));
    }

    pub(super) fn faults(&self) -> BTreeMap<String, u64> {
        self.faults.borrow().clone()
    }

    pub(super) fn troubles(&self) -> Vec<String> {
        self.troubles.borrow().clone()
    }

    fn print(&self, text: &str) {
        // A screen that is gone does not end the soak.
        let _ = match self.screen {
            Screen::Stdout => {
                std::io::stdout().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush())
            }
            Screen::Stderr => std::io::stderr().write_all(text.as_bytes()),
        };
    }
}
