//! `muster run`: a fleet from a fleet file or from its store, until a signal ends it; SIGHUP reads again.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use muster_core::bot::Ending;
use tokio::runtime::Handle;
use tracing::{error, info, warn};

use super::signals::{Reloads, Signals};
use super::store::{Server, StoreArguments};
use super::{Failure, banner, ownership, progress};
use crate::access;
use crate::api::{self, ApiState, Gate, Progress};
use crate::app::{Fleet, LaunchError, LaunchOptions, open_store, prepare_store, stored_declaration};
use crate::board::Board;
use crate::console;
use crate::crash;
use crate::settings::{Declaration, FleetSettings, ProcessEnvironment, ServerSettings};
use crate::store::Store;
use crate::telemetry::Chain;

/// What `muster run` takes.
#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Arguments {
    /// The fleet file: what it declares is written to its store and wins over what was declared before.
    /// Without one the fleet is what the store holds
    fleet: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArguments,
    /// Where to answer, without a fleet file [default: 127.0.0.1:9300]
    #[arg(long, value_name = "ADDRESS", conflicts_with = "fleet")]
    listen: Option<SocketAddr>,
    /// Without a fleet file: whether callers of the API are asked who they are, `on` or `off` (for whoever is on
    /// this machine) [default: on]
    #[arg(long, value_name = "ON|OFF", conflicts_with = "fleet", value_parser = ["on", "off"])]
    authentication: Option<String>,
    /// Take the fleet from a process that holds it
    #[arg(long)]
    take_over: bool,
    /// Migrate a Postgres store at the start
    #[arg(long)]
    migrate: bool,
    /// Forget what the store declares and the fleet file does not: bots removed from the file are gone,
    /// their claims released
    #[arg(long, requires = "fleet")]
    prune: bool,
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

async fn settings_of(arguments: &Arguments, io: Handle) -> Result<FleetSettings, Failure> {
    match &arguments.fleet {
        Some(_) if arguments.store.is_named() => {
            Err(Failure::new("the fleet file names its store: leave --store out").with_code(2))
        }
        Some(fleet) => load(fleet),
        None => stored(arguments, io).await,
    }
}

/// The fleet that the store holds, all of which must be right.
async fn stored(arguments: &Arguments, io: Handle) -> Result<FleetSettings, Failure> {
    let process = {
        let Arguments { listen, authentication, .. } = arguments;
        let server = Server { listen: *listen, authentication: authentication.clone() };
        arguments.store.settings(Some(server))?
    };
    // A store that is not there is told, not made.
    arguments.store.open(io.clone()).await?.close().await;
    let store = open_store(&process.store, io).await.map_err(|error| Failure::of(&error))?;
    let declared = read(&store, &process, arguments.migrate).await;
    let described = store.describe();
    store.close().await;
    let declaration = declared.map_err(|error| Failure::of(&error))?;
    if declaration.fragments.is_empty() {
        let words = "declares no fleet yet: declare one with `muster run fleet.toml`";
        return Err(Failure::new(format!("the store {described} {words}")));
    }
    let (fleet, warnings) = FleetSettings::of_declaration(&declaration, &ProcessEnvironment)
        .map_err(|faults| Failure::new(faults.to_string()))?;
    for warning in warnings {
        warn!("{warning}");
    }
    let FleetSettings { server, store, timing, .. } = process;
    Ok(FleetSettings { server, store, timing, ..fleet })
}

async fn read(store: &Store, process: &FleetSettings, migrate: bool) -> Result<Declaration, LaunchError> {
    prepare_store(store, &process.store, migrate).await?;
    Ok(stored_declaration(store).await?)
}

fn origin(arguments: &Arguments) -> String {
    arguments
        .fleet
        .as_ref()
        .map_or_else(|| "as the store holds it".to_owned(), |fleet| fleet.display().to_string())
}

