//! From what bots recorded to the store's rows, and back to what the core understands.

use muster_core::dialog::{CommitOutcome, CommitTurn, OutboxKey};

use super::{Author, Entry, Waiting};
use crate::store::{self, Group, NewClaim, Refusal, Release, TurnCommit, TurnOutcome};

pub(super) fn to_group(chosen: &[Waiting], incarnation: &str) -> Group {
    let mut group = Group::default();
    for Waiting { author, entry, .. } in chosen {
        match entry {
            Entry::Commit(turn) => group.turns.push(turn_row(author, turn, incarnation)),
            Entry::Done(key) => group.done.push(key_row(author, key)),
            Entry::Dead(key, words) => group.dead.push((key_row(author, key), words.clone())),
            Entry::Claim { .. } => {}
            Entry::Release(conversation, reason, done) => group.releases.push(Release {
                account: author.account.clone(),
                pool: author.pool.clone(),
                conversation: conversation.clone(),
                bot: author.bot.clone(),
                reason: reason.clone(),
                done: *done,
            }),
        }
    }
    group
}

pub(super) fn to_claims(chosen: &[Waiting], incarnation: &str) -> Vec<NewClaim> {
    let claim = |Waiting { author, entry, .. }: &Waiting| match entry {
        Entry::Claim { conversation, joins, .. } => Some(NewClaim {
            account: author.account.clone(),
            pool: author.pool.clone(),
            bot: author.bot.clone(),
            incarnation: incarnation.to_owned(),
            owner_epoch: author.epoch,
            conversation: conversation.clone(),
            joins: *joins,
        }),
        Entry::Commit(_) | Entry::Done(_) | Entry::Dead(..) | Entry::Release(..) => None,
    };
    chosen.iter().filter_map(claim).collect()
}

fn turn_row(author: &Author, turn: &CommitTurn, incarnation: &str) -> TurnCommit {
    let action = |a: &muster_core::dialog::NewAction| store::NewAction {
        n: a.n as i64,
        tag: a.tag.clone(),
        body: a.body.clone(),
    };
    TurnCommit {
        account: author.account.clone(),
        pool: author.pool.clone(),
        bot: author.bot.clone(),
        incarnation: incarnation.to_owned(),
        owner_epoch: author.epoch,
        conversation: turn.conversation.clone(),
        dialog: turn.dialog.clone(),
        turn_id: turn.turn.clone(),
        cursor: turn.cursor,
        variables: turn.variables.clone(),
        actions: turn.actions.iter().map(action).collect(),
    }
}

fn key_row(author: &Author, key: &OutboxKey) -> store::OutboxKey {
    store::OutboxKey {
        account: author.account.clone(),
        pool: author.pool.clone(),
        conversation: key.conversation.clone(),
        turn_id: key.turn.clone(),
        n: key.n as i64,
    }
}

pub(super) fn outcome(outcome: TurnOutcome) -> CommitOutcome {
    match outcome {
        TurnOutcome::Committed { .. } => CommitOutcome::Committed,
        TurnOutcome::AlreadyCommitted => CommitOutcome::AlreadyCommitted,
        TurnOutcome::Refused(Refusal::Fenced { .. }) => CommitOutcome::Fenced,
        TurnOutcome::Refused(Refusal::StaleCursor { at }) => CommitOutcome::StaleCursor(at),
        TurnOutcome::Refused(Refusal::ClaimHeldBy { .. }) => CommitOutcome::ClaimLost,
        TurnOutcome::Refused(Refusal::Rejected(words)) => CommitOutcome::Rejected(words),
    }
}
