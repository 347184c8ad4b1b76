//! What `lpsim` can be told.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// What bot users log in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Logins {
    /// A password.
    Password,
    /// Password, key, client credentials, assertion, token, and again.
    Each,
}

/// A simulated LivePerson platform: domain API, agent login and brand sockets on one port, with bots'
/// logins, scripted consumers, faults on demand, and a ledger of what the consumers saw.
///
/// At Ctrl-C or SIGTERM it prints the ledger; the exit code is 0 when it is clean, 1 when it is not, and 2
/// when the platform could not start.
#[derive(Debug, Parser)]
#[command(name = "lpsim", version)]
pub(crate) struct Arguments {
    /// Where the platform listens; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Where to serve faults, ledger and counters over plain HTTP; whoever reaches it may do everything
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) control: Option<SocketAddr>,
    /// Speak plain HTTP and WebSocket instead of TLS
    #[arg(long)]
    pub(crate) plain: bool,
    /// How many brand accounts there are
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) accounts: usize,
    /// How many bot users each account has; logins are bot-1-1, bot-1-2 and so on, secrets random
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) bots: usize,
    /// What bot users log in with: a password, or each kind in turn, a token without a login among them
    #[arg(long, value_enum, default_value_t = Logins::Password)]
    pub(crate) logins: Logins,
    /// How many open conversations each bot user takes at once
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) capacity: usize,
    /// How many scripted consumers there are, spread over all accounts
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) consumers: usize,
    /// How long a consumer thinks after the last answer, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    pub(crate) think: u64,
    /// How many messages each consumer says before it leaves; 0: new conversations until the end
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) messages: usize,
    /// How many messages a consumer says at once, without waiting for answers between them
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) burst: usize,
    /// Where ids and pauses come from: the same seed gives the same ones; by default it is another each time
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// How long an answer may take before the ledger calls it late, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    pub(crate) answer_within: u64,
    /// How long a ring waits for its agent, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 72_000)]
    pub(crate) ring_life: u64,
    /// How long a login lives without a refresh, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 720_000)]
    pub(crate) token_life: u64,
    /// Return no metadata with what is read from a history: published tags are not seen again there
    #[arg(long)]
    pub(crate) no_metadata_in_history: bool,
    /// Write a fleet file for muster here; for fleet.toml the secrets go to fleet.secrets/, one file each
    #[arg(long, value_name = "FILE")]
    pub(crate) fleet_out: Option<PathBuf>,
    /// Write the certificate that clients must trust here; with --fleet-out the default is ca.pem beside it
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_out: Option<PathBuf>,
}
