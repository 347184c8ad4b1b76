//! Runs cases against one fleet, one after the other: the crowd talks, the fault happens, and all is well.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use liveperson_sim::{ConsumerScript, Ledger, Order, PlatformSettings as SimSettings};
use muster::settings::TimingSettings;
use muster_core::bot::Ending;
use muster_core::duty::{Duty, Intake, JoinAs, Start, WhenHuman};

use super::cases::{self, Case, Verdict};
use super::crashes;
use super::replay;
use crate::inside::{ACCOUNTS, Cast, World, story_on};
use crate::outside::{SOON, Store};
use crate::wait::until;

/// Bots of an account.
const BOTS: usize = 2;
/// How often a bot is brought to where it meets the fault.
const PUSH_EVERY: Duration = Duration::from_millis(700);
/// Logins of a bot in one case at most, beside two for each time that its token died: more would be a storm.
const LOGINS: u64 = 6;

/// Every period scaled by one factor, and right among themselves.
pub(super) fn quick(usual: &TimingSettings) -> TimingSettings {
    let fifty = NonZeroU32::MIN.saturating_add(49);
    TimingSettings {
        request_timeout: Duration::from_millis(700),
        settle: Duration::from_millis(1200),
        refresh_every: Duration::from_secs(1),
        ping_every: Duration::from_millis(500),
        clock_every: Duration::from_millis(500),
        clock_deadline: Duration::from_secs(1),
        connect_timeout: Duration::from_millis(1500),
        reconnect_first: Duration::from_millis(30),
        reconnect_max: Duration::from_millis(400),
        domains_fresh: Duration::from_millis(500),
        hold: Duration::from_millis(500),
        login_per_second: fifty,
        login_burst: fifty,
        ..*usual
    }
}

pub(super) fn platform(seed: u64) -> SimSettings {
    SimSettings {
        seed,
        ring_life: Duration::from_secs(2),
        ring_pause: Duration::from_millis(100),
        // Long beside everything else that a reply needs: a bot that is asked something has one in flight.
        in_flight_window: Duration::from_millis(250),
        ..SimSettings::default()
    }
}

pub(super) fn cast(store: Store, intake: crashes::Intake) -> Cast<'static> {
    let duty = Duty {
        intake: Intake::All,
        join_as: JoinAs::Agent,
        when_human: WhenHuman::Silent,
        start: Start::Unanswered,
    };
    let pool = match intake {
        crashes::Intake::Rings => Duty { intake: Intake::Rings, ..duty },
        crashes::Intake::All => duty,
    };
    Cast { bots: BOTS, logic: "echo", pool: Some(pool), store }
}

/// A few consumers, each with one conversation, which it closes when all is answered.
pub(super) fn crowd(world: &World) {
    let script = ConsumerScript {
        count: 5,
        messages: 6,
        burst: 2,
        think: Duration::from_millis(40),
        ..ConsumerScript::default()
    };
    world.platform.consumers(ACCOUNTS[0], script);
}

/// Lets the crowd talk until something is so.
pub(super) async fn meanwhile<T>(
    world: &World,
    what: &str,
    mut look: impl FnMut() -> Result<T, String>,
) -> T {
    crowd(world);
    until(what, SOON, async || {
        if world.platform.ledger().waiting == 0 && world.platform.settled(Duration::ZERO).await.is_ok() {
            crowd(world);
        }
        look()
    })
    .await
}

/// What of the orders is not yet met as often as it says, in words.
fn unmet(world: &World, orders: &[Order], before: &BTreeMap<String, u64>) -> Option<String> {
    let mut wanted: BTreeMap<&str, u64> = BTreeMap::new();
    for order in orders {
        *wanted.entry(order.fault.name()).or_default() += u64::from(order.times.unwrap_or(1));
    }
    let effects = world.platform.fault_effects();
    let count = |effects: &BTreeMap<String, u64>, name: &str| effects.get(name).copied().unwrap_or(0);
    wanted.into_iter().find_map(|(name, wanted)| {
        let met = count(&effects, name) - count(before, name);
        (met < wanted).then(|| format!("{name} met {met} times of {wanted}"))
    })
}

fn logins(world: &World) -> u64 {
    world.platform.counters().identities.iter().map(|one| one.logins + one.logins_refused).sum()
}

