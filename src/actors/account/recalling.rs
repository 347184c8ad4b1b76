//! The one translation from the store's rows of a conversation to the core.

use muster_core::dialog::{Recalled, Restored, RestoredDeed};
use tracing::error;

use crate::store::{HeldConversation, OutboxRow};

/// What a bot takes up again at the beginning of a life.
pub(super) fn restored(held: HeldConversation) -> Restored {
    let conversation = held.conversation.clone();
    let Recalled { cursor, variables, outbox, .. } = recalled(held);
    let (dialog, cursor) = match cursor {
        Some((dialog, cursor)) => (dialog, Some(cursor)),
        None => (conversation.main_dialog(), None),
    };
    Restored { conversation, dialog, cursor, variables, outbox }
}

/// What the store remembers of a conversation, for the core.
pub(in super::super) fn recalled(held: HeldConversation) -> Recalled {
    let main = held.conversation.main_dialog();
    let cursor = held.cursors.iter().find(|(dialog, ..)| *dialog == main).or(held.cursors.first());
    Recalled {
        again: held.claim_epoch > 1,
        cursor: cursor.map(|(dialog, cursor, _)| (dialog.clone(), *cursor)),
        variables: serde_json::from_str(&held.variables).unwrap_or_default(),
        outbox: held.outbox.into_iter().filter_map(deed).collect(),
    }
}

pub(super) fn deed(row: OutboxRow) -> Option<RestoredDeed> {
    match serde_json::from_str(&row.body) {
        Ok(deed) => Some(RestoredDeed {
            turn: row.turn_id,
            n: row.n as usize,
            tag: row.tag,
            deed,
            committed: Some(row.created_at),
        }),
        Err(error) => {
            error!(turn = %row.turn_id, n = row.n, error = %error, "an action in the store cannot be read");
            None
        }
    }
}
