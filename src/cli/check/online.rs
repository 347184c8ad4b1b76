//! `muster check --online`: domains, and a login and logout of each bot, a line as it happens.

use std::collections::HashMap;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Instant;

use liveperson::{Client, Domains};
use liveperson_proto::AccountId;
use muster_core::door::Urgency;
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::super::Failure;
use super::super::live;
use super::super::store::open_to_look;
use super::super::table::{counted, json};
use super::Arguments;
use super::words::{self, Trouble};
use crate::actors::login_gate::{LoginGate, LoginHall};
use crate::app;
use crate::clock::Clock;
use crate::settings::{AccountSettings, BotSettings, FleetSettings};
use crate::store::{Holder, StoreError};
use crate::telemetry::Chain;

/// What came of one bot.
#[derive(Serialize)]
struct Line {
    account: String,
    bot: String,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrong: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cure: Option<String>,
}

impl Line {
    fn new(account: &AccountId, bot: &BotSettings, outcome: &'static str) -> Self {
        let (account, bot) = (account.to_string(), bot.name.to_string());
        Self { account, bot, outcome, seconds: None, held_by: None, why: None, wrong: None, cure: None }
    }

    fn failed(account: &AccountId, bot: &BotSettings, trouble: Trouble) -> Self {
        Self { wrong: Some(trouble.wrong), cure: Some(trouble.cure), ..Self::new(account, bot, "failed") }
    }

    fn words(&self) -> String {
        let Self { account, bot, outcome, .. } = self;
        let told = match (&self.wrong, &self.cure, &self.held_by, self.seconds) {
            (Some(wrong), Some(cure), _, _) => format!("{wrong}; {cure}"),
            (_, _, Some(holder), _) => format!("run by {holder}; --take-over logs it in all the same"),
            _ if self.why.is_some() => self.why.unwrap_or_default().to_owned(),
            (_, _, _, Some(seconds)) => format!("logged in and out in {seconds:.2} s"),
            _ => String::new(),
        };
        format!("{account}/{bot}: {outcome}: {told}")
    }
}

/// Checks every bot of the fleet; an error if one of them failed.
pub(super) async fn check(fleet: &FleetSettings, arguments: &Arguments, io: Handle) -> Result<(), Failure> {
    let client = app::client(fleet).map_err(|error| Failure::of(&error))?;
    let holder = holder(fleet, io.clone()).await?;
    let live = live::bots(fleet.server.listen).await;
    announce(fleet, holder.as_ref(), arguments);
    let total: usize = fleet.accounts.iter().map(|account| account.bots.len()).sum();
    // Bounded by what one terminal line takes: the checks wait for whoever reads them.
    let (report, mut lines) = mpsc::channel(64);
    let hall = app::login_hall(&fleet.timing, Clock::start(), io.clone());
    let shared = Arc::new(Shared { client, fleet: fleet.clone(), hall, report });
    for account in &fleet.accounts {
        let held_by = runs_account(&account.id, holder.as_ref(), &live, fleet);
        let skips = held_by.is_some() && !arguments.take_over;
        let (skipped, checked): (Vec<_>, Vec<_>) = account.bots.iter().partition(|_| skips);
        let skipped: Vec<_> = skipped
            .into_iter()
            .map(|bot| Line { held_by: held_by.clone(), ..Line::new(&account.id, bot, "skipped") })
            .collect();
        let (checked, handed_in): (Vec<_>, Vec<_>) =
            checked.into_iter().partition(|bot: &&BotSettings| bot.login.can_log_in());
        let handed_in = handed_in.into_iter().map(|bot| Line {
            why: Some("its token was handed in, so there is no login to check"),
            ..Line::new(&account.id, bot, "skipped")
        });
        let skipped = skipped.into_iter().chain(handed_in).collect();
        let account = AccountSettings { bots: checked.into_iter().cloned().collect(), ..account.clone() };
        io.spawn(shared.clone().account(account, skipped));
    }
    drop(shared);
    let mut tally = Tally::new(total, arguments.json);
    while let Some(line) = lines.recv().await {
        tally.count(&line);
    }
    tally.verdict()
}

/// Who runs the fleet; a store that cannot be asked is no licence to take sessions.
async fn holder(fleet: &FleetSettings, io: Handle) -> Result<Option<Holder>, Failure> {
    let asked = async {
        let store = open_to_look(fleet, io).await?;
        let holder = store.holder().await;
        store.close().await;
        holder
    };
    match asked.await {
        Ok(holder) => Ok(holder),
        // No store yet, or an empty one: nobody runs anything, as far as it can tell.
        Err(error @ (StoreError::Rule(_) | StoreError::Migration { .. })) => {
            eprintln!("no fleet is known to run these bots: {}", Chain(&error));
            Ok(None)
        }
        Err(error) => Err(Failure::new(format!(
            "the store cannot say which bots are running: {}; check [store], for a login would take their sessions",
            Chain(&error)
        ))),
    }
}

