//! `muster soak`: a fleet under thousands of faults, at its true periods, judged by the platform's ledger.
//!
//! - `schedule`: which fault comes when, from a seed
//! - `stage`: the platform, its cast, the fleet file, the store; `postgres` is one that soak runs itself
//! - `fleet`, `child`: the fleet as a process of its own
//! - `lane`: what happens to processes; `course`: what happens on the wire, and the phases
//! - `journal`, `memory`, `report`: what was done, and what was found

mod child;
mod course;
mod fleet;
mod journal;
mod lane;
mod memory;
mod postgres;
mod report;
mod schedule;
mod stage;

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use liveperson_sim::Latencies;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Failure;
use super::scratch::Scratch;
use super::signals::Signals;
use course::Course;
use fleet::{Fleet, Recipe};
use journal::{Journal, Screen};
use lane::{Lane, Phase};
use memory::Memory;
use report::Report;
use schedule::{Plan, SETTLE};
use stage::{Cast, Stage, Store};

const LOOK: Duration = Duration::from_millis(200);

/// What `muster soak` takes.
///
/// Memory: the fleet is killed and restarted only in the first quarter of the run; from then on it is one
/// process. Its resident memory is sampled every ten seconds, and the median of the last tenth of the run is
/// held against the median of the tenth that follows the first third: in runs of ten minutes and more it may
/// be at most 1.1 times that.
///
/// Exit codes: 0 clean, 1 not clean or not run.
#[derive(Args)]
pub(super) struct Arguments {
    /// How long faults are injected, such as 5m or 30m
    #[arg(long = "for", value_name = "TIME", default_value = "5m", value_parser = duration)]
    lasts: Duration,
    /// Where the schedule of faults comes from: the same seed gives the same; by default it is another each time
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Where the fleet remembers: sqlite, postgres (a server of its own, which is restarted too), or a URL
    #[arg(
        long,
        value_name = "STORE",
        default_value = "sqlite",
        env = "MUSTER_SOAK_STORE",
        hide_env_values = true
    )]
    store: String,
    /// Bots of the fleet, about twenty an account; the accounts in turn take rings and watch everything
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=2000))]
    bots: u16,
    /// Consumers that write at one time; by default as many as bots
    #[arg(long, value_name = "N")]
    consumers: Option<usize>,
    /// How far faults of the platform lie apart, on average
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = duration)]
    every: Duration,
    /// From when on an answer is told as late; late answers are told and not judged
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration)]
    late_after: Duration,
    /// How long everything owed may take after the faults are over
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    settle_within: Duration,
    /// A new folder for logs, faults and store, which is kept; by default one that is kept if the verdict is
    /// not clean
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Print the schedule of faults and do nothing
    #[arg(long)]
    print_schedule: bool,
    /// Print the report as JSON; all else goes to standard error
    #[arg(long)]
    json: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    let read = crate::settings::duration(text).filter(|time| !time.is_zero());
    read.ok_or_else(|| "write a time such as 500ms, 20s or 5m".to_owned())
}

impl Arguments {
    fn cast(&self) -> Cast {
        Cast { bots: self.bots.into() }
    }

    fn consumers(&self) -> usize {
        self.consumers.unwrap_or(self.bots.into())
    }

    fn plan(&self) -> Plan {
        let seed = self.seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
        Plan { seed, lasts: self.lasts, every: self.every, logins: self.cast().logins() }
    }

    fn folder(&self) -> Result<Scratch, Failure> {
        let Some(path) = &self.folder else { return Scratch::make("soak") };
        let mut scratch = Scratch::at(std::path::absolute(path).map_err(|error| Failure::of(&error))?)?;
        scratch.keep();
        Ok(scratch)
    }
}

pub(super) async fn soak(arguments: Arguments, io: Handle) -> Result<(), Failure> {
    let plan = arguments.plan();
    if arguments.print_schedule {
        print_schedule(&plan);
        return Ok(());
    }
    let mut signals = Signals::listen()?;
    let mut stage = Stage::set(arguments.cast(), arguments.folder()?, arguments.late_after, &io).await?;
    let ran = run(&arguments, &plan, &stage, &mut signals, &io).await;
    if !ran.as_ref().is_ok_and(Report::is_clean) {
        stage.folder.keep();
        eprintln!("muster: logs, faults and store are kept in {}", stage.folder.path().display());
    }
    let report = ran?;
    if arguments.json {
        println!("{:#}", serde_json::json!(report));
    } else {
        println!("{report}");
    }
    if report.is_clean() { Ok(()) } else { Err(Failure::new("the soak is not clean")) }
}

