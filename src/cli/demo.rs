//! `muster demo`: a fleet on a platform of its own, under faults, judged by a ledger.

mod mischief;
mod stage;

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use liveperson_sim::Platform;
use muster_core::bot::Ending;
use secrecy::SecretString;
use tokio::runtime::Handle;

use super::crowd::Crowd;
use super::run::listen;
use super::signals::Signals;
use super::{Failure, banner, ownership};
use crate::app::{Fleet, LaunchOptions};
use crate::board::{Board, BotState};
use crate::logic::Logics;
use crate::settings::ServerSettings;
use mischief::{Fragile, Mischief};
use stage::Stage;

/// How long everything owed may take after the consumers have stopped.
const SETTLE: Duration = Duration::from_mins(1);

/// What `muster demo` takes.
#[derive(Args)]
pub(super) struct Arguments {
    /// How long consumers write, such as 20s or 5m
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = duration)]
    lasts: Duration,
    /// Where the fleet remembers: sqlite:PATH or postgres://…; by default a file that goes with the demo
    #[arg(long, value_name = "URL", env = "MUSTER_DEMO_STORE", hide_env_values = true)]
    store: Option<String>,
    /// No faults: by default sockets drop, a token is revoked and a logic panics
    #[arg(long)]
    calm: bool,
    /// Consumers that write at one time
    #[arg(long, default_value_t = 60)]
    consumers: usize,
    /// Where the status page is; by default port 9300, or any free one
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

fn duration(text: &str) -> Result<Duration, String> {
    crate::settings::duration(text).ok_or_else(|| "write a time such as 20s or 5m".to_owned())
}

pub(super) async fn demo(arguments: Arguments, io: Handle) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let stage = Stage::set(arguments.store.clone().map(SecretString::from), &io).await?;
    let mut logics = Logics::default();
    let fuse = Fragile::wrap(&mut logics);
    let options = LaunchOptions { logics, migrate: true, ..LaunchOptions::default() };
    let board = Board::default();
    let fleet = ownership::launch(&stage.settings, options, board.clone(), io.clone(), &mut signals).await?;
    let (server, bound) = serve(arguments.listen, &board, &fleet).await?;
    banner::print(&stage.settings, "made for this demo", &fleet, Some(bound));
    println!("  simulated  {} (TLS, self-made CA), {} consumers", stage.platform.host(), arguments.consumers);
    let mischief =
        (!arguments.calm).then(|| Arc::new(Mischief::new(stage.platform.clone(), stage.logins(), fuse)));
    let mut crowd = stage.open_the_doors(arguments.consumers, &io).await?;

    let began = Instant::now();
    let mut show = Show::new(&stage.platform, &board, mischief.clone());
    let mut tick = actix::clock::interval(Duration::from_millis(500));
    while began.elapsed() < arguments.lasts {
        tokio::select! {
            _ = tick.tick() => show.line(began.elapsed()),
            signal = signals.next() => { show.say(&format!("{signal}: the consumers go home")); break; }
        }
        if let Some(mischief) = &mischief {
            mischief.pursue(began.elapsed(), arguments.lasts);
        }
    }
    let settled = wind_down(&stage, &crowd, &mut show, &mut signals, began).await;
    // The fleet ends only when every action is confirmed: a second answer would come before.
    fleet.end(Ending::Retire, stage.settings.timing.drain).await;
    server.stop(false).await;
    judge(&stage, settled, crowd.trouble())
}

/// Stops the consumers and waits until nothing is owed.
async fn wind_down(
    stage: &Stage,
    crowd: &Crowd,
    show: &mut Show,
    signals: &mut Signals,
    began: Instant,
) -> Result<(), Failure> {
    crowd.hush().await;
    show.say("the consumers have stopped; waiting until everything is answered");
    let settled = tokio::select! {
        settled = stage.platform.settled(SETTLE) => settled,
        signal = signals.next() => return Err(Failure::new(format!("{signal} again: ends at once, unjudged"))),
    };
    show.line(began.elapsed());
    show.end();
    settled
        .map_err(|unsettled| Failure::new(format!("not settled within {} s: {unsettled}", SETTLE.as_secs())))
}

