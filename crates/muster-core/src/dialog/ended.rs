//! Why a conversation ends for a bot, and what that means for its pool.

use crate::duty::Intake;
use crate::pool::Parting;

/// Why a conversation is no longer this bot's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was closed.
    Closed,
    /// Somebody else handles it, or the queue does.
    Elsewhere,
    /// The bot transferred or closed it itself.
    ByDeed,
    /// Another member of the pool holds the claim.
    ClaimLost,
    /// The bot handed it back, since it retires.
    HandedBack,
    /// The first notification of a socket did not show it.
    Missing,
    /// The platform does not let the bot join.
    NotLetIn,
    /// The pool was done with it before.
    Done,
}

impl Ended {
    /// The reason in words.
    pub fn words(&self) -> &'static str {
        match self {
            Self::Closed => "the conversation was closed",
            Self::Elsewhere | Self::Missing => "the conversation is no longer this bot's",
            Self::ByDeed => "the bot transferred or closed the conversation",
            Self::ClaimLost => "another bot of the pool holds the conversation",
            Self::HandedBack => "the bot retired",
            Self::NotLetIn => "the platform did not let the bot join",
            Self::Done => "the pool was done with the conversation",
        }
    }

    /// Whether the pool has done with it: what was not sent is dropped, and no bot joins it again.
    pub fn is_final(&self, intake: Intake) -> bool {
        match self {
            Self::Closed | Self::ByDeed | Self::Done => true,
            // What the platform routes may come back; who is shown the door stays outside.
            Self::Elsewhere => intake == Intake::All,
            Self::ClaimLost | Self::HandedBack | Self::Missing | Self::NotLetIn => false,
        }
    }

    /// What it means for the bot's pool.
    pub(crate) fn parting(&self, intake: Intake) -> Parting {
        match self {
            Self::NotLetIn => Parting::NotLetIn,
            _ if self.is_final(intake) => Parting::Done,
            _ => Parting::Free,
        }
    }

    /// Whether the bot left by itself, so that news on its way may still call the conversation its own.
    pub(crate) fn is_own_doing(&self) -> bool {
        matches!(self, Self::ByDeed | Self::HandedBack)
    }
}
