//! The platform's handle for another process: plain HTTP with JSON, on a loopback listener of its own.
//!
//! - `server`: the listener, and what each path does
//! - `http`: one request and its answer, by hand
//! - [`Control`]: the client, whose methods are named after the platform's; those of humans are in `human`

mod client;
mod http;
mod human;
mod server;

pub use client::{Control, Place};
pub use server::serve;
