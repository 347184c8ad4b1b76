//! One conversation that a bot handles.

use std::collections::BTreeSet;

use liveperson_proto::conversation::Conversation as Shown;
use liveperson_proto::message::{MessageEvent, Role};
use liveperson_proto::{ConsumerId, ConversationId, DialogId, Sequence, SkillId};

use super::beginning::RestoredDeed;
use super::closing::Closing;
use super::cursor::Cursor;
use super::desk::{Desk, Outcome, Ticket};
use super::effect::{Effect, OutboxKey};
use super::ended::Ended;
use super::finding::Finding;
use super::inbox::Inbox;
use super::note::Note;
use super::outbox::{Outbox, Pending, SendState, Wish};
use super::reading::{Line, Reading};
use super::stage::Stage;
use super::taking::{Claim, Place};
use super::untagged::OwnWords;
use crate::duty::Intake;
use crate::pool::Parting;
use crate::tag::Trigger;
use crate::time::Moment;
use crate::turn::{Deed, Variables};

/// Live events remembered at most while the history is read.
pub(super) const MEANWHILE: usize = 1_000;

/// How a conversation is joined to the platform.
#[derive(Debug)]
pub(crate) enum Link {
    /// No socket shows it.
    Detached,
    /// Its history is being read; no turn starts.
    Reading(Reading),
    /// Events arrive as they happen.
    Live,
}

/// One conversation that a bot handles.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and they go in any mixture")]
pub struct Conversation {
    pub(crate) id: ConversationId,
    pub(crate) dialog: DialogId,
    /// A claim from before its first turn does not, until the conversation is shown.
    pub(crate) knows_dialog: bool,
    pub(crate) consumer: Option<ConsumerId>,
    /// Who the consumer was before stepping up, as far as this life saw it.
    pub(crate) former_consumer: Option<ConsumerId>,
    pub(crate) skill: Option<SkillId>,
    pub(crate) link: Link,
    pub(crate) claim: Claim,
    pub(crate) place: Place,
    /// The socket in hand has shown that the bot takes part.
    pub(crate) shown_here: bool,
    /// Its first turn is committed: the cursor is the store's.
    pub(crate) opened: bool,
    /// Where the cursor starts is still to be found in the history.
    pub(super) starting: bool,
    /// Somebody else is assigned, and the bot holds still.
    pub(crate) hushed: bool,
    /// A person has taken it over, and the bot holds still.
    pub(crate) taken_over: bool,
    /// The last thing that an assigned agent other than this bot wrote.
    pub(crate) human_answered: Sequence,
    /// Live events heard while the history was read, to find holes between the two.
    pub(super) meanwhile: BTreeSet<Sequence>,
    pub(crate) cursor: Cursor,
    /// The highest sequence heard of.
    pub(super) seen: Sequence,
    /// Triggers that the history proves answered.
    pub(crate) answered: BTreeSet<Sequence>,
    pub(crate) variables: Variables,
    pub(crate) inbox: Inbox,
    pub(crate) stage: Stage,
    pub(crate) outbox: Outbox,
    /// When the last whole look at the history began.
    pub(crate) looked: Option<Moment>,
    pub(crate) ended: Option<Ended>,
    /// On the way back to the queue (retire).
    pub(crate) handing_back: bool,
    /// A hand-back that the platform had no time for is tried again then.
    pub(crate) hand_back_at: Option<Moment>,
    /// A transfer or close of its own took it away.
    pub(super) left_by_deed: bool,
    /// The pool had it before this claim.
    pub(crate) again: bool,
    /// Where a history that is too long for one reading is read on.
    pub(super) resume: Option<Sequence>,
    pub(crate) closing: Closing,
    pub(crate) finding: Finding,
    /// The last moment at which the platform, asked for it, showed it open and ours.
    pub(super) shown_ours_at: Option<Moment>,
    pub(super) own_words: OwnWords,
    /// The last reading of its history: an answer belongs to one of them, also when the conversation was another
    /// bot's in between.
    pub(super) reading_number: Ticket,
    /// Subscribed to its messages on this socket, where that is needed.
    pub(super) hears: bool,
}

impl Conversation {
    /// The platform shows it as ours: read its history once for this socket.
    pub(crate) fn shown(&mut self, shown: &Shown, desk: &mut Desk<'_>) {
        if self.is_closing() {
            return self.advance(desk);
        }
        self.step_up(shown, desk);
        self.skill.clone_from(&shown.skill);
        if !std::mem::replace(&mut self.knows_dialog, true) {
            self.dialog.clone_from(&shown.main_dialog);
        }
        if self.ended.as_ref().is_some_and(|why| !why.is_own_doing()) {
            // It left and came back while a commit was on its way: what was said meanwhile was not heard.
            self.ended = None;
            self.link = Link::Detached;
        }
        self.place = Place::In;
        self.shown_here = true;
        if matches!(self.link, Link::Detached) {
            self.finding.stop();
        }
        self.hush(shown, desk);
        self.advance(desk);
    }

