//! How far a start has come: a line now and then until every bot has found its place.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::board::{Board, BotState};

/// How often a start says how far it has come.
const EVERY: Duration = Duration::from_secs(5);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(250);

/// Says on the standard output how a start goes on, in the background.
pub(super) fn tell(board: Board) {
    actix::spawn(async move {
        let began = Instant::now();
        let mut said = Instant::now();
        let mut looks = actix::clock::interval(LOOK);
        loop {
            looks.tick().await;
            let start = Start::seen(&board);
            if start.is_over() {
                return println!("  started    {} after {} s", start.words(), began.elapsed().as_secs());
            }
            if said.elapsed() >= EVERY {
                println!("  starting   {}", start.words());
                said = Instant::now();
            }
        }
    });
}

/// How far a start has come.
#[derive(Debug, Default, PartialEq, Eq)]
struct Start {
    wanted: usize,
    online: usize,
    quarantined: usize,
    waiting_to_log_in: usize,
    expected_seconds: u64,
    trouble: Option<String>,
}

impl Start {
    fn seen(board: &Board) -> Self {
        let mut states: BTreeMap<BotState, usize> = BTreeMap::new();
        for (state, count) in board.counts().into_values().flatten() {
            *states.entry(state).or_default() += count;
        }
        let count = |state| states.get(&state).copied().unwrap_or_default();
        let all: usize = states.values().sum();
        let logins = board.fleet().logins;
        Self {
            wanted: all - count(BotState::Parked),
            online: count(BotState::Online),
            quarantined: count(BotState::Quarantined),
            waiting_to_log_in: logins.values().map(|queue| queue.waiting).sum(),
            expected_seconds: logins.values().map(|queue| queue.expected_seconds).max().unwrap_or_default(),
            trouble: logins.iter().find_map(|(account, queue)| {
                queue.trouble.as_ref().map(|words| format!("account {account}: {words}"))
            }),
        }
    }

    fn is_over(&self) -> bool {
        self.wanted > 0 && self.online + self.quarantined >= self.wanted
    }

    fn words(&self) -> String {
        let mut parts = vec![format!("{} of {} bots online", self.online, self.wanted)];
        if self.quarantined > 0 {
            parts.push(format!("{} quarantined", self.quarantined));
        }
        if self.waiting_to_log_in > 0 {
            let (waiting, seconds) = (self.waiting_to_log_in, self.expected_seconds);
            parts.push(format!("{waiting} wait to log in, {seconds} s at the least"));
        }
        parts.extend(self.trouble.clone());
        parts.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::{BotStatus, LoginQueue};

    fn board(states: &[BotState]) -> Board {
        let board = Board::default();
        for (n, state) in states.iter().enumerate() {
            let name = format!("bot-{n}").as_str().into();
            board.put(BotStatus {
                state: *state,
                ..BotStatus::parked(&"1".into(), &name, &"p".into(), "echo", 0)
            });
        }
        board
    }

    #[test]
    fn a_start_says_who_waits_and_for_how_long() {
        let board = board(&[BotState::Online, BotState::Waiting, BotState::Waiting, BotState::Parked]);
        let queue = LoginQueue { waiting: 2, expected_seconds: 7, trouble: Some("503".to_owned()) };
        board.update_fleet(|fleet| queue.put(&mut fleet.logins, &"1".into()));
        let start = Start::seen(&board);
        assert!(!start.is_over());
        assert_eq!(start.words(), "1 of 3 bots online; 2 wait to log in, 7 s at the least; account 1: 503");
    }

    #[test]
    fn a_start_is_over_when_nobody_can_be_waited_for() {
        assert!(!Start::seen(&Board::default()).is_over(), "nothing is shown yet");
        assert!(Start::seen(&board(&[BotState::Online, BotState::Quarantined, BotState::Parked])).is_over());
        assert!(!Start::seen(&board(&[BotState::Online, BotState::Draining])).is_over());
    }
}
