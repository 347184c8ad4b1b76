//! muster runs fleets of LivePerson messaging bots.
//!
//! - [`app`]: the composition root: settings in, a running fleet out
//! - [`cli`]: the command line, one file a command
//! - [`settings`]: the fleet file, from raw text to checked types
//! - [`actors`]: fleet, account, bot, socket, recorder: they carry out what `muster-core` decides
//! - [`logic`]: what runs bot logic
//! - [`store`]: all SQL: claims, cursors, outbox, declared bots, ownership
//! - [`steering`]: what people do to a fleet, for the command line and the API alike
//! - [`access`]: what proves who somebody is; [`filter`]: one grammar for all lists
//! - [`board`]: the fleet's visible state; [`happening`]: what its events can be
//! - [`api`], [`console`]: the board over HTTP, for machines and for people
//! - [`metrics`], [`telemetry`], [`clock`]: each declared once
//! - [`crash`], [`protection`]: how tests kill a process at a named point, and take a protection away

pub mod app;
pub mod cli;

pub mod settings;

pub mod actors;

pub mod logic;

pub mod store;

pub mod access;
pub mod filter;
pub mod steering;

pub mod api;
pub mod board;
pub mod console;
pub mod happening;

pub mod clock;
pub mod metrics;
pub mod telemetry;

pub mod crash;
pub mod protection;
