//! The recorder: writes what bots decided into the store, in groups.
//!
//! One group is under way at a time; what arrives meanwhile gathers. A group holds a conversation
//! at most once, and is tried again until the store answers.

mod rows;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, Recipient, WrapFuture};
use futures_util::future::join_all;
use liveperson_proto::{AccountId, ConversationId, DialogId};
use muster_core::dialog::{CommitOutcome, CommitTurn, OutboxKey, Ticket};
use muster_core::{BotId, PoolId};
use tokio::sync::oneshot;
use tracing::{error, warn};

use super::blast::blastable;
use super::guard::Guard;
use super::house::House;
use super::tray::Tray;
use crate::crash::{self, Point};
use crate::store::{Group, NewClaim, StoreError, Taken, TurnOutcome};
use rows::{outcome, to_claims, to_group};

/// Entries in a group at most.
const GROUP: usize = 256;

/// Entries that wait for a group at most, but for those of the last records taken up; more lie in the tray.
const WAITING: usize = 4 * GROUP;

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

impl Entry {
    /// The dialog whose cursor it moves.
    fn dialog(&self) -> Option<&DialogId> {
        match self {
            Self::Commit(turn) => Some(&turn.dialog),
            Self::Claim { .. } | Self::Done(_) | Self::Dead(..) | Self::Release(..) => None,
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
        let (turns, confirmed) = (group.turns.len(), !group.done.is_empty());
        let work = async move {
            let began = Instant::now();
            let claimed = !claims.is_empty();
            let taken = claim(&house, claims).await;
            crash::pass_if(claimed, Point::Claimed);
            crash::pass_if(turns > 0, Point::GroupBegun);
            house.board.commit_began(house.clock.now().moment);
            let outcomes = commit(&house, group).await;
            house.board.commit_ended(house.clock.now().moment);
            crash::pass_if(turns > 0, Point::Committed);
            crash::pass_if(confirmed, Point::DoneDurable);
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

    /// While enough waits the rest stays in the tray, which turns bots away when it is full.
    fn take_up(&mut self) {
        if self.waiting.len() < WAITING {
            self.take_up_all();
        }
    }

    fn take_up_all(&mut self) {
        let before = self.waiting.len();
        self.waiting.extend(self.tray.take_up().into_iter().flat_map(in_pieces));
        self.received += (self.waiting.len() - before) as u64;
    }

    /// Takes what may go together: in order, each conversation at most once.
    fn choose(&mut self) -> Vec<Waiting> {
        let mut chosen = Vec::new();
        let mut left = VecDeque::with_capacity(self.waiting.len());
        let mut touched: HashSet<(AccountId, PoolId, ConversationId)> = HashSet::new();
        let mut dialogs: HashSet<(AccountId, PoolId, DialogId)> = HashSet::new();
        for waiting in self.waiting.drain(..) {
            let author = &waiting.author;
            let place = (author.account.clone(), author.pool.clone(), waiting.entry.conversation().clone());
            let dialog =
                waiting.entry.dialog().map(|d| (author.account.clone(), author.pool.clone(), d.clone()));
            // Confirmations of one conversation do not get into each other's way.
            let light = matches!(waiting.entry, Entry::Done(_));
            // What the platform calls by one name goes one after the other, whatever that is.
            let fresh = dialog.as_ref().is_none_or(|dialog| !dialogs.contains(dialog));
            if chosen.len() < GROUP && (light || (!touched.contains(&place) && fresh)) {
                touched.insert(place);
                dialogs.extend(dialog);
                chosen.push(waiting);
            } else {
                touched.insert(place);
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
        self.take_up_all();
        self.flushes.push((self.received, flushed));
        self.tell_flushed();
        self.pursue(ctx);
    }
}

fn in_pieces(Record { author, entries, answer }: Record) -> impl Iterator<Item = Waiting> {
    let entries = entries.into_iter();
    entries.map(move |(number, entry)| Waiting {
        number,
        author: author.clone(),
        entry,
        answer: answer.clone(),
    })
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

#[cfg(test)]
mod tests {
    use actix::Addr;

    use super::*;
    use crate::actors::house::tests::house;
    use crate::actors::tray::Desk;

    struct Bot;

    impl Actor for Bot {
        type Context = Context<Self>;
    }

    impl Handler<Recorded> for Bot {
        type Result = ();

        fn handle(&mut self, _: Recorded, _: &mut Self::Context) {}
    }

    /// The next record of these entries, each of a conversation of its own.
    fn record(bot: &Addr<Bot>, last: &mut u64, entries: usize) -> Record {
        let author = Author { account: "1".into(), bot: "b".into(), pool: "p".into(), epoch: 1 };
        let entry = |number: u64| {
            let conversation = ConversationId::from(format!("C{number}").as_str());
            (number, Entry::Release(conversation, "closed".to_owned(), true))
        };
        let from = *last;
        *last += entries as u64;
        let entries = (from..*last).map(entry).collect();
        Record { author: Arc::new(author), entries, answer: bot.clone().recipient() }
    }

    #[actix::test]
    async fn past_what_waits_entries_lie_in_the_tray_until_groups_have_made_room_and_none_is_lost() {
        let (house, _folder) = house().await;
        let (tray, bot, mut last) = (Arc::new(Tray::default()), Bot.start(), 0);
        // It never runs: this test takes its steps, as while the store does not answer.
        let idle = Context::<Recorder>::new();
        let desk = Desk { recorder: idle.address(), tray: tray.clone() };
        let mut recorder = Recorder::new(house, tray.clone(), Guard::new("recorder", |_| ()));

        for _ in 0..4 {
            assert!(desk.hand_over(record(&bot, &mut last, GROUP)));
            recorder.take_up();
        }
        assert_eq!(recorder.waiting.len(), WAITING);
        let mut lying = 0;
        while desk.hand_over(record(&bot, &mut last, 1)) {
            lying += 1;
            recorder.take_up();
            assert_eq!(recorder.waiting.len(), WAITING, "the rest stays in the tray");
        }
        assert!(lying > 1_000, "the tray fills, and then turns bots away: {lying}");
        // The one that was turned away stays with its bot.
        last -= 1;

        let (mut written, mut groups) = (Vec::new(), 0);
        while !recorder.waiting.is_empty() {
            let group = recorder.choose();
            assert!(group.len() <= GROUP, "{} in a group", group.len());
            written.extend(group.iter().map(|waiting| waiting.number));
            groups += 1;
            recorder.take_up();
        }
        assert_eq!(written, (0..last).collect::<Vec<_>>(), "each once, and in order");
        assert_eq!(groups, written.len().div_ceil(GROUP), "every group but the last is full");
        assert!(desk.hand_over(record(&bot, &mut last, 1)), "with room in the tray it takes more");
    }
}
