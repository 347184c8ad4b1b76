//! Reading a dialog's history: page by page until nothing between the start and the end is missing.

use std::collections::BTreeMap;

use liveperson_proto::message::{EventBody, MessageEvent, Role};
use liveperson_proto::{DialogId, Sequence};

use super::desk::Desk;
use super::inbox::Inbound;
use super::untagged::Own;
use crate::tag::Trigger;
use crate::time::Moment;

/// What a decision needs of one event.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) sequence: Sequence,
    /// The brand wrote something a person reads.
    pub(crate) brand_content: bool,
    /// The assigned agent wrote it, who is not this bot and no bot of its pool.
    pub(crate) by_human: bool,
    /// The consumer wrote something.
    pub(crate) inbound: Option<Inbound>,
    pub(crate) tags: Vec<String>,
    /// What this bot itself wrote.
    pub(crate) own: Option<Own>,
}

impl Line {
    /// `None` for events without a place, or of another dialog.
    pub(crate) fn of(event: MessageEvent, dialog: &DialogId, desk: &Desk<'_>) -> Option<Self> {
        let (me, heard) = (desk.me, desk.heard(event.at));
        let elsewhere = event.dialog != *dialog && !event.dialog.as_str().is_empty();
        let sequence = event.sequence.filter(|_| !elsewhere)?;
        let content = event.body.is_content();
        let mine = me.wrote(&event);
        let own = if mine && content { Own::of(&event) } else { None };
        let tags = if content { event.external_ids } else { Vec::new() };
        let by_human = content && !event.private && !mine && event.role == Role::AssignedAgent;
        let brand_content = content && !event.private && (mine || event.role.is_brand());
        let inbound = match event.body {
            EventBody::Content { content_type, text } if event.role == Role::Consumer && !mine => {
                Some(Inbound { sequence, content_type, text, heard })
            }
            _ => None,
        };
        Some(Self { sequence, brand_content, by_human, inbound, tags, own })
    }

    /// Whether this bot wrote it, and the platform does not say in answer to what.
    pub(crate) fn is_untagged_own(&self) -> bool {
        matches!(self.own, Some(Own::Words(_)))
    }

    /// Whether the brand's side wrote it and no bot of the pool did.
    pub(crate) fn is_by_others(&self, desk: &Desk<'_>) -> bool {
        self.brand_content
            && self.own.is_none()
            && self.tags.iter().all(|tag| desk.tagger.trigger(tag).is_none())
    }

    /// Whether a person wrote it through a bot of the pool, in a conversation that the person had taken over.
    pub(crate) fn is_by_hand(&self, desk: &Desk<'_>) -> bool {
        let by_hand =
            |tag: &String| matches!(desk.tagger.trigger(tag), Some(Trigger::Person { answers: true, .. }));
        self.tags.iter().any(by_hand)
    }

    /// Whether it carries the tag of the pool's opening turn.
    pub(crate) fn answers_opening(&self, desk: &Desk<'_>) -> bool {
        self.tags.iter().any(|tag| desk.tagger.trigger(tag) == Some(Trigger::Opened))
    }
}

/// What to read next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Ask { newer_than: Sequence, older_than: Option<Sequence> },
    Complete,
}

/// A reading on its way.
#[derive(Debug)]
pub(crate) struct Reading {
    /// Exclusive.
    pub(crate) from: Sequence,
    /// When the first request left: what was done before is in the history.
    pub(crate) started: Moment,
    /// A failed page is asked for again at this moment.
    pub(crate) retry_at: Option<Moment>,
    pub(crate) asked: (Sequence, Option<Sequence>),
    gathered: BTreeMap<Sequence, Line>,
    forward: bool,
    /// Later events were let go, to be read again.
    pub(crate) more: bool,
    /// Of a conversation not yet opened only the newest events count: they tell where it starts.
    keep_newest: bool,
    /// Pages asked for so far.
    pages: u32,
}

/// Events that one reading keeps at most.
const KEEP: usize = 2_000;

/// Pages that are read in one go; then the reading rests, so that a long history leaves room for others.
const PAGES: u32 = 50;

