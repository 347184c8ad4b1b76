//! Catching up: the history read page by page into the inbox, and where the cursor starts.

use liveperson_proto::Sequence;
use liveperson_proto::request::Request;

use super::closing::Closing;
use super::conversation::{Conversation, Link, MEANWHILE};
use super::cursor::Cursor;
use super::desk::{Desk, Outcome, Purpose, Ticket};
use super::note::Note;
use super::proof::GapProof;
use super::reading::{Line, Next, Reading};
use crate::duty::Start;
use crate::tag::{Trigger, trigger_of_any_pool};

impl Conversation {
    pub(super) fn read_from(&mut self, from: Sequence, desk: &mut Desk<'_>) {
        self.link = Link::Reading(self.reading(from, desk));
        self.ask_history(from, None, desk);
    }

    fn reading(&mut self, from: Sequence, desk: &mut Desk<'_>) -> Reading {
        self.meanwhile.clear();
        self.reading_number = desk.tickets.number();
        let newest = self.starting && (desk.duty.start != Start::All || self.opened);
        Reading::new(from, desk.now.moment, newest)
    }

    /// Before the history, so that nothing is said between the two.
    fn ask_for_messages(&self, from: Sequence, desk: &mut Desk<'_>) {
        if !desk.rules.subscribe_messages || self.hears || self.is_closing() {
            return;
        }
        let (dialog, conversation) = (self.dialog.clone(), self.id.clone());
        let request = Request::SubscribeMessages { dialog, conversation, from: from.next() };
        desk.ask(Purpose::Messages(self.id.clone()), request);
    }

    /// Takes the answer to the subscription; without one the history is read again later, and it is asked for anew.
    pub(crate) fn messages_subscribed(&mut self, outcome: &Outcome, desk: &mut Desk<'_>) {
        if matches!(outcome, Outcome::Done | Outcome::Subscribed(_)) {
            self.hears = true;
        } else if !matches!(self.link, Link::Detached) && !self.is_closing() {
            let mut reading = self.reading(self.owed_from(), desk);
            reading.retry_at = Some(desk.now.moment + desk.rules.pause);
            self.link = Link::Reading(reading);
        }
        self.advance(desk);
    }

    pub(super) fn ask_history(
        &self,
        newer_than: Sequence,
        older_than: Option<Sequence>,
        desk: &mut Desk<'_>,
    ) {
        self.ask_for_messages(newer_than, desk);
        let request = Request::ReadHistory { dialog: self.dialog.clone(), newer_than, older_than };
        desk.ask(Purpose::History(self.id.clone(), self.reading_number), request);
    }

    /// Takes the answer to a history request.
    pub(crate) fn history(&mut self, number: Ticket, outcome: Outcome, desk: &mut Desk<'_>) {
        let Link::Reading(reading) = &mut self.link else { return };
        if number != self.reading_number {
            return;
        }
        let events = match outcome {
            Outcome::History(events) => events,
            // What was closed may be closed to readers too: what is known has to do.
            Outcome::Refused { code, .. } if self.closing != Closing::No && is_final(code) => {
                self.complete(desk);
                return self.advance(desk);
            }
            // Perhaps it is not ours any more: its state decides, and until then it is tried again.
            Outcome::Refused { code, .. } if is_final(code) => {
                reading.retry_at = Some(desk.now.moment + desk.rules.settle);
                self.want_to_find(desk);
                return self.advance(desk);
            }
            _ => {
                reading.retry_at = Some(desk.now.moment + desk.rules.pause);
                return;
            }
        };
        let lines = events.into_iter().filter_map(|e| Line::of(e, &self.dialog, desk)).collect();
        match reading.page(lines, desk.rules.page) {
            Next::Ask { .. } if reading.rests() => {
                reading.retry_at = Some(desk.now.moment + desk.rules.pause);
            }
            Next::Ask { newer_than, older_than } => self.ask_history(newer_than, older_than, desk),
            Next::Complete => self.complete(desk),
        }
        self.advance(desk);
    }

