//! What `lpsim` can be told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use liveperson_sim::SecondLogin;

/// What bot users log in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Logins {
    /// A password.
    Password,
    /// Password, key, client credentials, assertion, token, and again.
    Each,
}

/// What becomes of a ring whose agent loses its last socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rings {
    /// It is cancelled and offered again.
    OfferedAgain,
    /// Nobody is told of it until it expires.
    LeftToExpire,
}

fn second_login(text: &str) -> Result<SecondLogin, String> {
    if text == "never" {
        return Ok(SecondLogin::Never);
    }
    let (code, delay) = text.split_once(':').map_or((text, None), |(code, delay)| (code, Some(delay)));
    let code = code.parse().ok().filter(|code| (1000..5000).contains(code));
    let closes = match (code, delay.map(str::parse)) {
        (Some(code), None) => Some(SecondLogin::AtOnce(code)),
        (Some(code), Some(Ok(ms))) => Some(SecondLogin::After(Duration::from_millis(ms), code)),
        _ => None,
    };
    closes.ok_or_else(|| {
        "write `never`, or a close code such as 4401, or one with milliseconds: 4401:500".to_owned()
    })
}

/// A simulated LivePerson platform: domain API, agent login and brand sockets on one port, with bots'
/// logins, scripted consumers, faults on demand, and a ledger of what the consumers saw.
///
/// At Ctrl-C or SIGTERM it prints the ledger; the exit code is 0 when it is clean, 1 when it is not, and 2
/// when the platform could not start.
#[derive(Debug, Parser)]
#[command(name = "lpsim", version)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
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
    /// Cancel rings whose agent lost its socket and offer them again, or leave them to expire
    #[arg(long, value_enum, default_value_t = Rings::OfferedAgain)]
    pub(crate) lost_rings: Rings,
    /// Accept rings the moment they ring, in the agent's name
    #[arg(long)]
    pub(crate) auto_accept: bool,
    /// Make tokens good only at the address that asked for them
    #[arg(long)]
    pub(crate) bind_tokens: bool,
    /// What a second login does to the first one's sockets: `never`, or a close code (1006: no close frame),
    /// with `:MS` that much later
    #[arg(long, value_name = "CODE[:MS]", default_value = "never", value_parser = second_login)]
    pub(crate) second_login_closes: SecondLogin,
    /// The most events one history query returns
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub(crate) history_page: usize,
    /// Keep the oldest events of a too long history answer, not the newest
    #[arg(long)]
    pub(crate) history_keeps_oldest: bool,
    /// Leave the metadata of events out of history answers
    #[arg(long)]
    pub(crate) no_metadata_in_history: bool,
    /// Send messages only to brand sockets that subscribed to their dialog
    #[arg(long)]
    pub(crate) messages_need_subscription: bool,
    /// Open a survey dialog when a conversation's main dialog is closed
    #[arg(long)]
    pub(crate) surveys: bool,
    /// The most published events a second on one socket; more are answered with 429
    #[arg(long, value_name = "N")]
    pub(crate) publishes_per_second: Option<usize>,
    /// The most logins a second of one account; more are answered with 429
    #[arg(long, value_name = "N")]
    pub(crate) logins_per_second: Option<usize>,
    /// Write a fleet file for muster here; for fleet.toml the secrets go to fleet.secrets/, one file each
    #[arg(long, value_name = "FILE")]
    pub(crate) fleet_out: Option<PathBuf>,
    /// Write the certificate that clients must trust here; with --fleet-out the default is ca.pem beside it
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_out: Option<PathBuf>,
}
