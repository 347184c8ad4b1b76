//! The store as a plain value: the rules of claims and commits, and nothing else.

use std::collections::BTreeMap;

use liveperson_proto::{ConversationId, DialogId, Sequence};
use muster_core::TurnId;
use muster_core::dialog::{
    ClaimOutcome, CommitOutcome, CommitTurn, Cursor, OutboxKey, Recalled, Restored, RestoredDeed, Ticket,
};
use muster_core::tag::{Tagger, Trigger};
use muster_core::turn::Deed;

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
    /// A person wished it of the process that runs, and no bot has heard of it.
    pub(crate) asked: bool,
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
    /// Wishes of people so far.
    wishes: usize,
}

/// What a person wishes of a conversation.
pub(crate) struct Wish<'a> {
    pub(crate) deed: Deed,
    pub(crate) key: &'a str,
    /// The conversation is taken over.
    pub(crate) answers: bool,
}

/// What people wish of a conversation, as its holder is told.
pub(crate) struct Told {
    pub(crate) holder: usize,
    pub(crate) conversation: ConversationId,
    pub(crate) deeds: Vec<RestoredDeed>,
    pub(crate) unsent: usize,
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
            asked: false,
        }));
        CommitOutcome::Committed
    }

    /// Conversations of which people may wish something.
    pub(crate) fn talked_of(&self) -> Vec<ConversationId> {
        let alive = |memory: &Memory| memory.holder.is_some() || !memory.done;
        self.memories.iter().filter(|(_, memory)| alive(memory)).map(|(id, _)| id.clone()).collect()
    }

    /// A person wishes something: it stands in the outbox, and the process that runs hears of it.
    pub(crate) fn wish(&mut self, tagger: &Tagger, id: &ConversationId, wish: &Wish<'_>) -> Option<Row> {
        let memory = self.memories.get_mut(id)?;
        let after = memory.cursor.as_ref().map_or(Sequence::START, |(_, cursor, _)| cursor.sequence);
        let (n, trigger) = (memory.wishes, Trigger::Person { answers: wish.answers, after });
        let row = Row {
            turn: tagger.wishes(id),
            n,
            tag: tagger.wish_tag(trigger, n, wish.key),
            body: serde_json::to_string(&wish.deed).expect("a deed is JSON"),
            asked: true,
        };
        memory.wishes += 1;
        memory.outbox.push(row.clone());
        Some(row)
    }

    /// A new process takes whatever was wished before for something that may have been sent.
    pub(crate) fn wishes_are_in_doubt(&mut self) {
        self.memories.values_mut().flat_map(|memory| &mut memory.outbox).for_each(|row| row.asked = false);
    }

    /// All wishes that are not done, for whoever holds their conversations, and which of them the process has
    /// not heard of before.
    pub(crate) fn take_wishes(&mut self, tagger: &Tagger) -> Vec<Told> {
        let mut told = Vec::new();
        for (id, memory) in &mut self.memories {
            let Some(holder) = memory.holder else { continue };
            let wishes = tagger.wishes(id);
            let mut rows: Vec<_> = memory.outbox.iter_mut().filter(|row| row.turn == wishes).collect();
            let unsent = rows.iter().filter(|row| row.asked).map(|row| row.n).min().unwrap_or(usize::MAX);
            for row in &mut rows {
                row.asked = false;
            }
            let deeds = rows.iter().map(|row| deed(row)).collect();
            told.push(Told { holder, conversation: id.clone(), deeds, unsent });
        }
        told
    }

    /// Wishes that were told of and are not done, as far as the store knows.
    pub(crate) fn told_wishes(&self, tagger: &Tagger) -> Vec<(usize, ConversationId, RestoredDeed)> {
        let of = |(id, memory): (&ConversationId, &Memory)| {
            let wishes = tagger.wishes(id);
            let rows = memory.outbox.iter().filter(|row| row.turn == wishes && !row.asked);
            let deeds: Vec<_> = rows.map(deed).collect();
            memory
                .holder
                .map(|holder| deeds.into_iter().map(|deed| (holder, id.clone(), deed)).collect::<Vec<_>>())
        };
        self.memories.iter().filter_map(of).flatten().collect()
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
