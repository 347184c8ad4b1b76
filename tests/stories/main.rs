//! Stories over the whole fleet: consumers, brands and bots on the simulated platform.
//!
//! - `kill`: kill -9 in mid-load, on both stores
//! - `once`: one subscription a socket for each conversation, whatever happens
//! - `supervision`: panics anywhere hurt only whom they concern
//! - `ownership`: one process runs a fleet
//! - `endings`: restart keeps all, retire leaves in order
//! - `sessions`: tokens that die, are refreshed, are sealed
//! - `commands`: what the commands say, also when something is wrong
//! - `contract`: what logic may do
//! - `store_away`: the store goes and comes back
//! - `secrets`: nothing secret is written down
//! - `prometheus`: what a real Prometheus makes of it
//! - `demo`: what a stranger sees first

#![expect(clippy::unwrap_used, reason = "a step of a story that fails is a story that fails")]

#[path = "../support/postgres.rs"]
mod postgres;

mod inside;
mod outside;
mod wait;

mod commands;
mod contract;
mod demo;
mod endings;
mod kill;
mod once;
mod ownership;
mod prometheus;
mod secrets;
mod sessions;
mod store_away;
mod supervision;
