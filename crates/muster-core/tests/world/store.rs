//! The store as a plain value: the rules of claims and commits, and nothing else.

use std::collections::BTreeMap;

use liveperson_proto::{ConversationId, DialogId};
use muster_core::TurnId;
use muster_core::dialog::{
    ClaimOutcome, CommitOutcome, CommitTurn, Cursor, OutboxKey, Recalled, Restored, RestoredDeed, Ticket,
};

/// What a bot wants durable, in order.
#[derive(Clone, Debug)]
pub(crate) enum Record {
    Claim { number: Ticket, conversation: ConversationId },
    Commit(CommitTurn),
    Done(OutboxKey),
    Dead(OutboxKey),
    Release { conversation: ConversationId, done: bool },
}

#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) turn: TurnId,
    pub(crate) n: usize,
    pub(crate) tag: String,
    pub(crate) body: String,
}

/// What the pool remembers of a conversation.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    pub(crate) holder: Option<usize>,
    /// It was held at least once before the claim in hand.
    again: bool,
    done: bool,
    cursor: Option<(DialogId, Cursor, TurnId)>,
    variables: Option<String>,
    pub(crate) outbox: Vec<Row>,
}

/// Whether the store looks at who holds a claim; off only to see a test fail.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claims {
    Checked,
    Ignored,
}

#[derive(Clone)]
pub(crate) struct Store {
    memories: BTreeMap<ConversationId, Memory>,
    claims: Claims,
}

impl Store {
    pub(crate) fn new(claims: Claims) -> Self {
        Self { memories: BTreeMap::new(), claims }
    }

    pub(crate) fn holder(&self, conversation: &ConversationId) -> Option<usize> {
        self.memories.get(conversation)?.holder
    }

    pub(crate) fn is_done(&self, conversation: &ConversationId) -> bool {
        self.memories.get(conversation).is_some_and(|memory| memory.done && memory.holder.is_none())
    }

    pub(crate) fn conversations(&self) -> impl Iterator<Item = (&ConversationId, &Memory)> {
        self.memories.iter()
    }

    pub(crate) fn claim(&mut self, bot: usize, id: &ConversationId, joins: bool) -> ClaimOutcome {
        let known = self.memories.contains_key(id);
        let memory = self.memories.entry(id.clone()).or_default();
        if memory.done && joins {
            return ClaimOutcome::Done;
        }
        if self.claims == Claims::Checked || memory.holder.is_none() {
            memory.again |= known && memory.holder != Some(bot);
            memory.holder = Some(bot);
        }
        memory.done = false;
        ClaimOutcome::Held(Box::new(Recalled {
            again: memory.again,
            cursor: memory.cursor.as_ref().map(|(dialog, cursor, _)| (dialog.clone(), *cursor)),
            variables: variables(memory),
            outbox: memory.outbox.iter().map(deed).collect(),
        }))
    }

    /// A mate of another process takes it, unless the turn landed before; whether it did.
    pub(crate) fn moves(&mut self, id: &ConversationId, turn: &TurnId) -> bool {
        let landed = |memory: &Memory| memory.cursor.as_ref().is_some_and(|(_, _, last)| last == turn);
        let Some(memory) = self.memories.get_mut(id).filter(|memory| !landed(memory)) else { return false };
        (memory.holder, memory.again) = (Some(usize::MAX), true);
        true
    }

    pub(crate) fn commit(&mut self, bot: usize, commit: &CommitTurn) -> CommitOutcome {
        let Some(memory) = self.memories.get_mut(&commit.conversation) else {
            return CommitOutcome::ClaimLost;
        };
        if let Some((_, at, turn)) = &memory.cursor {
            if *turn == commit.turn {
                return CommitOutcome::AlreadyCommitted;
            }
            if *at >= commit.cursor {
                return CommitOutcome::StaleCursor(*at);
            }
        }
        if self.claims == Claims::Checked && memory.holder != Some(bot) {
            return CommitOutcome::ClaimLost;
        }
        memory.cursor = Some((commit.dialog.clone(), commit.cursor, commit.turn.clone()));
        memory.variables = Some(commit.variables.clone());
        memory.outbox.extend(commit.actions.iter().map(|action| Row {
            turn: commit.turn.clone(),
            n: action.n,
            tag: action.tag.clone(),
            body: action.body.clone(),
        }));
        CommitOutcome::Committed
    }

    /// A row that is done or dead is not sent again by anybody.
    pub(crate) fn settle(&mut self, key: &OutboxKey) {
        if let Some(memory) = self.memories.get_mut(&key.conversation) {
            memory.outbox.retain(|row| (&row.turn, row.n) != (&key.turn, key.n));
        }
    }

    /// Returns the tags of what is dropped with the claim.
    pub(crate) fn release(&mut self, bot: usize, id: &ConversationId, done: bool) -> Vec<String> {
        let Some(memory) = self.memories.get_mut(id).filter(|memory| memory.holder == Some(bot)) else {
            return Vec::new();
        };
        (memory.holder, memory.done, memory.again) = (None, done, true);
        if !done {
            return Vec::new();
        }
        std::mem::take(&mut memory.outbox).into_iter().map(|row| row.tag).collect()
    }

    /// What a bot holds, as it hears it at the start of a life.
    pub(crate) fn held(&self, bot: usize) -> Vec<Restored> {
        let mine = self.memories.iter().filter(|(_, memory)| memory.holder == Some(bot));
        let restored = |(id, memory): (&ConversationId, &Memory)| Restored {
            conversation: id.clone(),
            dialog: memory.cursor.as_ref().map_or_else(|| id.main_dialog(), |(dialog, ..)| dialog.clone()),
            cursor: memory.cursor.as_ref().map(|(_, cursor, _)| *cursor),
            variables: variables(memory),
            outbox: memory.outbox.iter().map(deed).collect(),
        };
        mine.map(restored).collect()
    }
}

fn variables(memory: &Memory) -> muster_core::turn::Variables {
    let text = memory.variables.as_deref().unwrap_or("{}");
    serde_json::from_str(text).expect("what was committed reads back")
}

fn deed(row: &Row) -> RestoredDeed {
    RestoredDeed {
        turn: row.turn.clone(),
        n: row.n,
        tag: row.tag.clone(),
        deed: serde_json::from_str(&row.body).expect("what was committed reads back"),
        committed: None,
    }
}