    /// The platform shows it without us: it is over for us, unless we never were inside.
    pub(crate) fn shown_without_us(&mut self, why: Ended, desk: &mut Desk<'_>) {
        if why == Ended::Closed {
            return self.close(desk);
        }
        if self.is_closing() {
            return self.advance(desk);
        }
        if why == Ended::Missing && desk.duty.intake == Intake::All && self.place.is_inside() {
            // A snapshot in pieces, or somebody removed the bot meanwhile: it looks again before it joins.
            self.place = Place::Doubted { since: desk.now.moment };
        }
        if self.place.is_inside() {
            self.end(why, desk);
        } else {
            self.advance(desk);
        }
    }

    /// Who the consumer is; another id in mid-conversation is the same person, known better.
    fn step_up(&mut self, shown: &Shown, desk: &mut Desk<'_>) {
        let consumer = shown.first(Role::Consumer).map(ConsumerId::from);
        if self.consumer.is_some() && consumer.is_some() && self.consumer != consumer {
            self.former_consumer = self.consumer.take();
            desk.note(Note::SteppedUp { conversation: self.id.clone() });
        }
        self.consumer = consumer.or_else(|| self.consumer.take());
    }

    /// Begins to listen to it on this socket.
    pub(crate) fn attach(&mut self, desk: &mut Desk<'_>) {
        desk.note(Note::Attached(self.id.clone()));
        if desk.rules.catch_up || self.starting {
            self.read_from(self.owed_from(), desk);
        } else {
            self.link = Link::Live;
        }
    }

    /// After this nothing is owed any more, and no deed in doubt is looked for.
    pub(super) fn owed_from(&self) -> Sequence {
        if self.outbox.is_empty() {
            self.cursor.sequence.max(self.human_answered)
        } else {
            self.cursor.sequence
        }
    }

    /// The socket is gone; thinking and committing go on.
    pub(crate) fn detach(&mut self, desk: &mut Desk<'_>) {
        self.link = Link::Detached;
        self.hears = false;
        self.shown_here = false;
        self.handing_back = false;
        self.finding.stop();
        match self.place {
            Place::Joining | Place::Looking => self.place = Place::Doubted { since: desk.now.moment },
            Place::Joined { .. } => self.place = Place::In,
            Place::Out { .. } | Place::Doubted { .. } | Place::In => {}
        }
        self.outbox.lost_socket(desk);
    }

    /// It is no longer ours; a commit on its way is awaited first.
    pub(crate) fn end(&mut self, why: Ended, desk: &mut Desk<'_>) {
        // A transfer or close under way is done: what it was to change is no longer ours to change.
        if let Some(done) = self.outbox.take_unprovable() {
            desk.out.push(Effect::Done(done));
            self.left_by_deed = true;
        }
        self.ended.get_or_insert(why);
        self.advance(desk);
    }

    /// What its end means for the bot's pool.
    pub(crate) fn parting(&self, intake: Intake) -> Parting {
        match &self.ended {
            _ if self.left_by_deed => Parting::Done,
            Some(why) => why.parting(intake),
            None => Parting::Free,
        }
    }

    /// Whether nothing of it is left to do: the bot may forget it.
    pub(crate) fn is_over(&self) -> bool {
        self.ended.is_some() && !self.stage.is_committing()
    }

    /// Whether logic or the store is at work on a turn.
    pub(crate) fn is_busy(&self) -> bool {
        self.stage.is_running()
    }

    /// Whether a restart would leave nothing of it half done.
    pub(crate) fn is_quiet(&self) -> bool {
        !self.stage.is_running() && (self.outbox.head(self.is_still()).is_none() || self.is_closing())
    }

    /// Takes a live event.
    pub(crate) fn heard(&mut self, event: MessageEvent, desk: &mut Desk<'_>) {
        let Some(line) = Line::of(event, &self.dialog, desk) else { return };
        if matches!(self.link, Link::Detached) {
            return;
        }
        let sequence = line.sequence;
        if sequence <= self.seen && line.inbound.is_some() {
            desk.note(Note::Duplicate);
        }
        if matches!(self.link, Link::Reading(_)) {
            self.remember(sequence, desk);
        }
        let hole_after =
            (sequence > self.seen.next() && matches!(self.link, Link::Live)).then_some(self.seen);
        self.take(line, desk);
        if let Some(from) = hole_after.filter(|_| desk.rules.catch_up) {
            desk.note(Note::Hole { conversation: self.id.clone() });
            self.read_from(from, desk);
        }
        self.advance(desk);
    }

