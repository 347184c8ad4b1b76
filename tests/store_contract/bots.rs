//! Declared bots, and what people decided about them.

use std::collections::BTreeMap;

use muster::store::{BotKey, DeclaredBot, NodeIdentity, Wanted};
use muster_core::quarantine::{Kind, Quarantine};
use muster_core::starts::Past;
use muster_core::wish::Verb;

use crate::world::World;

fn declared(bot: &str, pool: &str, json: &str) -> DeclaredBot {
    DeclaredBot { account: "1".into(), bot: bot.into(), pool: pool.into(), declared_json: json.to_owned() }
}

fn quarantine(bot: &str, kind: Kind, words: &str) -> (BotKey, Quarantine) {
    (("1".into(), bot.into()), Quarantine { kind, words: words.to_owned() })
}

pub async fn a_bot_is_held_off_for_its_first_reason_until_somebody_lets_it_go(world: World) {
    let store = &world.store;
    store.migrate().await.unwrap();
    store.declare(&[declared("bob", "desk", "{}"), declared("ada", "desk", "{}")]).await.unwrap();
    let bob: BotKey = ("1".into(), "bob".into());
    let first = quarantine("bob", Kind::CrashLoop, "it panics\0");
    let held = store.hold_off(std::slice::from_ref(&first), None).await.unwrap();
    assert_eq!(held, std::slice::from_ref(&bob));
    let later = [quarantine("bob", Kind::Suspended, "by ada"), quarantine("eve", Kind::Stuck, "nobody")];
    assert!(store.hold_off(&later, Some("ada")).await.unwrap().is_empty(), "the first reason stays");

    let held = store.held_off().await.unwrap();
    let [(key, held)] = &held[..] else { panic!("{held:?}") };
    let words = "it panics\u{fffd}".to_owned();
    assert_eq!((key, &held.quarantine), (&bob, &Quarantine { kind: Kind::CrashLoop, words }));
    assert!(held.since > 1_600_000_000_000, "{held:?}");
    assert_eq!(store.is_held_off(&bob.0, &bob.1).await.unwrap().as_ref(), Some(held));
    assert_eq!(store.is_held_off(&"1".into(), &"ada".into()).await.unwrap(), None);
    assert_eq!(store.is_held_off(&"2".into(), &"bob".into()).await.unwrap(), None);

    let both = [bob.clone(), ("1".into(), "ada".into())];
    assert_eq!(store.let_go(&both, "ada", "mended").await.unwrap(), [bob]);
    assert!(store.held_off().await.unwrap().is_empty());
    assert!(store.let_go(&both, "ada", "mended").await.unwrap().is_empty(), "once is enough");
}

pub async fn deaths_count_against_those_that_were_starting_until_they_survive(world: World) {
    let store = &world.store;
    store.migrate().await.unwrap();
    store.declare(&[declared("ada", "desk", "{}"), declared("bob", "desk", "{}")]).await.unwrap();
    let (ada, bob): (BotKey, BotKey) = (("1".into(), "ada".into()), ("1".into(), "bob".into()));
    let process = |n: usize| NodeIdentity { incarnation: format!("p{n}"), ..crate::world::process("n") };
    let gone: BotKey = ("1".into(), "gone".into());
    store.starting(&process(1), &[ada.clone(), bob.clone(), gone]).await.unwrap();
    assert!(store.pasts(&process(1)).await.unwrap().values().all(|past| past.deaths == 0), "it lives");

    let pasts = store.pasts(&process(2)).await.unwrap();
    let once = Past { deaths: 1, alone: false };
    assert_eq!(pasts, BTreeMap::from([(ada.clone(), once.clone()), (bob.clone(), once.clone())]));
    store.survived(std::slice::from_ref(&ada)).await.unwrap();
    // A process counts once, also if the next one does not come to start the bot.
    assert_eq!(store.pasts(&process(3)).await.unwrap(), BTreeMap::from([(bob.clone(), once)]));
    store.starting(&process(3), std::slice::from_ref(&bob)).await.unwrap();
    let twice = Past { deaths: 2, alone: true };
    assert_eq!(store.pasts(&process(4)).await.unwrap(), BTreeMap::from([(bob.clone(), twice.clone())]));
    // What ends in order killed nobody.
    store.starting(&process(4), &[ada]).await.unwrap();
    store.starts_ended(&process(4)).await.unwrap();
    assert_eq!(store.pasts(&process(5)).await.unwrap(), BTreeMap::from([(bob, twice)]));
}

pub async fn what_people_decided_survives_the_next_declaration(world: World) {
    let store = &world.store;
    store.migrate().await.unwrap();
    store.declare(&[declared("bob", "desk", r#"{"v":1}"#), declared("ada", "desk", "{}")]).await.unwrap();
    store.hold_off(&[quarantine("bob", Kind::BadCredentials, "refused")], None).await.unwrap();
    store.ask("w", Verb::Stop, &[("1".into(), "bob".into())], ("bea", "")).await.unwrap();
    let changed = declared("bob", "night", r#"{"v":"\"2\""}"#);
    store.declare(std::slice::from_ref(&changed)).await.unwrap();
    store.declare(&[]).await.unwrap();

    let rows = store.declared().await.unwrap();
    assert_eq!(
        rows.iter().map(|row| row.bot.bot.as_str()).collect::<Vec<_>>(),
        ["ada", "bob"],
        "nothing is pruned"
    );
    assert_eq!((rows[0].wanted, &rows[0].quarantine), (Wanted::Running, &None));
    assert_eq!((&rows[1].bot, rows[1].wanted), (&changed, Wanted::Parked));
    let held = rows[1].quarantine.as_ref().unwrap();
    assert_eq!(held.quarantine, Quarantine { kind: Kind::BadCredentials, words: "refused".to_owned() });
}

pub async fn an_undeclared_bot_cannot_be_steered(world: World) {
    world.store.migrate().await.unwrap();
    let eve = [("1".into(), "eve".into())];
    world.store.ask("w", Verb::Stop, &eve, ("bea", "")).await.unwrap();
    assert_eq!(world.store.wish_outcomes("w", &eve).await.unwrap(), []);
    assert!(world.store.parked().await.unwrap().is_empty());
}
