//! Bots that panic, hang and block beside healthy ones: those answer each message once, and never restart.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use liveperson_sim::{Consumer, ConsumerScript};
use muster::board::BotState;
use muster::logic::{Logic, LogicError};
use muster_core::bot::Ending;
use muster_core::turn::{Action, Turn, TurnEvent};

use crate::inside::{ACCOUNTS, story};
use crate::outside::SOON;
use crate::wait::until;

const SICK: &str = ACCOUNTS[0];
const HEALTHY: &str = ACCOUNTS[1];

/// Bots of each account. Those that hang can fill the places of all logic between them.
const BOTS: usize = 8;
const ROUNDS: usize = 5;

/// How often each illness broke out.
#[derive(Default)]
struct Cases {
    panics: AtomicUsize,
    hangs: AtomicUsize,
    blocks: AtomicUsize,
}

/// Echoes; in one account each bot has its illness.
struct Illness {
    cases: Arc<Cases>,
    over: Arc<(Mutex<bool>, Condvar)>,
}

impl Illness {
    fn wait(&self, at_most: Duration) {
        let (over, told) = &*self.over;
        let over = over.lock().unwrap_or_else(PoisonError::into_inner);
        drop(told.wait_timeout_while(over, at_most, |over| !*over));
    }
}

impl Logic for Illness {
    fn decide(&self, turn: &Turn) -> Result<Vec<Action>, LogicError> {
        let TurnEvent::Message { text, .. } = &turn.event else { return Ok(Vec::new()) };
        match turn.bot.as_str() {
            _ if turn.account.as_str() == HEALTHY => {}
            "bot-1" | "bot-2" => {
                self.cases.panics.fetch_add(1, Ordering::SeqCst);
                panic!("ill");
            }
            "bot-7" | "bot-8" => {
                self.cases.blocks.fetch_add(1, Ordering::SeqCst);
                self.wait(Duration::from_millis(300));
            }
            _ => {
                self.cases.hangs.fetch_add(1, Ordering::SeqCst);
                self.wait(Duration::from_hours(1));
            }
        }
        Ok(vec![Action::Say { text: text.clone() }])
    }
}

#[test]
fn bots_that_panic_hang_and_block_cost_their_neighbours_nothing() {
    story(BOTS, "mine", async |mut world| {
        let (cases, over) = (Arc::new(Cases::default()), Arc::new((Mutex::new(false), Condvar::new())));
        world.logics.add("mine", Arc::new(Illness { cases: cases.clone(), over: over.clone() }));
        world.settings.timing.logic_timeout = Duration::from_secs(3);
        let fleet = world.launch().await;
        let healthy: Vec<_> =
            (0..24).map(|n| world.platform.consumer(HEALTHY, &format!("healthy-{n}"))).collect();
        for consumer in &healthy {
            consumer.opens_conversation("m-0").await;
        }
        for n in 0..60 {
            world.platform.consumer(SICK, &format!("sick-{n}")).opens_conversation("hello").await;
        }
        until("each illness breaks out, and runs are abandoned", SOON, async || {
            let counts =
                [&cases.panics, &cases.hangs, &cases.blocks].map(|count| count.load(Ordering::SeqCst));
            let bots = world.board.all();
            let held = bots.iter().any(|bot| bot.state == BotState::Quarantined);
            if held && counts.iter().all(|count| *count > 0) { Ok(()) } else { Err(format!("{counts:?}")) }
        })
        .await;
        for round in 1..=ROUNDS {
            for consumer in &healthy {
                consumer.hears(round, SOON).await.unwrap();
                consumer.says(&format!("m-{round}")).await;
            }
        }
        let expected: Vec<_> = (0..=ROUNDS).map(|round| format!("m-{round}")).collect();
        for consumer in &healthy {
            assert_eq!(consumer.hears(ROUNDS + 1, SOON).await.unwrap(), expected);
        }
        for n in 1..=BOTS {
            let bot = world.status(HEALTHY, &format!("bot-{n}"));
            assert_eq!((bot.state, bot.restarts, bot.last_failure), (BotState::Online, 0, None), "bot-{n}");
        }
        assert_eq!(fleet.house.progress(), Ok(()), "the process makes progress");
        *over.0.lock().unwrap() = true;
        over.1.notify_all();
        world.end(fleet, Ending::Restart).await;
    });
}

/// Bots of the measurement, and those of them that fall ill.
const MANY: usize = 180;
const ILL: usize = 20;
/// Consumers of the healthy, one conversation each.
const TALKERS: usize = 60;

/// Any illness at random, for as long as it is let.
struct Epidemic {
    rages: Arc<AtomicBool>,
    cases: Arc<Cases>,
}

