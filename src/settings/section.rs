//! One table of the fleet file: which keys it has, lacks, and should not have.

use std::cell::RefCell;

use toml_edit::{Item, TableLike, Value};

use super::field::{Field, kind};
use super::nearest::nearest;
use super::reading::Reading;

/// A table being read; every key asked for becomes a known one.
pub(super) struct Section<'a> {
    /// The file it stands in.
    pub(super) reading: &'a Reading<'a>,
    /// Its path, such as `accounts[12345678].bots[greeter-1]`; empty for the file itself.
    pub(super) path: String,
    /// Where it begins.
    pub(super) at: usize,
    table: Option<&'a dyn TableLike>,
    known: RefCell<Vec<&'static str>>,
    missing: RefCell<Vec<(&'static str, &'static str)>>,
}

impl<'a> Section<'a> {
    /// The file as a whole.
    pub(super) fn root(reading: &'a Reading<'a>, table: &'a dyn TableLike) -> Self {
        Self::new(reading, Some(table), String::new(), 0)
    }

    fn new(reading: &'a Reading<'a>, table: Option<&'a dyn TableLike>, path: String, at: usize) -> Self {
        Self { reading, path, at, table, known: RefCell::default(), missing: RefCell::default() }
    }

    /// A key that may be left out.
    pub(super) fn field(&self, key: &'static str) -> Option<Field<'a>> {
        self.known.borrow_mut().push(key);
        let (name, item) = self.table?.get_key_value(key)?;
        let at = item.span().or_else(|| name.span()).map_or(self.at, |span| span.start);
        Some(Field { reading: self.reading, item, path: self.path_of(key), at })
    }

    /// Whether the key is there; it does not become a known one.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// Whether there is a key that nobody asked for yet.
    pub(super) fn has_unknown(&self) -> bool {
        let known = self.known.borrow();
        self.table.into_iter().flat_map(TableLike::iter).any(|(key, _)| !known.contains(&key))
    }

    /// A key that must be there; the example shows how to write it.
    pub(super) fn required(&self, key: &'static str, example: &'static str) -> Option<Field<'a>> {
        let field = self.field(key);
        if field.is_none() {
            self.missing.borrow_mut().push((key, example));
        }
        field
    }

    /// A table under this one; an absent one reads as empty.
    pub(super) fn section(&self, key: &'static str) -> Section<'a> {
        let Some(field) = self.field(key) else {
            return Self::new(self.reading, None, self.path_of(key), self.at);
        };
        field.table().unwrap_or_else(|| Self::new(self.reading, None, field.path, field.at))
    }

    /// The tables of a list under this one, each called by its `name` key where it has one.
    pub(super) fn sections(&self, key: &'static str, name: &str) -> Vec<Section<'a>> {
        let Some(field) = self.field(key) else { return Vec::new() };
        match field.item {
            Item::ArrayOfTables(tables) => {
                let tables = tables.iter().map(|table| (table as &dyn TableLike, table.span()));
                tables
                    .enumerate()
                    .map(|(i, (table, span))| self.element(&field, i, table, span, name))
                    .collect()
            }
            Item::Value(Value::Array(values)) => {
                let tables = values.iter().enumerate();
                tables.filter_map(|(i, value)| self.inline_element(&field, i, value, name)).collect()
            }
            Item::None | Item::Table(_) | Item::Value(_) => {
                let cure = format!("begin each with [[{}]]", field.header());
                field.fault(format!("expected a list of tables, found {}", kind(field.item)), cure);
                Vec::new()
            }
        }
    }

    /// Says which required keys are missing and which keys mean nothing here.
    pub(super) fn finish(self) {
        let meant = self.report_unknown();
        for (key, example) in self.missing.take() {
            if meant.contains(&key) {
                continue; // its misspelling is reported already
            }
            self.reading.fault(
                self.at,
                &self.path_of(key),
                "this key is required",
                format!("write {example}"),
            );
        }
    }

    fn report_unknown(&self) -> Vec<&'static str> {
        let known = self.known.borrow();
        let mut meant = Vec::new();
        for (key, item) in self.table.into_iter().flat_map(TableLike::iter) {
            if known.contains(&key) {
                continue;
            }
            let near = nearest(key, known.iter().copied());
            meant.extend(known.iter().filter(|known| Some(**known) == near));
            let name_at = self.table.and_then(|table| table.key(key)).and_then(toml_edit::Key::span);
            let at = name_at.or_else(|| item.span()).map_or(self.at, |span| span.start);
            self.reading.fault(at, &self.path_of(&shortened(key)), "unknown key", self.cure(near));
        }
        meant
    }

    fn cure(&self, near: Option<&str>) -> String {
        let mut known = self.known.borrow().clone();
        known.sort_unstable();
        near.map_or_else(
            || format!("known here: {}", known.join(", ")),
            |near| format!("did you mean \"{near}\"?"),
        )
    }

    fn element(
        &self,
        list: &Field<'a>,
        index: usize,
        table: &'a dyn TableLike,
        span: Option<std::ops::Range<usize>>,
        name: &str,
    ) -> Section<'a> {
        let called = table.get(name).and_then(Item::as_str).filter(|name| is_plain(name));
        let label = called.map_or_else(|| format!("#{}", index + 1), ToOwned::to_owned);
        let at = span.map_or(list.at, |span| span.start);
        Self::new(self.reading, Some(table), format!("{}[{label}]", list.path), at)
    }

    fn inline_element(
        &self,
        list: &Field<'a>,
        index: usize,
        value: &'a Value,
        name: &str,
    ) -> Option<Section<'a>> {
        let Some(table) = value.as_inline_table() else {
            let at = value.span().map_or(list.at, |span| span.start);
            let wrong = format!("expected a table, found {}", super::field::value_kind(value));
            self.reading.fault(at, &list.path, wrong, format!("begin each with [[{}]]", list.header()));
            return None;
        };
        Some(self.element(list, index, table, value.span(), name))
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

impl<'a> Field<'a> {
    /// The field as a table of its own.
    pub(super) fn table(&self) -> Option<Section<'a>> {
        let Some(table) = self.item.as_table_like() else {
            let cure = format!("begin it with [{}]", self.header());
            self.fault(format!("expected a table, found {}", kind(self.item)), cure);
            return None;
        };
        Some(Section::new(self.reading, Some(table), self.path.clone(), self.at))
    }
}

fn is_plain(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// A key as a message may show it: short, on one line.
fn shortened(key: &str) -> String {
    key.chars().take(40).flat_map(char::escape_debug).collect()
}
