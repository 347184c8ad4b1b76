//! What every actor is lent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use liveperson::Client;
use liveperson_proto::{AccountId, ConversationId};
use muster_core::bot::{OnTheft, Rhythm, TheftRules};
use muster_core::dialog::Rules;
use muster_core::pause::{Pause, holding};
use muster_core::time::Moment;
use muster_core::{BotId, PoolId};
use tokio::runtime::Handle;

use super::timeline::Timeline;
use super::trace::Traces;
use super::tray::Desk;
use super::watchdog::Pulse;
use crate::board::Board;
use crate::clock::Clock;
use crate::logic::{Declared, Logics, Thinker};
use crate::metrics::Metrics;
use crate::protection::Protection;
use crate::settings::TimingSettings;
use crate::store::{NodeIdentity, Store, TakenOverRow};

/// What every actor is lent; cheap to share.
pub struct House {
    /// The process's clocks.
    pub clock: Clock,
    /// The runtime that SQL and HTTP connections live on.
    pub io: Handle,
    /// The store.
    pub store: Store,
    /// The platform's client.
    pub client: Client,
    /// This process.
    pub me: NodeIdentity,
    /// What people see.
    pub board: Board,
    /// What Prometheus sees.
    pub metrics: Arc<Metrics>,
    /// How late the arbiters are.
    pub pulse: Arc<Pulse>,
    /// Whom people hold still.
    pub pauses: Pauses,
    /// Which conversations people have taken over.
    pub taken_over: TakenOver,
    /// The logics by name, as they are declared at the moment.
    pub logics: LogicsPlace,
    /// What runs them.
    pub thinker: Thinker,
    /// Every period and rate.
    pub timing: TimingSettings,
    /// Limits and periods of conversations.
    pub rules: Rules,
    /// How long the node's ownership lasts unrenewed.
    pub node_lease: Duration,
    /// How long a released claim is kept.
    pub keep_released: Duration,
    /// Until when the bots are ours for certain; checked right before each write that changes something.
    pub right: Right,
    /// The recorder of the moment; a new one takes its place after a panic.
    pub recorder: RecorderPlace,
    /// What happened and is not written yet.
    pub timeline: Arc<Timeline>,
    /// Who looks at which bot's frames.
    pub traces: Arc<Traces>,
}

impl House {
    /// By which rules a bot judges logins elsewhere.
    pub fn theft_rules(&self, on_theft: OnTheft) -> TheftRules {
        let limit = self.timing.theft_limit.get() as usize;
        TheftRules { on_theft, limit, within: self.timing.theft_window }
    }

    /// Whether the process makes progress; else what is stuck, in words.
    pub fn progress(&self) -> Result<(), String> {
        if let Some((arbiter, behind)) = self.pulse.stuck(self.timing.stuck_after) {
            return Err(format!("the arbiter {arbiter} has been stuck for {} s", behind.as_secs()));
        }
        if self.thinker.is_stuck() {
            return Err("logic is stuck: hundreds of its runs do not return".to_owned());
        }
        Ok(())
    }

    /// Periods of a bot's connection.
    pub fn rhythm(&self) -> Rhythm {
        Rhythm {
            refresh_every: self.timing.refresh_every,
            reconnect_first: self.timing.reconnect_first,
            reconnect_max: self.timing.reconnect_max,
            healthy_after: self.timing.hold,
            login_pause: self.timing.reconnect_first * 5,
        }
    }
}

/// Until when this process owns its bots for certain, by its own monotonic clock.
#[derive(Default)]
pub struct Right {
    until: AtomicU64,
    over: AtomicBool,
}

impl Right {
    /// The store granted the right at `asked` or later, for `lease`; a fifth is left for slow clocks.
    pub fn renewed(&self, asked: Moment, lease: Duration) {
        self.until.fetch_max((asked + lease * 4 / 5).0, Ordering::Relaxed);
    }

    /// The right is given up, or another process took it; it never comes back.
    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Whether the right holds at this moment.
    pub fn holds(&self, now: Moment) -> bool {
        let holds = !self.over.load(Ordering::Relaxed) && now.0 < self.until.load(Ordering::Relaxed);
        holds || !Protection::Fence.is_on()
    }
}

/// The logics of the moment; what is declared anew takes their place.
#[derive(Default)]
pub struct LogicsPlace(RwLock<Logics>);

