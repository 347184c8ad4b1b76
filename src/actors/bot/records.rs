//! What the bot wants durable: kept until the recorder says it is, over the recorder's restarts.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use actix::{AsyncContext, Context, Handler, Message};
use muster_core::bot::Event;
use muster_core::dialog::{ClaimOutcome, CommitOutcome};

use super::super::account::recalled;
use super::super::recorder::{Entry, Record, Recorded, Verdict};
use super::BotActor;
use crate::store::Taken;

/// The wait before records are offered again to a recorder that had no room.
const AGAIN: Duration = Duration::from_millis(50);

/// How long confirmations wait for a turn to go along with: each hand-over wakes a thread and back.
///
/// A crash meanwhile costs a look: the platform's history says that the action was done.
const LINGER: Duration = Duration::from_millis(50);

struct Waiting {
    number: u64,
    entry: Entry,
    since: Instant,
}

/// Entries not yet durable, in order.
#[derive(Default)]
pub(super) struct Records {
    last: u64,
    waiting: VecDeque<Waiting>,
    /// Entries up to this number were handed over.
    handed: u64,
    again: bool,
    lingering: bool,
}

impl Records {
    pub(super) fn add(&mut self, entry: Entry) {
        self.last += 1;
        self.waiting.push_back(Waiting { number: self.last, entry, since: Instant::now() });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    // Numbers only grow, so what is fresh stands at the end.
    fn fresh(&self) -> impl Iterator<Item = &Waiting> {
        let known = self.waiting.partition_point(|waiting| waiting.number <= self.handed);
        self.waiting.range(known..)
    }

    fn are_only_confirmations(&self) -> bool {
        self.fresh().all(|waiting| matches!(waiting.entry, Entry::Done(_)))
    }

    fn take(&mut self, number: u64) -> Option<Waiting> {
        let place = self.waiting.iter().position(|waiting| waiting.number == number)?;
        self.waiting.remove(place)
    }
}

impl BotActor {
    /// Hands over what is new; confirmations alone a little later.
    pub(super) fn send_records(&mut self, ctx: &mut Context<Self>) {
        if self.records.handed == self.records.last || self.records.again {
            return;
        }
        if !self.records.are_only_confirmations() {
            return self.hand_over(ctx);
        }
        if !self.records.lingering {
            self.records.lingering = true;
            ctx.run_later(LINGER, |bot, ctx| {
                bot.records.lingering = false;
                bot.hand_over(ctx);
            });
        }
    }

    fn hand_over(&mut self, ctx: &mut Context<Self>) {
        if self.records.handed == self.records.last || self.records.again {
            return;
        }
        let entries = self.records.fresh().map(|waiting| (waiting.number, waiting.entry.clone())).collect();
        let record = Record { author: self.post.author.clone(), entries, answer: ctx.address().recipient() };
        let sent = self.post.house.recorder.find().is_some_and(|desk| desk.hand_over(record));
        if sent {
            self.records.handed = self.records.last;
            return;
        }
        // No room, or no recorder for a moment: nothing is lost, the entries wait here.
        self.post.house.metrics.mailbox_full("recorder");
        self.records.again = true;
        ctx.run_later(AGAIN, |bot, ctx| {
            bot.records.again = false;
            bot.hand_over(ctx);
        });
    }
}

impl Handler<Recorded> for BotActor {
    type Result = ();

    fn handle(&mut self, Recorded { entries }: Recorded, ctx: &mut Self::Context) {
        for (number, outcome) in entries {
            match (self.records.take(number), outcome) {
                (Some(Waiting { entry: Entry::Commit(turn), since, .. }), Verdict::Turn(outcome)) => {
                    self.count_commit(&outcome, since);
                    let (conversation, turn) = (turn.conversation.clone(), turn.turn.clone());
                    self.take(Event::Committed { conversation, turn, outcome }, ctx);
                }
                (
                    Some(Waiting { entry: Entry::Claim { number, conversation, .. }, .. }),
                    Verdict::Claim(taken),
                ) => {
                    let outcome = claim_outcome(taken);
                    if matches!(outcome, ClaimOutcome::Held(_)) {
                        self.metrics.claim_taken();
                    }
                    self.take(Event::ClaimAnswered { conversation, number, outcome }, ctx);
                }
                _ => {}
            }
        }
        self.leave_when_done(ctx);
    }
}

impl BotActor {
    fn count_commit(&self, outcome: &CommitOutcome, since: Instant) {
        match outcome {
            CommitOutcome::Committed => self.metrics.turn_committed(since.elapsed()),
            CommitOutcome::Fenced => self.metrics.turn("fenced"),
            CommitOutcome::StaleCursor(_) => self.metrics.turn("stale"),
            _ => {}
        }
    }
}

fn claim_outcome(taken: Taken) -> ClaimOutcome {
    match taken {
        Taken::Held(held) => ClaimOutcome::Held(Box::new(recalled(*held))),
        Taken::Done => ClaimOutcome::Done,
        Taken::Fenced => ClaimOutcome::Fenced,
    }
}

/// A fresh recorder knows nothing of what its predecessor was given: tell it again.
#[derive(Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct RecorderRestarted;

impl Handler<RecorderRestarted> for BotActor {
    type Result = ();

    fn handle(&mut self, _: RecorderRestarted, ctx: &mut Self::Context) {
        // A commit that landed meanwhile is recognised by its turn id.
        self.records.handed = 0;
        self.hand_over(ctx);
    }
}
