//! `muster bots`: the declared bots as the store knows them, whether a fleet runs or not; where one
//! answers, with the states that it shows.

mod holding;
mod token;
mod verbs;

use std::collections::HashMap;
use std::net::SocketAddr;

use clap::{Args, Subcommand};
use muster_core::pause::{Pause, holding};
use muster_core::quarantine::Quarantine;
use muster_core::wish::Verb;
use serde::Serialize;
use serde_json::Value;
use tokio::runtime::Handle;

use super::Failure;
use super::chosen::{named, only};
use super::filter;
use super::live::{self, LiveBot};
use super::store::StoreArguments;
use super::table::{counted, json, lines, table, time};
use crate::api::Event;
use crate::store::{BotFilter, HeldOff, Holder, ListedBot, Store, StoreError};
use crate::telemetry::Chain;

/// What `muster bots` takes.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: List,
}

#[derive(Subcommand)]
enum Command {
    /// List bots (what `muster bots` alone does too)
    List(List),
    /// Show one bot
    Show(Show),
    /// Hold bots off until they are released; a running fleet takes them offline
    Suspend(holding::Arguments),
    /// Let bots go that are held off, whatever the reason; a running fleet starts them
    Release(holding::Arguments),
    /// Let bots run that were stopped
    Start(verbs::Arguments),
    /// Park bots: they hand back what they hold, log out, and stay so until they are started
    Stop(verbs::Arguments),
    /// Begin a fresh life with the session in hand: one reconnect, no login
    Restart(verbs::Arguments),
    /// Give the session up and log in anew, as the login budget allows
    Relogin(verbs::Arguments),
    /// Have the platform take bots for ONLINE, OCCUPIED, AWAY or `BACK_SOON`, until changed or their next life
    AgentState(verbs::AgentState),
    /// Refresh tokens now; the running fleet does it, and says what came of it
    Refresh(verbs::Refresh),
    /// Show the bearer token of a bot's session; each reading is kept in the audit
    Token(token::Arguments),
}

/// Where bots are looked up.
#[derive(Args)]
struct Places {
    #[command(flatten)]
    store: StoreArguments,
    /// Where the running fleet answers, which knows its bots' states
    #[arg(long, value_name = "ADDRESS", env = "MUSTER_SERVER", default_value = "127.0.0.1:9300")]
    server: SocketAddr,
}

#[derive(Args)]
struct List {
    /// Only bots that fit: account=NUMBER, pool=NAME, bot=NAME
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// How many at most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Go on after this bot, which the page before ended with
    #[arg(long, value_name = "ACCOUNT/BOT")]
    after: Option<String>,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    places: Places,
}

#[derive(Args)]
struct Show {
    /// Its name, or ACCOUNT/NAME where several accounts have one of that name
    bot: String,
    /// How many events of its time line at most, the latest first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    limit: u32,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    places: Places,
}

/// A bot as it is shown.
#[derive(Serialize)]
struct Shown {
    account: String,
    bot: String,
    pool: String,
    logic: String,
    state: String,
    cause: Option<String>,
    quarantine: Option<Quarantined>,
    paused: Option<String>,
    login_rejected: Option<String>,
    token_refreshed_at: Option<String>,
    waits_until: Option<String>,
    degraded: Vec<String>,
    oldest_owed_at: Option<String>,
    oldest_owed_known: bool,
    run_by: Option<String>,
    epoch: Option<i64>,
    held: i64,
    session_saved_at: Option<String>,
}

/// Why a bot is held off, as the store keeps it.
#[derive(Serialize)]
struct Quarantined {
    kind: &'static str,
    words: String,
    since: String,
}

/// A bot with what happened to it.
#[derive(Serialize)]
struct Detailed<'a> {
    #[serde(flatten)]
    bot: &'a Shown,
    events: &'a [Event],
}

#[derive(Serialize)]
struct Page<'a> {
    items: &'a [Shown],
    next: Option<String>,
}

pub(super) async fn bots(arguments: Arguments, io: Handle) -> Result<(), Failure> {
    match arguments.command {
        None => list(arguments.list, io).await,
        Some(Command::List(arguments)) => list(arguments, io).await,
        Some(Command::Show(arguments)) => show(arguments, io).await,
        Some(Command::Suspend(arguments)) => holding::suspend(arguments, io).await,
        Some(Command::Release(arguments)) => holding::release(arguments, io).await,
        Some(Command::Start(arguments)) => verbs::carry_out(Verb::Start, arguments, io).await,
        Some(Command::Stop(arguments)) => verbs::carry_out(Verb::Stop, arguments, io).await,
        Some(Command::Restart(arguments)) => verbs::carry_out(Verb::Restart, arguments, io).await,
        Some(Command::Relogin(arguments)) => verbs::carry_out(Verb::Relogin, arguments, io).await,
        Some(Command::AgentState(arguments)) => verbs::agent_state(arguments, io).await,
        Some(Command::Refresh(arguments)) => verbs::refresh(arguments, io).await,
        Some(Command::Token(arguments)) => token::token(arguments, io).await,
    }
}