fn print_schedule(plan: &Plan) {
    let mut lines: Vec<_> = plan.orders().iter().map(|planned| (planned.at, planned.to_string())).collect();
    lines.extend(plan.heavy().iter().map(|planned| (planned.at, planned.to_string())));
    lines.sort();
    for (_, line) in lines {
        println!("{line}");
    }
}

async fn run(
    arguments: &Arguments,
    plan: &Plan,
    stage: &Stage,
    signals: &mut Signals,
    io: &Handle,
) -> Result<Report, Failure> {
    let folder = stage.folder.path();
    let store = Store::open(&arguments.store, folder).await?;
    let fleet = Fleet::start(Recipe::new(folder, store.url())?).await?;
    let screen = if arguments.json { Screen::Stderr } else { Screen::Stdout };
    let journal = Rc::new(Journal::open(&folder.join("faults.log"), screen)?);
    journal.say(&format!("seed {}, {} bots, folder {}", plan.seed, arguments.bots, folder.display()));
    let mut crowd = stage.open_the_doors(arguments.consumers(), io).await?;
    // A stalled socket holds a reply back for half of what the fleet waits before it says it again.
    stage.humans(plan.reach().max(SETTLE / 2));

    let (spells, spell) = watch::channel(fleet.spell());
    let (phases, phase) = watch::channel(Phase::Faults);
    let lane = Lane { fleet, store, journal: journal.clone(), spell: spells, phase };
    let lane = actix::spawn(pursue(lane, plan.clone()));
    let mut course = Course::new(stage.platform.clone(), journal.clone(), plan.clone(), spell);
    course.follow(signals, finished(&lane)).await;
    let (lasted, waits) = (journal.elapsed(), stage.platform.latencies());
    phases.send_replace(Phase::Calm);
    tokio::select! {
        () = course.settle(&crowd, arguments.settle_within) => {}
        () = finished(&lane) => {}
        signal = signals.next() => journal.trouble(&format!("{signal} again: nothing more was waited for")),
    }
    journal.say(&course.figures());
    // The fleet ends only when every action is confirmed: a second answer would come before.
    phases.send_replace(Phase::Over);
    let _ = lane.await;
    if let Some(words) = crowd.trouble() {
        journal.trouble(&words);
    }
    let end = End { lasted, waits: &waits, processes: course.spell.borrow().number };
    Ok(report(arguments, &course, &end))
}

/// Carries out what happens to processes; a fleet or a store that does not come back ends the soak.
async fn pursue(lane: Lane, plan: Plan) {
    let journal = lane.journal.clone();
    if let Err(failure) = lane.pursue(&plan).await {
        journal.trouble(&failure.words);
    }
}

/// Waits until the task has ended, whatever came of it.
async fn finished(task: &JoinHandle<()>) {
    while !task.is_finished() {
        tokio::time::sleep(LOOK).await;
    }
}

/// How it was when the faults were over.
struct End<'a> {
    lasted: Duration,
    waits: &'a Latencies,
    processes: usize,
}

fn report(arguments: &Arguments, course: &Course, end: &End<'_>) -> Report {
    let ms = |share| end.waits.quantile(share).map(|wait: Duration| wait.as_secs_f64() * 1000.0);
    let report = Report {
        seed: course.plan.seed,
        store: store_kind(&arguments.store),
        muster: env!("CARGO_PKG_VERSION"),
        lasted_seconds: end.lasted.as_secs_f64(),
        bots: arguments.bots.into(),
        accounts: arguments.cast().accounts().len(),
        consumers: arguments.consumers(),
        faults: course.journal.faults(),
        effects: course.platform.fault_effects(),
        fleet_processes: end.processes,
        ledger: course.platform.ledger(),
        answers_per_second: end.waits.count() as f64 / end.lasted.as_secs_f64().max(0.001),
        p50_ms: ms(0.50),
        p99_ms: ms(0.99),
        memory: Memory::of(&course.samples, end.lasted),
        wrong: course.journal.troubles(),
    };
    report.judged()
}

/// The store without anything that may be a secret.
fn store_kind(wanted: &str) -> String {
    let scheme = wanted.split(':').next().unwrap_or(wanted);
    if scheme.starts_with("postgres") { "postgres".to_owned() } else { "sqlite".to_owned() }
}
