//! How a conversation begins for a bot: new, or held before this life.

use std::collections::BTreeSet;

use liveperson_proto::conversation::Conversation as Shown;
use liveperson_proto::message::Role;
use liveperson_proto::{ConsumerId, ConversationId, DialogId, Sequence};

use super::closing::Closing;
use super::conversation::{Conversation, Link};
use super::cursor::Cursor;
use super::desk::Ticket;
use super::finding::Finding;
use super::inbox::Inbox;
use super::outbox::Outbox;
use super::stage::Stage;
use super::taking::{Claim, Place};
use super::untagged::OwnWords;
use crate::TurnId;
use crate::duty::Intake;
use crate::time::Moment;
use crate::turn::{Deed, Variables};

/// A held conversation as the store gives it back.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The conversation.
    pub conversation: ConversationId,
    /// Its MAIN dialog.
    pub dialog: DialogId,
    /// Where it stands; none before the first turn.
    pub cursor: Option<Cursor>,
    /// As the last turn left them.
    pub variables: Variables,
    /// Deeds not yet confirmed, in order.
    pub outbox: Vec<RestoredDeed>,
}

/// An unconfirmed deed as the store gives it back: its outcome is unknown.
#[derive(Clone, Debug)]
pub struct RestoredDeed {
    /// Its turn.
    pub turn: TurnId,
    /// Its place in the turn.
    pub n: usize,
    /// Its tag.
    pub tag: String,
    /// What was to be done.
    pub deed: Deed,
    /// When its turn was committed, in milliseconds since 1970, if that is known.
    pub committed: Option<i64>,
}

impl Conversation {
    /// A conversation that is new to this bot.
    pub(crate) fn new(shown: &Shown, place: Place, taken_over: bool) -> Self {
        Self {
            taken_over,
            consumer: shown.first(Role::Consumer).map(ConsumerId::from),
            skill: shown.skill.clone(),
            knows_dialog: true,
            ..Self::blank(shown.id.clone(), shown.main_dialog.clone(), place)
        }
    }

    /// A conversation held before this life of the bot.
    pub(crate) fn restored(restored: Restored, intake: Intake, now: Moment) -> Self {
        let mut outbox = Outbox::default();
        outbox.restore(&restored.conversation, restored.outbox, now);
        let cursor = restored.cursor.unwrap_or(Cursor::START);
        let place = match intake {
            // A join of the life before may still land: it is not asked for again before `settle`.
            Intake::All => Place::Doubted { since: now },
            Intake::Rings => Place::In,
        };
        Self {
            outbox,
            knows_dialog: restored.cursor.is_some(),
            claim: Claim::Held,
            opened: restored.cursor.is_some(),
            starting: restored.cursor.is_none(),
            cursor,
            seen: cursor.sequence,
            variables: restored.variables,
            again: true,
            ..Self::blank(restored.conversation, restored.dialog, place)
        }
    }

    /// Nothing is known of it yet.
    fn blank(id: ConversationId, dialog: DialogId, place: Place) -> Self {
        Self {
            id,
            dialog,
            place,
            knows_dialog: false,
            consumer: None,
            former_consumer: None,
            skill: None,
            link: Link::Detached,
            claim: Claim::Wanted { retry_at: None },
            shown_here: false,
            opened: false,
            starting: true,
            hushed: false,
            taken_over: false,
            human_answered: Sequence::START,
            meanwhile: BTreeSet::new(),
            cursor: Cursor::START,
            seen: Sequence::START,
            answered: BTreeSet::new(),
            variables: Variables::new(),
            inbox: Inbox::default(),
            stage: Stage::Idle,
            outbox: Outbox::default(),
            looked: None,
            ended: None,
            handing_back: false,
            hand_back_at: None,
            left_by_deed: false,
            again: false,
            resume: None,
            closing: Closing::No,
            finding: Finding::Idle,
            shown_ours_at: None,
            own_words: OwnWords::default(),
            reading_number: Ticket(0),
            hears: false,
        }
    }
}
