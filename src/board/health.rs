//! What the passing of time makes of what is shown: worked out when somebody looks, since a part that is
//! stuck cannot say so itself.

use std::borrow::Cow;
use std::time::Duration;

use muster_core::health::{Degraded, Limits, by_time};
use muster_core::time::{Moment, Now};

use super::status::{BotState, BotStatus};
use crate::clock::Clock;

/// A slow commit is told of for so many times its limit.
const TOLD_FOR: u32 = 10;

/// By which clock and limits the board is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// The clock that the shown moments count by.
    pub clock: Clock,
    /// From when on a bot is degraded.
    pub limits: Limits,
    /// How long a commit may take.
    pub store_slow_after: Duration,
}

/// The group of turns that the store commits, and the last one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Commits {
    began: Option<Moment>,
    last: Option<(Moment, Duration)>,
}

impl Commits {
    pub(super) fn began(&mut self, now: Moment) {
        self.began = Some(now);
    }

    pub(super) fn ended(&mut self, now: Moment) {
        self.last = self.began.take().map(|began| (now, now.since(began)));
    }

    fn are_slow(&self, limit: Duration, now: Moment) -> bool {
        let waits = self.began.is_some_and(|began| now.since(began) > limit);
        let waited =
            self.last.is_some_and(|(ended, took)| took > limit && now.since(ended) < limit * TOLD_FOR);
        waits || waited
    }
}

impl Watch {
    /// What is not as it should be about the store.
    pub(super) fn store(&self, commits: &Commits, now: Now) -> Option<Degraded> {
        commits.are_slow(self.store_slow_after, now.moment).then_some(Degraded::StoreSlow)
    }

    /// A bot as it is at this moment, which may be long after it showed itself.
    pub(super) fn look<'a>(
        &self,
        shown: &'a BotStatus,
        store: Option<Degraded>,
        now: Now,
    ) -> Cow<'a, BotStatus> {
        let store = store.filter(|_| !matches!(shown.state, BotState::Parked | BotState::Quarantined));
        let new: Vec<_> = by_time(&shown.vitals, &self.limits, now).chain(store).collect();
        if new.is_empty() {
            return Cow::Borrowed(shown);
        }
        let mut status = shown.clone();
        // Online is only who has proved it lately.
        if new.contains(&Degraded::Silent) && status.state == BotState::Online {
            status.state = BotState::Waiting;
            status.since_ms = status.heard_ms.unwrap_or(status.since_ms);
            status.cause = Some(Degraded::Silent.words().to_owned());
        }
        status.degraded.extend(new);
        status.degraded.sort_unstable();
        status.degraded.dedup();
        Cow::Owned(status)
    }
}

#[cfg(test)]
mod tests {
    use muster_core::health::Vitals;

    use super::*;
    use crate::board::Board;

    const SECOND: Duration = Duration::from_secs(1);

    fn watch(limit: Duration) -> Watch {
        let limits = Limits { silent_after: limit, behind_after: limit, token_old_after: limit };
        Watch { clock: Clock::start(), limits, store_slow_after: limit }
    }

    fn online(now: Now) -> BotStatus {
        let vitals = Vitals { heard: Some(now.moment), oldest_owed: Some(now.wall), token_since: None };
        let parked = BotStatus::parked(&"1".into(), &"a".into(), &"a".into(), "echo", now.wall);
        BotStatus { state: BotState::Online, vitals, heard_ms: Some(now.wall), ..parked }
    }

    fn after(now: Now, time: Duration) -> Now {
        Now { moment: now.moment + time, wall: now.wall + time.as_millis() as i64 }
    }

    #[test]
    fn online_is_only_who_has_proved_it_lately() {
        let (watch, began) = (watch(10 * SECOND), Now { moment: Moment(70_000), wall: 1_700_000_000_000 });
        let shown = online(began);
        let seen = watch.look(&shown, None, after(began, 10 * SECOND));
        assert_eq!((seen.state, &seen.degraded[..]), (BotState::Online, &[][..]));
        let seen = watch.look(&shown, None, after(began, 11 * SECOND));
        assert_eq!(seen.state, BotState::Waiting);
        assert_eq!(seen.degraded, [Degraded::Silent, Degraded::Behind]);
        assert!(seen.cause.as_ref().unwrap().contains("has not answered in time"), "{seen:?}");
        let draining = BotStatus { state: BotState::Draining, ..shown };
        assert_eq!(watch.look(&draining, None, after(began, 11 * SECOND)).state, BotState::Draining);
    }

    #[test]
    fn a_slow_store_is_told_of_while_it_is_slow_and_for_a_while() {
        let (watch, mut commits) = (watch(SECOND), Commits::default());
        let at = |seconds: u64| Now { moment: Moment(seconds * 1_000), wall: 0 };
        commits.began(at(10).moment);
        assert_eq!(watch.store(&commits, at(11)), None);
        assert_eq!(watch.store(&commits, at(12)), Some(Degraded::StoreSlow), "it is at it for two seconds");
        commits.ended(at(13).moment);
        assert_eq!(watch.store(&commits, at(22)), Some(Degraded::StoreSlow));
        assert_eq!(watch.store(&commits, at(23)), None);
        commits.began(at(30).moment);
        commits.ended(at(31).moment);
        assert_eq!(watch.store(&commits, at(31)), None, "a second is allowed");
    }

    #[test]
    fn whoever_looks_at_a_watched_board_sees_what_time_has_done() {
        let board = Board::default();
        let watch = watch(Duration::ZERO);
        let long_ago = Now { moment: Moment(0), wall: 0 };
        board.put(online(long_ago));
        assert_eq!(board.all()[0].state, BotState::Online, "nobody watches it yet");
        board.watch(watch);
        // Of a limit of nought a millisecond is too much.
        while watch.clock.now().moment == long_ago.moment {
            std::hint::spin_loop();
        }
        let (account, bot) = ("1".into(), "a".into());
        assert_eq!(board.get(&account, &bot).unwrap().state, BotState::Waiting);
        assert_eq!(board.counts()[&account], [(BotState::Waiting, 1)].into());
        let waiting = super::super::Selection { account: None, state: Some(BotState::Waiting) };
        assert_eq!(board.select(&waiting).len(), 1);
        let mut seen = Vec::new();
        board.each(|status| seen.push(status.state));
        assert_eq!(seen, [BotState::Waiting]);
    }
}
