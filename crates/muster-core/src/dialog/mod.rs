//! The life of a message in one conversation: cursor, duplicates, holes, turn-taking, outbox.
//!
//! - [`desk`]: what a conversation is lent while it decides, and what it hands out
//! - `taking`: the claim, and a place in the conversation
//! - `beside`: what a bot does while somebody else is the assigned agent
//! - `catching_up`: the history goes into the inbox, and `proof` says what was found
//! - `finding`: one conversation read by its id
//! - `closing`: the last turn of a conversation that was closed; `ended`: why one ends
//! - `reading`: the history read after every connect, and the looks that reconcile
//! - `cursor`: where a dialog stands
//! - `inbox`: consumer messages waiting for their turn, in order
//! - `turns`: one turn at a time: think, commit
//! - `outbox`: committed deeds, each done once; `untagged`: how they are known without tags
//!
//! The order of things in one conversation: attach (read the history from the cursor), reconcile
//! the outbox, one turn, its commit, its deeds one by one, the next turn.

pub mod desk;

mod beside;
mod catching_up;
mod closing;
mod conversation;
mod cursor;
mod ended;
mod finding;
mod inbox;
mod outbox;
mod proof;
mod reading;
pub(crate) mod taking;
mod turns;
mod untagged;

pub(crate) use conversation::Means;
pub use conversation::{Conversation, Restored, RestoredDeed};
pub use cursor::Cursor;
pub use desk::{
    CommitOutcome, CommitTurn, Decided, Effect, NewAction, Note, OutboxKey, Outcome, Rules, Tagging, Ticket,
};
pub use ended::Ended;
pub use proof::{GapProof, Span};
pub use taking::{ClaimOutcome, Recalled};
