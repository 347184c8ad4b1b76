//! Sealed sessions: nobody reads them but the process with the key.

use std::os::unix::fs::PermissionsExt;

use muster::store::{KeySource, Store, StoreError, StoreOptions};
use tokio::runtime::Handle;

use crate::world::{Kind, World, with_actions};

async fn save(store: &Store, bot: &str, plain: &str) {
    store.save_session(&"1".into(), &bot.into(), plain).await.unwrap();
}

async fn load(store: &Store, bot: &str) -> Option<String> {
    store.load_session(&"1".into(), &bot.into()).await.unwrap()
}

pub async fn a_session_comes_back_until_it_is_forgotten(world: World) {
    let store = &world.store;
    store.migrate().await.unwrap();
    assert!(store.key_source().starts_with("key file:"), "{}", store.key_source());
    assert_eq!(load(store, "ada").await, None);
    for plain in ["first", "second \u{1f600}", ""] {
        save(store, "ada", plain).await;
        assert_eq!(load(&world.another_store().await, "ada").await.as_deref(), Some(plain));
    }
    save(store, "bob", "other").await;
    store.forget_session(&"1".into(), &"ada".into()).await.unwrap();
    assert_eq!((load(store, "ada").await, load(store, "bob").await), (None, Some("other".to_owned())));
}

pub async fn another_key_opens_nothing(world: World) {
    world.store.migrate().await.unwrap();
    save(&world.store, "ada", "bearer").await;
    std::fs::write(world.file("key"), "ff".repeat(32)).unwrap();
    let other = world.another_store().await;
    assert_eq!(load(&other, "ada").await, None);
    save(&other, "ada", "new").await;
    assert_eq!(load(&other, "ada").await.as_deref(), Some("new"), "a new login heals it");
}

pub async fn a_session_moved_to_another_row_does_not_open(world: World) {
    world.store.migrate().await.unwrap();
    save(&world.store, "ada", "bearer of ada").await;
    save(&world.store, "bob", "bearer of bob").await;
    let of =
        async |bot: &str| world.text(&format!("SELECT sealed FROM session WHERE bot_id = '{bot}'")).await;
    for (bot, sealed) in [("ada", of("bob").await), ("bob", of("ada").await)] {
        world.sql(&format!("UPDATE session SET sealed = '{sealed}' WHERE bot_id = '{bot}'")).await;
    }
    assert_eq!((load(&world.store, "ada").await, load(&world.store, "bob").await), (None, None));
}

pub async fn nothing_stored_shows_a_secret(world: World) {
    let p = world.at_work().await;
    save(&p.store, "ada", "s3cret-bearer").await;
    let turn = with_actions(p.turn("c", 1), &["unsent"]);
    p.commit([turn]).await;
    let sealed = world.text("SELECT sealed FROM session").await;
    assert!(!sealed.contains("s3cret"), "{sealed}");
    if world.kind == Kind::sqlite {
        for file in std::fs::read_dir(world.folder.path()).unwrap() {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(6).any(|window| window == b"s3cret"), "{}", path.display());
        }
    }
}

pub async fn a_key_that_cannot_be_had_names_the_cure(world: World) {
    std::fs::write(world.file("short"), "c2hvcnQ=").unwrap();
    for (key, words) in [
        (KeySource::Env("MUSTER_TEST_NO_SUCH_KEY".to_owned()), "openssl rand -base64 32"),
        (KeySource::File(world.file("missing")), "cannot be read"),
        (KeySource::File(world.file("short")), "not 32 bytes"),
    ] {
        let options = StoreOptions { key: Some(key), ..world.options() };
        let error = Store::open(&options, Handle::current()).await.err().expect("no key");
        assert!(matches!(error, StoreError::Key { .. }), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

pub async fn files_are_private(world: World) {
    let options = StoreOptions { key: None, ..world.options() };
    let store = Store::open(&options, Handle::current()).await.unwrap();
    assert!(store.key_source().ends_with("muster.db.key (made now)"), "{}", store.key_source());
    store.migrate().await.unwrap();
    store.acquire(&crate::world::process("first"), false).await.unwrap();
    save(&store, "ada", "bearer").await;
    for name in ["muster.db", "muster.db-wal", "muster.db-shm", "muster.db.key", "muster.db.lock"] {
        let mode = std::fs::metadata(world.file(name)).expect(name).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let again = Store::open(&options, Handle::current()).await.unwrap();
    assert!(again.key_source().ends_with("muster.db.key"), "{}", again.key_source());
    assert_eq!(load(&again, "ada").await.as_deref(), Some("bearer"));
}

pub async fn without_a_key_no_session_is_stored(world: World) {
    let options = StoreOptions { key: None, ..world.options() };
    let store = Store::open(&options, Handle::current()).await.unwrap();
    store.migrate().await.unwrap();
    assert_eq!(store.key_source(), "none: sessions are not stored");
    save(&store, "ada", "bearer").await;
    assert_eq!(load(&store, "ada").await, None);
    assert_eq!(world.text("SELECT CAST(count(*) AS text) FROM session").await, "0");
}
