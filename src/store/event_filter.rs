//! Which events somebody wants: `account=1 kind=quarantine,release state!=online`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::StreamEvent;
use crate::filter::Filter;

/// The keys of a filter of events.
const KEYS: [&str; 4] = ["account", "bot", "kind", "state"];

/// Which events somebody wants, and may see; all, unless narrowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    words: Filter,
    within: Option<BTreeSet<String>>,
}

impl EventFilter {
    /// Reads a filter's words, such as `account=1,2 kind!=state`; all of them must fit.
    ///
    /// # Errors
    /// Says which word is wrong and what would be right.
    pub fn parse(words: &str) -> Result<Self, String> {
        Ok(Self { words: Filter::parse(words, &KEYS)?, within: None })
    }

    /// The same, of these accounts alone; nothing of the fleet as a whole.
    #[must_use]
    pub fn within<'a>(self, accounts: impl IntoIterator<Item = &'a str>) -> Self {
        Self { within: Some(accounts.into_iter().map(str::to_owned).collect()), ..self }
    }

    /// Whether an event is wanted, and may be seen.
    pub fn fits(&self, event: &StreamEvent) -> bool {
        let value = |key: &str| match key {
            "account" => [event.account.as_str()],
            "bot" => [event.bot.as_str()],
            "kind" => [event.kind.as_str()],
            _ => [event.state.as_deref().unwrap_or_default()],
        };
        self.within.as_ref().is_none_or(|within| within.contains(&event.account)) && self.words.takes(value)
    }

    /// The same as the statements take it: each word with its key, `not` or nothing, and its values, each whole
    /// or, with a star beside it, a beginning.
    pub(super) fn text(&self) -> String {
        let words = self.words.words().map(|(key, not, values)| {
            let values: Vec<_> = values.iter().map(|value| wanted(value)).collect();
            json!([key, if not { "not" } else { "" }, values])
        });
        let within = self.within.iter().map(|within| {
            let values: Vec<_> = within.iter().map(|account| [account, ""]).collect();
            json!(["account", "", values])
        });
        json!(words.chain(within).collect::<Vec<_>>()).to_string()
    }
}

fn wanted(value: &str) -> Value {
    value.strip_suffix('*').map_or_else(|| json!([value, ""]), |start| json!([start, "*"]))
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
            ("account=2,1 bot=ad*", true, false),
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
        let error = EventFilter::parse("pool=x").unwrap_err();
        assert_eq!(error, "there is no filter \"pool\": known are account, bot, kind, state");
    }
}