/// Prints the ledger; an empty one proves nothing.
fn judge(stage: &Stage, settled: Result<(), Failure>, trouble: Option<String>) -> Result<(), Failure> {
    let ledger = stage.platform.ledger();
    println!("{ledger}");
    if let Some(words) = trouble {
        return Err(Failure::new(words));
    }
    settled?;
    if ledger.sent == 0 {
        return Err(Failure::new("no consumer wrote anything; give the demo more time or more consumers"));
    }
    if ledger.is_clean() { Ok(()) } else { Err(Failure::new("the ledger is not clean")) }
}

async fn serve(
    wanted: Option<SocketAddr>,
    board: &Board,
    fleet: &Fleet,
) -> Result<(actix_web::dev::ServerHandle, SocketAddr), Failure> {
    let at = |listen| ServerSettings { listen, ..fleet.settings.server.clone() };
    match wanted {
        Some(address) if address.ip().is_loopback() => listen(&at(address), board, fleet).await,
        Some(address) => Err(Failure::new(format!(
            "{address} is not on this machine: without authentication muster listens on loopback only"
        ))),
        None => match listen(&at(SocketAddr::from(([127, 0, 0, 1], 9300))), board, fleet).await {
            Ok(listening) => Ok(listening),
            Err(_) => listen(&at(SocketAddr::from(([127, 0, 0, 1], 0))), board, fleet).await,
        },
    }
}

/// The live line: rewritten on a terminal, a line now and then elsewhere.
struct Show {
    platform: Platform,
    board: Board,
    mischief: Option<Arc<Mischief>>,
    live: bool,
    last: Option<(Instant, u64)>,
    printed: Option<Instant>,
}

impl Show {
    fn new(platform: &Platform, board: &Board, mischief: Option<Arc<Mischief>>) -> Self {
        let live = std::io::stdout().is_terminal();
        Self { platform: platform.clone(), board: board.clone(), mischief, live, last: None, printed: None }
    }

    fn line(&mut self, elapsed: Duration) {
        let due = self.printed.is_none_or(|at| at.elapsed() >= Duration::from_secs(5));
        if !self.live && !due {
            return;
        }
        let text = self.figures(elapsed);
        self.printed = Some(Instant::now());
        if self.live {
            print!("\r\x1b[2K{text}");
        } else {
            println!("{text}");
        }
        let _ = std::io::stdout().flush();
    }

    fn figures(&mut self, elapsed: Duration) -> String {
        let bots = self.board.all();
        let online = bots.iter().filter(|bot| bot.state == BotState::Online).count();
        let (conversations, turns, restarts) = bots
            .iter()
            .fold((0, 0, 0), |(c, t, r), bot| (c + bot.open_conversations, t + bot.turns, r + bot.restarts));
        let rate = self.last.map_or(0.0, |(at, before)| {
            turns.saturating_sub(before) as f64 / at.elapsed().as_secs_f64().max(0.001)
        });
        self.last = Some((Instant::now(), turns));
        let ledger = self.platform.ledger();
        let faults = self.mischief.as_ref().map_or_else(|| "none (--calm)".to_owned(), |m| m.words());
        format!(
            "{:>4} s  bots {online}/{} online  conversations {conversations}  messages {} answered {} waiting {}  {rate:.0} turns/s  restarts {restarts}  faults: {faults}",
            elapsed.as_secs(),
            bots.len(),
            ledger.sent,
            ledger.once,
            ledger.waiting
        )
    }

    fn say(&mut self, words: &str) {
        self.end();
        println!("{words}");
    }

    fn end(&mut self) {
        if self.live {
            println!();
        }
        self.printed = None;
    }
}
