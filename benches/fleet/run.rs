//! The phases: one bot alone, all bots online, quiet, warm, measured, judged.

use std::time::{Duration, Instant};

use liveperson_sim::{ConsumerScript, Latencies};

use crate::Failure;
use crate::arguments::{Arguments, LoginBudget};
use crate::report::{Conditions, CpuSeconds, Report};
use crate::stage::{Fleet, Stage, account};
use crate::usage;

const LOOK: Duration = Duration::from_millis(100);
const WARM_UP: Duration = Duration::from_secs(3);
/// At five logins a second five thousand bots take seventeen minutes.
const PATIENCE: Duration = Duration::from_mins(25);
/// A second that costs no more CPU than this is quiet.
const QUIET: Duration = Duration::from_millis(30);

pub(crate) async fn run(arguments: &Arguments) -> Result<Report, Failure> {
    let stage = Stage::set(arguments).await?;
    let one_bot = memory_of_one_bot(&stage).await?;
    let fleet = stage.fleet(&arguments.bots_of_each(), arguments.login_budget).await?;
    let online_after = online(&fleet, arguments.bots).await?;
    let memory = quiet_memory(&fleet).await;
    let consumers = arguments.consumers();
    let conditions = Conditions::of(arguments, &stage, &fleet)?;
    let (window, answered) = replies(arguments, &stage, &fleet, consumers).await?;
    let ledger = judged(&stage).await?;
    let more_bots = arguments.bots.saturating_sub(1).max(1) as f64;
    let replies = answered.count();
    Ok(Report {
        conditions,
        online_seconds: online_after.as_secs_f64(),
        memory_bytes: memory,
        memory_bytes_a_bot: memory.saturating_sub(one_bot) as f64 / more_bots,
        replies,
        replies_per_second: replies as f64 / window.took.as_secs_f64(),
        cpu_seconds_per_1000_replies: window.cpu.per_thousand(replies),
        cpu_cores_busy: window.cpu.per(window.took),
        memory_bytes_after: usage::resident(fleet.running.pid()),
        p50_ms: milliseconds(&answered, 0.50),
        p99_ms: milliseconds(&answered, 0.99),
        ledger_clean: ledger.is_clean(),
        ledger: ledger.to_string(),
    })
}

/// What a fleet of one costs: the process itself, which the bots of a large one share.
async fn memory_of_one_bot(stage: &Stage) -> Result<u64, Failure> {
    let fleet = stage.fleet(&[1], LoginBudget::Lifted).await?;
    online(&fleet, 1).await?;
    Ok(quiet_memory(&fleet).await)
}

pub(crate) async fn online(fleet: &Fleet, bots: usize) -> Result<Duration, Failure> {
    while fleet.started.elapsed() < PATIENCE {
        if fleet.online()? >= bots {
            return Ok(fleet.started.elapsed());
        }
        tokio::time::sleep(LOOK).await;
    }
    Err(format!("only {} of {bots} bots came online in time", fleet.online()?).into())
}

/// Resident memory after a second in which the fleet did nothing; twenty seconds are enough for any.
async fn quiet_memory(fleet: &Fleet) -> u64 {
    let pid = fleet.running.pid();
    for _ in 0..20 {
        let before = usage::cpu(pid);
        tokio::time::sleep(Duration::from_secs(1)).await;
        if usage::cpu(pid).saturating_sub(before) <= QUIET {
            break;
        }
    }
    usage::resident(pid)
}

/// What was used in a span of time.
struct Window {
    took: Duration,
    cpu: CpuSeconds,
}

/// Lets the consumers in, waits until each was answered once, warms up, and measures.
async fn replies(
    arguments: &Arguments,
    stage: &Stage,
    fleet: &Fleet,
    consumers: usize,
) -> Result<(Window, Latencies), Failure> {
    for (number, bots) in arguments.bots_of_each().into_iter().enumerate() {
        let script = ConsumerScript {
            count: bots * arguments.conversations,
            messages: 0,
            messages_per_conversation: usize::MAX,
            think: Duration::from_millis(arguments.think()),
            ..ConsumerScript::default()
        };
        stage.control.consumers(&account(number), &script).await?;
    }
    let began = Instant::now();
    while stage.control.latencies().await?.count() < 2 * consumers as u64 {
        if began.elapsed() > PATIENCE {
            return Err("the consumers were not answered in time".into());
        }
        tokio::time::sleep(LOOK).await;
    }
    tokio::time::sleep(WARM_UP).await;
    let (before, cpu, at) = (stage.control.latencies().await?, cpu(stage, fleet), Instant::now());
    tokio::time::sleep(arguments.lasts).await;
    let after = stage.control.latencies().await?;
    let window = Window { took: at.elapsed(), cpu: self::cpu(stage, fleet).since(&cpu) };
    Ok((window, after.since(&before)))
}

fn cpu(stage: &Stage, fleet: &Fleet) -> CpuSeconds {
    // SQLite's threads are the fleet's, and yet the store: of them the rest is told apart.
    let sqlite = usage::cpu_of_threads(fleet.running.pid(), "sqlx-sqlite");
    let postgres = stage.postgres.as_ref().map(|it| usage::cpu_of_family(it.pid()));
    CpuSeconds {
        fleet: usage::cpu(fleet.running.pid()).saturating_sub(sqlite).as_secs_f64(),
        store: postgres.unwrap_or(sqlite).as_secs_f64(),
        lpsim: usage::cpu(stage.lpsim.pid()).as_secs_f64(),
    }
}

/// A fleet that is fast because it drops messages is not fast.
async fn judged(stage: &Stage) -> Result<liveperson_sim::Ledger, Failure> {
    stage.control.stop_consumers().await?;
    stage.control.settled(Duration::from_mins(1)).await??;
    Ok(stage.control.ledger().await?)
}

fn milliseconds(waits: &Latencies, share: f64) -> Option<f64> {
    waits.quantile(share).map(|wait| wait.as_secs_f64() * 1000.0)
}
