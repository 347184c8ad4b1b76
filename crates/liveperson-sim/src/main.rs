//! `lpsim`: the simulated platform as a process.

mod arguments;
mod fleet;
mod means;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use liveperson_sim::{
    Acceptance, ConsumerScript, HistoryKeeps, LostRings, Platform, PlatformSettings, control,
};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::arguments::{Arguments, Rings};
use crate::fleet::{Fleet, Trust};

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    match run(Arguments::parse()).await {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "lpsim: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: Arguments) -> io::Result<ExitCode> {
    // From here on a signal means the ledger, not sudden death.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let platform = Platform::start(settings(&arguments)).await?;
    let mut fleet = Fleet::of(arguments.accounts, arguments.bots, arguments.logins);
    fleet.move_in(&platform, arguments.capacity);
    let control = match arguments.control {
        Some(listen) => Some(control::serve(platform.clone(), listen).await?),
        None => None,
    };
    let mut banner = vec![format!("simulated platform  {}", platform.host())];
    banner.extend(control.map(|address| format!("control             http://{address}")));
    banner.extend(write_files(&arguments, &platform, &fleet)?);
    // Whoever starts us as a child waits for this last line.
    banner.push("ready".to_owned());
    let mut out = io::stdout();
    writeln!(out, "{}", banner.join("\n"))?;
    out.flush()?;
    let_consumers_in(&arguments, &platform, &fleet);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    let ledger = platform.ledger();
    writeln!(out, "{}\n{ledger}", platform.counters().logins())?;
    Ok(if ledger.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn settings(arguments: &Arguments) -> PlatformSettings {
    let usual = PlatformSettings::default();
    PlatformSettings {
        listen: arguments.listen,
        tls: !arguments.plain,
        seed: arguments.seed.unwrap_or(usual.seed),
        answer_within: Duration::from_millis(arguments.answer_within),
        ring_life: Duration::from_millis(arguments.ring_life),
        token_life: Duration::from_millis(arguments.token_life),
        lost_rings: match arguments.lost_rings {
            Rings::OfferedAgain => LostRings::OfferedAgain,
            Rings::LeftToExpire => LostRings::LeftToExpire,
        },
        acceptance: if arguments.auto_accept { Acceptance::Automatic } else { Acceptance::ByAgent },
        tokens_bound_to_address: arguments.bind_tokens,
        second_login_closes: arguments.second_login_closes,
        history_page: arguments.history_page,
        history_keeps: if arguments.history_keeps_oldest {
            HistoryKeeps::Oldest
        } else {
            HistoryKeeps::Newest
        },
        metadata_in_history: !arguments.no_metadata_in_history,
        messages_need_subscription: arguments.messages_need_subscription,
        surveys: arguments.surveys,
        publishes_per_second: arguments.publishes_per_second,
        logins_per_second: arguments.logins_per_second,
        ..usual
    }
}

fn write_files(arguments: &Arguments, platform: &Platform, fleet: &Fleet) -> io::Result<Vec<String>> {
    let mut banner = Vec::new();
    let mut ca = arguments.ca_out.clone();
    if let (Some(file), None, false) = (&arguments.fleet_out, &ca, arguments.plain) {
        ca = Some(file.with_file_name("ca.pem"));
    }
    if let Some(file) = ca.as_ref().filter(|_| !arguments.plain) {
        std::fs::write(file, platform.ca_pem())?;
        banner.push(format!("authority           {}", file.display()));
    }
    if let Some(file) = &arguments.fleet_out {
        let trust = ca.as_deref().filter(|_| !arguments.plain).map_or(Trust::Plain, Trust::Authority);
        fleet.write(file, &platform.host(), trust)?;
        banner.push(format!("fleet file          {}", file.display()));
    }
    Ok(banner)
}

fn let_consumers_in(arguments: &Arguments, platform: &Platform, fleet: &Fleet) {
    let accounts = fleet.accounts();
    for (number, account) in accounts.iter().enumerate() {
        let share = arguments.consumers / accounts.len();
        let count = share + usize::from(number < arguments.consumers % accounts.len());
        if count == 0 {
            continue;
        }
        let script = ConsumerScript {
            count,
            messages: arguments.messages,
            think: Duration::from_millis(arguments.think),
            burst: arguments.burst,
            ..ConsumerScript::default()
        };
        platform.consumers(account, script);
    }
}
