//! Pages of a list: how many, from where on, and in which order.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Problem;
use crate::filter::Filter;

/// The largest page.
pub(super) const LARGEST: u32 = 1_000;
/// A page unless asked for otherwise.
const USUAL: u32 = 100;

/// Which part of a list is asked for.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// Go on behind this place: the `next` of the page before.
    after: Option<String>,
    /// Words that must all hold, such as `state=quarantined,waiting account=12345678 pool!=greeters`.
    #[param(max_length = 2000)]
    filter: Option<String>,
    /// By what, with `-` in front for the greatest first.
    sort: Option<String>,
}

/// A part of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// What there is.
    pub items: Vec<T>,
    /// Where the next page goes on; null if there is no more.
    pub next: Option<String>,
}

impl Asked {
    /// How many at most.
    ///
    /// # Errors
    /// A number that no page has.
    pub fn limit(&self) -> Result<u32, Problem> {
        let limit = self.limit.unwrap_or(USUAL);
        if (1..=LARGEST).contains(&limit) {
            return Ok(limit);
        }
        Err(Problem::bad_request(format!("limit goes from 1 to {LARGEST}")))
    }

    /// The place behind which the page begins.
    ///
    /// # Errors
    /// What was never a `next`.
    pub fn after<C: DeserializeOwned>(&self) -> Result<Option<C>, Problem> {
        let Some(text) = &self.after else { return Ok(None) };
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok();
        let place = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let wrong =
            || Problem::bad_request("after is no place in this list: leave it out, or send what `next` said");
        place.map(Some).ok_or_else(wrong)
    }

    /// What is asked for, over the keys of this list.
    ///
    /// # Errors
    /// What is wrong with the filter.
    pub fn filter(&self, keys: &[&'static str]) -> Result<Filter, Problem> {
        Filter::parse(self.filter.as_deref().unwrap_or_default(), keys).map_err(Problem::bad_request)
    }

    /// By what, of these words, and whether the greatest comes first; the first word unless asked for otherwise.
    ///
    /// # Errors
    /// Another word.
    pub fn sort(&self, words: &[&'static str]) -> Result<(&'static str, bool), Problem> {
        let Some(text) = self.sort.as_deref() else { return Ok((words[0], false)) };
        let (word, descends) = text.strip_prefix('-').map_or((text, false), |word| (word, true));
        let known = words.iter().find(|known| **known == word);
        let wrong = || Problem::bad_request(format!("this list is sorted by {}", words.join(", ")));
        known.map(|word| (*word, descends)).ok_or_else(wrong)
    }
}

impl<T> Page<T> {
    /// The page of one item more than asked for, if there are so many.
    pub fn of<C: Serialize>(mut items: Vec<T>, limit: u32, place: impl Fn(&T) -> C) -> Self {
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next = items.last().filter(|_| more).map(|last| cursor(&place(last)));
        Self { items, next }
    }

    /// The same with other items.
    pub fn map<U>(self, make: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(make).collect(), next: self.next }
    }
}

/// A place in a list, as clients carry it.
pub(super) fn cursor<C: Serialize>(place: &C) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).unwrap_or_default())
}