    fn complete(&mut self, desk: &mut Desk<'_>) {
        let Link::Reading(reading) = std::mem::replace(&mut self.link, Link::Live) else { return };
        let (from, started, more) = (reading.from, reading.started, reading.more);
        let lines: Vec<_> = reading.into_lines().collect();
        if from <= self.cursor.sequence {
            self.looked = Some(started);
        }
        if self.starting && !self.stage.is_busy() {
            self.starting = false;
            // A store that lost its last commits: the opening was answered, and is not answered again.
            self.opened |= desk.rules.reconcile && lines.iter().any(|line| line.answers_opening(desk));
            self.cursor = self.cursor.max(Cursor::at(self.start_after(&lines, desk)));
            if self.opened {
                // Taken up again: what others answered meanwhile is not answered again.
                let by_others = |line: &&Line| line.is_by_others(desk) || line.is_by_hand(desk);
                let by_others = lines.iter().rev().find(by_others);
                self.human_answered = by_others.map_or(Sequence::START, |line| line.sequence);
            }
        }
        let overflowed = self.inbox.more;
        let mut proof = GapProof::of(from.max(self.cursor.sequence), lines.iter().map(|l| l.sequence));
        let waiting = self.inbox.len();
        let read_to = lines.last().map_or(from, |l| l.sequence.max(from));
        for line in lines {
            self.take(line, desk);
        }
        proof.owed = self.inbox.len().saturating_sub(waiting);
        proof.goes_on = self.inbox.more || more;
        desk.note(Note::CaughtUp { conversation: self.id.clone(), proof });
        if more {
            desk.note(Note::Full { queue: "history" });
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
        let meanwhile = std::mem::take(&mut self.meanwhile);
        // Of what came after the last that was remembered nobody knows whether it is whole.
        let more = meanwhile.len() >= MEANWHILE;
        for heard in meanwhile {
            if heard > read_to.next() {
                return Some(read_to);
            }
            read_to = read_to.max(heard);
        }
        more.then_some(read_to)
    }

    /// Takes one event, from a notification or the history.
    pub(super) fn take(&mut self, line: Line, desk: &mut Desk<'_>) {
        self.seen = self.seen.max(line.sequence);
        if desk.rules.reconcile {
            self.take_own(&line, desk);
        }
        for tag in line.tags.iter().filter(|_| desk.rules.reconcile) {
            self.outbox.confirm_tag(tag, desk);
            match desk.tagger.trigger(tag) {
                Some(Trigger::Message(answered))
                    if answered > self.cursor.sequence && !self.stage.answers(answered) =>
                {
                    self.answered.insert(answered);
                }
                Some(Trigger::Person { answers: true, .. }) => self.answered_by_hand(line.sequence),
                // The pool opened it, whatever the store has forgotten of that.
                Some(Trigger::Opened) if !self.stage.is_busy() => self.opened = true,
                _ => {}
            }
        }
        if line.by_human && line.is_by_others(desk) {
            self.human_answered(line.sequence, desk);
        }
        let Some(inbound) = line.inbound else { return };
        let passed = inbound.sequence <= self.cursor.sequence.max(self.human_answered);
        if desk.rules.dedupe && (passed || self.stage.answers(inbound.sequence)) {
            return;
        }
        let had_room = !self.inbox.more;
        self.inbox.put(inbound, desk.rules.inbox);
        if had_room && self.inbox.more {
            desk.note(Note::Full { queue: "inbox" });
        }
    }

    /// Where the cursor starts at a new claim. What the pool has begun it goes on with, whatever the
    /// rule for beginnings says.
    fn start_after(&self, lines: &[Line], desk: &Desk<'_>) -> Sequence {
        match desk.duty.start {
            Start::All if !self.opened => Sequence::START,
            Start::Now if !self.opened && !self.again => {
                lines.last().map_or(Sequence::START, |line| line.sequence)
            }
            Start::Unanswered | Start::Now | Start::All => after_the_brand(lines, self.opened),
        }
    }
}

/// Whether the platform will say the same again.
fn is_final(code: u16) -> bool {
    matches!(code, 400 | 403 | 404 | 410)
}

/// After the last content of the brand's side.
///
/// Content that carries a tag of ours answers its trigger, and nothing after it. Own content without
/// one says nothing about what it answers: where the cursor is known, it counts instead.
fn after_the_brand(lines: &[Line], cursor_known: bool) -> Sequence {
    let counts = |line: &&Line| line.brand_content && !(cursor_known && line.is_untagged_own());
    // Another pool's tag says as well as ours what was answered: a greeting answers nothing.
    let answered = |line: &Line| match line.tags.iter().find_map(|tag| trigger_of_any_pool(tag)) {
        Some(Trigger::Message(answered)) => answered,
        Some(Trigger::Opened | Trigger::Closed | Trigger::Person { answers: false, .. }) => Sequence::START,
        Some(Trigger::Person { answers: true, .. }) | None => line.sequence,
    };
    lines.iter().filter(counts).map(answered).max().unwrap_or(Sequence::START)
}