async fn list(arguments: List, io: Handle) -> Result<(), Failure> {
    let [account, pool, bot] = filter::values(&arguments.filters, ["account", "pool", "bot"])?;
    let filter = BotFilter { account, pool, bot };
    let after = arguments.after.as_deref().map(pair).transpose()?.unwrap_or_default();
    let store = arguments.places.store.open(io).await?;
    let server = arguments.places.server;
    let read = read(&store, server, &filter, after, arguments.limit + 1).await;
    store.close().await;
    let (mut bots, holder) = read?;
    let more = bots.len() > arguments.limit as usize;
    bots.truncate(arguments.limit as usize);
    let next = bots.last().filter(|_| more).map(|bot| format!("{}/{}", bot.account, bot.bot));
    if arguments.json {
        println!("{}", json(&Page { items: &bots, next }));
        return Ok(());
    }
    if bots.is_empty() {
        println!("{}", nothing(&filter, &store));
        return Ok(());
    }
    let row = |bot: &Shown| {
        [
            bot.account.clone(),
            bot.bot.clone(),
            bot.pool.clone(),
            bot.logic.clone(),
            if bot.paused.is_some() { format!("{} (paused)", bot.state_words()) } else { bot.state_words() },
            bot.held.to_string(),
            short(bot.oldest_owed_at.as_deref()),
            bot.session_saved_at.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    };
    let rows: Vec<_> = bots.iter().map(row).collect();
    print!(
        "{}",
        table(["ACCOUNT", "BOT", "POOL", "LOGIC", "STATE", "HELD", "OLDEST OWED", "SESSION SINCE"], &rows)
    );
    println!("{}", below(bots.len(), next.as_deref(), holder.as_ref()));
    Ok(())
}

fn below(count: usize, next: Option<&str>, holder: Option<&Holder>) -> String {
    let run = match holder {
        Some(holder) => format!("the fleet is run by {}", holder.owner.words()),
        None => "nobody runs the fleet: `muster run` does".to_owned(),
    };
    match next {
        Some(next) => format!("{}, and more: --after {next}; {run}", counted(count, "bot")),
        None => format!("{}; {run}", counted(count, "bot")),
    }
}

fn nothing(filter: &BotFilter, store: &Store) -> String {
    if *filter == BotFilter::default() {
        return format!(
            "no bot is declared in {}: declare some with `muster run fleet.toml`",
            store.describe()
        );
    }
    "no bot fits these filters: `muster bots list` without any shows all".to_owned()
}

async fn show(arguments: Show, io: Handle) -> Result<(), Failure> {
    let store = arguments.places.store.open(io).await?;
    let found = find(&store, &arguments).await;
    store.close().await;
    let (bot, events) = found?;
    if arguments.json {
        println!("{}", json(&Detailed { bot: &bot, events: &events }));
        return Ok(());
    }
    print_bot(&bot);
    print_events(&events, arguments.limit);
    Ok(())
}

/// The one bot that is meant, and the latest that happened to it.
async fn find(store: &Store, arguments: &Show) -> Result<(Shown, Vec<Event>), Failure> {
    let (bots, _) =
        read(store, arguments.places.server, &named(&arguments.bot), Default::default(), 10).await?;
    let bot = only(&arguments.bot, bots, |bot| format!("{}/{}", bot.account, bot.bot))?;
    let (account, name) = (bot.account.as_str().into(), bot.bot.as_str().into());
    let events = match store.events(&account, &name, None, arguments.limit).await {
        Ok(events) => events.into_iter().map(Event::from).collect(),
        // A store from before there were time lines.
        Err(StoreError::Migration { .. }) => Vec::new(),
        Err(error) => return Err(Failure::of(&error)),
    };
    Ok((bot, events))
}

fn print_bot(bot: &Shown) {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    print!(
        "{}",
        lines(&[
            ("account", bot.account.clone()),
            ("bot", bot.bot.clone()),
            ("pool", bot.pool.clone()),
            ("logic", bot.logic.clone()),
            ("state", bot.state.clone()),
            ("cause", or_dash(&bot.cause)),
            (
                "quarantine",
                bot.quarantine
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), |q| format!("{} since {}", q.kind, q.since))
            ),
            ("paused", or_dash(&bot.paused)),
            ("login rejected", or_dash(&bot.login_rejected)),
            ("token refreshed", or_dash(&bot.token_refreshed_at)),
            ("waits until", short(bot.waits_until.as_deref())),
            ("degraded", bot.degraded_words()),
            ("oldest owed", bot.owed_words()),
            ("run by", or_dash(&bot.run_by)),
            ("epoch", bot.epoch.map_or_else(|| "-".to_owned(), |epoch| epoch.to_string())),
            ("conversations held", bot.held.to_string()),
            ("session since", or_dash(&bot.session_saved_at)),
        ])
    );
    println!("its conversations: `muster conversations list account={} bot={}`", bot.account, bot.bot);
}

