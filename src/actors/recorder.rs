//! The recorder: writes what bots decided into the store, in groups.
//!
//! One group is under way at a time; what arrives meanwhile gathers. A group holds a conversation
//! at most once, and is tried again until the store answers.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, Recipient, WrapFuture};
use futures_util::future::join_all;
use liveperson_proto::{AccountId, ConversationId};
use muster_core::dialog::{CommitOutcome, CommitTurn, OutboxKey, Ticket};
use muster_core::{BotId, PoolId};
use tokio::sync::oneshot;
use tracing::{error, warn};

use super::blast::blastable;
use super::guard::Guard;
use super::house::House;
use super::tray::Tray;
use crate::store::{self, Group, NewClaim, Refusal, Release, StoreError, Taken, TurnCommit, TurnOutcome};

/// Entries in a group at most.
const GROUP: usize = 256;

/// Under load, the least time between the starts of two groups when the last was small.
const GATHER: Duration = Duration::from_millis(6);

/// The wait before a store that is away is tried again.
const STORE_PAUSE: Duration = Duration::from_millis(250);

/// Who records, and under which right.
#[derive(Clone, Debug)]
pub struct Author {
    /// The account.
    pub account: AccountId,
    /// The bot.
    pub bot: BotId,
    /// Its pool.
    pub pool: PoolId,
    /// The epoch under which this process owns it.
    pub epoch: i64,
}

/// One thing to be made durable.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A claim on a conversation.
    Claim {
        /// The question's number.
        number: Ticket,
        /// The conversation.
        conversation: ConversationId,
        /// Whether the bot would join by itself.
        joins: bool,
    },
    /// A turn.
    Commit(Arc<CommitTurn>),
    /// A confirmed deed.
    Done(OutboxKey),
    /// A deed that can never succeed.
    Dead(OutboxKey, String),
    /// A claim that ends; whether the pool has done with the conversation.
    Release(ConversationId, String, bool),
}

impl Entry {
    fn conversation(&self) -> &ConversationId {
        match self {
            Self::Commit(turn) => &turn.conversation,
            Self::Done(key) | Self::Dead(key, _) => &key.conversation,
            Self::Claim { conversation, .. } | Self::Release(conversation, ..) => conversation,
        }
    }
}

/// Answers a [`Record`]: these entries are durable, or refused for good.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Recorded {
    /// The number of each entry, and what came of it.
    pub entries: Vec<(u64, Verdict)>,
}

/// What came of an entry.
#[derive(Debug)]
pub enum Verdict {
    /// It is durable.
    Durable,
    /// The store decided a turn.
    Turn(CommitOutcome),
    /// The store decided a claim.
    Claim(Taken),
}

struct Waiting {
    number: u64,
    author: Arc<Author>,
    entry: Entry,
    answer: Recipient<Recorded>,
}

/// The recorder.
pub struct Recorder {
    house: Arc<House>,
    tray: Arc<Tray>,
    _guard: Guard,
    waiting: VecDeque<Waiting>,
    busy: bool,
    started: Option<Instant>,
    flushes: Vec<(u64, oneshot::Sender<()>)>,
    received: u64,
    finished: u64,
}

impl Recorder {
    /// A recorder with nothing to do yet.
    pub fn new(house: Arc<House>, tray: Arc<Tray>, guard: Guard) -> Self {
        Self {
            house,
            tray,
            _guard: guard,
            waiting: VecDeque::new(),
            busy: false,
            started: None,
            flushes: Vec::new(),
            received: 0,
            finished: 0,
        }
    }

    /// Starts a group if none is under way. With no load it starts at once; under load it gathers.
    fn pursue(&mut self, ctx: &mut Context<Self>) {
        // While a group is under way nobody looks into the tray: it need not tell of each record.
        if self.busy {
            return;
        }
        self.take_up();
        while self.waiting.is_empty() {
            if self.tray.rests() {
                return;
            }
            self.take_up();
        }
        self.busy = true;
        let since = self.started.map_or(GATHER, |started| started.elapsed());
        let crowded = self.waiting.len() > 1;
        if crowded && since < GATHER {
            ctx.run_later(GATHER.saturating_sub(since), Self::start_group);
        } else {
            self.start_group(ctx);
        }
    }

