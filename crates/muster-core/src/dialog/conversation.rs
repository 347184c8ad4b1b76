//! One conversation that a bot handles.

use std::collections::BTreeSet;

use liveperson_proto::conversation::Conversation as Shown;
use liveperson_proto::message::{MessageEvent, Role};
use liveperson_proto::request::Request;
use liveperson_proto::{ConsumerId, ConversationId, DialogId, Sequence, SkillId};

use super::desk::{Desk, Effect, Note, OutboxKey, Outcome, Purpose};
use super::inbox::Inbox;
use super::outbox::{Outbox, Pending, SendState, Wish};
use super::reading::{Line, Next, Reading};
use super::turns::Stage;
use crate::TurnId;
use crate::tag::Trigger;
use crate::time::Moment;
use crate::turn::{Deed, Variables};

/// Live events remembered at most while the history is read.
const MEANWHILE: usize = 1_000;

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
}

impl Ended {
    /// The reason in words.
    pub fn words(&self) -> &'static str {
        match self {
            Self::Closed => "the conversation was closed",
            Self::Elsewhere => "the conversation is no longer assigned to this bot",
            Self::ByDeed => "the bot transferred or closed the conversation",
            Self::ClaimLost => "another bot of the pool holds the conversation",
        }
    }
}

/// A held conversation as the store gives it back.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The conversation.
    pub conversation: ConversationId,
    /// Its MAIN dialog.
    pub dialog: DialogId,
    /// The last sequence handed to the logic and committed.
    pub cursor: Sequence,
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
}

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
pub struct Conversation {
    pub(crate) id: ConversationId,
    pub(crate) dialog: DialogId,
    pub(crate) consumer: Option<ConsumerId>,
    pub(crate) skill: Option<SkillId>,
    pub(crate) link: Link,
    /// Its first turn is committed: the cursor is the store's.
    pub(crate) opened: bool,
    /// The claim is this bot's, as far as the store has told.
    pub(crate) claimed: bool,
    /// Live events heard while the history was read, to find holes between the two.
    meanwhile: BTreeSet<Sequence>,
    pub(crate) cursor: Sequence,
    /// The highest sequence heard of.
    seen: Sequence,
    /// Triggers that the history proves answered.
    pub(crate) answered: BTreeSet<Sequence>,
    pub(crate) variables: Variables,
    pub(crate) inbox: Inbox,
    pub(crate) stage: Stage,
    pub(crate) outbox: Outbox,
    /// When the last whole look at the history began.
    looked: Option<Moment>,
    pub(crate) ended: Option<Ended>,
    /// On the way back to the queue (retire).
    pub(crate) handing_back: bool,
}

impl Conversation {
    /// A conversation that the platform assigned just now.
    pub(crate) fn new(shown: &Shown) -> Self {
        Self {
            id: shown.id.clone(),
            dialog: shown.main_dialog.clone(),
            consumer: shown.first(Role::Consumer).map(ConsumerId::from),
            skill: shown.skill.clone(),
            link: Link::Detached,
            opened: false,
            claimed: false,
            meanwhile: BTreeSet::new(),
            cursor: Sequence::START,
            seen: Sequence::START,
            answered: BTreeSet::new(),
            variables: Variables::new(),
            inbox: Inbox::default(),
            stage: Stage::Idle,
            outbox: Outbox::default(),
            looked: None,
            ended: None,
            handing_back: false,
        }
    }

