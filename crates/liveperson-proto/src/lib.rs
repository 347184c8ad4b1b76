//! What LivePerson messaging says on the wire. No runtime, no I/O.
//!
//! - [`ids`]: a type for every id

pub mod ids;

pub use ids::*;