impl Logic for Epidemic {
    fn decide(&self, turn: &Turn) -> Result<Vec<Action>, LogicError> {
        let TurnEvent::Message { text, .. } = &turn.event else { return Ok(Vec::new()) };
        if turn.account.as_str() == SICK && self.rages.load(Ordering::SeqCst) {
            let never = (Mutex::new(()), Condvar::new());
            let wait = |time| drop(never.1.wait_timeout(never.0.lock().unwrap(), time));
            match fastrand::u32(0..3) {
                0 => {
                    self.cases.panics.fetch_add(1, Ordering::SeqCst);
                    panic!("ill");
                }
                1 => {
                    self.cases.blocks.fetch_add(1, Ordering::SeqCst);
                    wait(Duration::from_millis(fastrand::u64(100..1_000)));
                }
                _ => {
                    self.cases.hangs.fetch_add(1, Ordering::SeqCst);
                    // Longer than logic may take, so that the run is abandoned.
                    wait(Duration::from_secs(6));
                }
            }
        }
        Ok(vec![Action::Say { text: text.clone() }])
    }
}

/// One consumer talks until the time is over; how long each answer took.
async fn talks(consumer: Consumer, until: Instant, heard: &mut usize) -> Vec<Duration> {
    let mut took = Vec::new();
    while Instant::now() < until {
        actix::clock::sleep(Duration::from_millis(fastrand::u64(500..1_500))).await;
        let said = Instant::now();
        consumer.says(&format!("m-{heard}")).await;
        *heard += 1;
        consumer.hears(*heard, SOON).await.unwrap();
        took.push(said.elapsed());
    }
    took
}

/// Every consumer of the healthy account talks for a while; how many answers, their median and p99.
async fn measured(consumers: &mut [(Consumer, usize)], time: Duration) -> (usize, Duration, Duration) {
    let until = Instant::now() + time;
    let talking = consumers.iter_mut().map(|(consumer, heard)| talks(consumer.clone(), until, heard));
    let mut took: Vec<_> = join_all(talking).await.into_iter().flatten().collect();
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    (took.len(), at(0.5), at(0.99))
}

/// `MUSTER_MEASURE_SECONDS=300 cargo nextest run -p muster --test stories measure_neighbours --run-ignored all --no-capture`
#[test]
#[ignore = "a measurement by hand, whose figures stand in docs/benchmarks.md"]
fn measure_neighbours() {
    let time = std::env::var("MUSTER_MEASURE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let time = Duration::from_secs(time);
    story(MANY, "mine", async |mut world| {
        let (cases, rages) = (Arc::new(Cases::default()), Arc::new(AtomicBool::new(false)));
        world.logics.add("mine", Arc::new(Epidemic { rages: rages.clone(), cases: cases.clone() }));
        world.settings.accounts[0].bots.truncate(ILL);
        let timing = &mut world.settings.timing;
        timing.logic_timeout = Duration::from_secs(3);
        let many = NonZeroU32::new(1_000).unwrap();
        (timing.login_per_second, timing.login_burst, timing.process_login_per_second) = (many, many, many);
        let fleet = world.launch().await;
        let mut healthy = Vec::new();
        for n in 0..TALKERS {
            let consumer = world.platform.consumer(HEALTHY, &format!("healthy-{n}"));
            consumer.opens_conversation("hello").await;
            healthy.push((consumer, 1));
        }
        let script = ConsumerScript {
            count: 60,
            messages: 0,
            think: Duration::from_millis(300),
            ..Default::default()
        };
        world.platform.consumers(SICK, script);
        for (consumer, _) in &healthy {
            consumer.hears(1, SOON).await.unwrap();
        }
        let well = measured(&mut healthy, time).await;
        rages.store(true, Ordering::SeqCst);
        let store = fleet.house.store.clone();
        let nursing = actix::spawn(async move {
            loop {
                // Whoever is held off is sent back, to fall ill again.
                let held: Vec<_> = store.held_off().await.unwrap().into_iter().map(|(key, _)| key).collect();
                store.let_go(&held, "the measurement", "to fall ill again").await.unwrap();
                actix::clock::sleep(Duration::from_secs(2)).await;
            }
        });
        let ill = measured(&mut healthy, time).await;
        nursing.abort();
        let restarts: u64 = (1..=MANY).map(|n| world.status(HEALTHY, &format!("bot-{n}")).restarts).sum();
        let counts = [&cases.panics, &cases.hangs, &cases.blocks].map(|count| count.load(Ordering::SeqCst));
        println!(
            "answers, p50, p99 without illness {well:?}, with it {ill:?}; panics, hangs, blocks {counts:?}"
        );
        println!(
            "p99 with illness / without: {:.2}; restarts of the healthy: {restarts}",
            ill.2.as_secs_f64() / well.2.as_secs_f64()
        );
        world.platform.stop_consumers();
        world.end(fleet, Ending::Restart).await;
    });
}