fn print_events(events: &[Event], limit: u32) {
    if limit == 0 {
        return;
    }
    if events.is_empty() {
        println!("nothing has happened to it in the last 30 days, as far as the store knows");
        return;
    }
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let row = |event: &Event| {
        [short(Some(&event.at)), event.kind.clone(), or_dash(&event.state), or_dash(&event.cause)]
    };
    let rows: Vec<_> = events.iter().map(row).collect();
    println!();
    print!("{}", table(["TIME", "WHAT", "STATE", "CAUSE"], &rows));
}

/// A time as a fleet says it, to the second; a dash for none.
fn short(time: Option<&str>) -> String {
    match time.map(|time| time.split_once('.').map_or(time.to_owned(), |(second, _)| format!("{second}Z"))) {
        Some(time) => time,
        None => "-".to_owned(),
    }
}

impl Shown {
    /// The state, and what is wrong beside it.
    fn state_words(&self) -> String {
        let beside: Vec<_> =
            self.degraded.iter().filter(|what| **what != self.state).map(String::as_str).collect();
        if beside.is_empty() { self.state.clone() } else { format!("{}: {}", self.state, beside.join(", ")) }
    }

    fn degraded_words(&self) -> String {
        if self.degraded.is_empty() { "-".to_owned() } else { self.degraded.join(", ") }
    }

    fn owed_words(&self) -> String {
        let owed = short(self.oldest_owed_at.as_deref());
        if self.oldest_owed_known {
            owed
        } else {
            format!("{owed} (there may be older ones that it has not read)")
        }
    }
}

async fn read(
    store: &Store,
    server: SocketAddr,
    filter: &BotFilter,
    after: (String, String),
    limit: u32,
) -> Result<(Vec<Shown>, Option<Holder>), Failure> {
    let read = async {
        let holder = store.holder().await?;
        let bots = store.list_bots(filter, &after, limit).await?;
        let pauses: Vec<_> = store.pauses().await?.into_iter().map(|row| row.pause).collect();
        Ok::<_, StoreError>((bots, holder, pauses))
    };
    let (bots, holder, pauses) = read.await.map_err(|error| Failure::new(Chain(&error).to_string()))?;
    // A fleet that nobody holds in this store is another store's.
    let live = if holder.is_some() { live::bots(server).await } else { HashMap::new() };
    let show = |bot: ListedBot| {
        let key = (bot.row.bot.account.to_string(), bot.row.bot.bot.to_string());
        let why = holding(&pauses, &bot.row.bot.account, &bot.row.bot.bot).map(Pause::words);
        Shown { paused: why, ..shown(bot, holder.as_ref(), live.get(&key)) }
    };
    Ok((bots.into_iter().map(show).collect(), holder))
}

fn shown(bot: ListedBot, holder: Option<&Holder>, live: Option<&LiveBot>) -> Shown {
    let parked = bot.row.is_parked();
    let declared = bot.row.bot;
    let summary: Value = serde_json::from_str(&declared.declared_json).unwrap_or_default();
    let holder = holder.filter(|holder| holder.runs(&declared.account, &declared.bot));
    let state = match (parked, &bot.row.quarantine, holder) {
        (true, ..) => "parked",
        (false, Some(_), _) => "quarantined",
        (false, None, Some(_)) => "running",
        (false, None, None) => "stopped",
    };
    let live = live.filter(|_| holder.is_some());
    let quarantine = bot.row.quarantine.map(|HeldOff { quarantine: Quarantine { kind, words }, since }| {
        Quarantined { kind: kind.word(), words, since: time(Some(since)) }
    });
    Shown {
        account: declared.account.to_string(),
        bot: declared.bot.to_string(),
        pool: declared.pool.to_string(),
        logic: summary["logic"].as_str().unwrap_or("-").to_owned(),
        state: live.map_or_else(|| state.to_owned(), |live| live.state.clone()),
        cause: live
            .and_then(|live| live.cause.clone())
            .or(quarantine.as_ref().map(|held| held.words.clone())),
        quarantine,
        paused: None,
        login_rejected: live.and_then(|live| live.login_rejected.clone()),
        token_refreshed_at: live.and_then(|live| live.token_refreshed_at.clone()),
        waits_until: live.and_then(|live| live.waits_until.clone()),
        degraded: live.map(|live| live.degraded.clone()).unwrap_or_default(),
        oldest_owed_at: live.and_then(|live| live.oldest_owed_at.clone()),
        oldest_owed_known: live.is_some_and(|live| live.oldest_owed_known),
        run_by: holder.map(|holder| holder.owner.words()),
        epoch: bot.owner.map(|(_, epoch)| epoch),
        held: bot.held,
        session_saved_at: bot.session_saved_at.map(|ms| time(Some(ms))),
    }
}

fn pair(text: &str) -> Result<(String, String), Failure> {
    let pair = text.split_once('/').map(|(account, bot)| (account.to_owned(), bot.to_owned()));
    pair.ok_or_else(|| Failure::new("--after takes ACCOUNT/BOT, as the page before ended").with_code(2))
}
