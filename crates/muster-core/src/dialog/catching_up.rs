//! Catching up: the history read page by page into the inbox, and where the cursor starts.

use liveperson_proto::Sequence;
use liveperson_proto::request::Request;

use super::conversation::{Conversation, Link};
use super::desk::{Desk, Note, Outcome, Purpose};
use super::reading::{Line, Next, Reading};
use crate::duty::Start;
use crate::tag::Trigger;

impl Conversation {
    pub(super) fn read_from(&mut self, from: Sequence, desk: &mut Desk<'_>) {
        self.meanwhile.clear();
        self.link = Link::Reading(Reading::new(from, desk.now.moment, self.starting));
        self.ask_history(from, None, desk);
    }

    pub(super) fn ask_history(
        &self,
        newer_than: Sequence,
        older_than: Option<Sequence>,
        desk: &mut Desk<'_>,
    ) {
        let request = Request::ReadHistory { dialog: self.dialog.clone(), newer_than, older_than };
        desk.ask(Purpose::History(self.id.clone()), request);
    }

    /// Takes the answer to a history request.
    pub(crate) fn history(&mut self, outcome: Outcome, desk: &mut Desk<'_>) {
        let Link::Reading(reading) = &mut self.link else { return };
        let Outcome::History(events) = outcome else {
            reading.retry_at = Some(desk.now.moment + desk.rules.pause);
            return;
        };
        let heard = desk.now.moment;
        let lines = events.into_iter().filter_map(|e| Line::of(e, &self.dialog, desk.me, heard)).collect();
        match reading.page(lines, desk.rules.page) {
            Next::Ask { newer_than, older_than } => self.ask_history(newer_than, older_than, desk),
            Next::Complete => self.complete(desk),
        }
        self.advance(desk);
    }

    fn complete(&mut self, desk: &mut Desk<'_>) {
        let Link::Reading(reading) = std::mem::replace(&mut self.link, Link::Live) else { return };
        let (from, started, more) = (reading.from, reading.started, reading.more);
        let lines: Vec<_> = reading.into_lines().collect();
        if from <= self.cursor {
            self.looked = Some(started);
        }
        if self.starting && !self.stage.is_busy() {
            self.starting = false;
            // A store that lost its last commits: the opening was answered, and is not answered again.
            self.opened |= desk.rules.reconcile && lines.iter().any(|line| line.answers_opening(desk));
            self.cursor = self.cursor.max(self.start_after(&lines, desk));
            if self.opened {
                // Taken up again: what others answered meanwhile is not answered again.
                let by_others = lines.iter().rev().find(|line| line.is_by_others(desk));
                self.human_answered = by_others.map_or(Sequence::START, |line| line.sequence);
            }
        }
        let overflowed = self.inbox.more;
        let platform = lines.last().map_or(self.seen, |l| l.sequence.max(self.seen));
        desk.note(Note::CaughtUp { conversation: self.id.clone(), cursor: self.cursor, platform });
        let read_to = lines.last().map_or(from, |l| l.sequence.max(from));
        for line in lines {
            self.take(line, desk);
        }
        if more && !overflowed {
            return self.read_on(read_to, desk);
        }
        if let Some(hole) = self.hole_after(read_to) {
            desk.note(Note::Hole { conversation: self.id.clone() });
            self.read_from(hole, desk);
        }
    }

    /// The history was too long for one reading. Beside humans all of it comes first, since they may
    /// have answered; else what is owed so far is answered before the rest is read.
    fn read_on(&mut self, read_to: Sequence, desk: &mut Desk<'_>) {
        let lost_some = self.inbox.more;
        if desk.duty.is_silent_beside_humans() && !lost_some {
            return self.read_from(read_to, desk);
        }
        self.resume = (!lost_some).then_some(read_to);
        self.inbox.more = true;
    }

    /// The sequence after which something is missing between the history and what was heard meanwhile.
    fn hole_after(&mut self, mut read_to: Sequence) -> Option<Sequence> {
        for heard in std::mem::take(&mut self.meanwhile) {
            if heard > read_to.next() {
                return Some(read_to);
            }
            read_to = read_to.max(heard);
        }
        None
    }

    /// Takes one event, from a notification or the history.
    pub(super) fn take(&mut self, line: Line, desk: &mut Desk<'_>) {
        self.seen = self.seen.max(line.sequence);
        for tag in line.tags.iter().filter(|_| desk.rules.reconcile) {
            self.outbox.confirm_tag(tag, desk);
            if let Some(Trigger::Message(answered)) = desk.tagger.trigger(tag)
                && answered > self.cursor
                && !self.stage.answers(answered)
            {
                self.answered.insert(answered);
            }
        }
        if line.by_human && line.is_by_others(desk) {
            self.human_answered(line.sequence, desk);
        }
        let Some(inbound) = line.inbound else { return };
        let passed = inbound.sequence <= self.cursor.max(self.human_answered);
        if (passed && desk.rules.dedupe) || self.stage.answers(inbound.sequence) {
            return;
        }
        self.inbox.put(inbound, desk.rules.inbox);
    }

    /// Where the cursor starts at a new claim. What the pool has begun it goes on with, whatever the
    /// rule for beginnings says.
    fn start_after(&self, lines: &[Line], desk: &Desk<'_>) -> Sequence {
        match desk.duty.start {
            Start::All if !self.opened => Sequence::START,
            Start::Now if !self.opened && !self.again => {
                lines.last().map_or(Sequence::START, |line| line.sequence)
            }
            Start::Unanswered | Start::Now | Start::All => after_the_brand(lines, desk),
        }
    }
}

/// After the last content of the brand's side.
///
/// Content that carries a tag of ours answers its trigger, and nothing after it.
fn after_the_brand(lines: &[Line], desk: &Desk<'_>) -> Sequence {
    let Some(last) = lines.iter().rev().find(|l| l.brand_content) else { return Sequence::START };
    let trigger = last.tags.iter().find_map(|tag| desk.tagger.trigger(tag));
    match trigger {
        Some(Trigger::Message(answered)) => answered,
        Some(Trigger::Opened) => Sequence::START,
        None => last.sequence,
    }
}
