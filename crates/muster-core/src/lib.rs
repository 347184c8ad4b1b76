//! Every decision of muster, pure: no runtime, no I/O, no clock, no chance of its own.
//!
//! - [`bot`]: the life of a bot: connect, token, reconnect, rings, drain
//! - [`dialog`]: the life of a message: cursor, duplicates, holes, turn-taking, outbox
//! - [`declared`]: declared against running: which bots have to move
//! - [`duty`]: what a pool is for, and how its bots behave beside others
//! - [`pool`]: who watches an account, and who takes which conversation
//! - [`pause`]: whom people hold still
//! - [`rights`]: who may do what, and in which accounts
//! - [`turn`]: the contract between a bot and its logic
//! - [`budget`]: how many logins an account allows; [`door`]: which bot logs in next, and when
//! - [`crowd`]: whether bots lose their sockets together
//! - [`health`]: what is not as it should be about a bot, by name
//! - [`supervision`]: when a failed part starts again, and when it is held off
//! - [`quarantine`]: why a bot is held off until a person releases it
//! - [`starts`]: which bots may have killed the process that started them
//! - [`tag`]: the names that prove a message was answered
//! - [`ids`], [`time`]: muster's own names and integers; [`calendar`]: times in words

pub mod bot;

pub mod dialog;

pub mod declared;
pub mod duty;
pub mod pause;
pub mod pool;

pub mod turn;

pub mod budget;
pub mod crowd;
pub mod door;
pub mod health;
pub mod quarantine;
pub mod rights;
pub mod starts;
pub mod supervision;

pub mod tag;

pub mod calendar;
pub mod ids;
pub mod time;

pub use ids::*;
