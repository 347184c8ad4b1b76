//! Dead letters: listed, tried again, dropped.

use muster::store::{Group, LetterFilter, LetterId, Resolution};

use crate::world::{Process, World, by, key, with_actions};

/// A turn in `conversation` whose actions all died with the platform's words.
async fn dead(p: &Process, conversation: &str, bot: &str, bodies: &[&str]) -> Vec<LetterId> {
    let turn = by(bot, with_actions(p.turn(conversation, 1), bodies));
    p.commit([turn.clone()]).await;
    let keys: Vec<_> = (0..bodies.len()).map(|n| key(&turn, n as i64)).collect();
    let letters = keys.iter().map(|key| (key.clone(), format!("400: {conversation}"))).collect();
    p.store.commit(Group { dead: letters, ..Group::default() }).await.unwrap();
    keys.iter().map(LetterId::from).collect()
}

fn done(bot: &str) -> Resolution {
    Resolution::Done { bot: bot.into() }
}

pub async fn letters_are_listed_by_filter_and_the_latest_first(world: World) {
    let p = world.at_work().await;
    dead(&p, "c", "ada", &["1"]).await;
    world.sql("UPDATE outbox SET died_at = died_at - 5000").await;
    dead(&p, "d", "bob", &["2", "3"]).await;
    p.commit([with_actions(p.turn("e", 1), &["dropped with its claim"])]).await;
    p.release_for_good("e", "ada").await;
    world.sql("UPDATE outbox SET died_at = died_at + 5000 WHERE conversation_id = 'e'").await;
    let filter = |account: &str, bot: &str, resolved| LetterFilter {
        account: Some(account.to_owned()).filter(|account| !account.is_empty()),
        bot: Some(bot.to_owned()).filter(|bot| !bot.is_empty()),
        resolved,
    };
    for (filter, limit, bodies) in [
        (filter("", "", false), 9, vec!["2", "3", "1"]),
        (filter("", "", false), 1, vec!["2"]),
        (filter("1", "ada", false), 9, vec!["1"]),
        (filter("1", "ada", true), 9, vec!["", "1"]),
        (filter("2", "", false), 9, vec![]),
        (filter("", "bob", false), 9, vec!["2", "3"]),
    ] {
        let letters = p.store.dead_letters(&filter, limit).await.unwrap();
        let found: Vec<_> = letters.iter().map(|letter| letter.body.as_str()).collect();
        assert_eq!(found, bodies, "{filter:?}");
    }
}

pub async fn a_retried_letter_is_an_action_in_doubt_again(world: World) {
    let p = world.at_work().await;
    let ids = dead(&p, "c", "ada", &["a", "b"]).await;
    let other = dead(&p, "d", "bob", &["x"]).await;
    assert!(p.store.revived().await.unwrap().is_empty());
    // Whoever may open the store may ask, also while a fleet owns it.
    let operator = world.another_store().await;
    let wished = [ids[1].clone(), other[0].clone(), ids[1].clone()];
    let answers = operator.revive_letters(&wished).await.unwrap();
    assert_eq!(answers, [done("ada"), done("bob"), done("ada")]);
    let rows: Vec<_> = p.held("c").await.outbox.into_iter().map(|row| (row.body, row.tag)).collect();
    assert_eq!(rows, [("b".to_owned(), "tag1".to_owned())], "under its old tag, by which it is looked for");
    let told = p.store.revived().await.unwrap();
    let told: Vec<_> = told.iter().map(|row| (row.bot.as_str(), row.row.body.as_str())).collect();
    assert_eq!(told.len(), 2);
    assert!(told.contains(&("ada", "b")) && told.contains(&("bob", "x")), "{told:?}");
    let left: Vec<_> = p.letters().await.into_iter().map(|letter| letter.body).collect();
    assert_eq!(left, ["a"]);
}

pub async fn a_letter_that_cannot_be_retried_says_why(world: World) {
    let p = world.at_work().await;
    let waits = dead(&p, "waits", "ada", &["a"]).await;
    p.release("waits", "ada").await;
    let over = dead(&p, "over", "ada", &["a"]).await;
    p.release_for_good("over", "ada").await;
    let dropped = dead(&p, "dropped", "ada", &["a"]).await;
    p.store.drop_letters(&dropped, "ada", "no need").await.unwrap();
    let sending = with_actions(p.turn("sending", 1), &["a"]);
    p.commit([sending.clone()]).await;
    let ids = [waits[0].clone(), over[0].clone(), dropped[0].clone(), LetterId::from(&key(&sending, 0))];
    let answers = p.store.revive_letters(&ids).await.unwrap();
    assert_eq!(answers, [Resolution::Waits, Resolution::Over, Resolution::Dropped, Resolution::Unknown]);
    assert!(p.store.revived().await.unwrap().is_empty(), "nobody holds it");
    p.take_up("bob", "waits", false).await;
    let told = p.store.revived().await.unwrap();
    assert_eq!(
        told.iter().map(|row| row.bot.as_str()).collect::<Vec<_>>(),
        ["bob"],
        "whoever takes it up next"
    );
}

pub async fn a_dropped_letter_says_who_when_and_why(world: World) {
    let p = world.at_work().await;
    let ids = dead(&p, "c", "ada", &["a", "b"]).await;
    let wished = [ids[0].clone(), LetterId { turn: "none".into(), n: 0 }];
    let answers = p.store.drop_letters(&wished, "ada@desk", "the consumer\0 called").await.unwrap();
    assert_eq!(answers, [done("ada"), Resolution::Unknown]);
    let letters = p.letters().await;
    let dropped = letters.iter().find(|letter| letter.key.n == 0).unwrap();
    let why = dropped.dropped.as_ref().unwrap();
    assert_eq!((dropped.body.as_str(), dropped.reason.as_str()), ("", "400: c"), "the platform's words stay");
    assert_eq!((why.by.as_str(), why.reason.as_str()), ("ada@desk", "the consumer\u{fffd} called"));
    assert!(why.at >= dropped.died_at);
    let twice = p.store.drop_letters(&ids, "bob", "again").await.unwrap();
    assert_eq!(twice, [Resolution::Dropped, done("ada")]);
    assert_eq!(p.letters().await.iter().filter(|letter| letter.body.is_empty()).count(), 2);
}

pub async fn what_was_revived_is_told_until_it_is_confirmed_or_dies_again(world: World) {
    let p = world.at_work().await;
    let ids = dead(&p, "c", "ada", &["a", "b"]).await;
    p.store.revive_letters(&ids).await.unwrap();
    for _ in 0..2 {
        assert_eq!(p.store.revived().await.unwrap().len(), 2);
    }
    let turn = p.turn("c", 1);
    let group = Group {
        done: vec![key(&turn, 0)],
        dead: vec![(key(&turn, 1), "400: still".to_owned())],
        ..Group::default()
    };
    p.store.commit(group).await.unwrap();
    assert!(p.store.revived().await.unwrap().is_empty());
    let letters = p.letters().await;
    assert_eq!((letters.len(), letters[0].reason.as_str(), letters[0].body.as_str()), (1, "400: still", "b"));
    // A bot that was not there for long reads it when it starts; nobody is told for ever.
    p.store.revive_letters(&ids[1..]).await.unwrap();
    world.sql("UPDATE outbox SET revived_at = revived_at - 3600000").await;
    assert!(p.store.revived().await.unwrap().is_empty());
    assert_eq!(p.held("c").await.outbox.len(), 1);
}
