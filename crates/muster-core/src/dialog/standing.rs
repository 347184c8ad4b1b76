//! Where a conversation stands, for people to see.

use super::conversation::{Conversation, Link};
use super::outbox::SendState;
use super::stage::Stage;
use super::taking::Claim;

/// How a conversation is joined to the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Joint {
    /// The store has not granted the claim.
    Claiming,
    /// The bot does not take part yet, or does not know whether it does.
    Joining,
    /// No socket shows it.
    Away,
    /// Its history is being read.
    Reading,
    /// Events arrive as they happen.
    Live,
    /// A human is assigned, and the bot holds still.
    BesideHuman,
    /// A person has taken it over, and the bot holds still.
    TakenOver,
    /// It is on its way back to the queue.
    HandingBack,
    /// It was closed: its last turn is due.
    Closing,
    /// It is over; a commit on its way is awaited.
    Ending,
}

/// What is under way in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Work {
    /// Nothing.
    Idle,
    /// Logic decides a turn.
    Thinking,
    /// Logic failed and is asked again later.
    Resting,
    /// The store commits a turn.
    Committing,
    /// The store was away and is asked again later.
    StoreAway,
    /// A committed action waits for its time.
    ToSend,
    /// An action is sent and not yet answered.
    Sending,
    /// Whether an action was done is unknown.
    InDoubt,
}

/// Where a conversation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Standing {
    /// How it is joined to the platform.
    pub joint: Joint,
    /// What is under way in it.
    pub work: Work,
}

impl Conversation {
    pub(crate) fn standing(&self) -> Standing {
        Standing { joint: self.joint(), work: self.work() }
    }

    fn joint(&self) -> Joint {
        if self.ended.is_some() {
            return Joint::Ending;
        }
        if self.is_closing() {
            return Joint::Closing;
        }
        if self.claim != Claim::Held {
            return Joint::Claiming;
        }
        if !self.place.is_inside() {
            return Joint::Joining;
        }
        match &self.link {
            Link::Detached => Joint::Away,
            Link::Reading(_) => Joint::Reading,
            Link::Live if self.handing_back => Joint::HandingBack,
            Link::Live if self.taken_over => Joint::TakenOver,
            Link::Live if self.hushed => Joint::BesideHuman,
            Link::Live => Joint::Live,
        }
    }

    fn work(&self) -> Work {
        match &self.stage {
            Stage::Thinking { resting: None, .. } => return Work::Thinking,
            Stage::Thinking { .. } => return Work::Resting,
            Stage::Committing { retry_at: None, .. } => return Work::Committing,
            Stage::Committing { .. } => return Work::StoreAway,
            Stage::Idle => {}
        }
        match self.outbox.pending.front().map(|head| &head.state) {
            None => Work::Idle,
            Some(SendState::Ready | SendState::Paused { .. }) => Work::ToSend,
            Some(SendState::Sent) => Work::Sending,
            Some(SendState::Unknown { .. } | SendState::Refused { .. }) => Work::InDoubt,
        }
    }
}
