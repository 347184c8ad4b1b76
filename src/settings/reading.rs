//! Reading one fleet file: it collects every fault instead of stopping at the first.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::environment::Environment;
use super::faults::{Place, Remark, SettingsFaults, Warning};

/// The file under the reader's eyes, and what there is to say about it so far.
pub(super) struct Reading<'a> {
    file: Arc<str>,
    text: &'a str,
    line_starts: Vec<usize>,
    /// Where each row of the store begins, if the text was put together from rows, and its name.
    rows: Vec<(usize, Arc<str>)>,
    pub(super) base_dir: &'a Path,
    /// Where `env:` and `file:` lead.
    pub(super) environment: &'a dyn Environment,
    faults: RefCell<Vec<Remark>>,
    warnings: RefCell<Vec<Warning>>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(
        file: &str,
        text: &'a str,
        base_dir: &'a Path,
        environment: &'a dyn Environment,
    ) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self {
            file: file.into(),
            text,
            line_starts: std::iter::once(0).chain(ends).collect(),
            rows: Vec::new(),
            base_dir,
            environment,
            faults: RefCell::default(),
            warnings: RefCell::default(),
        }
    }

    /// A text put together from rows of the store: what is wrong names its row, not a line nobody sees.
    pub(super) fn with_rows(self, rows: Vec<(usize, Arc<str>)>) -> Self {
        Self { rows, ..self }
    }

    /// Notes a fault at a byte of the file.
    pub(super) fn fault(&self, at: usize, key: &str, wrong: impl Into<String>, cure: impl Into<String>) {
        let remark = self.remark(at, key, wrong.into(), cure.into());
        self.faults.borrow_mut().push(remark);
    }

    /// Notes something that works and deserves a look.
    pub(super) fn warn(&self, at: usize, key: &str, wrong: impl Into<String>, cure: impl Into<String>) {
        let remark = self.remark(at, key, wrong.into(), cure.into());
        self.warnings.borrow_mut().push(remark);
    }

    /// A relative path starts at the fleet file, wherever muster was started.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.base_dir.join(path)
    }

    /// A place in words, such as `on line 3` or `in the stored bot 1/greeter`.
    pub(super) fn spot(&self, at: usize) -> String {
        match self.row(at) {
            Some(row) => format!("in the {row}"),
            None => format!("on line {}", self.line(at)),
        }
    }

    fn row(&self, at: usize) -> Option<Arc<str>> {
        let after = self.rows.partition_point(|(start, _)| *start <= at);
        self.rows.get(after.checked_sub(1)?).map(|(_, row)| row.clone())
    }

    /// The line of a byte, from 1.
    fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    /// The warnings if there is no fault, else all faults.
    pub(super) fn verdict(self) -> Result<Vec<Warning>, SettingsFaults> {
        let faults = self.faults.into_inner();
        let mut warnings = self.warnings.into_inner();
        warnings.sort_by_key(|warning| warning.place);
        if !faults.is_empty() {
            return Err(SettingsFaults::new(self.file, faults).with_warnings(warnings));
        }
        Ok(warnings)
    }

    fn remark(&self, at: usize, key: &str, wrong: String, cure: String) -> Remark {
        let (file, place) = match self.row(at) {
            Some(row) => (row, None),
            None => (self.file.clone(), Some(self.place(at))),
        };
        Remark { file, place, key: key.to_owned(), wrong, cure }
    }

    fn place(&self, at: usize) -> Place {
        let line = self.line(at);
        let before = self.text.get(self.line_starts[line - 1]..at).unwrap_or_default();
        Place { line, column: before.chars().count() + 1 }
    }
}
