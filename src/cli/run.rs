//! `muster run`: a fleet from a fleet file, until a signal ends it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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

/// How often the root of the actors is asked whether it makes progress.
const BEAT: Duration = Duration::from_secs(5);

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
    let (server, bound) = match listen(settings.server.listen, &board, &fleet) {
        Ok(listening) => listening,
        Err(failure) => {
            fleet.end(Ending::Restart, Duration::ZERO).await;
            return Err(failure);
        }
    };
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
    let alive = state.alive.clone();
    let (server, bound) = api::serve(address, state, console::configure).map_err(|error| {
        Failure::new(format!("cannot listen on {address}: {error}; set another `listen` under [server]"))
    })?;
    let handle = server.handle();
    actix::spawn(server);
    watch(fleet, alive);
    Ok((handle, bound))
}

/// Says in `/livez` whether the root of the actors makes progress.
fn watch(fleet: &Fleet, alive: Arc<AtomicBool>) {
    let (prober, thinker) = (fleet.prober(), fleet.house.thinker.clone());
    actix::spawn(async move {
        let mut beats = actix::clock::interval(BEAT);
        loop {
            beats.tick().await;
            let moves = prober.answers(BEAT * 4).await && !thinker.is_stuck();
            alive.store(moves, Ordering::Relaxed);
        }
    });
}

async fn until_the_end(
    mut fleet: Fleet,
    signals: &mut Signals,
    ending: Ending,
    within: Duration,
) -> Result<(), Failure> {
    let lost = tokio::select! {
        signal = signals.next() => {
            info!(signal, ?ending, "ends in order; a second signal ends at once");
            None
        }
        why = &mut fleet.lost => Some(match why {
            Ok(why) => Failure::new(why).with_code(4),
            Err(_) => Failure::new("the fleet's root actor failed; start muster again"),
        }),
    };
    let (ending, within) = match lost {
        None => (ending, within),
        // Whoever took the fleet has its sessions: nothing is handed back, nobody logged out, and
        // nothing may be sent any more.
        Some(_) => (Ending::Restart, Duration::ZERO),
    };
    tokio::select! {
        () = fleet.end(ending, within) => {}
        signal = signals.next() => return Err(Failure::new(format!("{signal} again: ends at once"))),
    }
    lost.map_or(Ok(()), Err)
}
