//! Panics anywhere are survived: whom they concern starts afresh, nobody else notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use liveperson_sim::ConsumerScript;
use muster::actors::blast::Blast;
use muster::actors::fleet::{Detonate, Part};
use muster::board::BotState;
use muster::logic::{Logic, LogicError};
use muster_core::bot::Ending;
use muster_core::turn::{Action, Turn, TurnEvent};
use sqlx::{Connection as _, Executor as _};

use crate::inside::{ACCOUNTS, World, story};
use crate::outside::SOON;
use crate::wait::until;

const HERE: &str = ACCOUNTS[0];
const THERE: &str = ACCOUNTS[1];

fn load(world: &World) {
    let script = ConsumerScript {
        count: 4,
        messages: 0,
        think: Duration::from_millis(20),
        ..ConsumerScript::default()
    };
    for account in ACCOUNTS {
        world.platform.consumers(account, script.clone());
    }
}

fn sockets(world: &World, account: &str, bot: &str) -> u64 {
    world.platform.counters().identity(account, bot).unwrap().sockets_opened
}

async fn more_answers(world: &World) {
    let before = world.platform.ledger().once;
    until("messages are answered", SOON, async || {
        let ledger = world.platform.ledger();
        if ledger.once > before + 20 { Ok(()) } else { Err(ledger.to_string()) }
    })
    .await;
}

static BLASTS: AtomicUsize = AtomicUsize::new(0);

/// Counts the panics that were asked for, so that a story without one fails.
fn count_blasts() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload_as_str().is_some_and(|words| words.starts_with("a blast in")) {
            BLASTS.fetch_add(1, Ordering::SeqCst);
        }
        usual(panic);
    }));
}

/// Blasts one part in every way; `concerned` must come back with a fresh socket, the others keep theirs.
fn survives(part: &Part, concerned: &'static [(&'static str, &'static str)]) {
    let part = part.clone();
    count_blasts();
    story(2, "echo", async move |world| {
        let fleet = world.launch().await;
        load(&world);
        more_answers(&world).await;
        for blast in [Blast::Handler, Blast::Timer, Blast::Future] {
            let before: Vec<_> =
                concerned.iter().map(|(account, bot)| sockets(&world, account, bot)).collect();
            let blasts = BLASTS.load(Ordering::SeqCst);
            fleet.detonate(Detonate { part: part.clone(), blast }).await;
            until("the blast goes off", SOON, async || {
                if BLASTS.load(Ordering::SeqCst) > blasts {
                    Ok(())
                } else {
                    Err(format!("{part:?} {blast:?}"))
                }
            })
            .await;
            until(&format!("{part:?} comes back after {blast:?}"), SOON, async || {
                let fresh = concerned.iter().zip(&before).all(|((account, bot), before)| {
                    sockets(&world, account, bot) > *before
                        && world.status(account, bot).state == BotState::Online
                });
                if fresh { Ok(()) } else { Err(format!("{:?}", world.board.all())) }
            })
            .await;
            more_answers(&world).await;
        }
        for account in ACCOUNTS {
            for bot in ["bot-1", "bot-2"].into_iter().filter(|bot| !concerned.contains(&(account, bot))) {
                assert_eq!(sockets(&world, account, bot), 1, "{account} {bot} noticed");
                assert_eq!(world.status(account, bot).restarts, 0, "{account} {bot} restarted");
            }
        }
        assert_eq!(world.platform.counters().max_sockets_at_once(), 1);
        world.judge().await;
        world.end(fleet, Ending::Restart).await;
    });
}

#[test]
fn a_panic_in_a_bot_concerns_that_bot() {
    survives(&Part::Bot(HERE.into(), "bot-1".into()), &[(HERE, "bot-1")]);
}

#[test]
fn a_panic_in_a_socket_concerns_its_bot() {
    survives(&Part::Socket(HERE.into(), "bot-1".into()), &[(HERE, "bot-1")]);
}

#[test]
fn a_panic_in_an_account_concerns_its_bots() {
    survives(&Part::Account(HERE.into()), &[(HERE, "bot-1"), (HERE, "bot-2")]);
}

