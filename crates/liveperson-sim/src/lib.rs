//! A simulated LivePerson platform: what tests, stories, the demo and the benches run against.
//!
//! Clients of both sides meet it on the wire, as they would meet the real one; consumers and humans can
//! also be played inside.
//!
//! - [`settings`]: how this platform behaves, and who lives on it
//! - [`Credential`]: what the login service takes for a user
//! - [`platform`]: the handle: accounts, bots, consumers, faults, observation
//! - [`consumer`]: one consumer driven by hand
//! - [`faults`]: what goes wrong on order, for whom, how often
//! - [`human`]: one human agent driven by hand
//! - [`ledger`]: was each consumer message answered once, never, twice, late, out of order?
//! - [`latencies`]: how long consumers waited for their answers
//! - [`counters`]: what the clients cost the platform
//! - [`control`]: the same handle for another process, over plain HTTP
//! - `world`: everything the platform knows, behind one lock
//! - `door`: the one port that serves the domain API, the login, consumer identity and all sockets

pub mod consumer;
pub mod control;
pub mod counters;
mod credential;
mod door;
pub mod faults;
pub mod human;
pub mod latencies;
pub mod ledger;
pub mod platform;
pub mod settings;
mod world;

pub use consumer::{Consumer, ConversationView, Heard};
pub use counters::Counters;
pub use credential::Credential;
pub use faults::{Aim, Fault, Order, Schedule, Side, SocketEnd, Swap, Trouble};
pub use human::Human;
pub use latencies::Latencies;
pub use ledger::Ledger;
pub use platform::{Platform, Unsettled};
pub use settings::{
    Acceptance, BadToken, BotUser, ConsumerScript, HistoryKeeps, HumanScript, LostRings, PlatformSettings,
    Revocation, SecondLogin,
};
pub use world::SECRET_MARK;
