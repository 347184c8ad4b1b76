//! The store as a plain value: the rules of a commit and nothing else.

use std::collections::{BTreeMap, HashMap, HashSet};

use liveperson_proto::{ConversationId, Sequence};
use muster_core::TurnId;
use muster_core::dialog::{CommitOutcome, CommitTurn, Cursor, OutboxKey, Recalled, Restored, RestoredDeed};

struct Row {
    turn: TurnId,
    n: usize,
    tag: String,
    body: String,
}

#[derive(Default)]
pub(super) struct Store {
    cursors: HashMap<ConversationId, (Cursor, TurnId)>,
    held: BTreeMap<ConversationId, String>,
    /// Also of conversations that were released.
    variables: HashMap<ConversationId, String>,
    outbox: HashMap<ConversationId, Vec<Row>>,
    /// Every tag that was ever committed.
    committed: HashSet<(ConversationId, String)>,
}

impl Store {
    pub(super) fn commit(&mut self, commit: &CommitTurn) -> CommitOutcome {
        if let Some((at, turn)) = self.cursors.get(&commit.conversation) {
            if *turn == commit.turn {
                return CommitOutcome::AlreadyCommitted;
            }
            if *at >= commit.cursor {
                return CommitOutcome::StaleCursor(*at);
            }
        }
        if !self.held.contains_key(&commit.conversation) {
            return CommitOutcome::ClaimLost;
        }
        self.cursors.insert(commit.conversation.clone(), (commit.cursor, commit.turn.clone()));
        self.held.insert(commit.conversation.clone(), commit.variables.clone());
        self.variables.insert(commit.conversation.clone(), commit.variables.clone());
        self.committed.extend(commit.actions.iter().map(|a| (commit.conversation.clone(), a.tag.clone())));
        let rows = commit.actions.iter().map(|a| Row {
            turn: commit.turn.clone(),
            n: a.n,
            tag: a.tag.clone(),
            body: a.body.clone(),
        });
        self.outbox.entry(commit.conversation.clone()).or_default().extend(rows);
        CommitOutcome::Committed
    }

    pub(super) fn claim(&mut self, conversation: &ConversationId) -> Recalled {
        let variables = self.variables.get(conversation).cloned().unwrap_or_else(|| "{}".to_owned());
        self.held.insert(conversation.clone(), variables.clone());
        let cursor = self.cursors.get(conversation).map(|(cursor, _)| *cursor);
        Recalled {
            again: self.variables.contains_key(conversation),
            cursor: cursor.map(|cursor| (conversation.main_dialog(), cursor)),
            variables: serde_json::from_str(&variables).expect("what was committed reads back"),
            outbox: self.outbox.get(conversation).into_iter().flatten().map(deed).collect(),
        }
    }

    pub(super) fn cursor(&self, conversation: &ConversationId) -> Sequence {
        self.cursors.get(conversation).map_or(Sequence::START, |(cursor, _)| cursor.sequence)
    }

    pub(super) fn done(&mut self, key: &OutboxKey) {
        if let Some(rows) = self.outbox.get_mut(&key.conversation) {
            rows.retain(|row| (&row.turn, row.n) != (&key.turn, key.n));
        }
    }

    pub(super) fn release(&mut self, conversation: &ConversationId, done: bool) {
        self.held.remove(conversation);
        if done {
            self.outbox.remove(conversation);
        }
    }

    pub(super) fn has_committed(&self, conversation: &ConversationId, tag: &str) -> bool {
        self.committed.contains(&(conversation.clone(), tag.to_owned()))
    }

    pub(super) fn held(&self) -> Vec<Restored> {
        let restored = |(conversation, variables): (&ConversationId, &String)| Restored {
            conversation: conversation.clone(),
            dialog: conversation.main_dialog(),
            cursor: self.cursors.get(conversation).map(|(cursor, _)| *cursor),
            variables: serde_json::from_str(variables).expect("what was committed reads back"),
            outbox: self.outbox.get(conversation).into_iter().flatten().map(deed).collect(),
        };
        self.held.iter().map(restored).collect()
    }
}

fn deed(row: &Row) -> RestoredDeed {
    RestoredDeed {
        turn: row.turn.clone(),
        n: row.n,
        tag: row.tag.clone(),
        deed: serde_json::from_str(&row.body).expect("what was committed reads back"),
    }
}
