//! Everything the platform knows, behind one lock.
//!
//! Each request is handled at once and as a whole; what it causes goes to an outbox that is handed to the
//! sockets' bounded queues before the lock is let go. Time comes in through one queue of timers.
//!
//! - [`accounts`]: accounts and their agent users
//! - [`domains`]: where clients are sent
//! - [`sessions`]: login, refresh, logout, and how tokens die
//! - [`identities`]: who a consumer is
//! - [`sockets`]: brand sockets, and requests in flight on them
//! - [`requests`]: request types of both families, and their answers
//! - [`conversations`], [`shapes`]: what a conversation is, and how the wire shows it
//! - [`subscriptions`]: who is told of which conversations
//! - [`changes`]: participants, skill, closing
//! - [`surveys`]: a second dialog after the main one
//! - [`publishing`], [`history`]: events in, events out again
//! - [`routing`]: agent states, rings, the queue
//! - [`consumers`], [`scripts`]: the consumers played here
//! - [`step_up`]: a consumer becomes somebody else
//! - [`consumer_sockets`], [`consumer_requests`], [`consumer_shapes`]: those who come over the wire
//! - [`humans`], [`human_scripts`]: the human agents played here
//! - [`frames`]: what goes out, and on which socket
//! - [`faults`]: what goes wrong, and where
//! - [`timers`]: what happens later

pub(crate) mod accounts;
mod changes;
mod consumer_requests;
mod consumer_shapes;
pub(crate) mod consumer_sockets;
pub(crate) mod consumers;
pub(crate) mod conversations;
mod domains;
mod faults;
pub(crate) mod frames;
mod history;
mod human_scripts;
mod humans;
pub(crate) mod identities;
mod publishing;
pub(crate) mod requests;
mod routing;
pub(crate) mod scripts;
pub(crate) mod sessions;
mod shapes;
pub(crate) mod sockets;
mod step_up;
mod subscriptions;
mod surveys;
mod timers;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use liveperson_proto::{AccountId, AgentId, ConsumerId, ConversationId, RingId};
use tokio::sync::{Notify, watch};

use self::accounts::{Account, User};
use self::consumer_sockets::ConsumerSocket;
use self::consumers::Played;
use self::conversations::Conversation;
use self::faults::Detours;
use self::frames::Outgoing;
use self::identities::Signer;
use self::sessions::Session;
use self::sockets::{Socket, SocketId};
use self::timers::Timers;
use crate::counters::CounterBook;
use crate::faults::book::FaultBook;
use crate::ledger::LedgerBook;
use crate::settings::PlatformSettings;

/// The world and the means to wait for it.
pub(crate) struct Shared {
    settings: Arc<PlatformSettings>,
    world: Mutex<World>,
    activity: watch::Sender<u64>,
    rewound: Notify,
    gone: watch::Sender<bool>,
}

impl Shared {
    pub(crate) fn new(settings: PlatformSettings, host: String) -> Self {
        let settings = Arc::new(settings);
        Self {
            world: Mutex::new(World::new(Arc::clone(&settings), host)),
            settings,
            activity: watch::Sender::new(0),
            rewound: Notify::new(),
            gone: watch::Sender::new(false),
        }
    }

    pub(crate) fn settings(&self) -> &PlatformSettings {
        &self.settings
    }

    /// Does something to the world as one step, and hands out the frames it caused.
    pub(crate) fn enter<T>(&self, step: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, wake) = (world.activity, world.timers.next());
        let result = step(&mut world);
        world.hand_out();
        if world.activity != before {
            self.activity.send_replace(world.activity);
        }
        if world.timers.next() != wake {
            self.rewound.notify_one();
        }
        result
    }

    /// The platform is shut down: no connection outlives it.
    pub(crate) fn end(&self) {
        self.gone.send_replace(true);
        self.enter(World::end_all_sockets);
    }

    /// Waits until the platform is shut down.
    pub(crate) async fn ended(&self) {
        let _ = self.gone.subscribe().wait_for(|gone| *gone).await;
    }

    /// Changes whenever something happened that a waiting test could be waiting for.
    pub(crate) fn activity(&self) -> watch::Receiver<u64> {
        self.activity.subscribe()
    }

    /// Makes timers go off; runs as long as the platform.
    pub(crate) async fn keep_time(self: Arc<Self>) {
        loop {
            let next = self.enter(|world| {
                world.run_timers(Instant::now());
                world.timers.next()
            });
            let rewound = self.rewound.notified();
            match next {
                None => rewound.await,
                Some(next) => {
                    let _ = tokio::time::timeout_at(next.into(), rewound).await;
                }
            }
        }
    }
}

/// All state of the platform.
pub(crate) struct World {
    settings: Arc<PlatformSettings>,
    host: String,
    faults: FaultBook,
    detours: Detours,
    chance: fastrand::Rng,
    accounts: BTreeMap<AccountId, Account>,
    users: HashMap<AgentId, User>,
    sessions: HashMap<String, Session>,
    signer: Signer,
    sockets: BTreeMap<SocketId, Socket>,
    consumer_sockets: BTreeMap<SocketId, ConsumerSocket>,
    conversations: HashMap<ConversationId, Conversation>,
    consumers: HashMap<ConsumerId, Played>,
    /// What consumers who stepped up are called now.
    successors: HashMap<ConsumerId, ConsumerId>,
    humans: HashMap<AgentId, human_scripts::Played>,
    ringing: HashMap<RingId, ConversationId>,
    last_ring: i64,
    outbox: Vec<(SocketId, Outgoing)>,
    timers: Timers,
    late_batches: usize,
    activity: u64,
    last_id: u64,
    pub(crate) ledger: LedgerBook,
    pub(crate) counters: CounterBook,
}

impl World {
    fn new(settings: Arc<PlatformSettings>, host: String) -> Self {
        Self {
            chance: fastrand::Rng::with_seed(settings.seed),
            ledger: LedgerBook::new(settings.answer_within),
            host,
            faults: FaultBook::new(settings.seed),
            detours: Detours::default(),
            settings,
            accounts: BTreeMap::new(),
            users: HashMap::new(),
            sessions: HashMap::new(),
            signer: Signer::default(),
            sockets: BTreeMap::new(),
            consumer_sockets: BTreeMap::new(),
            conversations: HashMap::new(),
            consumers: HashMap::new(),
            successors: HashMap::new(),
            humans: HashMap::new(),
            ringing: HashMap::new(),
            last_ring: 0,
            outbox: Vec::new(),
            timers: Timers::default(),
            late_batches: 0,
            activity: 0,
            last_id: 0,
            counters: CounterBook::default(),
        }
    }

    /// Says that something happened; whoever waits for a state looks again.
    fn stir(&mut self) {
        self.activity += 1;
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn uuid(&mut self) -> String {
        let bytes = self.chance.u128(..).to_be_bytes();
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }
}

/// Every secret of the simulator begins with this, so that a leak is found by a search.
pub const SECRET_MARK: &str = "5ec2e75ec2e7";

/// Tokens never come from the seed: a platform started anew with it must not know those of the last run.
fn secret() -> String {
    format!("{SECRET_MARK}{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple())
}

/// Milliseconds of the wall clock, as the wire writes times.
fn wall() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as i64)
}
