//! Filters as words: `account=12345678 state=held`.

use super::Failure;

/// The value of each word that was given, by its key; keys that are not known are refused.
pub(super) fn values<const N: usize>(
    words: &[String],
    keys: [&str; N],
) -> Result<[Option<String>; N], Failure> {
    let mut values = [const { None }; N];
    for word in words {
        let Some((key, value)) = word.split_once('=').filter(|(_, value)| !value.is_empty()) else {
            let wrong =
                format!("{word:?} is no filter: write {}=VALUE, with one of {}", keys[0], keys.join(", "));
            return Err(Failure::new(wrong).with_code(2));
        };
        let Some(at) = keys.iter().position(|known| *known == key) else {
            let wrong = format!("there is no filter {key:?}: known are {}", keys.join(", "));
            return Err(Failure::new(wrong).with_code(2));
        };
        if values[at].replace(value.to_owned()).is_some() {
            return Err(Failure::new(format!("the filter {key} was given twice: leave one out")).with_code(2));
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_known_key_and_a_value_once() {
        for (words, says) in [
            (&["account=1", "bot=b"][..], Ok([Some("1"), Some("b")])),
            (&[], Ok([None, None])),
            (&["bot=a=b"], Ok([None, Some("a=b")])),
            (&["1"], Err("\"1\" is no filter: write account=VALUE, with one of account, bot")),
            (&["bot="], Err("is no filter")),
            (&["skill=1"], Err("there is no filter \"skill\": known are account, bot")),
            (&["bot=a", "bot=b"], Err("given twice")),
        ] {
            let words: Vec<_> = words.iter().map(ToString::to_string).collect();
            match (values(&words, ["account", "bot"]), says) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected.map(|text| text.map(str::to_owned))),
                (Err(failure), Err(says)) => {
                    assert!(failure.words.contains(says), "{}", failure.words);
                    assert_eq!(failure.code, 2);
                }
                (found, _) => panic!("{words:?}: {:?}", found.map_err(|failure| failure.words)),
            }
        }
    }
}
