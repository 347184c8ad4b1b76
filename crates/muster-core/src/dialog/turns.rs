//! One turn at a time: think, then commit, and only then act.

use liveperson_proto::Sequence;
use liveperson_proto::request::Request;

use super::conversation::{Conversation, Link};
use super::cursor::Cursor;
use super::desk::{Decided, Desk, Purpose};
use super::effect::{CommitOutcome, CommitTurn, Effect, NewAction, OutboxKey};
use super::ended::Ended;
use super::inbox::Inbound;
use super::note::Note;
use super::outbox::{Pending, SendState};
use super::stage::{Cause, Stage, Work};
use super::taking::Claim;
use crate::TurnId;
use crate::duty::Intake;
use crate::turn::{Deed, Turn, Variables, check, check_closed};

impl Conversation {
    /// Starts the next turn, or asks logic again after its rest.
    pub(crate) fn next_turn(&mut self, desk: &mut Desk<'_>) {
        match &mut self.stage {
            Stage::Committing { .. } => {}
            Stage::Thinking { turn, cause, resting, .. } => {
                if resting.is_some_and(|until| until <= desk.now.moment) {
                    *resting = None;
                    let (turn, cause) = (turn.clone(), cause.clone());
                    self.think(turn, &cause, desk);
                }
            }
            Stage::Idle => {
                let Some(cause) = self.cause_at_hand(desk) else { return };
                let turn = desk.tagger.turn(&self.id, &self.dialog, cause.trigger());
                self.think(turn.clone(), &cause, desk);
                self.stage = Stage::Thinking { turn, cause, attempt: 1, resting: None };
            }
        }
    }

    fn cause_at_hand(&mut self, desk: &mut Desk<'_>) -> Option<Cause> {
        if self.is_closing() { Some(self.closed_cause(desk)) } else { self.next_cause(desk) }
    }

    fn next_cause(&mut self, desk: &mut Desk<'_>) -> Option<Cause> {
        if !self.opened {
            return Some(Cause::Opened);
        }
        loop {
            let message = self.next_message(desk)?;
            if !self.answered.remove(&message.sequence) {
                return Some(Cause::Message(Box::new(message)));
            }
            desk.note(Note::AnsweredAlready);
            self.cursor = self.cursor.max(Cursor::at(message.sequence));
        }
    }

    fn next_message(&mut self, desk: &Desk<'_>) -> Option<Inbound> {
        let after = if desk.rules.dedupe { self.cursor.sequence } else { Sequence::START };
        if desk.rules.in_order { self.inbox.next_after(after) } else { self.inbox.latest() }
    }

    fn think(&self, turn: TurnId, cause: &Cause, desk: &mut Desk<'_>) {
        desk.out.push(Effect::Think(Box::new(Turn {
            id: turn,
            account: desk.me.account.clone(),
            bot: desk.me.bot.clone(),
            pool: desk.me.pool.clone(),
            conversation: self.id.clone(),
            dialog: self.dialog.clone(),
            consumer: self.consumer.clone(),
            former_consumer: self.former_consumer.clone(),
            skill: self.skill.clone(),
            variables: self.variables.clone(),
            event: cause.event(),
        })));
    }

    /// Takes what logic made of a turn.
    pub(crate) fn decided(&mut self, of: &TurnId, decided: Decided, desk: &mut Desk<'_>) {
        let Stage::Thinking { turn, cause, attempt, resting: None } = &self.stage else { return };
        if turn != of {
            return;
        }
        let (turn, cause, attempt) = (turn.clone(), cause.clone(), *attempt);
        let checked = match decided {
            Decided::Actions(actions) => {
                let rule = if matches!(cause, Cause::Closed { .. }) { check_closed } else { check };
                rule(actions, self.variables.clone()).map_err(|fault| fault.to_string())
            }
            Decided::Failed(words) => Err(words),
        };
        match checked {
            Ok(checked) => self.commit(turn, cause, checked.variables, checked.deeds, None, desk),
            Err(words) if attempt < desk.rules.attempts => {
                desk.note(Note::TurnRetried { conversation: self.id.clone(), words });
                let pause = desk.rules.logic_pause.saturating_mul(1 << attempt.min(16).saturating_sub(1));
                let resting = Some(desk.now.moment + pause);
                self.stage = Stage::Thinking { turn, cause, attempt: attempt + 1, resting };
            }
            Err(words) => self.give_up(turn, cause, words, desk),
        }
        self.advance(desk);
    }

    /// Passes the turn as failed: nobody waits for the answer to an opening, a message gets what was declared.
    fn give_up(&mut self, turn: TurnId, cause: Cause, words: String, desk: &mut Desk<'_>) {
        let deeds = match &cause {
            Cause::Opened | Cause::Closed { .. } => Vec::new(),
            Cause::Message(_) => desk.rules.on_failure.deeds(),
        };
        self.commit(turn, cause, self.variables.clone(), deeds, Some(words), desk);
    }

    fn commit(
        &mut self,
        turn: TurnId,
        cause: Cause,
        variables: Variables,
        deeds: Vec<Deed>,
        failed: Option<String>,
        desk: &mut Desk<'_>,
    ) {
        let trigger = cause.trigger();
        let actions = deeds.iter().enumerate().map(|(n, deed)| NewAction {
            n,
            tag: desk.tagger.tag(trigger, n),
            body: serde_json::to_string(deed).unwrap_or_default(),
        });
        let commit = CommitTurn {
            turn,
            conversation: self.id.clone(),
            dialog: self.dialog.clone(),
            cursor: match &cause {
                Cause::Opened => self.cursor.step_to(self.cursor.sequence),
                Cause::Message(message) => Cursor::at(message.sequence),
                Cause::Closed { to, .. } => self.cursor.step_to(*to),
            },
            variables: serde_json::to_string(&variables).unwrap_or_else(|_| "{}".to_owned()),
            actions: actions.collect(),
        };
        desk.out.push(Effect::Commit(Box::new(commit.clone())));
        let work = Box::new(Work { cause, commit, variables, deeds, failed });
        self.stage = Stage::Committing { work, retry_at: None };
    }

