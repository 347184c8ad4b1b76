//! `muster pause` and `muster resume`: people hold bots still, beside a running fleet or before its start.

use clap::Args;
use serde::Serialize;
use tokio::runtime::Handle;

use super::Failure;
use super::chosen::{Chosen, failed};
use super::table::json;
use super::who::Deciding;
use crate::steering::pausing::{self, Paused};
use crate::store::Store;
use muster_core::pause::Scope;

const WHAT: &str = "A paused bot stays connected, logged in and AWAY. It takes no ring, joins nothing and begins no turn; \
     what is under way is finished. What consumers write meanwhile is answered once it resumes, in order. \
     Each pause is lifted as it was made: a bot is paused as long as any pause concerns it.";

/// What `muster pause` takes.
#[derive(Args)]
#[command(after_help = WHAT)]
pub(super) struct Pause {
    #[command(flatten)]
    chosen: Chosen,
    /// Why; shown wherever the bots are shown
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    #[command(flatten)]
    deciding: Deciding,
}

/// What `muster resume` takes.
#[derive(Args)]
#[command(after_help = WHAT)]
pub(super) struct Resume {
    #[command(flatten)]
    chosen: Chosen,
    /// Why; kept in the audit
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    deciding: Deciding,
}

/// What came of it for one scope.
#[derive(Serialize)]
struct Answer {
    scope: String,
    changed: bool,
    words: String,
}

pub(super) async fn pause(Pause { chosen, reason, deciding }: Pause, io: Handle) -> Result<(), Failure> {
    let json = deciding.json;
    let answers = deciding.carry_out(io, async |store, by| paused(store, &chosen, &reason, by).await).await?;
    tell(&answers, json);
    Ok(())
}

async fn paused(store: &Store, chosen: &Chosen, reason: &str, by: &str) -> Result<Vec<Answer>, Failure> {
    let scopes = chosen.scopes(store).await?;
    let paused = pausing::pause(store, &scopes, by, reason).await.map_err(|error| failed(&error))?;
    let answer = |Paused { scope, changed, .. }: Paused| {
        let words = if changed {
            "are paused within a few seconds"
        } else {
            "were paused before: the reason is changed"
        };
        Answer { words: singular(&scope, words), scope: scope.to_string(), changed }
    };
    Ok(paused.into_iter().map(answer).collect())
}

pub(super) async fn resume(Resume { chosen, reason, deciding }: Resume, io: Handle) -> Result<(), Failure> {
    let json = deciding.json;
    let answers =
        deciding.carry_out(io, async |store, by| resumed(store, &chosen, &reason, by).await).await?;
    tell(&answers, json);
    Ok(())
}

async fn resumed(store: &Store, chosen: &Chosen, reason: &str, by: &str) -> Result<Vec<Answer>, Failure> {
    let scopes = chosen.scopes(store).await?;
    let resumed = pausing::resume(store, &scopes, by, reason).await.map_err(|error| failed(&error))?;
    let answer = |Paused { scope, changed, still }: Paused| {
        let words = if changed { "resume within a few seconds" } else { "have no pause of their own" };
        let still: Vec<_> =
            still.iter().map(|row| format!("{}: {}", row.pause.scope, row.pause.words())).collect();
        let still =
            if still.is_empty() { String::new() } else { format!("; still held: {}", still.join("; ")) };
        let words = format!("{}{still}", singular(&scope, words));
        Answer { scope: scope.to_string(), changed, words }
    };
    Ok(resumed.into_iter().map(answer).collect())
}

fn singular(scope: &Scope, words: &str) -> String {
    if *scope == Scope::All {
        return words.to_owned();
    }
    let (first, rest) = words.split_once(' ').unwrap_or((words, ""));
    let first = match first {
        "are" => "is",
        "were" => "was",
        "have" => "has",
        "resume" => "resumes",
        other => other,
    };
    format!("{first} {rest}").replace("their own", "its own")
}

fn tell(answers: &[Answer], as_json: bool) {
    if as_json {
        return println!("{}", json(&answers));
    }
    for Answer { scope, words, .. } in answers {
        println!("{scope} {words}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bot_is_spoken_of_as_one() {
        assert_eq!(singular(&Scope::of("1", "a"), "have no pause of their own"), "has no pause of its own");
        assert_eq!(singular(&Scope::All, "are paused"), "are paused");
    }
}
