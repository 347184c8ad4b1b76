//! A simulated LivePerson platform: what tests, stories, the demo and the benches run against.
//!
//! Brand clients meet it on the wire, as they would meet the real one; consumers are played inside.
//!
//! - [`settings`]: how this platform behaves, and who lives on it
//! - [`platform`]: the handle: accounts, bots, consumers, faults, observation
//! - [`consumer`]: one consumer driven by hand
//! - [`ledger`]: was each consumer message answered once, never, twice, late, out of order?
//! - [`latencies`]: how long consumers waited for their answers
//! - [`counters`]: what the clients cost the platform
//! - [`control`]: the same handle for another process, over plain HTTP
//! - `world`: everything the platform knows, behind one lock
//! - `door`: the one port that serves the domain API, the login and the brand sockets

pub mod consumer;
pub mod control;
pub mod counters;
mod door;
pub mod latencies;
pub mod ledger;
pub mod platform;
pub mod settings;
mod world;

pub use consumer::{Consumer, ConversationView, Heard};
pub use counters::Counters;
pub use latencies::Latencies;
pub use ledger::Ledger;
pub use platform::{Platform, Unsettled};
pub use settings::{
    BadToken, BotUser, ConsumerScript, HistoryKeeps, PlatformSettings, Revocation, SecondLogin,
};
pub use world::SECRET_MARK;
