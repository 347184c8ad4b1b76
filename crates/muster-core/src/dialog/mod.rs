//! The life of a message in one conversation: cursor, duplicates, holes, turn-taking, outbox.
//!
//! - [`desk`]: what a conversation is lent while it decides; `effect`: what it wants done; `note`: what it tells
//! - `taking`: the claim, and a place in the conversation
//! - `beginning`: a conversation that is new, or held before; `deadlines`: when it wants to be woken
//! - `beside`: what a bot does while somebody else is the assigned agent
//! - `by_hand`: what it does where a person has taken over, and what that person wishes
//! - `catching_up`: the history goes into the inbox, and `proof` says what was found
//! - `finding`: one conversation read by its id
//! - `handing_back`: what a retiring bot does with it
//! - `closing`: the last turn of a conversation that was closed; `ended`: why one ends
//! - `reading`: the history read after every connect, and the looks that reconcile
//! - `cursor`: where a dialog stands
//! - `inbox`: consumer messages waiting for their turn, in order
//! - `turns`: one turn at a time: think, commit; `stage`: where it stands
//! - `standing`: where a conversation stands, for people to see
//! - `outbox`: committed deeds, each done once; `untagged`: how they are known without tags
//!
//! The order of things in one conversation: attach (read the history from the cursor), reconcile
//! the outbox, one turn, its commit, its deeds one by one, the next turn.

pub mod desk;

mod beginning;
mod beside;
mod by_hand;
mod catching_up;
mod closing;
mod conversation;
mod cursor;
mod deadlines;
mod effect;
mod ended;
mod finding;
mod handing_back;
mod inbox;
mod note;
mod outbox;
mod proof;
mod reading;
mod stage;
mod standing;
pub(crate) mod taking;
mod turns;
mod untagged;

pub use beginning::{Restored, RestoredDeed};
pub use conversation::Conversation;
pub use cursor::Cursor;
pub(crate) use deadlines::Means;
pub use desk::{Decided, Outcome, Rules, Tagging, Ticket};
pub use effect::{CommitOutcome, CommitTurn, Effect, NewAction, OutboxKey};
pub use ended::Ended;
pub use note::Note;
pub use proof::{GapProof, Span};
pub use standing::{Joint, Standing, Work};
pub use taking::{ClaimOutcome, Recalled};
