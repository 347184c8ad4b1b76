//! `/api/v1/events`: what happens in the fleet, as a list or as it happens.
//!
//! - `hub`: reads the store once for all who follow; `following`: one of them
//! - `shown`, `words`: an event as JSON, and on the wire

mod following;
mod hub;
mod shown;
mod words;

#[cfg(test)]
mod tests;

pub use hub::{Hub, HubRules};
pub use shown::FleetEvent;
