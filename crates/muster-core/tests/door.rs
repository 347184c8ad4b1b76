//! The login budget and the trouble of a login service, under a given clock and random schedules.

use std::collections::VecDeque;
use std::time::Duration;

use muster_core::budget::{Allowance, LoginBudget};
use muster_core::door::{Admission, Answer, Attempt, Door, Place, Urgency};
use muster_core::time::Moment;
use proptest::prelude::*;

const ACCOUNT: Allowance = Allowance { per_second: 5, burst: 5, in_flight: 2 };
const PROCESS: Allowance = Allowance { per_second: 20, burst: 20, in_flight: 40 };
const PAUSE: Duration = Duration::from_secs(5);

/// A door, the process's budget, and a clock.
struct Hall {
    door: Door,
    process: LoginBudget,
    now: Moment,
}

impl Hall {
    fn new() -> Self {
        let door = Door::new(LoginBudget::new(ACCOUNT, Moment(0)), PAUSE, 7);
        Self { door, process: LoginBudget::new(PROCESS, Moment(0)), now: Moment(0) }
    }

    fn queue(&mut self, idle: usize) -> Vec<Place> {
        (0..idle).map(|_| self.door.join(Urgency::Idle)).collect()
    }

    fn admit(&mut self) -> Admission {
        self.door.admit(&mut self.process, self.now)
    }

    fn go(&mut self) -> (Place, Attempt) {
        match self.admit() {
            Admission::Go(place, attempt) => (place, attempt),
            other => panic!("{other:?}"),
        }
    }

