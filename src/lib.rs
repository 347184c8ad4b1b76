//! muster runs fleets of LivePerson messaging bots.
//!
//! - [`settings`]: the fleet file, from raw text to checked types
//! - [`board`]: the fleet's visible state
//! - [`metrics`], [`telemetry`]: each declared once

pub mod board;
pub mod metrics;
pub mod settings;
pub mod telemetry;
