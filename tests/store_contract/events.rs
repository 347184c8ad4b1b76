//! The stream of the fleet's events: ids that only grow, for every reader, whatever writers do.

use std::collections::BTreeSet;
use std::time::Duration;

use muster::happening::Happening;
use muster::store::{Act, EVENTS_KEPT, EventFilter, NewEvent, Store, StreamEvent};
use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::world::{Kind, World};

/// Some day in 2026.
const START: i64 = 1_780_000_000_000;
const WRITERS: usize = 4;
const BATCHES: usize = 25;

fn event(account: &str, bot: &str, cause: &str) -> NewEvent {
    NewEvent {
        account: account.into(),
        bot: bot.into(),
        at: START,
        kind: Happening::State,
        state: Some("online".to_owned()),
        cause: Some(cause.to_owned()),
        who: None,
    }
}

fn everything() -> EventFilter {
    EventFilter::default()
}

/// All that follows `after`, in pages of seven.
async fn all_after(store: &Store, mut after: i64, filter: &EventFilter) -> Vec<StreamEvent> {
    let mut all = Vec::new();
    loop {
        let page = store.events_after(after, filter, 7).await.unwrap();
        all.extend(page.events);
        after = page.through;
        if !page.more {
            return all;
        }
    }
}

fn causes(events: &[StreamEvent]) -> Vec<&str> {
    events.iter().map(|event| event.cause.as_deref().unwrap_or("-")).collect()
}

/// Writes batches of random sizes about random bots; says what was written.
async fn writes(store: Store, name: String, seed: u64) -> Vec<String> {
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut written = Vec::new();
    for batch in 0..BATCHES {
        let causes: Vec<_> = (0..chance.usize(1..6)).map(|n| format!("{name} {batch}.{n}")).collect();
        if chance.u8(..4) == 0 {
            let act = Act::new(("1", "ada"), &name, "pause", &causes[0]);
            store.audit(&act).await.unwrap();
            written.push(format!("pause: {}", causes[0]));
            continue;
        }
        let bots = ["ada", "bob", ""];
        let events: Vec<_> = causes.iter().map(|cause| event("1", bots[chance.usize(..3)], cause)).collect();
        store.add_events(&events).await.unwrap();
        written.extend(causes);
    }
    written
}

/// Takes ids, writes an event and dies before its commit, again and again.
async fn dies(world: &World, times: usize) {
    const STEPS: [&str; 2] = [
        "UPDATE event_stream SET last_id = last_id + 3 WHERE account_id = ''",
        "INSERT INTO event (account_id, bot_id, seq, id, at, kind) \
         SELECT '9', 'ghost', last_id, last_id, 0, 'state' FROM event_stream",
    ];
    for _ in 0..times {
        match world.kind {
            Kind::sqlite => {
                let path = format!("sqlite://{}", world.file("muster.db").display());
                let mut connection = SqliteConnection::connect(&path).await.unwrap();
                sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
                for step in STEPS {
                    sqlx::query(step).execute(&mut connection).await.unwrap();
                }
            }
            Kind::postgres => {
                let mut connection: PgConnection = world.postgres().await;
                sqlx::query("BEGIN").execute(&mut connection).await.unwrap();
                for step in STEPS {
                    sqlx::query(step).execute(&mut connection).await.unwrap();
                }
            }
        }
    }
}

