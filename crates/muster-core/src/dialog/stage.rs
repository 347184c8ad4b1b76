//! Where the turn in hand stands, and what it answers.

use liveperson_proto::Sequence;

use super::effect::CommitTurn;
use super::inbox::{Heard, Inbound};
use crate::TurnId;
use crate::tag::Trigger;
use crate::time::Moment;
use crate::turn::{Deed, TurnEvent, Variables};

/// Where the turn in hand stands.
#[derive(Debug)]
pub(crate) enum Stage {
    Idle,
    /// Logic decides; after a failure it rests until a moment and is asked again.
    Thinking {
        turn: TurnId,
        cause: Cause,
        attempt: u32,
        resting: Option<Moment>,
    },
    /// The store decides.
    Committing {
        work: Box<Work>,
        retry_at: Option<Moment>,
    },
}

/// What the turn in hand answers.
#[derive(Clone, Debug)]
pub(crate) enum Cause {
    Opened,
    Message(Box<Inbound>),
    /// The conversation was closed; what logic had not seen by then.
    Closed {
        unseen: Vec<Inbound>,
        more: bool,
        to: Sequence,
    },
}

/// A turn on its way into the store.
#[derive(Debug)]
pub(crate) struct Work {
    pub(super) cause: Cause,
    pub(super) commit: CommitTurn,
    pub(super) variables: Variables,
    pub(super) deeds: Vec<Deed>,
    /// Why logic failed, when it did.
    pub(super) failed: Option<String>,
}

impl Cause {
    pub(super) fn trigger(&self) -> Trigger {
        match self {
            Self::Opened => Trigger::Opened,
            Self::Message(message) => Trigger::Message(message.sequence),
            Self::Closed { .. } => Trigger::Closed,
        }
    }

    pub(super) fn heard(&self) -> Option<Heard> {
        match self {
            Self::Opened | Self::Closed { .. } => None,
            Self::Message(message) => Some(message.heard),
        }
    }

    /// Whether it is a message at or before a place in the dialog.
    pub(crate) fn is_up_to(&self, at: Sequence) -> bool {
        matches!(self, Self::Message(message) if message.sequence <= at)
    }

    pub(super) fn event(&self) -> TurnEvent {
        match self {
            Self::Opened => TurnEvent::Opened,
            Self::Message(message) => TurnEvent::Message {
                sequence: message.sequence,
                content_type: message.content_type.clone(),
                text: message.text.clone(),
            },
            Self::Closed { unseen, more, .. } => {
                TurnEvent::Closed { unseen: unseen.iter().map(Inbound::unseen).collect(), more: *more }
            }
        }
    }
}

impl Stage {
    pub(crate) fn is_busy(&self) -> bool {
        !matches!(self, Self::Idle)
    }

    pub(crate) fn is_committing(&self) -> bool {
        matches!(self, Self::Committing { .. })
    }

    /// Whether logic or the store is at work; a rest between two tries is not.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self, Self::Thinking { resting: None, .. } | Self::Committing { .. })
    }

    fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Idle => None,
            Self::Thinking { cause, .. } => Some(cause),
            Self::Committing { work, .. } => Some(&work.cause),
        }
    }

    /// Whether the turn in hand answers this message.
    pub(crate) fn answers(&self, sequence: Sequence) -> bool {
        self.cause().is_some_and(|cause| cause.trigger() == Trigger::Message(sequence))
    }

    /// The message of the turn in hand, if it answers one.
    pub(crate) fn into_message(self) -> Option<Inbound> {
        match self {
            Self::Thinking { cause: Cause::Message(message), .. } => Some(*message),
            Self::Thinking { .. } | Self::Idle | Self::Committing { .. } => None,
        }
    }

    pub(crate) fn heard(&self) -> Option<Heard> {
        self.cause().and_then(Cause::heard)
    }

    pub(crate) fn deadline(&self) -> Option<Moment> {
        match self {
            Self::Idle => None,
            Self::Thinking { resting, .. } => *resting,
            Self::Committing { retry_at, .. } => *retry_at,
        }
    }
}