    /// Of what is heard while the history is read the earliest is remembered: it is read on from there.
    fn remember(&mut self, sequence: Sequence, desk: &mut Desk<'_>) {
        self.meanwhile.insert(sequence);
        if self.meanwhile.len() > MEANWHILE {
            self.meanwhile.pop_last();
            desk.note(Note::Full { queue: "news" });
        }
    }

    /// Takes deeds up again that were given up: in doubt, so that they are looked for before they are sent.
    pub(crate) fn revived(&mut self, deeds: Vec<RestoredDeed>, desk: &mut Desk<'_>) {
        self.outbox.restore(&self.id, deeds, desk.now.moment);
        self.advance(desk);
    }

    /// Takes the platform's answer to a deed.
    pub(crate) fn deed_answered(&mut self, key: &OutboxKey, outcome: &Outcome, desk: &mut Desk<'_>) {
        let done = self.outbox.answered(key, outcome, desk);
        match done.as_ref().map(|done| (&done.deed, done.answers_by_hand())) {
            Some((Deed::Transfer { .. }, _)) => {
                self.ended.get_or_insert(Ended::ByDeed);
            }
            Some((Deed::Close, _)) => self.closed_by_deed(desk),
            Some((deed, by_hand)) => {
                self.own_words.expect(deed, by_hand);
                if by_hand {
                    self.read_what_it_answers(desk);
                }
            }
            None => {}
        }
        self.advance(desk);
    }

    /// Whether the platform refused the token with its next deed.
    pub(crate) fn waits_for_a_token(&self) -> bool {
        let in_doubt = |head: &Pending| matches!(head.state, SendState::Unknown { .. });
        let head = self.outbox.head(self.is_still()).map(|place| &self.outbox.pending[place]);
        head.is_some_and(|head| head.unauthorized && in_doubt(head))
    }

    /// Does what can be done now.
    pub(crate) fn advance(&mut self, desk: &mut Desk<'_>) {
        self.commit_again(desk);
        if self.ended.is_some() {
            return;
        }
        self.find(desk);
        if self.ended.is_some() {
            return;
        }
        if self.is_closing() {
            return self.close_down(desk);
        }
        self.take_up(desk);
        if !self.is_readable(desk) {
            return;
        }
        let still = self.is_still();
        if !still {
            self.drop_superseded(desk);
        }
        match self.outbox.advance(self.looked, self.shown_ours_at, still, &self.dialog, desk) {
            Wish::Look => return self.read_from(self.look_from(desk), desk),
            Wish::Find => {
                self.want_to_find(desk);
                return self.find(desk);
            }
            Wish::Nothing => {}
        }
        if still {
            return;
        }
        if self.outbox.is_empty() && desk.may_think && !self.handing_back {
            self.next_turn(desk);
        }
        let let_go = self.inbox.more && self.inbox.len() == 0 && !self.stage.is_busy();
        if let_go && desk.may_think && matches!(self.link, Link::Live) {
            self.inbox.more = false;
            let from = self.resume.take().unwrap_or_else(|| self.owed_from());
            self.read_from(from, desk);
        }
    }

    /// After what a look for the head of the outbox begins: later turns may have moved the cursor past it.
    fn look_from(&self, desk: &Desk<'_>) -> Sequence {
        let head = self.outbox.head(self.is_still()).map(|place| &self.outbox.pending[place]);
        match head.and_then(|head| desk.tagger.trigger(&head.tag)) {
            Some(Trigger::Message(answered)) => self.cursor.sequence.min(answered),
            Some(Trigger::Person { after, .. }) => self.cursor.sequence.min(after),
            // Nobody knows where the cursor stood then.
            Some(Trigger::Opened) => Sequence::START,
            Some(Trigger::Closed) | None => self.cursor.sequence,
        }
    }

    /// Whether the history is read; asks again for a page that failed.
    pub(super) fn is_readable(&mut self, desk: &mut Desk<'_>) -> bool {
        match &mut self.link {
            Link::Live => true,
            Link::Detached => false,
            Link::Reading(reading) => {
                if reading.retry_at.is_some_and(|at| at <= desk.now.moment) {
                    reading.retry_at = None;
                    let (newer, older) = reading.asked;
                    self.ask_history(newer, older, desk);
                }
                false
            }
        }
    }

    /// Lets go of the claim.
    pub(crate) fn release(&self, desk: &mut Desk<'_>) {
        let reason = self.ended.as_ref().map_or("the bot retired", Ended::words).to_owned();
        let done = self.parting(desk.duty.intake) == Parting::Done;
        if done && !self.outbox.is_empty() {
            let reason = self.ended.as_ref().map_or("the bot retired", Ended::words);
            let (conversation, actions) = (self.id.clone(), self.outbox.len());
            desk.note(Note::Dropped { conversation, actions, reason });
        }
        desk.out.push(Effect::Release { conversation: self.id.clone(), reason, done });
    }
}
