//! Every decision of muster, pure: no runtime, no I/O, no clock, no chance of its own.
//!
//! - [`ids`]: muster's own names

pub mod ids;

pub use ids::*;