    fn answer(&mut self, attempt: &Attempt, answer: Answer) {
        self.door.answered(attempt, answer, &mut self.process, self.now);
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    fn wait(&mut self) -> Duration {
        match self.admit() {
            Admission::Later(wait) => wait,
            other => panic!("{other:?}"),
        }
    }
}

fn unwell() -> Answer {
    Answer::Unwell { words: "503".to_owned() }
}

#[test]
fn bots_with_open_conversations_come_first_and_the_others_in_turn() {
    let mut hall = Hall::new();
    let idle = hall.queue(2);
    let busy = hall.door.join(Urgency::Conversations);
    let called: Vec<_> = (0..3)
        .map(|_| {
            let (place, attempt) = hall.go();
            hall.answer(&attempt, Answer::Works);
            place
        })
        .collect();
    assert_eq!(called, [busy, idle[0], idle[1]]);
    assert_eq!(hall.admit(), Admission::Nobody);
}

#[test]
fn a_service_in_trouble_sees_one_prober_by_the_vendors_waits() {
    let mut hall = Hall::new();
    hall.queue(9);
    let (_, first) = hall.go();
    hall.answer(&first, unwell());
    for expected in [5u64, 10, 15, 120, 240, 480, 480] {
        let wait = hall.wait().as_secs_f64();
        assert!((expected as f64..=expected as f64 * 1.25).contains(&wait), "{wait} instead of {expected}");
        hall.pass(Duration::from_secs_f64(wait));
        let (_, probe) = hall.go();
        assert_eq!(hall.admit(), Admission::Busy, "one prober at a time");
        hall.answer(&probe, unwell());
    }
    assert_eq!(hall.door.trouble(), Some("503"));
}

#[test]
fn refreshes_that_fail_together_are_one_trouble_of_the_account() {
    let mut hall = Hall::new();
    for _ in 0..50 {
        hall.door.heard(unwell(), hall.now);
        hall.pass(Duration::from_millis(1));
    }
    hall.queue(3);
    let wait = hall.wait();
    assert!(wait <= PAUSE.mul_f64(1.25), "fifty at once are no fifty failures: {wait:?}");
    hall.pass(wait);
    let (_, probe) = hall.go();
    assert_eq!(hall.admit(), Admission::Busy, "one prober at a time");
    hall.door.heard(Answer::Works, hall.now);
    assert!(hall.door.trouble().is_some(), "what began before the trouble cures nothing");
    hall.answer(&probe, Answer::Works);
    assert_eq!(hall.door.trouble(), None);
}

#[test]
fn the_platforms_wish_is_heeded_and_a_block_lasts_ten_minutes() {
    for (answer, at_least) in [
        (Answer::TooMany { retry_after: Some(Duration::from_secs(20)) }, 20.0),
        (Answer::TooMany { retry_after: Some(Duration::from_secs(1)) }, 5.0),
        (Answer::TooMany { retry_after: None }, 5.0),
        (Answer::Blocked, 600.0),
    ] {
        let mut hall = Hall::new();
        hall.queue(2);
        let (_, attempt) = hall.go();
        hall.answer(&attempt, answer.clone());
        let wait = hall.wait().as_secs_f64();
        assert!((at_least..=at_least * 1.25).contains(&wait), "{answer:?}: {wait}");
    }
}

#[test]
fn what_was_under_way_when_the_trouble_began_cures_nothing_and_counts_once() {
    let mut hall = Hall::new();
    hall.queue(4);
    let ((_, one), (_, other)) = (hall.go(), hall.go());
    hall.answer(&one, Answer::TooMany { retry_after: Some(Duration::from_secs(20)) });
    hall.answer(&other, Answer::Works);
    assert!(hall.wait() >= Duration::from_secs(20), "a success from before cures nothing");

    let mut hall = Hall::new();
    hall.queue(4);
    let ((_, one), (_, other)) = (hall.go(), hall.go());
    hall.answer(&one, unwell());
    hall.answer(&other, unwell());
    let wait = hall.wait();
    assert!(wait <= Duration::from_secs_f64(6.25), "two that fail together are one failure: {wait:?}");
    hall.pass(wait);
    let (_, probe) = hall.go();
    hall.answer(&probe, Answer::Works);
    assert_eq!(hall.door.trouble(), None);
    hall.go();
}

#[test]
fn a_late_failure_from_before_does_not_cut_a_probe_short() {
    let mut hall = Hall::new();
    hall.queue(4);
    let ((_, one), (_, slow)) = (hall.go(), hall.go());
    hall.answer(&one, unwell());
    let wait = hall.wait();
    hall.pass(wait);
    let (_, probe) = hall.go();
    hall.answer(&slow, unwell());
    assert_eq!(hall.admit(), Admission::Busy, "the probe is still under way");
    hall.answer(&probe, Answer::Works);
    assert_eq!(hall.door.trouble(), None, "the probe cures");
}

#[test]
fn who_leaves_is_not_called_and_a_probe_that_came_to_nothing_is_made_good() {
    let mut hall = Hall::new();
    let places = hall.queue(3);
    hall.door.leave(places[0]);
    let (place, attempt) = hall.go();
    assert_eq!(place, places[1]);
    hall.answer(&attempt, unwell());
    let wait = hall.wait();
    hall.pass(wait);
    let (_, probe) = hall.go();
    hall.answer(&probe, Answer::Nothing);
    hall.door.join(Urgency::Idle);
    hall.go();
}

#[test]
fn trouble_that_another_process_met_is_heeded() {
    let mut hall = Hall::new();
    hall.queue(1);
    hall.door.heard_of_trouble(Duration::from_secs(17), "too many logins".to_owned(), hall.now);
    assert!(hall.wait() >= Duration::from_secs(17));
}

#[test]
fn the_expected_end_is_that_of_the_budget() {
    let mut hall = Hall::new();
    hall.queue(1_000);
    assert_eq!(hall.door.expected(hall.now), Duration::from_secs(199));
}

#[derive(Clone, Copy, Debug)]
enum Service {
    Well,
    Throttles,
    Down,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Through spells of trouble: never above a budget, one prober at a time while it lasts, and in the end
    /// everybody has logged in.
    #[test]
    fn no_schedule_of_trouble_makes_more_logins_than_the_rules_allow(
        spells in proptest::collection::vec((prop_oneof![Just(Service::Well), Just(Service::Throttles), Just(Service::Down)], 1u64..120), 0..6),
        bots in 1usize..120,
        answer_ms in 1u64..3_000,
    ) {
        let mut hall = Hall::new();
        hall.queue(bots);
        let mut spells: VecDeque<_> = spells.into();
        let mut service = Service::Well;
        let mut ends = Moment(0);
        let mut under_way: Vec<(Moment, Attempt, bool)> = Vec::new();
        let mut granted: Vec<(Moment, bool)> = Vec::new();
        let mut through = 0;
        for _ in 0..2_000_000 {
            if hall.now >= ends {
                let (next, seconds) = spells.pop_front().unwrap_or((Service::Well, 1_000_000));
                (service, ends) = (next, hall.now + Duration::from_secs(seconds));
            }
            if let Some(at) = under_way.iter().position(|(until, ..)| *until <= hall.now) {
                let (_, attempt, probe) = under_way.remove(at);
                prop_assert!(!probe || under_way.iter().all(|(_, _, other)| !other), "two probers at once");
                let answer = match service {
                    Service::Well => { through += 1; Answer::Works }
                    Service::Throttles => Answer::TooMany { retry_after: Some(Duration::from_secs(3)) },
                    Service::Down => unwell(),
                };
                if !matches!(answer, Answer::Works) { hall.door.join(Urgency::Idle); }
                hall.answer(&attempt, answer);
            }
            let probe = hall.door.trouble().is_some();
            let wait = match hall.admit() {
                Admission::Go(_, attempt) => {
                    under_way.push((hall.now + Duration::from_millis(answer_ms), attempt, probe));
                    granted.push((hall.now, probe));
                    continue;
                }
                Admission::Later(wait) => { prop_assert!(!wait.is_zero()); wait }
                Admission::Busy | Admission::Nobody => Duration::from_hours(1),
            };
            let Some(next) = under_way.iter().map(|(until, ..)| until.since(hall.now)).chain([wait]).min() else { break };
            if through == bots { break; }
            hall.pass(next.max(Duration::from_millis(1)));
        }
        prop_assert_eq!(through, bots, "everybody logged in");
        for (at, _) in &granted {
            let second = granted.iter().filter(|(other, _)| other >= at && other.since(*at) < Duration::from_secs(1)).count();
            prop_assert!(second <= 10, "{second} attempts in a second");
        }
        let probes: Vec<_> = granted.iter().filter(|(_, probe)| *probe).map(|(at, _)| *at).collect();
        for pair in probes.windows(2) {
            prop_assert!(pair[1].since(pair[0]) >= Duration::from_secs(3), "probes {} and {}", pair[0].0, pair[1].0);
        }
    }
}
