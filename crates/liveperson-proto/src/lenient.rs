//! Reading what the platform sends although it grows fields and sends `null` where text belongs.

use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::value::RawValue;

/// Reads `null` as the default.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// A list in which an element that does not parse loses only itself.
pub(crate) fn each<T: DeserializeOwned>(elements: &[&RawValue]) -> (Vec<T>, usize) {
    let mut good = Vec::with_capacity(elements.len());
    for element in elements {
        if let Ok(value) = serde_json::from_str(element.get()) {
            good.push(value);
        }
    }
    let lost = elements.len() - good.len();
    (good, lost)
}
