//! Operations: items fixed at the beginning, taken and settled once, ended and forgotten.

use std::time::Duration;

use muster::store::{BotKey, NewOperation, Operation, StoreError};
use muster_core::operation::State;
use muster_core::wish::{Verb, Verdict};

use crate::world::{World, process};

fn order(account: &str) -> NewOperation {
    NewOperation {
        account: account.to_owned(),
        verb: Verb::Restart,
        filter: "account=1".to_owned(),
        reason: "a rollout\0".to_owned(),
        who: "bea".to_owned(),
        rate: 10,
        stop_after: 5,
    }
}

fn bots(count: usize) -> Vec<BotKey> {
    (1..=count).map(|n| ("1".into(), format!("bot-{n}").as_str().into())).collect()
}

fn counts(operation: &Operation) -> (u64, u64, u64, u64) {
    (operation.total, operation.done, operation.failed, operation.skipped)
}

fn done(bot: &BotKey) -> (BotKey, Verdict) {
    (bot.clone(), Verdict::Done("it is online".to_owned()))
}

pub async fn an_items_outcome_is_counted_once(world: World) {
    let p = world.at_work().await;
    let (store, bots) = (&p.store, bots(4));
    let id = store.create_operation(&order("1"), &bots).await.unwrap();
    assert_eq!(store.take_items(&id, 2).await.unwrap(), bots[..2]);
    assert_eq!(store.take_items(&id, 1).await.unwrap(), bots[2..3], "in order, and none twice");
    assert_eq!(store.asked_items(&id).await.unwrap(), bots[..3]);
    let failed = Verdict::Failed("no\0".to_owned());
    store.settle_items(&id, &[done(&bots[0]), (bots[1].clone(), failed)]).await.unwrap();
    store.settle_items(&id, &[(bots[0].clone(), Verdict::Failed("late".to_owned()))]).await.unwrap();
    let operation = store.operation(&id).await.unwrap().unwrap();
    assert_eq!((counts(&operation), operation.state), ((4, 1, 1, 0), State::Running));
    assert_eq!((&*operation.order.reason, &*operation.order.who), ("a rollout\u{fffd}", "bea"));
    let items = store.operation_items(&id, "", 0, 10).await.unwrap();
    let states: Vec<_> = items.iter().map(|item| (item.n, &*item.state, item.outcome.as_deref())).collect();
    let expected = [
        (1, "done", Some("it is online")),
        (2, "failed", Some("no\u{fffd}")),
        (3, "asked", None),
        (4, "waiting", None),
    ];
    assert_eq!(states, expected);
    assert_eq!(store.operation_items(&id, "failed", 0, 10).await.unwrap(), items[1..2]);
    assert_eq!(store.operation_items(&id, "", 2, 1).await.unwrap(), items[2..3]);
}

pub async fn nothing_is_taken_once_an_operation_is_cancelled_or_its_process_is_ousted(world: World) {
    let p = world.at_work().await;
    let person = world.another_store().await;
    let bots = bots(3);
    let id = p.store.create_operation(&order("1"), &bots).await.unwrap();
    p.store.take_items(&id, 1).await.unwrap();
    assert!(person.cancel_operation(&id, "cancelled by bea: enough").await.unwrap());
    assert!(!person.cancel_operation(&id, "again").await.unwrap());
    assert_eq!(p.store.take_items(&id, 1).await.unwrap(), []);
    p.store.settle_items(&id, &[done(&bots[0])]).await.unwrap();
    p.store.end_operation(&id, State::Cancelled, "cancelled").await.unwrap();
    let operation = person.operation(&id).await.unwrap().unwrap();
    assert_eq!((counts(&operation), operation.state), ((3, 1, 0, 2), State::Cancelled));
    assert_eq!(operation.outcome.as_deref(), Some("cancelled by bea: enough"));
    assert_eq!(p.store.open_operations().await.unwrap(), []);

    let other = p.store.create_operation(&order("1"), &bots).await.unwrap();
    p.store.take_items(&other, 1).await.unwrap();
    let next = process("next");
    person.acquire(&next, true).await.unwrap();
    assert_eq!(p.store.take_items(&other, 1).await.unwrap(), [], "an ousted process takes nothing");
    p.store.settle_items(&other, &[done(&bots[0])]).await.unwrap();
    p.store.end_operation(&other, State::Done, "over").await.unwrap();
    let operation = person.operation(&other).await.unwrap().unwrap();
    assert_eq!((counts(&operation), operation.state), ((3, 0, 0, 0), State::Running));
    assert_eq!(person.take_items(&other, 1).await.unwrap(), bots[1..2], "its successor goes on");
}

pub async fn operations_are_bounded_listed_and_forgotten(world: World) {
    let p = world.at_work().await;
    let mut ids = Vec::new();
    for n in 0..16 {
        ids.push(p.store.create_operation(&order(if n == 0 { "2" } else { "" }), &bots(1)).await.unwrap());
    }
    let error = p.store.create_operation(&order(""), &bots(1)).await.unwrap_err();
    assert!(matches!(&error, StoreError::Rule(words) if words.contains("16 operations")), "{error}");
    let page = p.store.operations(("", ""), None, 10).await.unwrap();
    let last = page.last().map(|one| (one.created_at, one.id.clone()));
    let rest = p.store.operations(("", ""), last, 10).await.unwrap();
    let mut seen: Vec<_> = page.iter().chain(&rest).map(|one| one.id.clone()).collect();
    seen.sort_unstable();
    ids.sort_unstable();
    assert_eq!(seen, ids, "each once");
    assert_eq!(p.store.operations(("2", ""), None, 10).await.unwrap().len(), 1);
    assert_eq!(p.store.operations(("2", "done"), None, 10).await.unwrap(), []);

    let month = Duration::from_hours(30 * 24);
    p.store.end_operation(&ids[0], State::Done, "over").await.unwrap();
    assert!(!p.store.prune_operation(month).await.unwrap());
    world.sql("UPDATE operation SET ended_at = 1 WHERE ended_at IS NOT NULL").await;
    assert!(p.store.prune_operation(month).await.unwrap());
    assert!(!p.store.prune_operation(month).await.unwrap(), "those under way are kept");
    assert_eq!(p.store.operation_items(&ids[0], "", 0, 10).await.unwrap(), []);
    assert_eq!(p.store.operation_items(&ids[1], "", 0, 10).await.unwrap().len(), 1);
}
