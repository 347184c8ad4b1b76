//! What is declared, cut into pieces that the store can keep one by one, and put together again.
//!
//! Any table but those of the process itself is cut the same way, whatever it means: what it means
//! is read by one parser, from a file and from the store alike.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use toml_edit::{Array, InlineTable, Item, Key, Table, TableLike, Value};

/// The tables that belong to one process and are never stored.
const PROCESS: [&str; 3] = ["server", "store", "timing"];
/// The tables whose keys are names: each of their tables is a piece of its own.
const NAMED: [&str; 1] = ["logics"];
/// The header of a bot's table.
pub const BOTS: &str = "[[accounts.bots]]";
const ACCOUNTS: &str = "[[accounts]]";
/// A file that leaves this out means its defaults, whatever was declared before.
const PLATFORM: &str = "[platform]";

/// One table as it was declared, with references to secrets and never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The account it belongs to; empty for what the whole fleet shares.
    pub account: String,
    /// The header that a fleet file begins it with, such as `[platform]` or `[[accounts.bots]]`.
    pub header: String,
    /// Its name among those with the same header; empty where there is only one.
    pub name: String,
    /// Its keys and values as TOML, a line each; paths in it are whole.
    pub body: String,
}

impl Fragment {
    /// What names it, in the account and among all others.
    pub fn key(&self) -> (&str, &str, &str) {
        (&self.account, &self.header, &self.name)
    }

    /// What it is in words, such as `stored bot 1/greeter`.
    pub fn label(&self) -> String {
        let header = self.header.trim_matches(['[', ']']);
        let kind = header.rsplit('.').next().unwrap_or(header);
        let kind = kind.strip_suffix('s').filter(|_| self.header.starts_with("[[")).unwrap_or(header);
        match (self.account.as_str(), self.name.as_str()) {
            ("", "") => format!("stored table [{kind}]"),
            ("", name) => format!("stored {kind} {name}"),
            (account, "") => format!("stored {kind} {account}"),
            (account, name) => format!("stored {kind} {account}/{name}"),
        }
    }
}

/// All that is declared.
#[derive(Clone, Debug, Default)]
pub struct Declaration {
    /// Its pieces; of two that contradict each other the later one is at fault.
    pub fragments: Vec<Fragment>,
    extra_logics: Vec<String>,
}

impl Declaration {
    /// Cuts a fleet file into pieces; relative paths in it start at `base_dir`.
    pub(super) fn of(file: &Table, base_dir: &Path, extra_logics: &[&str]) -> Self {
        let mut fragments = Vec::new();
        for (key, item) in file.iter().filter(|(key, _)| !PROCESS.contains(key)) {
            let Some(value) = whole(key, item, base_dir) else { continue };
            cut(key, &value, &mut fragments);
        }
        if !fragments.is_empty() && !file.contains_key("platform") {
            let (account, name, body) = (String::new(), String::new(), String::new());
            fragments.insert(0, Fragment { account, header: PLATFORM.to_owned(), name, body });
        }
        Self { fragments, extra_logics: extra_logics.iter().map(ToString::to_string).collect() }
    }

    /// The same rules, other pieces.
    #[must_use]
    pub fn with(&self, fragments: Vec<Fragment>) -> Self {
        Self { fragments, extra_logics: self.extra_logics.clone() }
    }

    pub(super) fn extra_logics(&self) -> Vec<&str> {
        self.extra_logics.iter().map(String::as_str).collect()
    }

    /// One text of all pieces, and where each begins in it.
    pub(super) fn text(&self) -> (String, Vec<(usize, Arc<str>)>) {
        let (mut text, mut rows) = (String::new(), Vec::new());
        for fragment in self.in_order() {
            rows.push((text.len(), fragment.label().into()));
            text.push_str(&fragment.header);
            text.push('\n');
            text.push_str(&fragment.body);
            text.push('\n');
        }
        (text, rows)
    }

    /// An account's tables must follow their account; without one they would join another's.
    fn in_order(&self) -> Vec<&Fragment> {
        let accounts = self.fragments.iter().filter(|fragment| fragment.header == ACCOUNTS);
        let accounts: BTreeSet<_> = accounts.map(|fragment| fragment.account.as_str()).collect();
        let has_place = |fragment: &&Fragment| {
            fragment.account.is_empty() || accounts.contains(fragment.account.as_str())
        };
        let mut fragments: Vec<_> = self.fragments.iter().filter(has_place).collect();
        fragments.sort_by_key(|fragment| (&fragment.account, fragment.header != ACCOUNTS));
        fragments
    }
}