    fn start_group(&mut self, ctx: &mut Context<Self>) {
        self.started = Some(Instant::now());
        self.take_up();
        let chosen = self.choose();
        let group = to_group(&chosen, &self.house.me.incarnation);
        let claims = to_claims(&chosen, &self.house.me.incarnation);
        let house = self.house.clone();
        let turns = group.turns.len();
        let work = async move {
            let began = Instant::now();
            let taken = claim(&house, claims).await;
            let outcomes = commit(&house, group).await;
            if turns > 0 {
                house.metrics.store_committed(turns, began.elapsed());
            }
            (chosen, taken, outcomes)
        };
        ctx.spawn(work.into_actor(self).map(|(chosen, taken, outcomes), recorder, ctx| {
            recorder.busy = false;
            recorder.finished += chosen.len() as u64;
            recorder.tell_flushed();
            recorder.pursue(ctx);
            // A bot that is slow to take its letter holds up nobody's commit.
            ctx.spawn(answer(chosen, taken, outcomes).into_actor(recorder));
        }));
    }

    fn take_up(&mut self) {
        for Record { author, entries, answer } in self.tray.take_up() {
            self.received += entries.len() as u64;
            self.waiting.extend(entries.into_iter().map(|(number, entry)| Waiting {
                number,
                author: author.clone(),
                entry,
                answer: answer.clone(),
            }));
        }
    }

    /// Takes what may go together: in order, each conversation at most once.
    fn choose(&mut self) -> Vec<Waiting> {
        let mut chosen = Vec::new();
        let mut left = VecDeque::with_capacity(self.waiting.len());
        let mut touched: HashSet<(AccountId, PoolId, ConversationId)> = HashSet::new();
        for waiting in self.waiting.drain(..) {
            let author = &waiting.author;
            let place = (author.account.clone(), author.pool.clone(), waiting.entry.conversation().clone());
            // Confirmations of one conversation do not get into each other's way.
            let light = matches!(waiting.entry, Entry::Done(_));
            if chosen.len() < GROUP && (touched.insert(place) || light) {
                chosen.push(waiting);
            } else {
                left.push_back(waiting);
            }
        }
        self.waiting = left;
        chosen
    }

    fn tell_flushed(&mut self) {
        let finished = self.finished;
        for (_, flushed) in self.flushes.extract_if(.., |(until, _)| *until <= finished) {
            // Whoever asked may have gone.
            let _ = flushed.send(());
        }
    }
}

impl Actor for Recorder {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(1024);
    }
}

blastable!(Recorder);

/// Make these entries durable, in order.
pub struct Record {
    /// Who records.
    pub author: Arc<Author>,
    /// Each with the author's number for it.
    pub entries: Vec<(u64, Entry)>,
    /// Who is told.
    pub answer: Recipient<Recorded>,
}

/// Look into the tray.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TakeUp;

impl Handler<TakeUp> for Recorder {
    type Result = ();

    fn handle(&mut self, _: TakeUp, ctx: &mut Self::Context) {
        self.pursue(ctx);
    }
}

/// Tell when everything received so far is durable.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Flush(pub oneshot::Sender<()>);

impl Handler<Flush> for Recorder {
    type Result = ();

    fn handle(&mut self, Flush(flushed): Flush, ctx: &mut Self::Context) {
        self.take_up();
        self.flushes.push((self.received, flushed));
        self.tell_flushed();
        self.pursue(ctx);
    }
}

/// Commits a group, as often as it takes: a turn's id makes that safe.
///
/// A text that the database cannot hold comes back as its turn's own refusal; whatever else fails
/// is the store's trouble and no reason to pass a message by.
async fn commit(house: &House, group: Group) -> Result<Vec<TurnOutcome>, StoreError> {
    if group.is_empty() {
        return Ok(Vec::new());
    }
    let group = Arc::new(group);
    patiently(house, || house.store.commit(group.clone())).await
}

/// Claims as often as it takes; the same claim again changes nothing.
async fn claim(house: &House, claims: Vec<NewClaim>) -> Result<Vec<Taken>, StoreError> {
    if claims.is_empty() {
        return Ok(Vec::new());
    }
    patiently(house, || house.store.take_up(claims.clone())).await
}

async fn patiently<T, F: Future<Output = Result<T, StoreError>>>(
    house: &House,
    write: impl Fn() -> F,
) -> Result<T, StoreError> {
    let mut away = false;
    loop {
        match write().await {
            Ok(outcomes) => {
                if away {
                    house.board.update_fleet(|fleet| fleet.store_ok = true);
                }
                return Ok(outcomes);
            }
            Err(error @ StoreError::Rule(_)) => return Err(error),
            Err(error) => {
                if !away {
                    warn!(error = %crate::telemetry::Chain(&error), "the store does not commit; turns wait");
                    house.board.update_fleet(|fleet| fleet.store_ok = false);
                }
                away = true;
                actix::clock::sleep(STORE_PAUSE).await;
            }
        }
    }
}

