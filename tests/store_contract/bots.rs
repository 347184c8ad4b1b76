//! Declared bots, and what people decided about them.

use muster::store::{DeclaredBot, StoreError, Wanted};

use crate::world::World;

fn declared(bot: &str, pool: &str, json: &str) -> DeclaredBot {
    DeclaredBot { account: "1".into(), bot: bot.into(), pool: pool.into(), declared_json: json.to_owned() }
}

pub async fn what_people_decided_survives_the_next_declaration(world: World) {
    let store = &world.store;
    store.migrate().await.unwrap();
    store.declare(&[declared("bob", "desk", r#"{"v":1}"#), declared("ada", "desk", "{}")]).await.unwrap();
    store.set_quarantine(&"1".into(), &"bob".into(), Some("bad credentials")).await.unwrap();
    store.set_wanted(&"1".into(), &"bob".into(), Wanted::Parked).await.unwrap();
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
    assert_eq!(rows[1].quarantine.as_deref(), Some("bad credentials"));

    store.set_quarantine(&"1".into(), &"bob".into(), None).await.unwrap();
    assert_eq!(store.declared().await.unwrap()[1].quarantine, None);
}

pub async fn an_undeclared_bot_cannot_be_steered(world: World) {
    world.store.migrate().await.unwrap();
    let error = world.store.set_quarantine(&"1".into(), &"eve".into(), Some("why")).await.unwrap_err();
    assert!(matches!(&error, StoreError::Rule(words) if words.contains("eve")), "{error}");
}