/// What is wrong after a case, in words.
fn judge(case: &Case, before: &Ledger, after: &Ledger) -> Result<(), String> {
    let refused = after.refused > before.refused;
    let cut_off = after.cut_off > before.cut_off;
    let as_expected = match case.verdict {
        Verdict::Clean => !refused && !cut_off,
        Verdict::DeadLetters => refused && !cut_off,
        Verdict::PerhapsDeadLetters => !cut_off,
        Verdict::CutOff => !refused,
    };
    if after.is_clean() && as_expected {
        Ok(())
    } else {
        Err(format!("expected {:?}\n{after}", case.verdict))
    }
}

async fn meet(world: &World, case: &Case) -> Result<(), String> {
    let (before, met, logins_before) =
        (world.platform.ledger(), world.platform.fault_effects(), logins(world));
    meanwhile(world, "consumers are answered", || {
        let ledger = world.platform.ledger();
        if ledger.once > before.once + 3 { Ok(()) } else { Err(ledger.to_string()) }
    })
    .await;
    let orders: Vec<_> =
        case.orders.iter().map(|order| (order, world.platform.order(order.clone()))).collect();
    let mut last: Option<(Instant, usize)> = None;
    let mut pushes = 0;
    meanwhile(world, &format!("{} is met", case.name), || {
        let Some(unmet) = unmet(world, &case.orders, &met) else { return Ok(()) };
        // One push may not be enough for all the times that are wanted. Bots that are pushed before they are
        // back wait ever longer, and nothing is met any more: they answer somebody in between, or get time.
        // And some faults are met only by a bot that is saying something.
        let ledger = world.platform.ledger();
        let (once, talks) = (ledger.once, ledger.waiting > 0);
        let is_back = |(at, before): (Instant, usize)| {
            at.elapsed() > PUSH_EVERY && (once > before || at.elapsed() > PUSH_EVERY * 6)
        };
        if talks && last.is_none_or(is_back) {
            last = Some((Instant::now(), once));
            pushes += 1;
            for order in &case.push {
                world.platform.order(order.clone());
            }
        }
        Err(unmet)
    })
    .await;
    // What stands for a time of its own ends by itself.
    for (_, id) in orders.iter().filter(|(order, _)| order.lasts.is_none()) {
        world.platform.withdraw(*id);
    }
    for order in &case.after {
        world.platform.order(order.clone());
    }
    world.platform.settled(SOON).await.map_err(|unsettled| unsettled.to_string())?;
    world.platform.withdraw_all();
    world.all_online().await;
    judge(case, &before, &world.platform.ledger())?;
    let counters = world.platform.counters();
    if counters.max_sockets_at_once() > 1 {
        return Err("a bot had two sockets at once".to_owned());
    }
    let logins = logins(world) - logins_before;
    if logins > (LOGINS + 2 * pushes) * BOTS as u64 {
        return Err(format!("{logins} logins: a storm"));
    }
    Ok(())
}

/// Runs every case that is wanted; the first that fails ends it, and says how to run it again.
pub(super) fn run(test: &'static str, store: Store, intake: crashes::Intake) {
    let cases = cases::all(intake).into_iter().filter(|case| replay::is_wanted(&case.name)).collect();
    let seed = replay::seed();
    run_on(platform(seed), seed, test, store, intake, "", cases);
}

/// Runs these cases on such a platform, whose name stands before theirs.
pub(super) fn run_on(
    sim: SimSettings,
    seed: u64,
    test: &'static str,
    store: Store,
    intake: crashes::Intake,
    on: &str,
    cases: Vec<Case>,
) {
    let subscribes = sim.messages_need_subscription;
    story_on(sim, &cast(store, intake), async |mut world| {
        world.settings.timing = quick(&world.settings.timing);
        world.settings.platform.subscribe_messages = subscribes;
        let fleet = world.launch().await;
        for case in cases {
            let name = format!("{on}{}", case.name);
            let again = replay::command(test, &name, seed);
            let what = format!("{name} on {}, seed {seed}; again: {again}", replay::name(store));
            println!("{what}");
            let began = Instant::now();
            meet(&world, &case).await.unwrap_or_else(|wrong| panic!("{what}\n{wrong}"));
            println!("  in {:?}", began.elapsed());
        }
        world.end(fleet, Ending::Restart).await;
    });
}