impl fmt::Display for Declaration {
    /// As a fleet file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text().0)
    }
}

fn cut(key: &str, value: &Value, fragments: &mut Vec<Fragment>) {
    match value {
        Value::Array(accounts) if key == "accounts" => {
            accounts
                .iter()
                .filter_map(Value::as_inline_table)
                .for_each(|account| cut_account(account, fragments));
        }
        Value::InlineTable(tables) if NAMED.contains(&key) => {
            for (name, table) in tables {
                let header = format!("[{}.{}]", Key::new(key), Key::new(name));
                let Some(table) = table.as_inline_table() else { continue };
                fragments.push(Fragment {
                    account: String::new(),
                    header,
                    name: String::new(),
                    body: body(table),
                });
            }
        }
        Value::InlineTable(table) => {
            let header = format!("[{}]", Key::new(key));
            fragments.push(Fragment {
                account: String::new(),
                header,
                name: String::new(),
                body: body(table),
            });
        }
        Value::Array(tables) => cut_list("", &format!("[[{}]]", Key::new(key)), tables, fragments),
        // The parser knows no key outside of a table.
        Value::String(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}

fn cut_account(account: &InlineTable, fragments: &mut Vec<Fragment>) {
    let id = account.get("id").and_then(Value::as_str).unwrap_or_default();
    let mut own = InlineTable::new();
    let mut lists = Vec::new();
    for (key, value) in account {
        match value.as_array().filter(|list| is_list_of_names(list)) {
            Some(list) => lists.push((format!("[[accounts.{}]]", Key::new(key)), list)),
            None => drop(own.insert(key, value.clone())),
        }
    }
    let (account, header) = (id.to_owned(), ACCOUNTS.to_owned());
    fragments.push(Fragment { account, header, name: String::new(), body: body(&own) });
    for (header, list) in lists {
        cut_list(id, &header, list, fragments);
    }
}

fn cut_list(account: &str, header: &str, tables: &Array, fragments: &mut Vec<Fragment>) {
    for table in tables.iter().filter_map(Value::as_inline_table) {
        let name = name(table).unwrap_or_default().to_owned();
        fragments.push(Fragment { account: account.into(), header: header.into(), name, body: body(table) });
    }
}

fn is_list_of_names(list: &Array) -> bool {
    !list.is_empty() && list.iter().all(|table| table.as_inline_table().and_then(name).is_some())
}

fn name(table: &InlineTable) -> Option<&str> {
    table.get("name").and_then(Value::as_str)
}

fn body(table: &InlineTable) -> String {
    table.iter().fold(String::new(), |text, (key, value)| {
        text + &format!("{} = {}\n", Key::new(key), value.to_string().trim())
    })
}

/// The value without comments and line breaks, and with whole paths.
fn whole(key: &str, item: &Item, base_dir: &Path) -> Option<Value> {
    match item {
        Item::None => None,
        Item::Value(value) => Some(whole_value(key, value, base_dir)),
        Item::Table(table) => Some(whole_table(table, base_dir)),
        Item::ArrayOfTables(tables) => {
            Some(tables.iter().map(|table| whole_table(table, base_dir)).collect::<Array>().into())
        }
    }
}

fn whole_value(key: &str, value: &Value, base_dir: &Path) -> Value {
    match value {
        Value::String(text) => whole_text(key, text.value(), base_dir).into(),
        Value::Integer(number) => (*number.value()).into(),
        Value::Float(number) => (*number.value()).into(),
        Value::Boolean(flag) => (*flag.value()).into(),
        Value::Datetime(date) => (*date.value()).into(),
        Value::Array(values) => {
            values.iter().map(|value| whole_value(key, value, base_dir)).collect::<Array>().into()
        }
        Value::InlineTable(table) => whole_table(table, base_dir),
    }
}

fn whole_table(table: &dyn TableLike, base_dir: &Path) -> Value {
    let mut whole_table = InlineTable::new();
    for (key, item) in table.iter() {
        if let Some(value) = whole(key, item, base_dir) {
            whole_table.insert(key, value);
        }
    }
    whole_table.into()
}

/// A `file:` reference, and a key that ends in `_file`, name a path; in the store it must not depend
/// on where the fleet file stood.
fn whole_text(key: &str, text: &str, base_dir: &Path) -> String {
    let absolute = |path: &str| {
        let path = base_dir.join(path);
        std::path::absolute(&path).unwrap_or(path).display().to_string()
    };
    match text.strip_prefix("file:") {
        Some(path) => format!("file:{}", absolute(path)),
        None if key.ends_with("_file") => absolute(text),
        None => text.to_owned(),
    }
}
