//! One grammar of filters, for the API, the command line and what acts on everything that matches:
//! `state=quarantined,waiting account=12345678 pool!=greeters bot=night-*`.
//!
//! Words are separated by spaces and must all hold. A word is `key=values` or `key!=values`; values are
//! separated by commas, and one of them must fit; a value that ends in `*` fits whatever begins so.

use std::fmt;

/// The longest filter, in bytes.
pub const LONGEST: usize = 2_000;

/// A filter over some keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter(Vec<Word>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    key: &'static str,
    not: bool,
    values: Vec<String>,
}

impl Filter {
    /// Reads a filter over these keys.
    ///
    /// # Errors
    /// What is wrong, and what can be written.
    pub fn parse(text: &str, keys: &[&'static str]) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("a filter has at most {LONGEST} bytes"));
        }
        text.split_whitespace().map(|word| read(word, keys)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether something fits whose values of a key are these.
    pub fn takes<'a, V: IntoIterator<Item = &'a str>>(&self, values_of: impl Fn(&str) -> V) -> bool {
        self.0.iter().all(|word| {
            let fits =
                values_of(word.key).into_iter().any(|value| word.values.iter().any(|want| fits(want, value)));
            fits != word.not
        })
    }

    /// Each word: its key, whether it says `!=`, and its values as they were written.
    pub fn words(&self) -> impl Iterator<Item = (&'static str, bool, &[String])> {
        self.0.iter().map(|word| (word.key, word.not, &word.values[..]))
    }

    /// Whether everything fits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses values of a key that nothing can have.
    ///
    /// # Errors
    /// What can be written.
    pub fn allows(&self, key: &str, known: &[&str]) -> Result<(), String> {
        let said = self.0.iter().filter(|word| word.key == key).flat_map(|word| &word.values);
        let unknown = said.into_iter().find(|want| !known.iter().any(|value| fits(want, value)));
        unknown
            .map_or(Ok(()), |want| Err(format!("there is no {key} {want:?}: known are {}", known.join(", "))))
    }

    /// Whether anything is said of a key.
    pub fn has(&self, key: &str) -> bool {
        self.0.iter().any(|word| word.key == key)
    }

    /// The one whole value that a key must have, if that is all that is said of it.
    pub fn exactly(&self, key: &str) -> Option<&str> {
        let mut words = self.0.iter().filter(|word| word.key == key);
        match (words.next(), words.next()) {
            (Some(Word { not: false, values, .. }), None) => match &values[..] {
                [value] if !value.ends_with('*') => Some(value),
                _ => None,
            },
            _ => None,
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Word { key, not, values }) in self.0.iter().enumerate() {
            let (space, sign) = (if i > 0 { " " } else { "" }, if *not { "!=" } else { "=" });
            write!(f, "{space}{key}{sign}{}", values.join(","))?;
        }
        Ok(())
    }
}

fn read(word: &str, keys: &[&'static str]) -> Result<Word, String> {
    let known = keys.join(", ");
    let wrong = || format!("{word:?} is no filter: write KEY=VALUE or KEY!=VALUE, with one of {known}");
    let (key, values) = word.split_once('=').ok_or_else(wrong)?;
    let (key, not) = key.strip_suffix('!').map_or((key, false), |key| (key, true));
    let Some(key) = keys.iter().find(|known| **known == key) else {
        return Err(format!("there is no filter {key:?}: known are {known}"));
    };
    let values: Vec<_> = values.split(',').map(str::to_owned).collect();
    if values.iter().any(String::is_empty) {
        return Err(wrong());
    }
    Ok(Word { key, not, values })
}

fn fits(want: &str, value: &str) -> bool {
    want.strip_suffix('*').map_or(want == value, |start| value.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 3] = ["account", "state", "degraded"];

    fn takes(filter: &str) -> bool {
        let values_of = |key: &str| match key {
            "account" => vec!["12"],
            "state" => vec!["online"],
            _ => vec!["behind", "silent"],
        };
        Filter::parse(filter, &KEYS).unwrap().takes(values_of)
    }

    #[test]
    fn every_word_must_hold_and_one_of_its_values() {
        for (filter, expected) in [
            ("", true),
            ("account=12", true),
            ("account=1", false),
            ("account=1*", true),
            ("account=13,12 state=online", true),
            ("account=12 state=parked", false),
            ("state!=parked", true),
            ("state!=parked,online", false),
            ("degraded=silent", true),
            ("degraded!=silent", false),
            ("degraded!=stuck", true),
        ] {
            assert_eq!(takes(filter), expected, "{filter}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused_in_words() {
        for (filter, says) in [
            ("account", "is no filter: write KEY=VALUE"),
            ("account=", "is no filter"),
            ("account=1,,2", "is no filter"),
            ("skill=1", "there is no filter \"skill\": known are account, state, degraded"),
            (&"account=1 ".repeat(300), "at most 2000 bytes"),
        ] {
            let error = Filter::parse(filter, &KEYS).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_filter_is_written_as_it_was_read_and_knows_a_single_value() {
        let filter = Filter::parse("  account=1  state!=a,b degraded=x* ", &KEYS).unwrap();
        assert_eq!(filter.to_string(), "account=1 state!=a,b degraded=x*");
        assert_eq!(filter.exactly("account"), Some("1"));
        assert_eq!((filter.exactly("state"), filter.exactly("degraded")), (None, None));
    }
}
