//! What is wrong with a fleet file, where, and what cures it.

use std::fmt;
use std::sync::Arc;

/// A place in the fleet file; both count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// One thing to say about the fleet file, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The file's name, as the operator gave it.
    pub file: Arc<str>,
    /// Where in it; none when the file as a whole is meant.
    pub place: Option<Place>,
    /// The key's path, such as `timing.settle`; empty when no key is meant.
    pub key: String,
    /// What is wrong, with no secret in it.
    pub wrong: String,
    /// What to do about it.
    pub cure: String,
}

/// Something that works today and deserves a look.
pub type Warning = Remark;

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if let Some(Place { line, column }) = self.place {
            write!(f, "{line}:{column}:")?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}; {}", self.wrong, self.cure)
    }
}

/// Every fault of a fleet file at once, in the order of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsFaults {
    file: Arc<str>,
    faults: Vec<Remark>,
    warnings: Vec<Warning>,
}

impl SettingsFaults {
    pub(super) fn new(file: Arc<str>, mut faults: Vec<Remark>) -> Self {
        faults.sort_by_key(|fault| fault.place);
        Self { file, faults, warnings: Vec::new() }
    }

    pub(super) fn with_warnings(self, warnings: Vec<Warning>) -> Self {
        Self { warnings, ..self }
    }

    /// What would be warned of if there were no fault, in the order of its lines.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The faults, in the order of their lines; never empty.
    pub fn all(&self) -> &[Remark] {
        &self.faults
    }
}

impl fmt::Display for SettingsFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.faults {
            writeln!(f, "{fault}")?;
        }
        let plural = if self.faults.len() == 1 { "" } else { "s" };
        write!(f, "{} fault{plural} in {}", self.faults.len(), self.file)
    }
}

impl std::error::Error for SettingsFaults {}
