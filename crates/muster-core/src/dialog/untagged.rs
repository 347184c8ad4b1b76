//! Reconciliation without tags: by our own id, the content, and a place after the cursor.
//!
//! For accounts whose tags are off, and for platforms that return no metadata. It is the weaker proof:
//! two answers with the same words are told apart only as long as the process lives.

use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use liveperson_proto::Sequence;
use liveperson_proto::message::{EventBody, MessageEvent};

use super::conversation::Conversation;
use super::desk::Desk;
use super::outbox::SendState;
use super::reading::Line;
use crate::turn::Deed;

/// Own events remembered at most after the cursor, and own answers whose event is still to be seen.
const KEPT: usize = 64;

/// What tells one content from another.
pub(crate) type Print = u64;

/// An event that this bot wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    /// Its tags say what it is.
    Tagged,
    /// Only its content does.
    Words(Print),
}

impl Own {
    pub(crate) fn of(event: &MessageEvent) -> Option<Self> {
        if event.external_ids.is_empty() {
            of_event(&event.body).map(Self::Words)
        } else {
            Some(Self::Tagged)
        }
    }
}

/// What a deed said whose event is still to be seen.
#[derive(Clone, Copy, Debug)]
struct Expected {
    print: Print,
    /// It is a person's word that answers what came before it.
    by_hand: bool,
}

/// What this bot has seen of its own words.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnWords {
    /// Own events after the cursor, each looked at once.
    seen: BTreeSet<Sequence>,
    /// Confirmed by the platform's answer; their events are still to come.
    expected: VecDeque<Expected>,
}

impl OwnWords {
    /// Notes an own event; whether it is new.
    fn note(&mut self, sequence: Sequence) -> bool {
        let new = self.seen.insert(sequence);
        if self.seen.len() > KEPT {
            self.seen.pop_first();
        }
        new
    }

    /// A deed was confirmed by an answer: its event confirms no other one.
    pub(crate) fn expect(&mut self, deed: &Deed, by_hand: bool) {
        let Some(print) = of_deed(deed) else { return };
        self.expected.push_back(Expected { print, by_hand });
        if self.expected.len() > KEPT {
            self.expected.pop_front();
        }
    }

    fn was_expected(&mut self, own: Own) -> Option<Expected> {
        let Own::Words(print) = own else {
            // Events come in the order of their answers.
            return self.expected.pop_front();
        };
        let place = self.expected.iter().position(|expected| expected.print == print);
        place.and_then(|place| self.expected.remove(place))
    }

    pub(crate) fn pass(&mut self, cursor: Sequence) {
        self.seen = self.seen.split_off(&cursor.next());
    }
}

impl Conversation {
    /// An own event: without a tag, its content says which deed it is.
    pub(super) fn take_own(&mut self, line: &Line, desk: &mut Desk<'_>) {
        let Some(own) = line.own else { return };
        if line.sequence <= self.cursor.sequence || !self.own_words.note(line.sequence) {
            return;
        }
        let expected = self.own_words.was_expected(own);
        let Own::Words(print) = own else { return };
        if let Some(Expected { by_hand, .. }) = expected {
            if by_hand {
                self.answered_by_hand(line.sequence);
            }
            return;
        }
        let is_it = |deed: &Deed, state: &SendState| {
            matches!(state, SendState::Sent | SendState::Unknown { .. }) && of_deed(deed) == Some(print)
        };
        // Deeds go out one by one: only a head can have been sent.
        let mut heads = self.outbox.heads().into_iter().flatten().map(|place| &self.outbox.pending[place]);
        let head = heads.find(|head| is_it(&head.deed, &head.state));
        let head = head.map(|head| (head.tag.clone(), head.answers_by_hand()));
        if let Some((tag, by_hand)) = head {
            self.outbox.confirm_tag(&tag, desk);
            if by_hand {
                self.answered_by_hand(line.sequence);
            }
        }
    }
}

/// The print of a published deed.
fn of_deed(deed: &Deed) -> Option<Print> {
    match deed {
        Deed::Text { text } => Some(of_text(text)),
        Deed::Rich { content } => Some(of_rich(content)),
        Deed::Transfer { .. } | Deed::Close => None,
    }
}

/// The print of an event.
fn of_event(body: &EventBody) -> Option<Print> {
    match body {
        EventBody::Content { text, .. } => Some(of_text(text)),
        EventBody::Rich { content } => serde_json::from_str(content).ok().as_ref().map(of_rich),
        EventBody::AcceptStatus | EventBody::ChatState | EventBody::Other(_) => None,
    }
}

// Platforms trim.
fn of_text(text: &str) -> Print {
    print(('t', text.trim()))
}

fn of_rich(content: &serde_json::Value) -> Print {
    print(('r', content.to_string()))
}

fn print(content: impl Hash) -> Print {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}
