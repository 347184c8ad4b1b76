//! Operations: a verb on every bot that matches, carried out a few at a time by whoever runs the fleet.

use std::collections::BTreeSet;

use muster_core::operation::{Bounds, Pace, Progress, RATE, RATE_LIMIT, State, Step, failures_allowed, next};
use muster_core::time::Moment;
use muster_core::wish::{Verb, Verdict};

use super::bots::{Order, tell};
use crate::store::{Act, BotKey, DeclaredRow, NewOperation, Operation, Store, StoreError};

/// How an operation goes on, where somebody says so.
#[derive(Clone, Copy, Debug, Default)]
pub struct Course {
    /// Items a second.
    pub rate: Option<u64>,
    /// The failures that end it.
    pub stop_after: Option<u64>,
}

/// Fixes which bots are meant, written down in the audit first; answers the operation's id.
///
/// # Errors
/// [`StoreError::Rule`] where too many are meant or under way.
pub async fn begin(
    store: &Store,
    order: Order<'_>,
    filter: &str,
    course: Course,
    rows: &[DeclaredRow],
) -> Result<String, StoreError> {
    let total = rows.len() as u64;
    let accounts: BTreeSet<_> = rows.iter().map(|row| row.bot.account.as_str()).collect();
    let account = if accounts.len() == 1 { accounts.into_iter().next() } else { None }.unwrap_or_default();
    let what = format!("{} {total} bots ({filter})", order.verb);
    store.audit(&Act::new((account, ""), order.by, &what, order.reason).from(order.from)).await?;
    let new = NewOperation {
        account: account.to_owned(),
        verb: order.verb,
        filter: filter.to_owned(),
        reason: order.reason.to_owned(),
        who: order.by.to_owned(),
        rate: course.rate.unwrap_or(RATE).clamp(1, RATE_LIMIT),
        stop_after: course.stop_after.unwrap_or_else(|| failures_allowed(total)).max(1),
    };
    let keys: Vec<_> = rows.iter().map(DeclaredRow::key).collect();
    store.create_operation(&new, &keys).await
}

/// Ends an operation by hand, written down in the audit first; `false` if it is not running.
pub async fn cancel(
    store: &Store,
    operation: &Operation,
    (by, from): (&str, &str),
    reason: &str,
) -> Result<bool, StoreError> {
    let what = format!("cancel {} of {} bots", operation.order.verb, operation.total);
    store.audit(&Act::new((&operation.order.account, ""), by, &what, reason).from(from)).await?;
    store.cancel_operation(&operation.id, &format!("cancelled by {by}: {reason}")).await
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stepped {
    /// Wishes were written: whoever carries them out may look now.
    Asked,
    /// Nothing is to be done at the moment.
    Waits,
    /// It is over.
    Over,
}

/// One operation in the process that carries it out. All that counts is in the store: another process goes
/// on where this one was.
pub struct Runner {
    id: String,
    since: Moment,
    begun: u64,
    /// What a process before left on its way was told again.
    resumed: bool,
}

impl Runner {
    /// Goes on with an operation.
    pub fn new(id: &str, now: Moment) -> Self {
        Self { id: id.to_owned(), since: now, begun: 0, resumed: false }
    }

    /// Hears of what is on its way, and begins what may begin.
    ///
    /// # Errors
    /// The store failed: the step is tried again later, and nothing is done twice.
    pub async fn step(&mut self, store: &Store, now: Moment) -> Result<Stepped, StoreError> {
        let Some(operation) = store.operation(&self.id).await?.filter(|one| !one.state.is_over()) else {
            return Ok(Stepped::Over);
        };
        if !self.resumed {
            let left = store.asked_items(&self.id).await?;
            self.tell(store, &operation, &left).await?;
            self.resumed = true;
        }
        self.hear(store).await?;
        let asked = store.asked_items(&self.id).await?.len() as u64;
        // What was just heard counts.
        let Some(operation) = store.operation(&self.id).await? else { return Ok(Stepped::Over) };
        let over = operation.done + operation.failed + operation.skipped;
        let waiting = operation.total.saturating_sub(over + asked);
        let progress = Progress { waiting, asked, failed: operation.failed };
        let bounds = Bounds { rate: operation.order.rate, stop_after: operation.order.stop_after };
        let pace = Pace { elapsed: now.since(self.since), begun: self.begun };
        match next(operation.state, progress, bounds, pace) {
            Step::Wait => Ok(Stepped::Waits),
            Step::End(state) => {
                store.end_operation(&self.id, state, &words(state, &operation)).await?;
                Ok(Stepped::Over)
            }
            Step::Begin(count) => {
                self.begun += count;
                let taken = store.take_items(&self.id, count).await?;
                self.tell(store, &operation, &taken).await?;
                Ok(if operation.order.verb.is_awaited() { Stepped::Asked } else { Stepped::Waits })
            }
        }
    }

    /// Settles what was answered.
    async fn hear(&self, store: &Store) -> Result<(), StoreError> {
        let asked = store.asked_items(&self.id).await?;
        let told = store.wish_outcomes(&self.id, &asked).await?;
        let told: Vec<_> = told.into_iter().filter_map(|one| Some((one.bot, one.verdict?))).collect();
        self.settle(store, &told).await
    }

    /// The operation's id is the name of its wishes: none is asked twice.
    async fn tell(&self, store: &Store, operation: &Operation, bots: &[BotKey]) -> Result<(), StoreError> {
        if bots.is_empty() {
            return Ok(());
        }
        let rows = store.declared_of(bots).await?;
        let known: BTreeSet<_> = rows.iter().map(DeclaredRow::key).collect();
        let gone = bots.iter().filter(|bot| !known.contains(*bot)).cloned();
        let mut told: Vec<_> =
            gone.map(|bot| (bot, Verdict::Failed("it is not declared any more".to_owned()))).collect();
        let NewOperation { verb, who, reason, .. } = &operation.order;
        let order = Order { verb: *verb, by: who, reason, from: "" };
        let answered = tell(store, &self.id, order, &rows).await?;
        told.extend(answered.into_iter().filter_map(|one| Some((one.bot, one.verdict?))));
        self.settle(store, &told).await
    }

    async fn settle(&self, store: &Store, told: &[(BotKey, Verdict)]) -> Result<(), StoreError> {
        if told.is_empty() { Ok(()) } else { store.settle_items(&self.id, told).await }
    }
}

fn words(state: State, operation: &Operation) -> String {
    let Operation { done, failed, skipped, total, .. } = operation;
    match state {
        State::Failed => format!("{failed} of {total} failed: nothing more is begun"),
        State::Cancelled => "cancelled".to_owned(),
        _ => format!("{done} done, {failed} failed, {skipped} with nothing to do"),
    }
}

/// Bots that a verb on many is not about: those that are parked, unless they are to be started.
pub fn is_meant(verb: Verb, row: &DeclaredRow) -> bool {
    match verb {
        Verb::Restart | Verb::Relogin | Verb::Refresh | Verb::AgentState(_) | Verb::Stop => !row.is_parked(),
        _ => true,
    }
}