pub async fn a_reader_of_the_stream_misses_nothing_and_sees_nothing_twice(world: World) {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    world.store.migrate().await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..WRITERS {
        let store = world.another_store().await;
        writers.spawn(writes(store, format!("writer {n}"), seed.wrapping_add(n as u64)));
    }
    let reader = world.another_store().await;
    let (mut found, mut after, mut written) = (Vec::new(), 0, Vec::new());
    let reading = async {
        loop {
            // Whatever was written before this look must be in what it reads.
            let done: Vec<_> = std::iter::from_fn(|| writers.try_join_next()).map(Result::unwrap).collect();
            written.extend(done.into_iter().flatten());
            let all_written = writers.is_empty();
            let page = reader.events_after(after, &everything(), 5).await.unwrap();
            after = page.through;
            found.extend(page.events);
            if all_written && !page.more {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(reading, dies(&world, 10));
    assert!(found.is_sorted_by(|one, next| one.id < next.id), "ids only grow");
    let mut told: Vec<_> = causes(&found).into_iter().map(str::to_owned).collect();
    told.sort();
    written.sort();
    assert!(written.len() > BATCHES * WRITERS, "{}", written.len());
    assert_eq!(told, written, "each once, and nothing of who died");
    assert_eq!(
        causes(&all_after(&reader, 0, &everything()).await),
        causes(&found),
        "a later reader sees the same"
    );
}

pub async fn events_of_before_get_their_ids_in_order_of_time(world: World) {
    world.store.migrate().await.unwrap();
    world
        .sql(
            "DROP INDEX event_id; DROP TABLE event_stream; ALTER TABLE event DROP COLUMN id; \
             ALTER TABLE event DROP COLUMN who; ALTER TABLE event RENAME TO bot_event; \
             DELETE FROM _sqlx_migrations WHERE version = 14; \
             INSERT INTO bot_event (account_id, bot_id, seq, at, kind, cause) VALUES \
               ('1', 'ada', 7, 300, 'state', 'third'), ('1', 'bob', 1, 200, 'state', 'second'), \
               ('2', 'ada', 1, 100, 'login', 'first'), ('1', 'ada', 8, 300, 'state', 'fourth');",
        )
        .await;
    assert_eq!(world.store.migrate().await.unwrap(), ["0014 events"]);
    world.store.add_events(&[event("1", "ada", "fifth")]).await.unwrap();
    let all = all_after(&world.store, 0, &everything()).await;
    assert_eq!(causes(&all), ["first", "second", "third", "fourth", "fifth"]);
    assert_eq!(all.iter().map(|event| event.id).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(world.store.events(&"1".into(), &"ada".into(), None, 1).await.unwrap()[0].seq, 9);
}

pub async fn what_was_forgotten_is_told_as_a_gap(world: World) {
    let p = world.at_work().await;
    let fresh = p.store.stream_bounds().await.unwrap();
    assert!((fresh.last, fresh.whole_from) == (0, 1) && !fresh.gap_after(0));
    p.store.add_events(&[event("1", "bob", "quiet")]).await.unwrap();
    let many: Vec<_> = (0..EVENTS_KEPT + 3).map(|n| event("1", "ada", &n.to_string())).collect();
    p.store.add_events(&many).await.unwrap();
    // The id of ada's third event is 4: bob's is 1.
    let bounds = p.store.stream_bounds().await.unwrap();
    assert_eq!((bounds.last, bounds.whole_from), (i64::from(EVENTS_KEPT) + 4, 5));
    assert!(bounds.gap_after(3) && !bounds.gap_after(4));
    assert_eq!(causes(&all_after(&p.store, 0, &everything()).await)[..2], ["quiet", "3"]);

    world.clock_stands_at(START + 86_400_000).await;
    p.store.renew(&p.me).await.unwrap();
    let pruned = p.store.prune_events(Duration::from_hours(1), 6).await.unwrap();
    assert_eq!(pruned, 6);
    let left = all_after(&p.store, 0, &everything()).await;
    let kept: BTreeSet<_> = left.iter().map(|event| event.id).collect();
    let bounds = p.store.stream_bounds().await.unwrap();
    assert!(
        (bounds.whole_from..=bounds.last).all(|id| kept.contains(&id)),
        "whole from {}",
        bounds.whole_from
    );
    let missing = (1..bounds.whole_from).filter(|id| !kept.contains(id)).count();
    assert_eq!(missing, 3 + 6, "the bound is no higher than it has to be");
    assert!(!kept.contains(&(bounds.whole_from - 1)));
}

pub async fn the_store_and_a_filter_want_the_same_events(world: World) {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    world.store.migrate().await.unwrap();
    let (accounts, bots, kinds) = (["", "1", "2"], ["", "ada", "bob"], [Happening::State, Happening::Theft]);
    let states = [None, Some("online"), Some("waiting")];
    let random = |_| NewEvent {
        kind: kinds[chance.usize(..2)],
        state: states[chance.usize(..3)].map(str::to_owned),
        ..event(accounts[chance.usize(..3)], bots[chance.usize(..3)], "x")
    };
    let events: Vec<_> = (0..60).map(random).collect();
    world.store.add_events(&events).await.unwrap();
    let all = all_after(&world.store, 0, &everything()).await;
    let words = [
        "account=1",
        "account!=1",
        "account=1,2",
        "bot=ada",
        "bot!=ada",
        "bot=a*",
        "bot!=b*,ad*",
        "account=1 account=1*",
        "kind=theft",
        "kind!=theft,state",
        "state=online",
        "state!=online",
        "state=online,waiting",
    ];
    for _ in 0..40 {
        let chosen: Vec<_> = (0..chance.usize(..4)).map(|_| words[chance.usize(..words.len())]).collect();
        let mut filter = EventFilter::parse(&chosen.join(" ")).unwrap();
        if chance.bool() {
            filter = filter.within(["2", "7"]);
        }
        let fitting: Vec<_> = all.iter().filter(|event| filter.fits(event)).cloned().collect();
        assert_eq!(all_after(&world.store, 0, &filter).await, fitting, "{chosen:?}");
        let mut latest = world.store.latest_events(0, None, &filter, 1_000).await.unwrap();
        latest.reverse();
        assert_eq!(latest, fitting, "{chosen:?}, the latest first");
    }
    let two = world.store.latest_events(0, Some(all[9].id), &everything(), 2).await.unwrap();
    assert_eq!(two, [all[8].clone(), all[7].clone()]);
    assert!(world.store.latest_events(START + 1, None, &everything(), 9).await.unwrap().is_empty());
}

pub async fn what_people_do_is_an_event_too(world: World) {
    world.store.migrate().await.unwrap();
    world.clock_stands_at(START).await;
    world.store.audit(&Act::new(("1", "ada"), "eve\0", "read the token", "for the vendor")).await.unwrap();
    world.store.audit(&Act::new(("", ""), "bob", "pause", "night")).await.unwrap();
    let all = all_after(&world.store, 0, &everything()).await;
    let told = |event: &StreamEvent| {
        let StreamEvent { account, bot, at, kind, cause, who, .. } = event.clone();
        (account + "/" + &bot, at, kind, cause.unwrap(), who.unwrap())
    };
    let told: Vec<_> = all.iter().map(told).collect();
    let text = str::to_owned;
    let expected = [
        (text("1/ada"), START, text("act"), text("read the token: for the vendor"), text("eve\u{fffd}")),
        (text("/"), START, text("act"), text("pause: night"), text("bob")),
    ];
    assert_eq!(told, expected);
}
