//! Consumer messages waiting for their turn, in order, each once.

use std::collections::BTreeMap;

use liveperson_proto::Sequence;

use crate::time::Moment;
use crate::turn::Unseen;

/// When a message reached the bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// When this life heard it.
    pub(crate) at: Moment,
    /// When it was said, by our wall clock: it may have waited while nobody listened.
    pub(crate) said: i64,
}

/// A consumer's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inbound {
    pub(crate) sequence: Sequence,
    pub(crate) content_type: String,
    pub(crate) text: String,
    pub(crate) heard: Heard,
}

impl Inbound {
    /// As a closed conversation's last turn carries it.
    pub(crate) fn unseen(&self) -> Unseen {
        let Self { sequence, content_type, text, .. } = self.clone();
        Unseen { sequence, content_type, text }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Inbox {
    waiting: BTreeMap<Sequence, Inbound>,
    /// Messages past the bound were let go: the platform still has them.
    pub(crate) more: bool,
}

impl Inbox {
    /// Keeps a message; past the bound the latest is let go and `more` set.
    ///
    /// Returns whether the message was new.
    pub(crate) fn put(&mut self, message: Inbound, bound: usize) -> bool {
        let sequence = message.sequence;
        if self.waiting.contains_key(&sequence) {
            return false;
        }
        // Once something was let go, a later message would overtake it.
        if self.more && self.waiting.last_key_value().is_none_or(|(last, _)| sequence > *last) {
            return true;
        }
        self.waiting.insert(sequence, message);
        if self.waiting.len() > bound {
            self.waiting.pop_last();
            self.more = true;
        }
        true
    }

    /// The next message past the cursor.
    pub(crate) fn next_after(&mut self, cursor: Sequence) -> Option<Inbound> {
        loop {
            let (sequence, message) = self.waiting.pop_first()?;
            if sequence > cursor {
                return Some(message);
            }
        }
    }

    /// The message that came last: the wrong order, for sabotage tests.
    pub(crate) fn latest(&mut self) -> Option<Inbound> {
        self.waiting.pop_last().map(|(_, message)| message)
    }

    /// Lets go of everything up to a sequence.
    pub(crate) fn pass(&mut self, to: Sequence) {
        self.waiting = self.waiting.split_off(&to.next());
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// When the oldest waiting message was said.
    pub(crate) fn oldest(&self) -> Option<i64> {
        self.waiting.values().map(|m| m.heard.said).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(n: i64) -> Inbound {
        Inbound {
            sequence: Sequence(n),
            content_type: String::new(),
            text: String::new(),
            heard: Heard { at: Moment(0), said: n },
        }
    }

    #[test]
    fn messages_come_out_in_order_and_once() {
        let mut inbox = Inbox::default();
        for n in [5, 3, 4, 3] {
            inbox.put(message(n), 50);
        }
        let order: Vec<_> =
            std::iter::from_fn(|| inbox.next_after(Sequence(3))).map(|m| m.sequence.0).collect();
        assert_eq!(order, [4, 5]);
    }

    #[test]
    fn past_the_bound_nothing_overtakes_what_was_let_go() {
        let mut inbox = Inbox::default();
        for n in 0..5 {
            inbox.put(message(n), 3);
        }
        assert!(inbox.more);
        inbox.put(message(9), 3);
        let order: Vec<_> =
            std::iter::from_fn(|| inbox.next_after(Sequence::START)).map(|m| m.sequence.0).collect();
        assert_eq!(order, [0, 1, 2]);
    }
}
