//! Commits a group of turns with statements over the whole set; each turn wins or is refused alone.
//!
//! A turn wins if its process owns the fleet and the bot, if the conversation's claim is free or its
//! own, and if the dialog's cursor stands before it. A winner's cursor, claim and
//! actions are written together; of a loser nothing is. Repeating a group is safe: what landed
//! says [`TurnOutcome::AlreadyCommitted`].

mod postgres;
mod refusal;
mod sqlite;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::error::Kind;
use super::outbox::Settled;
use super::{Engine, Group, Inner, Refusal, Store, StoreError, TurnCommit, TurnOutcome};

/// How often a group that lost a race inside the database is tried.
const TRIES: usize = 3;

impl Store {
    /// Commits a group; one outcome a turn, in the order of `group.turns`.
    ///
    /// # Errors
    /// [`StoreError::Rule`] if a dialog stands in the group twice: nothing was written. After any
    /// other error some turns may have landed; commit the same group again.
    pub async fn commit(&self, group: impl Into<Arc<Group>>) -> Result<Vec<TurnOutcome>, StoreError> {
        let group = group.into();
        refuse_repeated_dialogs(&group.turns)?;
        self.on_io(|inner| async move {
            let settled = Settled::of(&group);
            let rounds = rounds(&group.turns);
            let mut outcomes = vec![None; group.turns.len()];
            for (place, round) in rounds.iter().enumerate() {
                let turns: Vec<_> = round.iter().map(|turn| &group.turns[*turn]).collect();
                let nothing = Settled::default();
                let settled = if place + 1 == rounds.len() { &settled } else { &nothing };
                for (turn, outcome) in round.iter().zip(commit_round(&inner, &turns, settled).await?) {
                    outcomes[*turn] = Some(outcome);
                }
            }
            Ok(outcomes.into_iter().flatten().collect())
        })
        .await
    }
}

fn refuse_repeated_dialogs(turns: &[TurnCommit]) -> Result<(), StoreError> {
    let mut seen = HashSet::with_capacity(turns.len());
    match turns.iter().find(|turn| !seen.insert((&turn.account, &turn.pool, &turn.dialog))) {
        Some(turn) => Err(StoreError::Rule(format!("a group holds dialog {} twice", turn.dialog))),
        None => Ok(()),
    }
}

/// Splits turns so that a round writes each conversation's claim once: almost always one round.
fn rounds(turns: &[TurnCommit]) -> Vec<Vec<usize>> {
    let mut rounds = vec![Vec::with_capacity(turns.len())];
    let mut seen = HashMap::with_capacity(turns.len());
    for (place, turn) in turns.iter().enumerate() {
        let before: &mut usize = seen.entry((&turn.account, &turn.pool, &turn.conversation)).or_default();
        if *before == rounds.len() {
            rounds.push(Vec::new());
        }
        rounds[*before].push(place);
        *before += 1;
    }
    rounds
}

async fn commit_round(
    inner: &Inner,
    turns: &[&TurnCommit],
    settled: &Settled<'_>,
) -> Result<Vec<TurnOutcome>, StoreError> {
    if turns.is_empty() && settled.is_empty() {
        return Ok(Vec::new());
    }
    match write(inner, turns, settled).await {
        Ok(outcomes) => Ok(outcomes),
        Err(error) if Kind::of(&error) == Kind::Value && !turns.is_empty() => {
            one_by_one(inner, turns, settled).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Somewhere in the group is a value that the database cannot hold: only its own turn pays for it.
async fn one_by_one(
    inner: &Inner,
    turns: &[&TurnCommit],
    settled: &Settled<'_>,
) -> Result<Vec<TurnOutcome>, StoreError> {
    let mut outcomes = Vec::with_capacity(turns.len());
    for turn in turns {
        match write(inner, &[turn], &Settled::default()).await {
            Ok(outcome) => outcomes.extend(outcome),
            Err(error) if Kind::of(&error) == Kind::Value => {
                outcomes.push(TurnOutcome::Refused(Refusal::Rejected(words(&error))));
            }
            Err(error) => return Err(error.into()),
        }
    }
    if !settled.is_empty() {
        write(inner, &[], settled).await?;
    }
    Ok(outcomes)
}

/// The database's message alone: its details may quote the value.
fn words(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(database) => database.message().to_owned(),
        _ => "a value cannot be encoded".to_owned(),
    }
}

async fn write(
    inner: &Inner,
    turns: &[&TurnCommit],
    settled: &Settled<'_>,
) -> sqlx::Result<Vec<TurnOutcome>> {
    let mut outcomes = attempt(inner, turns, settled).await?;
    // What stood against a loser may be gone before it is asked: then it has another try.
    for _ in 1..TRIES {
        let open: Vec<_> = (0..turns.len()).filter(|place| outcomes[*place].is_none()).collect();
        if open.is_empty() {
            break;
        }
        let again: Vec<_> = open.iter().map(|place| turns[*place]).collect();
        for (place, outcome) in open.iter().zip(attempt(inner, &again, &Settled::default()).await?) {
            outcomes[*place] = outcome;
        }
    }
    let all: Option<_> = outcomes.into_iter().collect();
    all.ok_or_else(|| sqlx::Error::Protocol("a turn kept losing races".to_owned()))
}

/// Writes once, or again after a race inside the database; a turn without an outcome is undecided.
async fn attempt(
    inner: &Inner,
    turns: &[&TurnCommit],
    settled: &Settled<'_>,
) -> sqlx::Result<Vec<Option<TurnOutcome>>> {
    let mut tries = 1;
    loop {
        let written = match &inner.engine {
            Engine::Sqlite(sqlite) => sqlite::write(inner, sqlite, turns, settled).await,
            Engine::Postgres(postgres) => postgres::write(inner, postgres, turns, settled).await,
        };
        match written {
            Err(error) if Kind::of(&error) == Kind::Race && tries < TRIES => tries += 1,
            written => return written,
        }
    }
}

#[cfg(test)]
mod tests {
    use liveperson_proto::Sequence;
    use muster_core::dialog::Cursor;

    use super::*;

    fn turn(conversation: &str, dialog: &str) -> TurnCommit {
        TurnCommit {
            account: "1".into(),
            pool: "p".into(),
            bot: "b".into(),
            incarnation: String::new(),
            owner_epoch: 1,
            conversation: conversation.into(),
            dialog: dialog.into(),
            turn_id: "t".into(),
            cursor: Cursor::at(Sequence(1)),
            variables: "{}".to_owned(),
            actions: Vec::new(),
        }
    }

    #[test]
    fn a_round_holds_each_conversation_once() {
        for (turns, split) in [
            (vec![], vec![vec![]]),
            (vec![("a", "1"), ("b", "2")], vec![vec![0, 1]]),
            (
                vec![("a", "1"), ("b", "2"), ("a", "3"), ("a", "4"), ("b", "5")],
                vec![vec![0, 1], vec![2, 4], vec![3]],
            ),
        ] {
            let turns: Vec<_> =
                turns.into_iter().map(|(conversation, dialog)| turn(conversation, dialog)).collect();
            assert_eq!(rounds(&turns), split);
        }
    }
}
