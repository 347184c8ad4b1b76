//! Which events somebody wants: `account=1 kind=quarantine,release state!=online`.

use std::collections::BTreeSet;

use serde_json::json;

use super::StreamEvent;

/// The keys of a filter.
const KEYS: [&str; 4] = ["account", "bot", "kind", "state"];

/// Which values of one key are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wanted {
    /// One of these; any where none are named.
    only: Option<BTreeSet<String>>,
    /// None of these.
    except: BTreeSet<String>,
}

impl Wanted {
    fn narrow(&mut self, values: BTreeSet<String>) {
        self.only = Some(match self.only.take() {
            Some(before) => before.intersection(&values).cloned().collect(),
            None => values,
        });
    }

    fn fits(&self, value: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(value)) && !self.except.contains(value)
    }
}

/// Which events somebody wants; all, unless narrowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter([Wanted; KEYS.len()]);

impl EventFilter {
    /// Reads a filter's words, such as `account=1,2 kind!=state`; all of them must fit.
    ///
    /// # Errors
    /// Says which word is wrong and what would be right.
    pub fn parse(words: &str) -> Result<Self, String> {
        let mut filter = Self::default();
        for word in words.split_whitespace() {
            filter.add(word)?;
        }
        Ok(filter)
    }

    fn add(&mut self, word: &str) -> Result<(), String> {
        let known = KEYS.join(", ");
        let wrong = || format!("{word:?} is no filter: write KEY=VALUE, with one of {known}");
        let (key, values) = word.split_once('=').ok_or_else(wrong)?;
        let (key, except) = key.strip_suffix('!').map_or((key, false), |key| (key, true));
        let at = KEYS.iter().position(|known| *known == key);
        let at = at.ok_or_else(|| format!("there is no filter {key:?}: known are {known}"))?;
        let values: BTreeSet<_> = values.split(',').map(str::to_owned).collect();
        if values.contains("") {
            return Err(wrong());
        }
        if except {
            self.0[at].except.extend(values);
        } else {
            self.0[at].narrow(values);
        }
        Ok(())
    }

    /// The same, of these accounts alone; nothing of the fleet as a whole.
    #[must_use]
    pub fn within<'a>(mut self, accounts: impl IntoIterator<Item = &'a str>) -> Self {
        self.0[0].narrow(accounts.into_iter().map(str::to_owned).collect());
        self
    }

    /// Whether an event is wanted.
    pub fn fits(&self, event: &StreamEvent) -> bool {
        let [account, bot, kind, state] = &self.0;
        account.fits(&event.account)
            && bot.fits(&event.bot)
            && kind.fits(&event.kind)
            && state.fits(event.state.as_deref().unwrap_or_default())
    }

    /// What is wanted and what is not of each key, as the statements take it.
    pub(super) fn texts(&self) -> Vec<Option<String>> {
        let both = |wanted: &Wanted| {
            let only = wanted.only.as_ref().map(list);
            [only, Some(list(&wanted.except))]
        };
        self.0.iter().flat_map(both).collect()
    }
}

fn list(values: &BTreeSet<String>) -> String {
    json!(values.iter().map(|value| [value]).collect::<Vec<_>>()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(account: &str, bot: &str, kind: &str, state: Option<&str>) -> StreamEvent {
        let state = state.map(str::to_owned);
        let [account, bot, kind] = [account, bot, kind].map(str::to_owned);
        StreamEvent { id: 1, account, bot, at: 0, kind, state, cause: None, who: None }
    }

    #[test]
    fn an_event_fits_when_every_word_does() {
        let online = event("1", "ada", "state", Some("online"));
        let fleet = event("", "", "fenced", None);
        for (words, fits_online, fits_fleet) in [
            ("", true, true),
            ("account=1", true, false),
            ("account=2,1 bot=ada", true, false),
            ("account=1 account=2", false, false),
            ("account!=1", false, true),
            ("kind=fenced,state", true, true),
            ("kind!=fenced state=online", true, false),
            ("state!=online", false, true),
        ] {
            let filter = EventFilter::parse(words).unwrap();
            assert_eq!((filter.fits(&online), filter.fits(&fleet)), (fits_online, fits_fleet), "{words}");
        }
        let limited = EventFilter::parse("account=1,2").unwrap().within(["2", "3"]);
        assert!(!limited.fits(&online) && limited.fits(&event("2", "", "act", None)));
        assert!(!EventFilter::default().within([]).fits(&fleet), "no account sees nothing");
    }

    #[test]
    fn a_wrong_word_is_refused_with_what_would_be_right() {
        for (words, says) in [
            ("ada", "\"ada\" is no filter: write KEY=VALUE, with one of account, bot, kind, state"),
            ("bot=", "\"bot=\" is no filter"),
            ("bot=a,,b", "is no filter"),
            ("pool=x", "there is no filter \"pool\": known are account, bot, kind, state"),
        ] {
            let error = EventFilter::parse(words).unwrap_err();
            assert!(error.contains(says), "{words}: {error}");
        }
    }
}
