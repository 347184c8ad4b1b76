//! muster runs fleets of LivePerson messaging bots.

pub mod store;
