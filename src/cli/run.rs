//! `muster run`: a fleet from a fleet file, until a signal ends it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use muster_core::bot::Ending;
use tokio::runtime::Handle;
use tracing::{info, warn};

use super::signals::Signals;
use super::{Failure, banner, ownership};
use crate::api::{self, ApiState};
use crate::app::{Fleet, LaunchOptions};
use crate::board::Board;
use crate::console;
use crate::settings::FleetSettings;

/// What `muster run` takes.
#[derive(Args)]
pub(super) struct Arguments {
    /// The fleet file
    fleet: PathBuf,
    /// Take the fleet from a process that holds it
    #[arg(long)]
    take_over: bool,
    /// Migrate a Postgres store at the start
    #[arg(long)]
    migrate: bool,
    /// At the end hand conversations back and log out, instead of keeping all for the next start
    #[arg(long)]
    retire: bool,
}

pub(super) fn load(path: &Path) -> Result<FleetSettings, Failure> {
    let (settings, warnings) =
        FleetSettings::load(path).map_err(|faults| Failure::new(faults.to_string()))?;
    for warning in warnings {
        warn!("{warning}");
    }
    Ok(settings)
}

pub(super) async fn run(arguments: Arguments, io: Handle) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let settings = load(&arguments.fleet)?;
    let options = LaunchOptions {
        take_over: arguments.take_over,
        migrate: arguments.migrate,
        ..LaunchOptions::default()
    };
    let board = Board::default();
    let fleet = tokio::select! {
        fleet = ownership::launch(&settings, options, board.clone(), io) => fleet?,
        signal = signals.next() => return Err(Failure::new(format!("{signal} before the start was over"))),
    };
    let (server, bound) = listen(settings.server.listen, &board, &fleet)?;
    banner::print(&settings, &arguments.fleet.display().to_string(), &fleet, Some(bound));
    let ending = if arguments.retire { Ending::Retire } else { Ending::Restart };
    let ended = until_the_end(fleet, &mut signals, ending, settings.timing.drain).await;
    server.stop(false).await;
    ended
}

/// Serves the API and the console beside the fleet.
pub(super) fn listen(
    address: SocketAddr,
    board: &Board,
    fleet: &Fleet,
) -> Result<(actix_web::dev::ServerHandle, SocketAddr), Failure> {
    let state = ApiState::new(board.clone(), fleet.house.metrics.clone());
    let (server, bound) = api::serve(address, state, console::configure).map_err(|error| {
        Failure::new(format!("cannot listen on {address}: {error}; set another `listen` under [server]"))
    })?;
    let handle = server.handle();
    actix::spawn(server);
    Ok((handle, bound))
}

async fn until_the_end(
    mut fleet: Fleet,
    signals: &mut Signals,
    ending: Ending,
    within: std::time::Duration,
) -> Result<(), Failure> {
    let taken = tokio::select! {
        signal = signals.next() => {
            info!(signal, ?ending, "ends in order; a second signal ends at once");
            None
        }
        why = &mut fleet.lost => Some(why.unwrap_or_else(|_| "the fleet's actor failed".to_owned())),
    };
    tokio::select! {
        // Whoever took the fleet has its sessions: nothing is handed back, nobody logged out.
        () = fleet.end(if taken.is_some() { Ending::Restart } else { ending }, within) => {}
        signal = signals.next() => return Err(Failure::new(format!("{signal} again: ends at once"))),
    }
    match taken {
        Some(why) => Err(Failure::new(why).with_code(4)),
        None => Ok(()),
    }
}
