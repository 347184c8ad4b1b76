//! One key of the fleet file, read as the type it must have.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml_edit::{Item, Value};

use super::reading::Reading;
use super::units;

/// A key's value and where it stands.
pub(super) struct Field<'a> {
    /// The file it stands in.
    pub(super) reading: &'a Reading<'a>,
    /// What the operator wrote.
    pub(super) item: &'a Item,
    /// Its path, such as `timing.settle`.
    pub(super) path: String,
    /// Where its value begins.
    pub(super) at: usize,
}

impl<'a> Field<'a> {
    /// Notes a fault of this key.
    pub(super) fn fault(&self, wrong: impl Into<String>, cure: impl Into<String>) {
        self.reading.fault(self.at, &self.path, wrong, cure);
    }

    /// A text that is not empty.
    pub(super) fn text(&self, example: &str) -> Option<&'a str> {
        let Some(text) = self.item.as_str() else {
            self.wrong_type(&format!("a string such as \"{example}\""), &self.quoted(example));
            return None;
        };
        if text.trim().is_empty() {
            self.fault("it is empty", format!("write \"{example}\", say"));
            return None;
        }
        Some(text)
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Option<bool> {
        let value = self.item.as_bool();
        if value.is_none() {
            self.wrong_type("true or false", "write true or false, without quotes");
        }
        value
    }

    /// A whole number in a range.
    pub(super) fn number(&self, range: &RangeInclusive<u32>) -> Option<u32> {
        let (least, most) = (range.start(), range.end());
        let Some(number) = self.item.as_integer() else {
            self.wrong_type(
                "a whole number",
                &format!("write a number from {least} to {most}, without quotes"),
            );
            return None;
        };
        let fits = u32::try_from(number).ok().filter(|number| range.contains(number));
        if fits.is_none() {
            self.fault(format!("{number} is out of range"), format!("write a number from {least} to {most}"));
        }
        fits
    }

    /// A duration in a range.
    pub(super) fn duration(&self, range: &RangeInclusive<Duration>) -> Option<Duration> {
        let Some(text) = self.item.as_str() else {
            let cure = self
                .item
                .as_integer()
                .filter(|number| *number > 0)
                .map(|seconds| format!("write \"{seconds}s\" if seconds are meant"));
            self.wrong_type("a duration such as \"30s\"", &cure.unwrap_or_else(|| DURATION_CURE.into()));
            return None;
        };
        let Some(duration) = units::duration(text) else {
            self.fault(format!("{} is no duration", shown(text)), DURATION_CURE);
            return None;
        };
        let (least, most) = (units::duration_text(*range.start()), units::duration_text(*range.end()));
        if !range.contains(&duration) {
            self.fault(format!("{} is out of range", shown(text)), format!("write {least} to {most}"));
            return None;
        }
        Some(duration)
    }

    /// A size in bytes, in a range.
    pub(super) fn size(&self, range: &RangeInclusive<u64>) -> Option<u64> {
        let cure = "write a whole number and a unit: \"512KiB\", \"32MiB\"";
        let Some(text) = self.item.as_str() else {
            self.wrong_type("a size such as \"32MiB\"", cure);
            return None;
        };
        let Some(bytes) = units::size(text) else {
            self.fault(format!("{} is no size", shown(text)), cure);
            return None;
        };
        let (least, most) = (units::size_text(*range.start()), units::size_text(*range.end()));
        if !range.contains(&bytes) {
            self.fault(format!("{} is out of range", shown(text)), format!("write {least} to {most}"));
            return None;
        }
        Some(bytes)
    }

    /// Says that the value has another type than this key takes; never shows the value.
    pub(super) fn wrong_type(&self, expected: &str, cure: &str) {
        self.fault(format!("expected {expected}, found {}", kind(self.item)), cure);
    }

    /// The key as a table header writes it: without the names of the bots above it.
    pub(super) fn header(&self) -> String {
        let mut depth = 0_usize;
        let mut outside = |letter: &char| match letter {
            '[' => {
                depth += 1;
                false
            }
            ']' => {
                depth = depth.saturating_sub(1);
                false
            }
            _ => depth == 0,
        };
        self.path.chars().filter(&mut outside).collect()
    }

    fn quoted(&self, example: &str) -> String {
        match self.item.as_integer() {
            Some(number) => format!("put it in quotes: \"{number}\""),
            None => format!("write \"{example}\", say"),
        }
    }
}

const DURATION_CURE: &str = "write a whole number and a unit: \"250ms\", \"30s\", \"5m\", \"1h\"";

/// A text as a message may show it: quoted, escaped and short.
pub(super) fn shown(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("{short:?}{more}")
}

/// What kind of thing the operator wrote.
pub(super) fn kind(item: &Item) -> &'static str {
    match item {
        Item::None => "nothing",
        Item::Table(_) => "a table",
        Item::ArrayOfTables(_) => "a list of tables",
        Item::Value(value) => value_kind(value),
    }
}

pub(super) fn value_kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "an integer",
        Value::Float(_) => "a decimal number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::InlineTable(_) => "a table",
    }
}
