//! What is forgotten when it is old, by a clock that the stories set.

use std::time::Duration;

use muster::store::{Group, LetterId, Pruned, Renewal};

use crate::world::{Kind, Process, World, key, process, with_actions};

const DAY: i64 = 86_400_000;
const KEEP: Duration = Duration::from_hours(30 * 24);
/// Some day in 2026.
const START: i64 = 1_780_000_000_000;

fn pruned(claims: u64, letters: u64, more: bool) -> Pruned {
    Pruned { claims, letters, more }
}

/// The day moves on, and the fleet stays with its process.
async fn days_later(world: &World, p: &Process, days: i64) {
    world.clock_stands_at(START + days * DAY).await;
    assert_eq!(p.store.renew(&p.me).await.unwrap(), Renewal::Kept);
}

pub async fn what_is_old_is_forgotten_in_batches_and_the_rest_is_kept(world: World) {
    let p = world.at_work().await;
    days_later(&world, &p, 0).await;
    for n in 0..5 {
        p.commit([with_actions(p.turn(&format!("old{n}"), 1), &["unsent"])]).await;
        p.release(&format!("old{n}"), "ada").await;
    }
    let letters = with_actions(p.turn("held", 1), &["kept", "dropped", "unsent"]);
    p.commit([letters.clone()]).await;
    let dead = (0..2).map(|n| (key(&letters, n), "400: no".to_owned())).collect();
    p.store.commit(Group { dead, ..Group::default() }).await.unwrap();
    let dropped = LetterId::from(&key(&letters, 1));
    p.store.drop_letters(&[dropped], "ada", "no need").await.unwrap();

    days_later(&world, &p, 29).await;
    p.commit([with_actions(p.turn("young", 1), &["unsent"])]).await;
    p.release("young", "ada").await;
    assert_eq!(p.store.prune(KEEP, 2).await.unwrap(), pruned(0, 0, false), "nothing is old yet");

    days_later(&world, &p, 31).await;
    assert_eq!(world.rows().await, "7 7 9");
    assert_eq!(p.store.prune(KEEP, 2).await.unwrap(), pruned(2, 1, true), "no more than the batch");
    assert_eq!(world.rows().await, "5 5 6");
    assert_eq!(p.store.prune(KEEP, 2).await.unwrap(), pruned(2, 0, true));
    assert_eq!(p.store.prune(KEEP, 2).await.unwrap(), pruned(1, 0, false));
    assert_eq!(p.store.prune(KEEP, 2).await.unwrap(), pruned(0, 0, false));
    assert_eq!(world.rows().await, "2 2 3", "cursors and unsent actions went with their claims");
    assert!(p.claim("young").await.starts_with("ada"));
    assert_eq!(p.held("held").await.outbox.len(), 1, "what is held is kept, however old");
    let left: Vec<_> = p.letters().await.into_iter().map(|letter| letter.body).collect();
    assert_eq!(left, ["kept"], "a letter that nobody resolved waits with its text");
}

pub async fn a_process_that_lost_the_fleet_forgets_nothing(world: World) {
    let p = world.at_work().await;
    days_later(&world, &p, 0).await;
    p.commit([p.turn("old", 1)]).await;
    p.release("old", "ada").await;
    world.clock_stands_at(START + 31 * DAY).await;
    if world.kind == Kind::postgres {
        assert_eq!(p.store.prune(KEEP, 9).await.unwrap(), pruned(0, 0, false), "its lease has run out");
    }
    let next = Process::start(&world.another_store().await, process("next"), true).await;
    assert_eq!(p.store.prune(KEEP, 9).await.unwrap(), pruned(0, 0, false), "it was ousted");
    assert_eq!(next.store.prune(KEEP, 9).await.unwrap(), pruned(1, 0, false));
}

pub async fn a_claim_that_came_back_is_kept_however_long_ago_it_was_released(world: World) {
    let p = world.at_work().await;
    days_later(&world, &p, 0).await;
    p.commit([p.turn("back", 1)]).await;
    p.release("back", "ada").await;
    days_later(&world, &p, 20).await;
    p.take_up("bob", "back", false).await;
    days_later(&world, &p, 90).await;
    assert_eq!(p.store.prune(KEEP, 9).await.unwrap(), pruned(0, 0, false));
    p.release("back", "bob").await;
    days_later(&world, &p, 110).await;
    assert_eq!(p.store.prune(KEEP, 9).await.unwrap(), pruned(0, 0, false), "its time begins anew");
    days_later(&world, &p, 121).await;
    assert_eq!(p.store.prune(KEEP, 9).await.unwrap(), pruned(1, 0, false));
}