#[test]
fn a_panic_in_the_recorder_concerns_no_bot() {
    survives(&Part::Recorder, &[]);
}

/// Panics on its first turns of a message, and echoes then.
struct Fragile {
    panics: AtomicUsize,
}

impl Logic for Fragile {
    fn decide(&self, turn: &Turn) -> Result<Vec<Action>, LogicError> {
        let TurnEvent::Message { text, .. } = &turn.event else { return Ok(Vec::new()) };
        if turn.account.as_str() == HERE && turn.bot.as_str() == "bot-1" {
            let left =
                self.panics.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            assert!(left.is_err(), "a fragile logic breaks");
        }
        Ok(vec![Action::Say { text: text.clone() }])
    }
}

#[test]
fn a_panic_in_logic_concerns_that_bot_and_loses_no_message() {
    story(2, "fragile", async |mut world| {
        let fragile = Arc::new(Fragile { panics: AtomicUsize::new(3) });
        world.logics.add("fragile", fragile.clone());
        let fleet = world.launch().await;
        load(&world);
        // Turns of several conversations may break in one life of the bot.
        until("the logic has broken three times and the bot is back", SOON, async || {
            let status = world.status(HERE, "bot-1");
            let broken = fragile.panics.load(Ordering::SeqCst) == 0;
            if broken && status.restarts > 0 && status.state == BotState::Online {
                Ok(())
            } else {
                Err(format!("{status:?}"))
            }
        })
        .await;
        more_answers(&world).await;
        assert_eq!(sockets(&world, THERE, "bot-1"), 1);
        assert_eq!(world.status(HERE, "bot-2").restarts, 0);
        world.judge().await;
        world.end(fleet, Ending::Restart).await;
    });
}

#[test]
fn a_logic_that_always_panics_quarantines_its_bot_alone() {
    story(2, "fragile", async |mut world| {
        world.logics.add("fragile", Arc::new(Fragile { panics: AtomicUsize::new(usize::MAX) }));
        let fleet = world.launch().await;
        load(&world);
        let cause = until("the bot is quarantined", SOON, async || {
            let status = world.status(HERE, "bot-1");
            if status.state == BotState::Quarantined {
                Ok(status.cause.unwrap())
            } else {
                Err(format!("{status:?}"))
            }
        })
        .await;
        assert_eq!(
            cause,
            "crash loop: logic panicked (6 times) within 60 s; mend what fails, then `muster bots release 10000001/bot-1 --reason WHY`"
        );
        let before = world.status(THERE, "bot-1").turns;
        until("the other account goes on", SOON, async || {
            let turns = world.status(THERE, "bot-1").turns;
            if turns > before + 5 { Ok(()) } else { Err(turns.to_string()) }
        })
        .await;
        assert_eq!(world.status(HERE, "bot-2").state, BotState::Online);
        world.platform.stop_consumers();
        world.end(fleet, Ending::Restart).await;
    });
}

/// The recorder breaks while somebody locks the store: each bot hands over again what nobody wrote.
#[test]
fn a_panic_in_the_recorder_while_the_store_is_away_loses_no_entry() {
    story(2, "echo", async |world| {
        let fleet = world.launch().await;
        let mut stranger = sqlx::SqliteConnection::connect(&world.store_url()).await.unwrap();
        stranger.execute("PRAGMA busy_timeout = 20000").await.unwrap();
        stranger.execute("BEGIN IMMEDIATE").await.unwrap();
        count_blasts();
        load(&world);
        until("a commit waits for the store", SOON, async || {
            if world.board.fleet().store_ok { Err("the store is well".to_owned()) } else { Ok(()) }
        })
        .await;
        fleet.detonate(Detonate { part: Part::Recorder, blast: Blast::Handler }).await;
        stranger.execute("ROLLBACK").await.unwrap();
        more_answers(&world).await;
        assert_eq!(BLASTS.load(Ordering::SeqCst), 1);
        world.judge().await;
        world.end(fleet, Ending::Restart).await;
    });
}
