//! `muster conversations`: who handles what, from the store alone, and what people do to one of them. What
//! people wrote is never shown.

mod erase;
mod talk;

use clap::{Args, Subcommand};
use serde::Serialize;
use tokio::runtime::Handle;

use super::Failure;
use super::filter;
use super::store::StoreArguments;
use super::table::{counted, json, lines, table, time};
use crate::store::{
    ClaimKey, ClaimState, ConversationDetails, ConversationFilter, ListedAction, ListedConversation,
    StoreError,
};
use crate::telemetry::Chain;

/// What `muster conversations` takes.
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
    /// List conversations (what `muster conversations` alone does too)
    List(List),
    /// Show one conversation: its claim, cursors and unconfirmed actions
    Show(Show),
    /// Take a conversation over: its bot is silent in it, and what is owed waits, until you give it back
    TakeOver(talk::Chosen),
    /// Give a conversation back: its bot answers what the consumer wrote and you have not answered
    GiveBack(talk::Chosen),
    /// Say something as the bot, once
    Say(talk::Say),
    /// Hand a conversation to a skill
    Transfer(talk::Transfer),
    /// Close a conversation
    Close(talk::Close),
    /// Forget what is kept of a consumer
    Erase(erase::Arguments),
}

#[derive(Args)]
struct List {
    /// Only conversations that fit: account=NUMBER, pool=NAME, bot=NAME, state=held or state=released
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// How many at most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Go on after this conversation, which the page before ended with
    #[arg(long, value_name = "ACCOUNT/POOL/ID")]
    after: Option<String>,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Args)]
struct Show {
    /// The conversation's id
    id: String,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

/// A claim as it is shown.
#[derive(Serialize)]
struct Shown {
    account: String,
    pool: String,
    conversation: String,
    bot: String,
    epoch: i64,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    turns: i64,
    cursor: Option<i64>,
    outbox: i64,
    dead_letters: i64,
    updated_at: String,
}

/// A claim with all that is kept of it, but nothing that people wrote.
#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    claim: Shown,
    cursors: Vec<ShownCursor>,
    actions: Vec<ShownAction>,
}

#[derive(Serialize)]
struct ShownCursor {
    dialog: String,
    sequence: i64,
    turn: String,
}

#[derive(Serialize)]
struct ShownAction {
    turn: String,
    n: i64,
    bot: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    committed_at: String,
}

#[derive(Serialize)]
struct Page<'a, T> {
    items: &'a [T],
    next: Option<String>,
}

pub(super) async fn conversations(arguments: Arguments, io: Handle) -> Result<(), Failure> {
    match arguments.command {
        None => list(arguments.list, io).await,
        Some(Command::List(arguments)) => list(arguments, io).await,
        Some(Command::Show(arguments)) => show(arguments, io).await,
        Some(Command::TakeOver(arguments)) => talk::taken_over(arguments, io).await,
        Some(Command::GiveBack(arguments)) => talk::given_back(arguments, io).await,
        Some(Command::Say(arguments)) => talk::say(arguments, io).await,
        Some(Command::Transfer(arguments)) => talk::transfer(arguments, io).await,
        Some(Command::Close(arguments)) => talk::close(arguments, io).await,
        Some(Command::Erase(arguments)) => erase::run(arguments, io).await,
    }
}

async fn list(arguments: List, io: Handle) -> Result<(), Failure> {
    let filter = filter_of(&arguments.filters)?;
    let after = arguments.after.as_deref().map(key).transpose()?.unwrap_or_default();
    let store = arguments.store.open(io).await?;
    let listed = store.list_conversations(&filter, &after, arguments.limit + 1).await;
    store.close().await;
    let mut listed = listed.map_err(|error| failed(&error))?;
    let more = listed.len() > arguments.limit as usize;
    listed.truncate(arguments.limit as usize);
    let shown: Vec<_> = listed.into_iter().map(shown).collect();
    let next = shown.last().filter(|_| more).map(|c| format!("{}/{}/{}", c.account, c.pool, c.conversation));
    if arguments.json {
        println!("{}", json(&Page { items: &shown, next }));
        return Ok(());
    }
    if shown.is_empty() {
        println!("{}", nothing(&filter));
        return Ok(());
    }
    let headings =
        ["ACCOUNT", "POOL", "CONVERSATION", "BOT", "STATE", "TURNS", "CURSOR", "OUTBOX", "DEAD", "UPDATED"];
    print!("{}", table(headings, &shown.iter().map(row).collect::<Vec<_>>()));
    match next {
        Some(next) => println!("{}, and more: --after {next}", counted(shown.len(), "conversation")),
        None => println!("{}", counted(shown.len(), "conversation")),
    }
    Ok(())
}

fn row(c: &Shown) -> [String; 10] {
    [
        c.account.clone(),
        c.pool.clone(),
        c.conversation.clone(),
        c.bot.clone(),
        state(c),
        c.turns.to_string(),
        number(c.cursor),
        c.outbox.to_string(),
        c.dead_letters.to_string(),
        c.updated_at.clone(),
    ]
}

fn filter_of(words: &[String]) -> Result<ConversationFilter, Failure> {
    let [account, pool, bot, state] = filter::values(words, ["account", "pool", "bot", "state"])?;
    if let Some(state) = state.as_deref().filter(|state| !["held", "released"].contains(state)) {
        let wrong = format!("{state:?} is no state of a claim: write state=held or state=released");
        return Err(Failure::new(wrong).with_code(2));
    }
    Ok(ConversationFilter { account, pool, bot, state, conversation: None })
}