pub(super) async fn run(arguments: Arguments, io: Handle) -> Result<(), Failure> {
    crash::plan().map_err(|words| Failure::new(words).with_code(2))?;
    let mut signals = Signals::listen()?;
    let reloads = Reloads::listen()?;
    let settings = settings_of(&arguments, io.clone()).await?;
    let options = LaunchOptions {
        take_over: arguments.take_over,
        migrate: arguments.migrate,
        prune: arguments.prune,
        ..LaunchOptions::default()
    };
    let board = Board::default();
    let fleet = ownership::launch(&settings, options, board.clone(), io, &mut signals).await?;
    let (server, bound) = match listen(&settings.server, &board, &fleet).await {
        Ok(listening) => listening,
        Err(failure) => {
            fleet.end(Ending::Restart, Duration::ZERO).await;
            return Err(failure);
        }
    };
    banner::print(&fleet.settings, &origin(&arguments), &fleet, Some(bound));
    progress::tell(board);
    let ending = if arguments.retire { Ending::Retire } else { Ending::Restart };
    let fleet = Served { fleet, file: arguments.fleet, prune: arguments.prune, reloads };
    let ended = until_the_end(fleet, &mut signals, ending, settings.timing.drain).await;
    server.stop(false).await;
    ended
}

/// Serves the API and the console beside the fleet, and prints the first token where it is made now.
pub(super) async fn listen(
    server: &ServerSettings,
    board: &Board,
    fleet: &Fleet,
) -> Result<(actix_web::dev::ServerHandle, SocketAddr), Failure> {
    let (house, store) = (fleet.house.clone(), fleet.house.store.clone());
    let gate = if server.authentication { Gate::asking(store.clone()) } else { Gate::default() };
    let progress = Progress::by(move || house.progress());
    let state = ApiState::new(board.clone(), fleet.house.metrics.clone(), progress)
        .with_store(store.clone())
        .with_traces(fleet.house.traces.clone())
        .with_gate(gate);
    let (running, bound) = api::serve(server, state, console::configure).map_err(|error| {
        let address = server.listen;
        Failure::new(format!("cannot listen on {address}: {error}; set another `listen` under [server]"))
    })?;
    if server.authentication {
        let made = access::bootstrap(&store, server.bootstrap_token.as_ref()).await;
        if let Some(secret) = made.map_err(|error| Failure::of(&error))? {
            banner::first_token(&secret);
        }
    }
    let handle = running.handle();
    actix::spawn(running);
    Ok((handle, bound))
}

/// A running fleet, and the file that it was declared in.
struct Served {
    fleet: Fleet,
    file: Option<PathBuf>,
    prune: bool,
    reloads: Reloads,
}

impl Served {
    /// Reads the file, or without one the store, again. What is wrong in it changes nothing.
    async fn reload(&self) {
        let file = match &self.file {
            None => None,
            Some(file) => match FleetSettings::load(file) {
                Ok((settings, warnings)) => {
                    for warning in warnings {
                        warn!("{warning}");
                    }
                    Some((settings, self.prune))
                }
                Err(faults) => {
                    return error!("SIGHUP: the fleet goes on as it was, for its file has faults:\n{faults}");
                }
            },
        };
        match self.fleet.reload(file).await {
            Ok(words) => info!("SIGHUP: {words}"),
            Err(error) => error!("SIGHUP: the fleet goes on as it was: {}", Chain(&error)),
        }
    }
}

async fn until_the_end(
    mut served: Served,
    signals: &mut Signals,
    ending: Ending,
    within: Duration,
) -> Result<(), Failure> {
    let lost = loop {
        tokio::select! {
            signal = signals.next() => {
                info!(signal, ?ending, "ends in order; a second signal ends at once");
                break None;
            }
            () = served.reloads.next() => served.reload().await,
            why = &mut served.fleet.lost => break Some(match why {
                Ok(why) => Failure::new(why).with_code(4),
                Err(_) => Failure::new("the fleet's root actor failed; start muster again"),
            }),
        }
    };
    let fleet = served.fleet;
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
