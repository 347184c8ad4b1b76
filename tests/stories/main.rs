//! Stories over the whole fleet: consumers, brands and bots on the simulated platform.
//!
//! - `kill`: kill -9 in mid-load, on both stores
//! - `once`: one subscription a socket for each conversation, whatever happens
//! - `supervision`: panics anywhere hurt only whom they concern
//! - `ownership`: one process runs a fleet
//! - `endings`: restart keeps all, retire leaves in order
//! - `sessions`: tokens that die, are refreshed, are sealed
//! - `logins`: every kind of login, domains that are down or wrong, a proxy
//! - `check`: what is wrong with a fleet file and with its logins
//! - `declared`: the store runs without the file; bots and conversations are listed from it
//! - `commands`: what the commands say, also when something is wrong
//! - `contract`: what logic may do
//! - `webhook`: logic behind a URL, in three languages and in a bad mood
//! - `store_away`: the store goes and comes back
//! - `secrets`: nothing secret is written down
//! - `consumers`: consumers that are real clients
//! - `closing`: conversations that are closed, with the bot there or away
//! - `untagged`: nothing twice, also where no tag comes back
//! - `take_over`: humans take conversations over and give them back
//! - `prometheus`: what a real Prometheus makes of it
//! - `demo`: what a stranger sees first

#![expect(clippy::unwrap_used, reason = "a step of a story that fails is a story that fails")]

#[path = "../support/postgres.rs"]
mod postgres;

mod inside;
mod outside;
mod proxy;
mod wait;

mod check;
mod closing;
mod commands;
mod consumers;
mod contract;
mod declared;
mod demo;
mod endings;
mod kill;
mod logins;
mod once;
mod ownership;
mod pools;
mod prometheus;
mod secrets;
mod sessions;
mod store_away;
mod supervision;
mod take_over;
mod untagged;
mod webhook;