impl Reading {
    pub(crate) fn new(from: Sequence, started: Moment, keep_newest: bool) -> Self {
        let asked = (from, None);
        Self {
            from,
            started,
            retry_at: None,
            asked,
            gathered: BTreeMap::new(),
            forward: false,
            more: false,
            keep_newest,
            pages: 1,
        }
    }

    /// Takes a page. It may be capped at either end: the part before it is read until it meets the
    /// start or nothing comes; the part after it is read when the page was long enough for a cap.
    pub(crate) fn page(&mut self, lines: Vec<Line>, page: usize) -> Next {
        let count = lines.len();
        let low = lines.iter().map(|l| l.sequence).min();
        let high = lines.iter().map(|l| l.sequence).max();
        let fresh = lines.into_iter().filter(|l| l.sequence > self.from).map(|l| (l.sequence, l));
        let before = self.gathered.len();
        self.gathered.extend(fresh);
        let grew = self.gathered.len() > before;
        while self.gathered.len() > KEEP {
            if self.keep_newest {
                self.gathered.pop_first();
            } else {
                self.gathered.pop_last();
                self.more = true;
            }
        }
        let enough = self.keep_newest && self.gathered.len() >= KEEP;
        let next = if !self.forward && grew && !enough && low.is_some_and(|low| low > self.from.next()) {
            (self.from, low)
        } else if grew && count >= page && !self.more && (!self.forward || high.is_some()) {
            self.forward = true;
            let last = self.gathered.last_key_value().map_or(self.from, |(s, _)| *s);
            (last, None)
        } else if !self.forward && self.asked.1.is_some() && !self.more {
            // The part before met the start; what came after the first page is still open.
            self.forward = true;
            let last = self.gathered.last_key_value().map_or(self.from, |(s, _)| *s);
            (last, None)
        } else {
            return Next::Complete;
        };
        self.asked = next;
        self.pages += 1;
        Next::Ask { newer_than: next.0, older_than: next.1 }
    }

    /// Whether it has read much and lets others go first.
    pub(crate) fn rests(&self) -> bool {
        self.pages.is_multiple_of(PAGES)
    }

    pub(crate) fn into_lines(self) -> impl Iterator<Item = Line> {
        self.gathered.into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(n: i64) -> Line {
        Line {
            sequence: Sequence(n),
            brand_content: false,
            by_human: false,
            inbound: None,
            tags: Vec::new(),
            own: None,
        }
    }

    /// A platform that caps its pages and keeps either end.
    fn answer(all: &[i64], cap: usize, newest: bool, newer: Sequence, older: Option<Sequence>) -> Vec<Line> {
        let within: Vec<_> =
            all.iter().copied().filter(|n| *n > newer.0 && older.is_none_or(|o| *n < o.0)).collect();
        let kept = if newest {
            &within[within.len().saturating_sub(cap)..]
        } else {
            &within[..within.len().min(cap)]
        };
        kept.iter().map(|n| line(*n)).collect()
    }

    proptest! {
        #[test]
        fn nothing_is_missed_whichever_end_a_capped_page_keeps(
            sequences in proptest::collection::btree_set(0i64..400, 0..200),
            cap in 5usize..80, newest: bool, from in -1i64..100,
        ) {
            let all: Vec<_> = sequences.into_iter().collect();
            let mut reading = Reading::new(Sequence(from), Moment(0), false);
            let (mut newer, mut older, mut asks) = (Sequence(from), None, 0);
            loop {
                asks += 1;
                prop_assert!(asks < 200);
                match reading.page(answer(&all, cap, newest, newer, older), 5) {
                    Next::Ask { newer_than, older_than } => (newer, older) = (newer_than, older_than),
                    Next::Complete => break,
                }
            }
            let read: Vec<_> = reading.into_lines().map(|l| l.sequence.0).collect();
            let expected: Vec<_> = all.into_iter().filter(|n| *n > from).collect();
            prop_assert_eq!(read, expected);
        }
    }

    #[test]
    fn a_short_history_without_a_hole_at_its_start_is_one_read() {
        let mut reading = Reading::new(Sequence(3), Moment(0), false);
        assert_eq!(reading.page(vec![line(4), line(9)], 50), Next::Complete);
    }
}
