//! muster runs fleets of LivePerson messaging bots.
//!
//! - [`settings`]: the fleet file, from raw text to checked types
//! - [`board`]: the fleet's visible state

pub mod board;
pub mod settings;