    /// Tries a commit again whose outcome the store could not tell. The same turn id makes it safe.
    pub(crate) fn commit_again(&mut self, desk: &mut Desk<'_>) {
        let Stage::Committing { work, retry_at } = &mut self.stage else { return };
        if retry_at.is_some_and(|at| at <= desk.now.moment) {
            *retry_at = None;
            desk.out.push(Effect::Commit(Box::new(work.commit.clone())));
        }
    }

    /// Takes what the store made of a turn.
    pub(crate) fn committed(&mut self, of: &TurnId, outcome: CommitOutcome, desk: &mut Desk<'_>) {
        let Stage::Committing { work, retry_at } = &mut self.stage else { return };
        if work.commit.turn != *of {
            return;
        }
        if matches!(outcome, CommitOutcome::Unavailable | CommitOutcome::Fenced) {
            *retry_at = Some(desk.now.moment + desk.rules.pause);
            return desk.note(Note::StoreAway);
        }
        let Stage::Committing { work, .. } = std::mem::replace(&mut self.stage, Stage::Idle) else { return };
        match outcome {
            CommitOutcome::Committed => {
                self.settle(*work, &SendState::Ready, desk);
            }
            CommitOutcome::AlreadyCommitted => {
                let since = desk.now.moment;
                self.settle(*work, &SendState::Unknown { since }, desk);
            }
            CommitOutcome::StaleCursor(at) => {
                self.opened = true;
                self.cursor = self.cursor.max(at);
                self.recall_again();
            }
            // The platform still shows it as ours: it moved here and back faster than the store heard.
            CommitOutcome::ClaimLost
                if self.shown_here && !self.is_closing() && desk.duty.intake == Intake::Rings =>
            {
                self.recall_again();
            }
            CommitOutcome::ClaimLost => {
                self.ended.get_or_insert(Ended::ClaimLost);
            }
            CommitOutcome::Rejected(words) => self.rejected(*work, words, desk),
            CommitOutcome::Unavailable | CommitOutcome::Fenced => {}
        }
        self.advance(desk);
    }

    /// Somebody else of the pool was at work here: claims anew, remembers, and reads again.
    fn recall_again(&mut self) {
        self.claim = Claim::Wanted { retry_at: None };
        self.link = Link::Detached;
    }

    fn settle(&mut self, work: Work, state: &SendState, desk: &mut Desk<'_>) {
        self.opened = true;
        self.cursor = self.cursor.max(work.commit.cursor);
        self.answered = self.answered.split_off(&self.cursor.sequence.next());
        self.own_words.pass(self.cursor.sequence);
        self.end_after(&work.cause);
        self.variables = work.variables;
        if let Some(words) = work.failed {
            desk.note(Note::TurnFailed { conversation: self.id.clone(), words });
        } else {
            let heard = work.cause.heard();
            let millis = heard.map(|heard| desk.now.moment.since(heard.at).as_millis() as u64);
            desk.note(Note::TurnCommitted { millis });
        }
        if let Cause::Message(message) = &work.cause {
            self.mark_read(message.sequence, desk);
        }
        let heard = work.cause.heard();
        let rows = work.commit.actions.into_iter().zip(work.deeds);
        let (conversation, turn) = (self.id.clone(), work.commit.turn);
        self.outbox.pending.extend(rows.map(|(action, deed)| {
            let key = OutboxKey { conversation: conversation.clone(), turn: turn.clone(), n: action.n };
            Pending::new(key, action.tag, deed, state.clone(), heard.filter(|_| action.n == 0))
        }));
    }

    /// After the last turn of a closed conversation nothing is left to do.
    fn end_after(&mut self, cause: &Cause) {
        if matches!(cause, Cause::Closed { .. }) {
            self.ended.get_or_insert(Ended::Closed);
        }
    }

    // Read receipts follow the commit and may repeat.
    fn mark_read(&self, sequence: Sequence, desk: &mut Desk<'_>) {
        if desk.may_act && matches!(self.link, Link::Live) && self.ended.is_none() {
            let (dialog, conversation) = (self.dialog.clone(), self.id.clone());
            desk.ask(
                Purpose::Courtesy,
                Request::MarkRead { dialog, conversation, sequences: vec![sequence] },
            );
        }
    }

    /// The store refuses the content for ever: the turn has failed, first with what was declared for that
    /// case, then without an answer.
    fn rejected(&mut self, work: Work, words: String, desk: &mut Desk<'_>) {
        if work.failed.is_none() {
            return self.give_up(work.commit.turn, work.cause, words, desk);
        }
        if work.deeds.is_empty() {
            // Even the bare cursor is refused: pass it here; the store learns with the next turn.
            self.opened = true;
            self.end_after(&work.cause);
            self.cursor = self.cursor.max(work.commit.cursor);
            return desk.note(Note::TurnFailed { conversation: self.id.clone(), words });
        }
        self.commit(work.commit.turn, work.cause, self.variables.clone(), Vec::new(), Some(words), desk);
    }
}
