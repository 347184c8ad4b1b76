//! The fleet's visible state: what the API, the console, the metrics and the tests see of it.
//!
//! Actors write here, everybody else reads; nobody decides anything by it.

mod account;
mod health;
mod listing;
mod status;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use liveperson_proto::AccountId;
use muster_core::BotId;
use muster_core::health::Degraded;
use muster_core::rights::Grant;
use muster_core::time::{Moment, Now};
use serde::Deserialize;

pub use account::AccountStatus;
pub use health::Watch;
pub use listing::{BOT_KEYS, BOT_ORDERS, BotPlace, BotsAsked, takes};
pub use muster_core::calendar::rfc3339;
pub use status::{BotState, BotStatus, FleetStatus, LoginQueue};

/// How many bots of each account are in each state.
pub type Counts = BTreeMap<AccountId, BTreeMap<BotState, usize>>;

/// The board; clones show the same state.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<RwLock<Shown>>);

#[derive(Debug, Default)]
struct Shown {
    bots: BTreeMap<(AccountId, BotId), BotStatus>,
    fleet: FleetStatus,
    commits: health::Commits,
    watch: Option<Watch>,
}

/// The moment of a look at the board, and what is wrong with the store by then.
struct Look<'a> {
    watch: Option<(&'a Watch, Now)>,
    store: Option<Degraded>,
}

impl Look<'_> {
    fn at<'b>(&self, shown: &'b BotStatus) -> Cow<'b, BotStatus> {
        let Some((watch, now)) = self.watch else { return Cow::Borrowed(shown) };
        watch.look(shown, self.store, now)
    }
}

impl Shown {
    fn look(&self) -> Look<'_> {
        let watch = self.watch.as_ref().map(|watch| (watch, watch.clock.now()));
        Look { watch, store: watch.and_then(|(watch, now)| watch.store(&self.commits, now)) }
    }
}

/// Which bots are asked for; nothing means all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// Only bots of this account.
    pub account: Option<AccountId>,
    /// Only bots in this state.
    pub state: Option<BotState>,
}

impl Selection {
    fn takes(&self, status: &BotStatus) -> bool {
        self.account.as_ref().is_none_or(|account| *account == status.account)
            && self.state.is_none_or(|state| state == status.state)
    }
}

impl Board {
    /// Whoever looks from here on sees what time has done to what is shown.
    pub fn watch(&self, watch: Watch) {
        self.write().watch = Some(watch);
    }

    /// The store begins to commit a group of turns.
    pub fn commit_began(&self, now: Moment) {
        self.write().commits.began(now);
    }

    /// It is done with it.
    pub fn commit_ended(&self, now: Moment) {
        self.write().commits.ended(now);
    }

    /// Shows a bot's status in place of its last one.
    pub fn put(&self, status: BotStatus) {
        self.write().bots.insert((status.account.clone(), status.bot.clone()), status);
    }

    /// Changes what is shown of a bot, if it is shown.
    pub fn update(&self, account: &AccountId, bot: &BotId, change: impl FnOnce(&mut BotStatus)) {
        if let Some(status) = self.write().bots.get_mut(&(account.clone(), bot.clone())) {
            change(status);
        }
    }

    /// What is shown of a bot.
    pub fn get(&self, account: &AccountId, bot: &BotId) -> Option<BotStatus> {
        let shown = self.read();
        let status = shown.bots.get(&(account.clone(), bot.clone()))?;
        Some(shown.look().at(status).into_owned())
    }

    /// Every bot, by account and name.
    pub fn all(&self) -> Vec<BotStatus> {
        self.select(&Selection::default())
    }

    /// The bots asked for, by account and name.
    pub fn select(&self, selection: &Selection) -> Vec<BotStatus> {
        let shown = self.read();
        let look = shown.look();
        let seen = shown.bots.values().map(|status| look.at(status));
        seen.filter(|status| selection.takes(status)).map(Cow::into_owned).collect()
    }

    /// Shows a bot no longer.
    pub fn remove(&self, account: &AccountId, bot: &BotId) -> Option<BotStatus> {
        self.write().bots.remove(&(account.clone(), bot.clone()))
    }

