//! The fault matrix: the promise under every fault, and without what keeps it.
//!
//! - `cases`: the table of faults
//! - `runner`: runs the table against one fleet, a case after the other
//! - `faults`: each fault alone
//! - `mixes`: all of them at once, by seed
//! - `switches`: the platform behaves otherwise
//! - `crashes`: kill -9 at every crash point
//! - `stops`: a process that is stopped past its lease at every crash point, and goes on
//! - `off`: without what protects, the matrix fails
//! - `complete`: nothing is missing, here and in the reference

mod cases;
mod replay;
mod runner;

mod faults;
mod mixes;
mod switches;

mod crashes;
mod stops;

mod complete;
mod off;
