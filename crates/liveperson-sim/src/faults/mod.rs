//! Faults on order: what goes wrong, for whom, how often and for how long.
//!
//! - [`fault`]: the kinds
//! - [`order`]: a kind with its aim, its chance and its bounds
//! - [`book`]: the orders that stand, and how often a client really met one
//! - [`schedule`]: orders by a seed

pub(crate) mod book;
mod fault;
mod order;
mod schedule;

pub(crate) use fault::is_for_good;
pub use fault::{Fault, SocketEnd, Swap, Trouble};
pub use order::{Aim, Order, Side};
pub use schedule::Schedule;