    /// A conversation held before this life of the bot.
    pub(crate) fn restored(restored: Restored, now: Moment) -> Self {
        let conversation = restored.conversation;
        let pending = restored.outbox.into_iter().map(|row| Pending {
            key: OutboxKey { conversation: conversation.clone(), turn: row.turn, n: row.n },
            tag: row.tag,
            deed: row.deed,
            state: SendState::Unknown { since: now },
            answers: None,
        });
        Self {
            outbox: Outbox { pending: pending.collect() },
            id: conversation,
            dialog: restored.dialog,
            consumer: None,
            skill: None,
            link: Link::Detached,
            opened: true,
            claimed: true,
            meanwhile: BTreeSet::new(),
            cursor: restored.cursor,
            seen: restored.cursor,
            answered: BTreeSet::new(),
            variables: restored.variables,
            inbox: Inbox::default(),
            stage: Stage::Idle,
            looked: None,
            ended: None,
            handing_back: false,
        }
    }

    /// The platform shows it as ours: read its history once for this socket.
    pub(crate) fn shown(&mut self, shown: &Shown, desk: &mut Desk<'_>) {
        self.consumer = shown.first(Role::Consumer).map(ConsumerId::from);
        self.skill.clone_from(&shown.skill);
        if self.ended.as_ref().is_some_and(|why| *why != Ended::ByDeed) {
            // It left and came back while a commit was on its way: what was said meanwhile was not heard.
            self.ended = None;
            self.link = Link::Detached;
        }
        if !matches!(self.link, Link::Detached) {
            return;
        }
        desk.note(Note::Attached(self.id.clone()));
        if desk.rules.catch_up || !self.opened {
            self.read_from(self.cursor, desk);
        } else {
            self.link = Link::Live;
        }
        self.advance(desk);
    }

    /// The socket is gone; thinking and committing go on.
    pub(crate) fn detach(&mut self, desk: &mut Desk<'_>) {
        self.link = Link::Detached;
        self.outbox.lost_socket(desk);
    }

    /// It is no longer ours; a commit on its way is awaited first.
    pub(crate) fn end(&mut self, why: Ended, desk: &mut Desk<'_>) {
        self.ended.get_or_insert(why);
        self.advance(desk);
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
        !self.stage.is_running() && self.outbox.is_empty()
    }

    fn read_from(&mut self, from: Sequence, desk: &mut Desk<'_>) {
        self.meanwhile.clear();
        self.link = Link::Reading(Reading::new(from, desk.now.moment, !self.opened));
        self.ask_history(from, None, desk);
    }

    fn ask_history(&self, newer_than: Sequence, older_than: Option<Sequence>, desk: &mut Desk<'_>) {
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
        if !self.opened && !self.stage.is_busy() {
            self.cursor = start_after(&lines, desk);
        }
        self.inbox.more |= more;
        let platform = lines.last().map_or(self.seen, |l| l.sequence.max(self.seen));
        desk.note(Note::CaughtUp { conversation: self.id.clone(), cursor: self.cursor, platform });
        let read_to = lines.last().map_or(from, |l| l.sequence.max(from));
        for line in lines {
            self.take(line, desk);
        }
        if let Some(hole) = self.hole_after(read_to) {
            desk.note(Note::Hole { conversation: self.id.clone() });
            self.read_from(hole, desk);
        }
    }

    /// The sequence after which something is missing between the history and what was heard meanwhile.
    fn hole_after(&mut self, mut read_to: Sequence) -> Option<Sequence> {
        for heard in std::mem::take(&mut self.meanwhile) {
            if heard.0 > read_to.0 + 1 {
                return Some(read_to);
            }
            read_to = read_to.max(heard);
        }
        None
    }

    /// Takes one event, from a notification or the history.
    fn take(&mut self, line: Line, desk: &mut Desk<'_>) {
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
        let Some(inbound) = line.inbound else { return };
        if inbound.sequence <= self.cursor || self.stage.answers(inbound.sequence) {
            return;
        }
        self.inbox.put(inbound, desk.rules.inbox);
    }

