//! Stories over the whole fleet: consumers, brands and bots on the simulated platform.
//!
//! - `kill`: kill -9 in mid-load, on both stores
//! - `matrix`: every fault and every crash point, alone and mixed; what protects, switched off
//! - `once`: one subscription a socket for each conversation, whatever happens
//! - `supervision`: panics anywhere hurt only whom they concern
//! - `ownership`: one process runs a fleet
//! - `endings`: restart keeps all, retire leaves in order
//! - `sessions`: tokens that die, are refreshed, are sealed
//! - `convergence`: a whole fleet comes back, within the login budget
//! - `theft`: a login elsewhere, and a platform that sets bots away
//! - `logins`: every kind of login, domains that are down or wrong, a proxy
//! - `apply`: what is declared anew moves, and nobody else
//! - `check`: what is wrong with a fleet file and with its logins
//! - `declared`: the store runs without the file; bots and conversations are listed from it
//! - `commands`: what the commands say, also when something is wrong
//! - `contract`: what logic may do
//! - `webhook`: logic behind a URL, in three languages and in a bad mood
//! - `how_to`: every command of the how-to pages
//! - `access`: who may ask a fleet that runs
//! - `steering`: pauses, new logins, tokens on demand, and what a restart costs
//! - `verbs`: bots started, stopped, begun and logged in anew, set to other states
//! - `operations`: verbs on many bots, to their end, cancelled, and over a crash
//! - `store_away`: the store goes and comes back
//! - `store_faults`, `sqlite_faults`: whatever else a store can do to a fleet
//! - `restore`: an older backup is put back
//! - `letters`: dead letters, resolved beside a running fleet
//! - `secrets`: nothing secret is written down
//! - `consumers`: consumers that are real clients
//! - `closing`: conversations that are closed, with the bot there or away
//! - `untagged`: nothing twice, also where no tag comes back
//! - `truth`: what is said of a bot that lacks something, and what its time line remembers
//! - `take_over`: humans take conversations over and give them back
//! - `talk`: a person takes a conversation over, speaks through its bot, and gives it back
//! - `prometheus`: what a real Prometheus makes of it
//! - `demo`: what a stranger sees first
//! - `soak`: the same for long, under faults by a seed

#![expect(clippy::unwrap_used, reason = "a step of a story that fails is a story that fails")]

#[path = "../support/postgres.rs"]
mod postgres;

#[path = "../support/own_postgres.rs"]
mod own_postgres;
#[path = "../support/small_disk.rs"]
mod small_disk;
#[path = "../support/store_proxy.rs"]
mod store_proxy;

mod how_to;
mod inside;
mod outside;
mod proxy;
mod wait;

mod access;
mod apply;
mod check;
mod closing;
mod commands;
mod consumers;
mod contract;
mod convergence;
mod declared;
mod demo;
mod endings;
mod events;
mod kill;
mod letters;
mod liveness;
mod logins;
mod matrix;
mod neighbours;
mod once;
mod operations;
mod ownership;
mod pools;
mod prometheus;
mod quarantine;
mod restore;
mod secrets;
mod sessions;
mod soak;
mod sqlite_faults;
mod steering;
mod store_away;
mod store_faults;
mod supervision;
mod take_over;
mod talk;
mod theft;
mod truth;
mod untagged;
mod verbs;
mod webhook;