impl LogicsPlace {
    /// These logics, until others come.
    pub fn new(logics: Logics) -> Self {
        Self(RwLock::new(logics))
    }

    /// Whatever decides under a name.
    pub fn chosen(&self, name: &str) -> Option<Declared> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).chosen(name)
    }

    /// Puts others in place; lives that have begun keep theirs.
    pub fn put(&self, logics: Logics) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = logics;
    }
}

/// Which conversations people have taken over at the moment, by account and pool.
#[derive(Default)]
pub struct TakenOver(RwLock<BTreeMap<(AccountId, PoolId), BTreeSet<ConversationId>>>);

impl TakenOver {
    /// These, until others come.
    pub fn new(rows: Vec<TakenOverRow>) -> Self {
        let taken_over = Self::default();
        taken_over.put(rows);
        taken_over
    }

    /// Puts others in place; whether they differ.
    pub fn put(&self, rows: Vec<TakenOverRow>) -> bool {
        let mut pools: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for TakenOverRow { account, pool, conversation, .. } in rows {
            pools.entry((account, pool)).or_default().insert(conversation);
        }
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let changed = *held != pools;
        *held = pools;
        changed
    }

    /// Those of a pool.
    pub fn of_pool(&self, account: &AccountId, pool: &PoolId) -> BTreeSet<ConversationId> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        held.get(&(account.clone(), pool.clone())).cloned().unwrap_or_default()
    }
}

/// Whom people hold still at the moment.
#[derive(Default)]
pub struct Pauses(RwLock<Vec<Pause>>);

impl Pauses {
    /// These pauses, until others come.
    pub fn new(pauses: Vec<Pause>) -> Self {
        Self(RwLock::new(pauses))
    }

    /// All of them.
    pub fn all(&self) -> Vec<Pause> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts others in place; whether they are others.
    pub fn put(&self, pauses: Vec<Pause>) -> bool {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let changed = *held != pauses;
        *held = pauses;
        changed
    }

    /// Who holds a bot still, and why, if anybody does.
    pub fn words(&self, account: &AccountId, bot: &BotId) -> Option<String> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        holding(&held, account, bot).map(Pause::words)
    }
}

/// Where the recorder of the moment is found.
#[derive(Default)]
pub struct RecorderPlace(RwLock<Option<Desk>>);

impl RecorderPlace {
    /// The recorder, unless none was started yet.
    pub fn find(&self) -> Option<Desk> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts a new recorder in place.
    pub fn put(&self, desk: Desk) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(desk);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use liveperson::ClientSettings;
    use tempfile::TempDir;

    use super::*;
    use crate::store::{StoreOptions, StoreUrl};

    /// A house with an empty store, and the folder that the store goes with.
    pub(in crate::actors) async fn house() -> (Arc<House>, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let (clock, io) = (Clock::start(), Handle::current());
        let url = StoreUrl::Sqlite(folder.path().join("store.db"));
        let csds_domain = "127.0.0.1:9".to_owned();
        let nowhere = ClientSettings { csds_domain, plain: true, ..ClientSettings::default() };
        let metrics = Arc::new(Metrics::new("1.2.3").unwrap());
        let house = House {
            clock,
            io: io.clone(),
            store: Store::open(&StoreOptions::new(url), io.clone()).await.unwrap(),
            client: Client::new(nowhere).unwrap(),
            me: crate::app::identify(),
            board: Board::default(),
            timeline: Arc::new(Timeline::new(clock, metrics.clone())),
            traces: Arc::default(),
            metrics,
            pulse: Arc::default(),
            pauses: Pauses::default(),
            taken_over: TakenOver::default(),
            logics: LogicsPlace::default(),
            thinker: Thinker::new(io, 4, Duration::from_secs(1)),
            timing: TimingSettings::default(),
            rules: Rules::default(),
            node_lease: Duration::from_secs(15),
            keep_released: Duration::from_secs(15),
            right: Right::default(),
            recorder: RecorderPlace::default(),
        };
        (Arc::new(house), folder)
    }

    /// Whether an actor's mailbox was full once.
    pub(in crate::actors) fn was_full(house: &House, actor: &str) -> bool {
        let shown = house.metrics.scrape(&house.board).unwrap();
        shown.contains(&format!("muster_mailbox_full_total{{actor=\"{actor}\"}} 1\n"))
    }
}