fn to_group(chosen: &[Waiting], incarnation: &str) -> Group {
    let mut group = Group::default();
    for Waiting { author, entry, .. } in chosen {
        match entry {
            Entry::Commit(turn) => group.turns.push(turn_row(author, turn, incarnation)),
            Entry::Done(key) => group.done.push(key_row(author, key)),
            Entry::Dead(key, words) => group.dead.push((key_row(author, key), words.clone())),
            Entry::Claim { .. } => {}
            Entry::Release(conversation, reason, done) => group.releases.push(Release {
                account: author.account.clone(),
                pool: author.pool.clone(),
                conversation: conversation.clone(),
                bot: author.bot.clone(),
                reason: reason.clone(),
                done: *done,
            }),
        }
    }
    group
}

fn to_claims(chosen: &[Waiting], incarnation: &str) -> Vec<NewClaim> {
    let claim = |Waiting { author, entry, .. }: &Waiting| match entry {
        Entry::Claim { conversation, joins, .. } => Some(NewClaim {
            account: author.account.clone(),
            pool: author.pool.clone(),
            bot: author.bot.clone(),
            incarnation: incarnation.to_owned(),
            owner_epoch: author.epoch,
            conversation: conversation.clone(),
            joins: *joins,
        }),
        Entry::Commit(_) | Entry::Done(_) | Entry::Dead(..) | Entry::Release(..) => None,
    };
    chosen.iter().filter_map(claim).collect()
}

fn turn_row(author: &Author, turn: &CommitTurn, incarnation: &str) -> TurnCommit {
    let action = |a: &muster_core::dialog::NewAction| store::NewAction {
        n: a.n as i64,
        tag: a.tag.clone(),
        body: a.body.clone(),
    };
    TurnCommit {
        account: author.account.clone(),
        pool: author.pool.clone(),
        bot: author.bot.clone(),
        incarnation: incarnation.to_owned(),
        owner_epoch: author.epoch,
        conversation: turn.conversation.clone(),
        dialog: turn.dialog.clone(),
        turn_id: turn.turn.clone(),
        cursor: turn.cursor,
        variables: turn.variables.clone(),
        actions: turn.actions.iter().map(action).collect(),
    }
}

fn key_row(author: &Author, key: &OutboxKey) -> store::OutboxKey {
    store::OutboxKey {
        account: author.account.clone(),
        pool: author.pool.clone(),
        conversation: key.conversation.clone(),
        turn_id: key.turn.clone(),
        n: key.n as i64,
    }
}

fn outcome(outcome: TurnOutcome) -> CommitOutcome {
    match outcome {
        TurnOutcome::Committed { .. } => CommitOutcome::Committed,
        TurnOutcome::AlreadyCommitted => CommitOutcome::AlreadyCommitted,
        TurnOutcome::Refused(Refusal::Fenced { .. }) => CommitOutcome::Fenced,
        TurnOutcome::Refused(Refusal::StaleCursor { at }) => CommitOutcome::StaleCursor(at),
        TurnOutcome::Refused(Refusal::ClaimHeldBy { .. }) => CommitOutcome::ClaimLost,
        TurnOutcome::Refused(Refusal::Rejected(words)) => CommitOutcome::Rejected(words),
    }
}

/// Tells each author once.
async fn answer(
    chosen: Vec<Waiting>,
    taken: Result<Vec<Taken>, StoreError>,
    outcomes: Result<Vec<TurnOutcome>, StoreError>,
) {
    for error in [taken.as_ref().err(), outcomes.as_ref().err()].into_iter().flatten() {
        // The group itself was put together wrongly; its turns may go another way together.
        error!(error = %crate::telemetry::Chain(error), "the store refused a group");
    }
    let mut taken = taken.unwrap_or_default().into_iter();
    let mut outcomes = outcomes.unwrap_or_default().into_iter().map(outcome);
    let mut letters: Vec<(Recipient<Recorded>, Recorded)> = Vec::new();
    for waiting in chosen {
        let result = match waiting.entry {
            Entry::Commit(_) => Verdict::Turn(outcomes.next().unwrap_or(CommitOutcome::Unavailable)),
            // A claim that nobody decided is asked for again, like one under a right that is in doubt.
            Entry::Claim { .. } => Verdict::Claim(taken.next().unwrap_or(Taken::Fenced)),
            Entry::Done(_) | Entry::Dead(..) | Entry::Release(..) => Verdict::Durable,
        };
        match letters.iter_mut().find(|(to, _)| *to == waiting.answer) {
            Some((_, letter)) => letter.entries.push((waiting.number, result)),
            None => letters.push((waiting.answer, Recorded { entries: vec![(waiting.number, result)] })),
        }
    }
    // A bot that is gone reads the outcome from the store when it starts again.
    let sent = letters.into_iter().map(|(to, letter)| async move {
        let _ = to.send(letter).await;
    });
    join_all(sent).await;
}
