//! `muster dead-letters`: what the platform refused for good, and what a person makes of it.

mod listing;

use clap::{Args, Subcommand};
use tokio::runtime::Handle;

use super::Failure;
use super::store::StoreArguments;
use super::table::{counted, json, lines, table};
use super::who::Deciding;
use crate::store::{LetterFilter, LetterId, Resolution, Store, StoreError};
use crate::telemetry::Chain;
use listing::{Answer, Shown, answer};

/// What `muster dead-letters` takes.
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
    /// List what waits for a person (what `muster dead-letters` alone does too)
    List(List),
    /// Send letters after all; the running bot looks first whether they were sent
    Retry(Retry),
    /// Drop letters for good and forget their texts
    Drop(Drop),
}

#[derive(Args)]
struct List {
    /// Only of this account
    #[arg(long, value_name = "NUMBER")]
    account: Option<String>,
    /// Only of this bot
    #[arg(long, value_name = "NAME")]
    bot: Option<String>,
    /// Also those that were dropped, by whom and why
    #[arg(long)]
    all: bool,
    /// Show what they say, which may be personal
    #[arg(long)]
    show_text: bool,
    /// How many at most, the latest first
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Args)]
struct Retry {
    /// Which, as `muster dead-letters list` names them
    #[arg(required = true, value_name = "ID")]
    ids: Vec<LetterId>,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Args)]
struct Drop {
    /// Which, as `muster dead-letters list` names them
    #[arg(required = true, value_name = "ID")]
    ids: Vec<LetterId>,
    /// Why they are not needed; kept with the letter
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    #[command(flatten)]
    deciding: Deciding,
}

pub(super) async fn dead_letters(arguments: Arguments, io: Handle) -> Result<(), Failure> {
    match arguments.command {
        None => list(arguments.list, io).await,
        Some(Command::List(arguments)) => list(arguments, io).await,
        Some(Command::Retry(arguments)) => retry(arguments, io).await,
        Some(Command::Drop(arguments)) => drop_letters(arguments, io).await,
    }
}

async fn list(arguments: List, io: Handle) -> Result<(), Failure> {
    let List { account, bot, all, show_text, limit, json: as_json, store } = arguments;
    let filter = LetterFilter { account, bot, resolved: all };
    let store = store.open(io).await?;
    let letters = store.dead_letters(&filter, limit + 1).await;
    store.close().await;
    let mut letters = letters.map_err(|error| failed(&error))?;
    let more = letters.len() > limit as usize;
    letters.truncate(limit as usize);
    let shown: Vec<_> = letters.into_iter().map(|letter| Shown::of(letter, show_text)).collect();
    if as_json {
        println!("{}", json(&listing::Page { items: &shown, more }));
        return Ok(());
    }
    if shown.is_empty() {
        println!("no dead letter waits: every action was confirmed, or is on its way");
        return Ok(());
    }
    let headings = ["ID", "ACCOUNT", "BOT", "CONVERSATION", "SINCE", "WHY"];
    print!("{}", table(headings, &shown.iter().map(Shown::row).collect::<Vec<_>>()));
    for letter in shown.iter().filter(|_| show_text) {
        print!("\n{}", lines(&[("id", letter.id()), ("text", letter.text())]));
    }
    let more = if more { ", and more: set a higher --limit" } else { "" };
    println!("{}{more}", counted(shown.len(), "dead letter"));
    Ok(())
}

async fn retry(Retry { ids, json, store }: Retry, io: Handle) -> Result<(), Failure> {
    let store = store.open(io).await?;
    let resolved = store.revive_letters(&ids).await;
    store.close().await;
    tell(&ids, resolved, json, |resolution| match resolution {
        Resolution::Done { bot } => {
            (true, format!("is in doubt again: {bot} looks for it, and sends it if it is not there"))
        }
        Resolution::Waits => {
            (true, "is sent when a bot of its pool takes the conversation up again".to_owned())
        }
        Resolution::Over => (false, "cannot be sent: its conversation is over; drop it".to_owned()),
        Resolution::Dropped => (false, "cannot be sent: it was dropped, and its text with it".to_owned()),
        Resolution::Unknown => (false, UNKNOWN.to_owned()),
    })
}

async fn drop_letters(Drop { ids, reason, deciding }: Drop, io: Handle) -> Result<(), Failure> {
    let json = deciding.json;
    let decide =
        async |store: &Store, by: &str| Ok((store.drop_letters(&ids, by, &reason).await, by.to_owned()));
    let (resolved, by) = deciding.carry_out(io, decide).await?;
    tell(&ids, resolved, json, |resolution| match resolution {
        Resolution::Done { .. } | Resolution::Waits | Resolution::Over => {
            (true, format!("is dropped by {by}; its text is forgotten"))
        }
        Resolution::Dropped => (false, "was dropped before".to_owned()),
        Resolution::Unknown => (false, UNKNOWN.to_owned()),
    })
}

const UNKNOWN: &str = "is no dead letter: `muster dead-letters list --all` shows those there are";

/// Says of each letter what came of it; fails if one could not be resolved.
fn tell(
    ids: &[LetterId],
    resolved: Result<Vec<Resolution>, StoreError>,
    as_json: bool,
    words: impl Fn(&Resolution) -> (bool, String),
) -> Result<(), Failure> {
    let resolved = resolved.map_err(|error| failed(&error))?;
    let answers: Vec<Answer> = ids.iter().zip(&resolved).map(|(id, one)| answer(id, words(one))).collect();
    if as_json {
        println!("{}", json(&answers));
    } else {
        for answer in &answers {
            println!("{}", answer.line());
        }
    }
    match answers.iter().filter(|answer| !answer.done).count() {
        0 => Ok(()),
        left => Err(Failure::new(format!("{} as it was", counted(left, "letter")))),
    }
}

fn failed(error: &StoreError) -> Failure {
    Failure::new(format!("the dead letters cannot be reached: {}", Chain(error)))
}
