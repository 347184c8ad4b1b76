//! The fault matrix: the promise under every fault, and without what keeps it.
//!
//! - `crashes`: kill -9 at every crash point
//! - `stops`: a process that is stopped past its lease at every crash point, and goes on

mod crashes;
mod replay;
mod stops;
