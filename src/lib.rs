//! muster runs fleets of LivePerson messaging bots.
//!
//! - [`settings`]: the fleet file, from raw text to checked types
//! - [`store`]: all SQL: claims, cursors, outbox, declared bots, ownership

pub mod settings;

pub mod store;