    /// Takes a live event.
    pub(crate) fn heard(&mut self, event: MessageEvent, desk: &mut Desk<'_>) {
        let Some(line) = Line::of(event, &self.dialog, desk.me, desk.now.moment) else { return };
        if matches!(self.link, Link::Detached) {
            return;
        }
        let sequence = line.sequence;
        if sequence <= self.seen && line.inbound.is_some() {
            desk.note(Note::Duplicate);
        }
        if matches!(self.link, Link::Reading(_)) && self.meanwhile.len() < MEANWHILE {
            self.meanwhile.insert(sequence);
        }
        let hole_after =
            (sequence.0 > self.seen.0 + 1 && matches!(self.link, Link::Live)).then_some(self.seen);
        self.take(line, desk);
        if let Some(from) = hole_after.filter(|_| desk.rules.catch_up) {
            desk.note(Note::Hole { conversation: self.id.clone() });
            self.read_from(from, desk);
        }
        self.advance(desk);
    }

    /// Takes the platform's answer to a deed.
    pub(crate) fn deed_answered(&mut self, key: &OutboxKey, outcome: &Outcome, desk: &mut Desk<'_>) {
        let done = self.outbox.answered(key, outcome, desk);
        if matches!(done, Some(Deed::Transfer { .. } | Deed::Close)) {
            self.ended.get_or_insert(Ended::ByDeed);
        }
        self.advance(desk);
    }

    /// Does what can be done now.
    pub(crate) fn advance(&mut self, desk: &mut Desk<'_>) {
        self.commit_again(desk);
        if self.ended.is_some() || !self.is_readable(desk) {
            return;
        }
        match self.outbox.advance(self.looked, &self.dialog, desk) {
            Wish::Look => return self.read_from(self.cursor, desk),
            Wish::Nothing => {}
        }
        if self.outbox.is_empty() && desk.may_think && !self.handing_back {
            self.next_turn(desk);
        }
        let let_go = self.inbox.more && self.inbox.len() == 0 && !self.stage.is_busy();
        if let_go && desk.may_think && matches!(self.link, Link::Live) {
            self.inbox.more = false;
            self.read_from(self.cursor, desk);
        }
    }

    /// Whether the history is read; asks again for a page that failed.
    fn is_readable(&mut self, desk: &mut Desk<'_>) -> bool {
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

    /// When it wants to be woken.
    pub(crate) fn deadline(
        &self,
        settle: std::time::Duration,
        may_act: bool,
        may_think: bool,
    ) -> Option<Moment> {
        let link = match &self.link {
            Link::Reading(reading) => reading.retry_at,
            Link::Live if may_act => self.outbox.deadline(settle),
            Link::Live | Link::Detached => None,
        };
        let may_think =
            may_think && matches!(self.link, Link::Live) && self.outbox.is_empty() && !self.handing_back;
        let stage = self.stage.deadline().filter(|_| self.stage.is_committing() || may_think);
        [link, stage].into_iter().flatten().min()
    }

    /// When the oldest message was heard that is still unanswered.
    pub(crate) fn oldest_owed(&self) -> Option<Moment> {
        [self.inbox.oldest(), self.stage.heard(), self.outbox.pending.iter().find_map(|p| p.answers)]
            .into_iter()
            .flatten()
            .min()
    }

    /// Lets go of the claim.
    pub(crate) fn release(&self, desk: &mut Desk<'_>) {
        let reason = self.ended.as_ref().map_or("the bot retired", Ended::words).to_owned();
        desk.out.push(Effect::Release { conversation: self.id.clone(), reason });
    }
}

/// Where the cursor starts at a new claim: after the last content of the brand's side.
///
/// Content that carries a tag of ours answers its trigger, and nothing after it.
fn start_after(lines: &[Line], desk: &Desk<'_>) -> Sequence {
    let Some(last) = lines.iter().rev().find(|l| l.brand_content) else { return Sequence::START };
    let trigger = last.tags.iter().find_map(|tag| desk.tagger.trigger(tag));
    match trigger {
        Some(Trigger::Message(answered)) => answered,
        Some(Trigger::Opened) => Sequence::START,
        None => last.sequence,
    }
}
