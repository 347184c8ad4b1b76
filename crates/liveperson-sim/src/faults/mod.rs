//! Faults on order: what goes wrong, for whom, how often and for how long.
//!
//! - `fault`, `particulars`: the kinds, and what each has to be told
//! - `order`: a kind with its aim, its chance and its bounds
//! - `book`: the orders that stand, and how often a client really met one
//! - `schedule`: orders by a seed

pub(crate) mod book;
mod fault;
mod order;
mod particulars;
mod schedule;

pub use fault::Fault;
pub(crate) use fault::is_for_good;
pub use order::{Aim, Order, Side};
pub use particulars::{SocketEnd, Swap, Trouble};
pub use schedule::Schedule;
