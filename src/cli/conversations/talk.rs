//! `muster conversations take-over`, `give-back`, `say`, `transfer` and `close`: the store is told; a running
//! fleet hears it there.

use std::io::Read as _;

use clap::Args;
use muster_core::turn::Deed;
use serde::Serialize;
use tokio::runtime::Handle;

use super::super::Failure;
use super::super::table::json;
use super::super::who::{Deciding, reason};
use super::failed;
use crate::steering::talk::{Why, Wish, give_back, take_over, wish};
use crate::store::{ClaimKey, ConversationFilter, Handed, Store, WishOutcome};

/// The longest text that is read from standard input; past it a bot's text is too long anyway.
const LONGEST: u64 = 64 * 1024;

/// Which conversation, and why.
#[derive(Args)]
pub(super) struct Chosen {
    /// The conversation's id
    id: String,
    /// The account, where several have such a conversation
    #[arg(long, value_name = "NUMBER")]
    account: Option<String>,
    /// The pool, where several have handled the conversation
    #[arg(long, value_name = "NAME")]
    pool: Option<String>,
    /// Why; kept in the audit
    #[arg(long, value_parser = reason)]
    reason: String,
    #[command(flatten)]
    deciding: Deciding,
}

#[derive(Args)]
pub(super) struct Say {
    /// What to say; `-` reads it from standard input
    #[arg(long)]
    text: String,
    #[command(flatten)]
    once: Once,
    #[command(flatten)]
    chosen: Chosen,
}

#[derive(Args)]
pub(super) struct Transfer {
    /// The skill that takes the conversation
    #[arg(long, value_name = "ID")]
    skill: String,
    #[command(flatten)]
    once: Once,
    #[command(flatten)]
    chosen: Chosen,
}

#[derive(Args)]
pub(super) struct Close {
    #[command(flatten)]
    once: Once,
    #[command(flatten)]
    chosen: Chosen,
}

#[derive(Args)]
struct Once {
    /// Names this wish: asked again under the same key, it is done once [default: each is a wish of its own]
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    key: Option<String>,
}

/// What came of it.
#[derive(Serialize)]
struct Answer {
    account: String,
    pool: String,
    conversation: String,
    done: bool,
    words: String,
}

pub(super) async fn taken_over(chosen: Chosen, io: Handle) -> Result<(), Failure> {
    chosen
        .act(io, async |store, key, why| {
            Ok(taken(&take_over(store, key, why).await.map_err(|e| failed(&e))?))
        })
        .await
}

pub(super) async fn given_back(chosen: Chosen, io: Handle) -> Result<(), Failure> {
    chosen
        .act(io, async |store, key, why| {
            Ok(given(&give_back(store, key, why).await.map_err(|e| failed(&e))?))
        })
        .await
}

pub(super) async fn say(Say { text, once, chosen }: Say, io: Handle) -> Result<(), Failure> {
    let text = if text == "-" { read()? } else { text };
    wished(Wish::Say(text), once, chosen, io).await
}

pub(super) async fn transfer(Transfer { skill, once, chosen }: Transfer, io: Handle) -> Result<(), Failure> {
    wished(Wish::Transfer(skill.as_str().into()), once, chosen, io).await
}

pub(super) async fn close(Close { once, chosen }: Close, io: Handle) -> Result<(), Failure> {
    wished(Wish::Close, once, chosen, io).await
}

fn read() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().take(LONGEST).read_to_string(&mut text);
    read.map_err(|error| Failure::new(format!("the text cannot be read from standard input: {error}")))?;
    Ok(text.trim_end_matches('\n').to_owned())
}

async fn wished(wished: Wish, once: Once, chosen: Chosen, io: Handle) -> Result<(), Failure> {
    let deed: Deed = wished.deed().map_err(|fault| Failure::new(fault.to_string()).with_code(2))?;
    let once = once.key.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let act = async |store: &Store, key: &ClaimKey, why: Why<'_>| {
        let outcome = wish(store, key, &once, (&wished, &deed), why).await;
        Ok(outcome_words(outcome.map_err(|error| failed(&error))?))
    };
    chosen.act(io, act).await
}

impl Chosen {
    async fn act(
        self,
        io: Handle,
        act: impl AsyncFnOnce(&Store, &ClaimKey, Why<'_>) -> Result<(bool, String), Failure>,
    ) -> Result<(), Failure> {
        let Self { id, account, pool, reason, deciding } = self;
        let as_json = deciding.json;
        let filter =
            ConversationFilter { account, pool, conversation: Some(id), ..ConversationFilter::default() };
        let decide = async |store: &Store, by: &str| {
            let key = only(store, &filter).await?;
            let (done, words) = act(store, &key, Why { who: by, reason: &reason, origin: "cli" }).await?;
            let ClaimKey { account, pool, conversation } = key;
            Ok(Answer { account, pool, conversation, done, words })
        };
        let answer = deciding.carry_out(io, decide).await?;
        if as_json {
            println!("{}", json(&answer));
        } else {
            println!("{} {}", answer.conversation, answer.words);
        }
        if answer.done { Ok(()) } else { Err(Failure::new("nothing was done")) }
    }
}

/// The one conversation that is meant.
async fn only(store: &Store, filter: &ConversationFilter) -> Result<ClaimKey, Failure> {
    let found = store.list_conversations(filter, &ClaimKey::default(), 100).await.map_err(|e| failed(&e))?;
    match found.as_slice() {
        [only] => Ok(only.key()),
        [] => Err(Failure::new(format!(
            "no conversation {} is known: `muster conversations list` shows all",
            filter.conversation.as_deref().unwrap_or_default()
        ))),
        several => {
            let places: Vec<_> = several.iter().map(|one| format!("{}/{}", one.account, one.pool)).collect();
            let places = places.join(", ");
            Err(Failure::new(format!("several have it ({places}): say which with --account and --pool"))
                .with_code(2))
        }
    }
}

fn taken(handed: &Handed) -> (bool, String) {
    match handed {
        Handed::Done => (true, "is yours: its bot is silent within a few seconds".to_owned()),
        Handed::Before { .. } => (true, "was yours before: the reason is changed".to_owned()),
        Handed::Over | Handed::Unknown => over(),
    }
}

fn given(handed: &Handed) -> (bool, String) {
    match handed {
        Handed::Done => {
            (true, "is its bot's again, which answers what is owed within a few seconds".to_owned())
        }
        Handed::Before { .. } => (true, "was its bot's before".to_owned()),
        Handed::Over | Handed::Unknown => over(),
    }
}

fn outcome_words(outcome: WishOutcome) -> (bool, String) {
    match outcome {
        WishOutcome::Written { bot: Some(bot) } => (true, format!("has it from {bot} within a few seconds")),
        WishOutcome::Written { bot: None } => {
            (true, "has it when a bot of its pool takes it up again".to_owned())
        }
        WishOutcome::Before => (true, "had it before under this key: it is done once".to_owned()),
        WishOutcome::OtherBefore => (false, "had something else under this key: take another key".to_owned()),
        WishOutcome::Over | WishOutcome::Unknown => over(),
    }
}

fn over() -> (bool, String) {
    (false, "is over for its pool: nothing can be done in it any more".to_owned())
}