/// Who runs bots of this account, by the store or by the address where the fleet would answer. Names
/// may have changed since it started, and one user has one session: so the whole account counts.
fn runs_account(
    account: &AccountId,
    holder: Option<&Holder>,
    live: &HashMap<(String, String), live::LiveBot>,
    fleet: &FleetSettings,
) -> Option<String> {
    if let Some(holder) = holder.filter(|holder| holder.is_at_work_in(account)) {
        return Some(holder.owner.words());
    }
    let answers = live.keys().any(|(of, _)| of == account.as_str());
    answers.then(|| format!("the fleet that answers at {}", fleet.server.listen))
}

fn announce(fleet: &FleetSettings, holder: Option<&Holder>, arguments: &Arguments) {
    let Some(holder) = holder.filter(|_| arguments.take_over && !arguments.json) else { return };
    let bots =
        fleet.accounts.iter().flat_map(|account| account.bots.iter().map(move |bot| (&account.id, bot)));
    let running = bots.filter(|(account, bot)| holder.runs(account, &bot.name)).count();
    println!(
        "--take-over: {} run by {}: each login here takes the session of the running bot, which the fleet \
         then has to log in again",
        counted(running, "bot"),
        holder.owner.words()
    );
}

struct Shared {
    client: Client,
    fleet: FleetSettings,
    hall: LoginHall,
    report: mpsc::Sender<Line>,
}

impl Shared {
    async fn account(self: Arc<Self>, account: AccountSettings, skipped: Vec<Line>) {
        for line in skipped {
            self.tell(line).await;
        }
        if account.bots.is_empty() {
            return;
        }
        let domains = match self.client.domains(&account.id).await {
            Ok(domains) => Arc::new(domains),
            Err(error) => {
                let trouble = words::of_domains(&error, account.id.as_str(), &self.fleet);
                for bot in &account.bots {
                    self.tell(Line::failed(&account.id, bot, trouble.clone())).await;
                }
                return;
            }
        };
        let gate = LoginGate::new(self.hall.clone(), None);
        for bot in account.bots {
            let permit = gate.permit(Urgency::Idle, |_| {}).await;
            let (shared, domains, id) = (self.clone(), domains.clone(), account.id.clone());
            tokio::spawn(async move {
                let line = shared.bot(&id, &bot, &domains).await;
                drop(permit);
                shared.tell(line).await;
            });
        }
    }

    async fn bot(&self, account: &AccountId, bot: &BotSettings, domains: &Domains) -> Line {
        let began = Instant::now();
        let session = match self.client.login(domains, account, &bot.login).await {
            Ok(session) => session,
            Err(error) => return Line::failed(account, bot, words::of_login(&error, bot)),
        };
        let left = self.client.logout(domains, &session).await;
        let line = Line { seconds: Some(began.elapsed().as_secs_f64()), ..Line::new(account, bot, "ok") };
        match left {
            Ok(()) => line,
            Err(error) => {
                let wrong = Some(format!("logged in, and the logout was not confirmed: {}", Chain(&error)));
                Line { wrong, cure: Some("nothing to do: the session ends by itself".to_owned()), ..line }
            }
        }
    }

    async fn tell(&self, line: Line) {
        // Nobody reads on when the command was ended.
        let _ = self.report.send(line).await;
    }
}

/// How many of which outcome, and what is shown meanwhile.
struct Tally {
    total: usize,
    json: bool,
    live: bool,
    began: Instant,
    ok: usize,
    failed: usize,
    skipped: usize,
    handed_in: usize,
}

impl Tally {
    fn new(total: usize, json: bool) -> Self {
        let live = !json && std::io::stdout().is_terminal();
        Self { total, json, live, began: Instant::now(), ok: 0, failed: 0, skipped: 0, handed_in: 0 }
    }

    fn count(&mut self, line: &Line) {
        match line.outcome {
            "ok" => self.ok += 1,
            "failed" => self.failed += 1,
            _ if line.why.is_some() => self.handed_in += 1,
            _ => self.skipped += 1,
        }
        if self.live {
            print!("\r\x1b[2K");
        }
        println!("{}", if self.json { json(line) } else { line.words() });
        let done = self.ok + self.failed + self.skipped + self.handed_in;
        if self.live && done < self.total {
            print!("{done} of {} bots, {} s", self.total, self.began.elapsed().as_secs());
            let _ = std::io::stdout().flush();
        }
    }

    fn verdict(&self) -> Result<(), Failure> {
        let mut parts = vec![format!("{} of {} logged in and out", self.ok, counted(self.total, "bot"))];
        if self.skipped > 0 {
            parts.push(format!("{} skipped, for a live fleet runs them", self.skipped));
        }
        if self.handed_in > 0 {
            parts.push(format!("{} with a token handed in", self.handed_in));
        }
        if self.failed > 0 {
            parts.push(format!("{} failed", self.failed));
            return Err(Failure::new(parts.join(", ")));
        }
        if !self.json {
            println!("{}", parts.join(", "));
        }
        Ok(())
    }
}
