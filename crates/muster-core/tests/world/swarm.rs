//! Which faults a run may meet: a random half of them, so that rare mixtures come up.

use std::collections::BTreeSet;

/// Something that may go wrong, or at least not as usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// A socket closes, with any code.
    DropSocket,
    /// kill -9 of one bot.
    Crash,
    /// kill -9 of the whole process, also of the pool's memory.
    CrashAll,
    /// Ownership in doubt.
    Fence,
    /// The store is away: commits land or not, and nobody hears.
    StoreAway,
    /// The store says that another process owns the bot.
    StoreFences,
    /// The store refuses a turn's content for ever.
    Poison,
    /// The database is an older backup of itself.
    OldBackup,
    /// An answer is lost, its request done or not.
    LoseAnswer,
    /// A request of a dead socket, or without an answer, is applied later, below `settle`.
    ApplyLate,
    /// The platform refuses a request, with any status.
    Refuse,
    DoubleAnswer,
    AnswerLate,
    DoubleNews,
    ReorderNews,
    LoseMessages,
    LoseChanges,
    /// Login, refresh, domains and new sockets fail.
    Connecting,
    LogicFails,
    /// Logic says nothing, much, transfers or closes.
    LogicActs,
    /// The conversation goes back to the queue, or is taken from its bot.
    Requeue,
    Humans,
    Closing,
    /// A conversation moves to a mate and back, faster than its bot hears of it.
    ClaimMoves,
    /// A bot restarts in order, or retires.
    Drain,
    Quarantine,
    /// Bots take two conversations at most.
    Full,
    /// Histories that are longer than any page.
    LongHistory,
    /// Survey dialogs beside the main one.
    SeveralDialogs,
    /// Rings lapse and are offered again.
    RingsLapse,
}

impl Fault {
    const ALL: [Self; 30] = [
        Self::DropSocket,
        Self::Crash,
        Self::CrashAll,
        Self::Fence,
        Self::StoreAway,
        Self::StoreFences,
        Self::Poison,
        Self::OldBackup,
        Self::LoseAnswer,
        Self::ApplyLate,
        Self::Refuse,
        Self::DoubleAnswer,
        Self::AnswerLate,
        Self::DoubleNews,
        Self::ReorderNews,
        Self::LoseMessages,
        Self::LoseChanges,
        Self::Connecting,
        Self::LogicFails,
        Self::LogicActs,
        Self::Requeue,
        Self::Humans,
        Self::Closing,
        Self::ClaimMoves,
        Self::Drain,
        Self::Quarantine,
        Self::Full,
        Self::LongHistory,
        Self::SeveralDialogs,
        Self::RingsLapse,
    ];
}

/// The faults of one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Swarm {
    on: BTreeSet<Fault>,
    /// Nothing new goes wrong any more; what was decided at the start stays.
    over: bool,
}

impl Swarm {
    pub(crate) fn none() -> Self {
        Self::default()
    }

    pub(crate) fn of(chance: &mut fastrand::Rng) -> Self {
        let share = [25, 50, 80][chance.usize(0..3)];
        Self { on: Fault::ALL.into_iter().filter(|_| chance.u32(0..100) < share).collect(), over: false }
    }

    pub(crate) fn extend(&mut self, faults: impl Iterator<Item = Fault>) {
        self.on.extend(faults);
    }

    pub(crate) fn is_on(&self, fault: Fault) -> bool {
        !self.over && self.on.contains(&fault)
    }

    /// Whether it went wrong at some time of the run.
    pub(crate) fn was_on(&self, fault: Fault) -> bool {
        self.on.contains(&fault)
    }

    /// Whether it happens now: once in `once_in` occasions.
    pub(crate) fn strikes(&self, fault: Fault, once_in: u32, chance: &mut fastrand::Rng) -> bool {
        self.is_on(fault) && chance.u32(0..once_in) == 0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.on.is_empty()
    }

    pub(crate) fn end(&mut self) {
        self.over = true;
    }
}
