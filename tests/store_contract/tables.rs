//! Tables, settings and runtimes.

use muster::store::{Group, StoreError, StoreUrl};

use crate::world::{Kind, World, committed};

pub async fn an_empty_database_gets_its_tables_once(world: World) {
    let all = [
        "0001 store",
        "0002 dialect",
        "0003 declared",
        "0004 claim done",
        "0005 cursor step",
        "0006 dead letters",
        "0007 login budget",
        "0008 quarantine",
        "0009 timeline",
        "0010 steering",
        "0011 access",
        "0013 talk",
        "0014 events",
    ];
    assert_eq!(world.store.pending_migrations().await.unwrap(), all);
    assert_eq!(world.store.pending_migrations().await.unwrap(), all, "to ask changes nothing");
    assert_eq!(world.store.migrate().await.unwrap(), all);
    let p = world.at_work().await;
    p.commit([p.turn("c", 1)]).await;

    let again = world.another_store().await;
    assert!(again.pending_migrations().await.unwrap().is_empty());
    assert!(again.migrate().await.unwrap().is_empty());
    assert_eq!(p.claim("c").await, r#"ada 1 {"at":1}"#, "what was there is still there");
}

pub async fn tables_of_a_newer_muster_are_left_alone(world: World) {
    world.store.migrate().await.unwrap();
    world.sql("UPDATE _sqlx_migrations SET version = 9000 WHERE version = 2").await;
    for error in
        [world.store.pending_migrations().await.unwrap_err(), world.store.migrate().await.unwrap_err()]
    {
        assert!(matches!(error, StoreError::Migration { .. }), "{error:?}");
        assert!(error.to_string().contains("newer muster"), "{error}");
    }
}

pub async fn a_commit_is_durable(world: World) {
    let settings = world.store.durability().await.unwrap();
    let wanted = match world.kind {
        Kind::sqlite => vec![("journal_mode", "wal"), ("synchronous", "FULL")],
        Kind::postgres => vec![("synchronous_commit", "on")],
    };
    for (name, value) in wanted {
        assert!(settings.contains(&(name, value.to_owned())), "{name}: {settings:?}");
    }
    world.store.ping().await.unwrap();
}

pub async fn lost_connections_say_try_again(world: World) {
    let p = world.at_work().await;
    let kill = "SELECT CAST(count(pg_terminate_backend(pid)) AS text) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()";
    assert_ne!(world.text(kill).await, "0");
    let group = Group { turns: vec![p.turn("c", 1)], ..Group::default() };
    // Each connection of the pool may be lost once.
    for _ in 0..4 {
        match p.store.commit(group.clone()).await {
            Ok(outcomes) => return assert_eq!(outcomes, [committed(1)]),
            Err(error) => assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}"),
        }
    }
    assert_eq!(p.store.commit(group).await.unwrap(), [committed(1)]);
}

pub async fn the_banner_shows_no_password(world: World) {
    let words = world.store.describe();
    match world.options().url {
        StoreUrl::Sqlite(path) => {
            let path = path.display();
            assert_eq!(words, format!("SQLite {path} (WAL, synchronous=FULL)"));
        }
        StoreUrl::Postgres(_) => {
            assert!(words.starts_with("Postgres muster_test_"), "{words}");
            assert!(words.ends_with(" (synchronous_commit=on)") && !words.contains("postgres:"), "{words}");
        }
    }
}

pub async fn callers_live_on_other_runtimes(world: World) {
    let p = world.at_work().await;
    let outcome = std::thread::spawn(move || {
        // Neither I/O nor time: an actor's arbiter lends the store nothing.
        let arbiter = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let group = Group { turns: vec![p.turn("c", 1)], ..Group::default() };
        arbiter.block_on(p.store.commit(group)).unwrap()
    });
    assert_eq!(outcome.join().unwrap(), [committed(1)]);
}
