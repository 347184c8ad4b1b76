//! `muster conversations erase`: what is kept of a consumer is forgotten.

use clap::Args;
use serde::Serialize;
use tokio::runtime::Handle;

use super::super::Failure;
use super::super::table::{counted, json};
use super::super::who::{Deciding, reason};
use super::failed;
use crate::steering::talk::{Erasure, Why, erase};
use crate::store::Store;

const WHAT: &str = "Forgotten are the variables, the texts that were not sent and the dead letters of the consumer's \
     conversations; cursors stay, so that nothing is answered twice. A store keeps no consumer's id by itself: \
     found are conversations whose variables or texts name one. Name the others with --conversation, as the \
     platform's own search by consumer tells them. What consumers wrote is kept by the platform alone. Copies \
     that `muster backup` made are not touched.";

/// Whose data, and why.
#[derive(Args)]
#[command(after_help = WHAT)]
pub(super) struct Arguments {
    /// The brand's account
    #[arg(long, value_name = "NUMBER")]
    account: String,
    /// An id of the consumer; again for each that the consumer had (before and after stepping up)
    #[arg(long, value_name = "ID", required_unless_present = "conversation")]
    consumer: Vec<String>,
    /// A conversation of the consumer
    #[arg(long, value_name = "ID")]
    conversation: Vec<String>,
    /// Why; kept in the audit, so name nobody in it
    #[arg(long, value_parser = reason)]
    reason: String,
    #[command(flatten)]
    deciding: Deciding,
}

/// What was erased.
#[derive(Serialize)]
struct Answer {
    conversations: Vec<String>,
    texts: u64,
    unknown: Vec<String>,
}

pub(super) async fn run(arguments: Arguments, io: Handle) -> Result<(), Failure> {
    let Arguments { account, consumer, conversation, reason, deciding } = arguments;
    let as_json = deciding.json;
    let erasure = Erasure { consumers: consumer, conversations: conversation };
    let decide = async |store: &Store, by: &str| {
        let why = Why { who: by, reason: &reason, origin: "cli" };
        erase(store, &account.as_str().into(), &erasure, why).await.map_err(|error| failed(&error))
    };
    let erased = deciding.carry_out(io, decide).await?;
    let unknown = erasure.conversations.iter().filter(|id| !erased.conversations.contains(*id));
    let unknown: Vec<_> = unknown.cloned().collect();
    let answer =
        Answer { conversations: erased.conversations.into_iter().collect(), texts: erased.texts, unknown };
    if as_json {
        println!("{}", json(&answer));
    } else {
        println!("{}", answer.words());
    }
    Ok(())
}

impl Answer {
    fn words(&self) -> String {
        let (conversations, texts) = (counted(self.conversations.len(), "conversation"), self.texts);
        let erased =
            format!("erased what is kept of {conversations}, {} among it", counted(texts as usize, "text"));
        if self.unknown.is_empty() {
            erased
        } else {
            format!("{erased}; nothing is kept of {}", self.unknown.join(", "))
        }
    }
}
