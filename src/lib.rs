//! muster runs fleets of LivePerson messaging bots.
//!
//! - [`settings`]: the fleet file, from raw text to checked types
//! - [`board`]: the fleet's visible state
//! - [`api`], [`console`]: the board over HTTP, for machines and for people
//! - [`metrics`], [`telemetry`]: each declared once

pub mod api;
pub mod board;
pub mod console;
pub mod metrics;
pub mod settings;
pub mod telemetry;
