//! What commands print: tables for people, JSON for machines.

use serde::Serialize;

/// A number and its noun: `1 bot`, `2 bots`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A value as JSON on one line.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
}

/// A time as people read it, to the second; a dash for none.
pub(super) fn time(ms: Option<i64>) -> String {
    let Some(ms) = ms else { return "-".to_owned() };
    let text = crate::board::rfc3339(ms);
    match text.split_once('.') {
        Some((second, _)) => format!("{second}Z"),
        None => text,
    }
}

/// Rows under headings, in columns as wide as their widest cell.
pub(super) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let headings = headings.map(ToOwned::to_owned);
    let mut widths = [0; N];
    for row in std::iter::once(&headings).chain(rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    std::iter::once(&headings).chain(rows).map(|row| line(row, &widths)).collect()
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
    format!("{}\n", cells.join("  ").trim_end())
}

/// What is shown of one thing, a line each.
pub(super) fn lines(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    rows.iter().fold(String::new(), |text, (name, value)| format!("{text}{name:<width$}  {value}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["1".to_owned(), "greeter".to_owned()], ["12345678".to_owned(), "é".to_owned()]];
        assert_eq!(table(["ACCOUNT", "BOT"], &rows), "ACCOUNT   BOT\n1         greeter\n12345678  é\n");
        assert_eq!(table(["ACCOUNT", "BOT"], &[]), "ACCOUNT  BOT\n");
    }

    #[test]
    fn times_are_told_to_the_second() {
        assert_eq!(time(Some(1_709_210_096_789)), "2024-02-29T12:34:56Z");
        assert_eq!(time(None), "-");
    }
}
