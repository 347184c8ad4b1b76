//! muster runs fleets of LivePerson messaging bots.
//!
//! - [`settings`]: the fleet file, from raw text to checked types

pub mod settings;
