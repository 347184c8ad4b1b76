//! What LivePerson messaging says on the wire. No runtime, no I/O.
//!
//! - [`ids`]: a type for every id
//! - [`host`]: what may stand where a host is expected
//! - [`login`]: domains, login, refresh: the HTTP side
//! - [`request`]: what a brand socket asks
//! - [`consumer`]: what a consumer's socket asks
//! - [`frame`]: what a socket hears: answers and notifications
//! - [`conversation`], [`message`], [`ring`], [`agent_state`]: what notifications carry
//! - [`close_code`]: why a socket closed, and what follows
//! - [`rich`]: the limits of rich content
//! - [`redact`]: a frame as it may be shown

pub mod ids;

pub mod host;
pub mod login;

pub mod consumer;
pub mod request;

pub mod frame;

pub mod agent_state;
pub mod conversation;
pub mod message;
pub mod ring;

pub mod close_code;
pub mod redact;
pub mod rich;

mod lenient;

pub use ids::*;
