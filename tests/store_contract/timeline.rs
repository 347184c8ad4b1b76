//! The bots' time lines: in order for each bot, in pages, bounded in number and age.

use std::time::Duration;

use muster::happening::Happening;
use muster::store::{BotEvent, EVENTS_KEPT, NewEvent, Store};

use crate::world::{Kind, Process, World, process};

const DAY: i64 = 86_400_000;
const MONTH: Duration = Duration::from_hours(30 * 24);
/// Some day in 2026.
const START: i64 = 1_780_000_000_000;

fn event(account: &str, bot: &str, at: i64, cause: &str) -> NewEvent {
    NewEvent {
        account: account.into(),
        bot: bot.into(),
        at,
        kind: Happening::State,
        state: Some("online".to_owned()),
        cause: Some(cause.to_owned()),
        who: None,
    }
}

async fn of(store: &Store, bot: &str, before: Option<i64>, limit: u32) -> Vec<BotEvent> {
    store.events(&"1".into(), &bot.into(), before, limit).await.unwrap()
}

fn causes(events: &[BotEvent]) -> Vec<&str> {
    events.iter().map(|event| event.cause.as_deref().unwrap_or("-")).collect()
}

pub async fn events_of_many_bots_are_written_at_once_and_each_keeps_its_order(world: World) {
    let p = world.at_work().await;
    p.store.add_events(&[]).await.unwrap();
    let batch = [
        event("1", "ada", START, "a1"),
        event("1", "bob", START, "b1"),
        event("2", "ada", START, "another account's"),
        event("1", "ada", START, "a2"),
        NewEvent { state: None, cause: None, ..event("1", "ada", START - 5, "") },
    ];
    p.store.add_events(&batch).await.unwrap();
    // A database that cannot hold it would lose the whole batch.
    p.store.add_events(&[event("1", "ada", START, "a\0nul")]).await.unwrap();
    let ada = of(&p.store, "ada", None, 10).await;
    assert_eq!(causes(&ada), ["a\u{fffd}nul", "-", "a2", "a1"]);
    assert_eq!(ada.iter().map(|event| event.seq).collect::<Vec<_>>(), [4, 3, 2, 1]);
    assert_eq!((ada[1].state.clone(), ada[1].at), (None, START - 5));
    assert_eq!(causes(&of(&p.store, "bob", None, 10).await), ["b1"]);
    assert_eq!(causes(&of(&p.store, "eve", None, 10).await), Vec::<&str>::new());
    let page = of(&p.store, "ada", None, 3).await;
    assert_eq!(causes(&of(&p.store, "ada", Some(page[2].seq), 3).await), ["a1"], "the next page goes on");
    let next = world.another_store().await;
    next.add_events(&[event("1", "ada", START, "of another process")]).await.unwrap();
    assert_eq!(of(&p.store, "ada", None, 1).await[0].seq, 5);
}

pub async fn a_bot_keeps_its_latest_thousand(world: World) {
    let p = world.at_work().await;
    let many = |from: u32, to: u32| -> Vec<_> {
        (from..to).map(|n| event("1", "ada", START, &n.to_string())).collect()
    };
    p.store.add_events(&[event("1", "bob", START, "b1")]).await.unwrap();
    p.store.add_events(&many(0, EVENTS_KEPT)).await.unwrap();
    assert_eq!(of(&p.store, "ada", None, 2_000).await.len(), EVENTS_KEPT as usize);
    p.store.add_events(&many(EVENTS_KEPT, EVENTS_KEPT + 7)).await.unwrap();
    let kept = of(&p.store, "ada", None, 2_000).await;
    assert_eq!(kept.len(), EVENTS_KEPT as usize);
    assert_eq!(causes(&kept[..1]), ["1006"]);
    assert_eq!(causes(&kept[kept.len() - 1..]), ["7"], "the oldest went");
    assert_eq!(of(&p.store, "bob", None, 10).await.len(), 1, "a neighbour loses nothing");
}

async fn day(world: &World, p: &Process, days: i64) {
    world.clock_stands_at(START + days * DAY).await;
    p.store.renew(&p.me).await.unwrap();
}

pub async fn events_of_more_than_a_month_ago_are_forgotten_in_batches_by_the_owner_alone(world: World) {
    let p = world.at_work().await;
    day(&world, &p, 0).await;
    let old = (0..5).map(|n| event("1", "ada", START + n, &n.to_string()));
    p.store.add_events(&old.collect::<Vec<_>>()).await.unwrap();
    p.store.add_events(&[event("1", "ada", START + 20 * DAY, "young")]).await.unwrap();
    day(&world, &p, 29).await;
    assert_eq!(p.store.prune_events(MONTH, 3).await.unwrap(), 0);
    world.clock_stands_at(START + 31 * DAY).await;
    if world.kind == Kind::postgres {
        assert_eq!(p.store.prune_events(MONTH, 3).await.unwrap(), 0, "its lease has run out");
    }
    let next = Process::start(&world.another_store().await, process("next"), true).await;
    assert_eq!(p.store.prune_events(MONTH, 3).await.unwrap(), 0, "it was ousted");
    assert_eq!(next.store.prune_events(MONTH, 3).await.unwrap(), 3);
    assert_eq!(next.store.prune_events(MONTH, 3).await.unwrap(), 2);
    assert_eq!(next.store.prune_events(MONTH, 3).await.unwrap(), 0);
    assert_eq!(causes(&of(&p.store, "ada", None, 10).await), ["young"]);
    next.store.add_events(&[event("1", "ada", START + 31 * DAY, "next")]).await.unwrap();
    assert_eq!(of(&p.store, "ada", None, 1).await[0].seq, 7, "and the counting goes on");
}