    /// How many bots of each account are in each state.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::new();
        self.each(|status| {
            *counts.entry(status.account.clone()).or_default().entry(status.state).or_default() += 1;
        });
        counts
    }

    /// What the bots of each account come to, by account.
    pub fn accounts(&self) -> Vec<AccountStatus> {
        let mut accounts: BTreeMap<AccountId, AccountStatus> = BTreeMap::new();
        self.each(|bot| {
            let account = accounts.entry(bot.account.clone());
            account.or_insert_with(|| AccountStatus::empty(&bot.account)).add(bot);
        });
        accounts.into_values().collect()
    }

    /// What is shown now of the accounts that are within reach.
    #[must_use]
    pub fn within(&self, grant: &Grant) -> Self {
        let bots = self.all().into_iter().filter(|bot| grant.sees(&bot.account));
        let bots = bots.map(|bot| ((bot.account.clone(), bot.bot.clone()), bot)).collect();
        let mut fleet = self.fleet();
        fleet.logins.retain(|account, _| grant.sees(account));
        Self(Arc::new(RwLock::new(Shown { bots, fleet, ..Shown::default() })))
    }

    /// Lets a reader go through all bots without copying them.
    pub fn each(&self, mut see: impl FnMut(&BotStatus)) {
        let shown = self.read();
        let look = shown.look();
        shown.bots.values().for_each(|status| see(&look.at(status)));
    }

    /// What is shown of the fleet as a whole.
    pub fn fleet(&self) -> FleetStatus {
        let shown = self.read();
        let degraded = shown.look().store.into_iter().collect();
        FleetStatus { degraded, ..shown.fleet.clone() }
    }

    /// Shows the fleet as a whole in place of the last time.
    pub fn set_fleet(&self, fleet: FleetStatus) {
        self.write().fleet = fleet;
    }

    /// Changes what is shown of the fleet as a whole.
    pub fn update_fleet(&self, change: impl FnOnce(&mut FleetStatus)) {
        change(&mut self.write().fleet);
    }

    // A panic of one writer must not blind all readers: every status is whole at any moment.
    fn read(&self) -> RwLockReadGuard<'_, Shown> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Shown> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bot(account: &str, name: &str, state: BotState) -> BotStatus {
        BotStatus { state, ..BotStatus::parked(&account.into(), &name.into(), &name.into(), "echo", 0) }
    }

    fn board() -> Board {
        let board = Board::default();
        for (account, name, state) in
            [("2", "a", BotState::Online), ("1", "b", BotState::Online), ("1", "a", BotState::Parked)]
        {
            board.put(bot(account, name, state));
        }
        board
    }

    #[test]
    fn a_selection_narrows_by_account_and_state() {
        let names = |account: Option<&str>, state| {
            let selected = board().select(&Selection { account: account.map(AccountId::from), state });
            selected.iter().map(|status| format!("{}/{}", status.account, status.bot)).collect::<Vec<_>>()
        };
        assert_eq!(names(None, None), ["1/a", "1/b", "2/a"]);
        assert_eq!(names(Some("1"), None), ["1/a", "1/b"]);
        assert_eq!(names(None, Some(BotState::Online)), ["1/b", "2/a"]);
        assert_eq!(names(Some("1"), Some(BotState::Online)), ["1/b"]);
        assert_eq!(names(Some("3"), None), Vec::<String>::new());
    }

    #[test]
    fn an_account_owes_what_any_of_its_bots_owes_for_longest() {
        let board = Board::default();
        for (name, owed, known) in [("a", Some(70), true), ("b", None, false), ("c", Some(50), true)] {
            let degraded = owed.map(|_| Degraded::Behind).into_iter().collect();
            let online = bot("1", name, BotState::Online);
            board.put(BotStatus { oldest_owed_ms: owed, oldest_owed_known: known, degraded, ..online });
        }
        board.put(bot("1", "d", BotState::Parked));
        board.put(BotStatus { oldest_owed_known: true, ..bot("2", "a", BotState::Online) });
        let [first, second] = &board.accounts()[..] else { panic!("{:?}", board.accounts()) };
        assert_eq!((first.oldest_owed_ms, first.oldest_owed_unknown_to), (Some(50), 1));
        assert_eq!(first.states, [(BotState::Parked, 1), (BotState::Online, 3)].into());
        assert_eq!(first.degraded, [(Degraded::Behind, 2)].into());
        assert_eq!((second.oldest_owed_ms, second.oldest_owed_unknown_to), (None, 0));
    }

    #[test]
    fn what_is_put_is_shown_by_every_clone_until_it_is_removed() {
        let board = board();
        let clone = board.clone();
        board.update(&"1".into(), &"a".into(), |status| status.turns = 7);
        assert_eq!(clone.get(&"1".into(), &"a".into()).unwrap().turns, 7);
        board.put(bot("1", "a", BotState::Online));
        assert_eq!(clone.counts()[&AccountId::from("1")], [(BotState::Online, 2)].into());
        assert!(clone.remove(&"1".into(), &"a".into()).is_some());
        assert!(board.get(&"1".into(), &"a".into()).is_none());
        assert_eq!(board.all().len(), 2);
    }

    #[test]
    fn a_writer_that_panics_does_not_blind_the_readers() {
        let board = board();
        let clone = board.clone();
        let thread = std::thread::spawn(move || clone.update_fleet(|_| panic!("on purpose")));
        assert!(thread.join().is_err());
        assert_eq!(board.all().len(), 3);
    }
}
