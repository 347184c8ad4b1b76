//! What people do to a fleet, by whichever way they come: the pieces that the command line and the API share.
//!
//! Each act is written into the audit before it is done, and goes through the store, where a running fleet
//! hears of it (ADR 0013); nothing here prints, and nothing knows of HTTP.
//!
//! - [`bots`]: verbs on bots, and what came of them
//! - [`operations`]: a verb on everything that matches
//! - [`matching`]: which bots a filter means
//! - [`pausing`]: bots, accounts or the whole fleet held still
//! - [`talk`]: one conversation: taken over, given back, spoken in, transferred, closed, erased

pub mod bots;
pub mod matching;
pub mod operations;
pub mod pausing;
pub mod talk;
