//! `muster pause` and `muster resume`: people hold bots still, beside a running fleet or before its start.

use clap::Args;
use serde::Serialize;
use tokio::runtime::Handle;

use super::Failure;
use super::chosen::{Chosen, failed};
use super::table::json;
use super::who::Deciding;
use crate::store::{Act, PauseRow, Store, StoreError};
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
    let done = async {
        let before = store.pauses().await?;
        store.pause(&scopes, reason, by).await?;
        note(store, &scopes, "pause", by, reason).await?;
        Ok(before)
    };
    let before: Vec<PauseRow> = done.await.map_err(|error: StoreError| failed(&error))?;
    let answer = |scope: &Scope| {
        let again = before.iter().any(|row| row.pause.scope == *scope);
        let words = if again {
            "were paused before: the reason is changed"
        } else {
            "are paused within a few seconds"
        };
        Answer { scope: scope.to_string(), changed: !again, words: singular(scope, words) }
    };
    Ok(scopes.iter().map(answer).collect())
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
    let done = async {
        let lifted = store.resume(&scopes).await?;
        note(store, &lifted, "resume", by, reason).await?;
        Ok((lifted, store.pauses().await?))
    };
    let (lifted, left) = done.await.map_err(|error: StoreError| failed(&error))?;
    let answer = |scope: &Scope| {
        let changed = lifted.contains(scope);
        let words = if changed { "resume within a few seconds" } else { "have no pause of their own" };
        let still: Vec<_> = left.iter().filter(|row| meet(scope, &row.pause.scope)).collect();
        let still: Vec<_> =
            still.iter().map(|row| format!("{}: {}", row.pause.scope, row.pause.words())).collect();
        let still =
            if still.is_empty() { String::new() } else { format!("; still held: {}", still.join("; ")) };
        Answer { scope: scope.to_string(), changed, words: format!("{}{still}", singular(scope, words)) }
    };
    Ok(scopes.iter().map(answer).collect())
}

/// Whether some bot may be of both.
fn meet(one: &Scope, other: &Scope) -> bool {
    let same = |a: &str, b: &str| a.is_empty() || b.is_empty() || a == b;
    same(one.account(), other.account()) && same(one.bot(), other.bot())
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

async fn note(store: &Store, scopes: &[Scope], what: &str, by: &str, reason: &str) -> Result<(), StoreError> {
    for scope in scopes {
        store.audit(&Act::new((scope.account(), scope.bot()), by, what, reason)).await?;
    }
    Ok(())
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
    fn scopes_meet_where_a_bot_may_be_of_both() {
        for (one, other, both) in [
            (("", ""), ("1", "a"), true),
            (("1", ""), ("1", "a"), true),
            (("1", ""), ("2", "a"), false),
            (("1", "a"), ("1", "b"), false),
            (("1", "a"), ("1", "a"), true),
        ] {
            let scopes = (Scope::of(one.0, one.1), Scope::of(other.0, other.1));
            assert_eq!(meet(&scopes.0, &scopes.1), both, "{scopes:?}");
        }
        assert_eq!(singular(&Scope::of("1", "a"), "have no pause of their own"), "has no pause of its own");
        assert_eq!(singular(&Scope::All, "are paused"), "are paused");
    }
}