fn nothing(filter: &ConversationFilter) -> &'static str {
    if *filter == ConversationFilter::default() {
        "no conversation was handled yet: bots claim one with its first turn"
    } else {
        "no conversation fits these filters: `muster conversations list` without any shows all"
    }
}

async fn show(arguments: Show, io: Handle) -> Result<(), Failure> {
    let filter =
        ConversationFilter { conversation: Some(arguments.id.clone()), ..ConversationFilter::default() };
    let store = arguments.store.open(io).await?;
    let read = async {
        let mut whole = Vec::new();
        // One conversation may be claimed by some pools; a hundred is more than anybody has.
        for claim in store.list_conversations(&filter, &ClaimKey::default(), 100).await? {
            let details = store.conversation_details(&claim.key()).await?;
            whole.push(self::whole(claim, details));
        }
        Ok::<_, StoreError>(whole)
    };
    let read = read.await;
    store.close().await;
    let claims = read.map_err(|error| failed(&error))?;
    if claims.is_empty() {
        return Err(Failure::new(format!(
            "no conversation {} is known: `muster conversations list` shows all; released ones are forgotten after 30 days",
            arguments.id
        )));
    }
    if arguments.json {
        println!("{}", json(&Page { items: &claims, next: None }));
        return Ok(());
    }
    for (n, claim) in claims.iter().enumerate() {
        if n > 0 {
            println!();
        }
        print!("{}", claim.words());
    }
    Ok(())
}

impl Whole {
    fn words(&self) -> String {
        let c = &self.claim;
        let mut text = lines(&[
            ("conversation", c.conversation.clone()),
            ("account", c.account.clone()),
            ("pool", c.pool.clone()),
            ("bot", c.bot.clone()),
            ("state", state(c)),
            ("epoch", c.epoch.to_string()),
            ("turns", c.turns.to_string()),
            ("outbox", c.outbox.to_string()),
            ("dead letters", c.dead_letters.to_string()),
            ("updated", c.updated_at.clone()),
        ]);
        if !self.cursors.is_empty() {
            let rows: Vec<_> = self
                .cursors
                .iter()
                .map(|cursor| [cursor.dialog.clone(), cursor.sequence.to_string(), cursor.turn.clone()])
                .collect();
            text = format!("{text}\n{}", table(["DIALOG", "CURSOR", "TURN"], &rows));
        }
        if !self.actions.is_empty() {
            let rows: Vec<_> = self.actions.iter().map(action_row).collect();
            text = format!("{text}\n{}", table(["TURN", "ACTION", "BOT", "STATE", "COMMITTED"], &rows));
        }
        text
    }
}

fn action_row(action: &ShownAction) -> [String; 5] {
    let state = match &action.reason {
        Some(reason) => format!("dead: {reason}"),
        None => action.state.to_owned(),
    };
    [action.turn.clone(), action.n.to_string(), action.bot.clone(), state, action.committed_at.clone()]
}

fn whole(claim: ListedConversation, details: ConversationDetails) -> Whole {
    let cursor = |(dialog, sequence, turn): (_, liveperson_proto::Sequence, muster_core::TurnId)| {
        let dialog: liveperson_proto::DialogId = dialog;
        ShownCursor { dialog: dialog.to_string(), sequence: sequence.0, turn: turn.to_string() }
    };
    Whole {
        claim: shown(claim),
        cursors: details.cursors.into_iter().map(cursor).collect(),
        actions: details.actions.into_iter().map(action).collect(),
    }
}

fn action(action: ListedAction) -> ShownAction {
    ShownAction {
        turn: action.turn_id.to_string(),
        n: action.n,
        bot: action.bot.to_string(),
        state: if action.dead.is_some() { "dead" } else { "sending" },
        reason: action.dead,
        committed_at: time(Some(action.created_at)),
    }
}

fn shown(listed: ListedConversation) -> Shown {
    let (state, reason) = match listed.state {
        ClaimState::Held => ("held", None),
        ClaimState::Released { reason } => ("released", Some(reason)),
    };
    Shown {
        account: listed.account.to_string(),
        pool: listed.pool.to_string(),
        conversation: listed.conversation.to_string(),
        bot: listed.bot.to_string(),
        epoch: listed.epoch,
        state,
        reason,
        turns: listed.turns,
        cursor: listed.cursor.map(|sequence| sequence.0),
        outbox: listed.outbox,
        dead_letters: listed.dead_letters,
        updated_at: time(Some(listed.updated_at)),
    }
}

fn state(shown: &Shown) -> String {
    match shown.reason.as_deref().filter(|reason| !reason.is_empty()) {
        Some(reason) => format!("{} ({reason})", shown.state),
        None => shown.state.to_owned(),
    }
}

fn number(number: Option<i64>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

fn key(text: &str) -> Result<ClaimKey, Failure> {
    let mut parts = text.splitn(3, '/').map(ToOwned::to_owned);
    let (Some(account), Some(pool), Some(conversation)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Failure::new("--after takes ACCOUNT/POOL/ID, as the page before ended").with_code(2));
    };
    Ok(ClaimKey { account, pool, conversation })
}

fn failed(error: &StoreError) -> Failure {
    Failure::new(Chain(error).to_string())
}
