//! What people do to one conversation: taken over, wished, erased.

use muster::store::{ClaimKey, Group, Handed, LetterFilter, WishOutcome, WishedRows};
use muster_core::tag::{Trigger, trigger_of_any_pool};
use muster_core::turn::Deed;

use crate::world::{Process, World, by, key, with_actions};

fn of(conversation: &str) -> ClaimKey {
    let [account, pool, conversation] = ["1", "desk", conversation].map(str::to_owned);
    ClaimKey { account, pool, conversation }
}

fn says(text: &str) -> Deed {
    Deed::Text { text: text.to_owned() }
}

fn written(bot: &str) -> WishOutcome {
    WishOutcome::Written { bot: Some(bot.into()) }
}

/// Who is told, the texts in order, and from which place on nobody has sent them.
async fn told(p: &Process) -> Vec<(String, Vec<String>, i64)> {
    let wished = p.store.wished().await.unwrap();
    let texts = |wished: WishedRows| {
        let texts = wished.rows.iter().map(|row| serde_json::from_str::<Deed>(&row.body).unwrap());
        let texts = texts.map(|deed| match deed {
            Deed::Text { text } => text,
            deed => format!("{deed:?}"),
        });
        (wished.bot.to_string(), texts.collect(), wished.unsent)
    };
    wished.into_iter().map(texts).collect()
}

pub async fn a_conversation_is_taken_over_until_it_is_given_back(world: World) {
    let p = world.at_work().await;
    let person = world.another_store().await;
    for conversation in ["c", "over"] {
        p.commit([p.turn(conversation, 1)]).await;
    }
    p.release_for_good("over", "ada").await;
    let taken = async || -> Vec<(String, String, String)> {
        let rows = p.store.taken_over().await.unwrap();
        rows.into_iter().map(|row| (row.conversation.to_string(), row.by, row.reason)).collect()
    };
    assert_eq!(person.take_over(&of("c"), "bea", "a complaint").await.unwrap(), Handed::Done);
    assert_eq!(taken().await, [("c".to_owned(), "bea".to_owned(), "a complaint".to_owned())]);
    let before = Handed::Before { by: "bea".to_owned() };
    assert_eq!(person.take_over(&of("c"), "bea", "still").await.unwrap(), before);
    assert_eq!(person.take_over(&of("c"), "bob", "my turn\0").await.unwrap(), Handed::Done);
    assert_eq!(taken().await, [("c".to_owned(), "bob".to_owned(), "my turn\u{fffd}".to_owned())]);
    assert_eq!(person.take_over(&of("over"), "bea", "late").await.unwrap(), Handed::Over);
    assert_eq!(person.take_over(&of("none"), "bea", "lost").await.unwrap(), Handed::Unknown);
    // It outlasts the bot's claim, for whoever takes the conversation up next.
    p.release("c", "ada").await;
    assert_eq!(taken().await.len(), 1);
    p.take_up("ada", "c", false).await;
    p.release_for_good("c", "ada").await;
    assert_eq!(taken().await, [], "nobody needs to know any more");
    assert_eq!(person.give_back(&of("c")).await.unwrap(), Handed::Done);
    assert_eq!(person.give_back(&of("c")).await.unwrap(), Handed::Over);
    assert_eq!(person.give_back(&of("none")).await.unwrap(), Handed::Unknown);
    p.commit([p.turn("d", 1)]).await;
    assert_eq!(person.give_back(&of("d")).await.unwrap(), Handed::Before { by: String::new() });
}

pub async fn what_a_person_wishes_stands_in_the_outbox_once_and_is_new_to_its_bot_once(world: World) {
    let p = world.at_work().await;
    let person = world.another_store().await;
    p.commit([p.turn("c", 4), by("bob", p.turn("d", 1))]).await;
    assert_eq!(told(&p).await, []);
    let wish = async |once: &str, deed: Deed| person.wish(&of("c"), once, &deed).await.unwrap();
    assert_eq!(wish("k1", says("one")).await, written("ada"));
    assert_eq!(wish("k1", says("one")).await, WishOutcome::Before);
    assert_eq!(wish("k1", says("other")).await, WishOutcome::OtherBefore);
    assert_eq!(wish("k2", says("two")).await, written("ada"));
    assert_eq!(person.wish(&of("d"), "k1", &Deed::Close).await.unwrap(), written("bob"));
    let all = |unsent| {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        vec![
            ("ada".to_owned(), texts(&["one", "two"]), unsent),
            ("bob".to_owned(), texts(&["Close"]), unsent),
        ]
    };
    assert_eq!(told(&p).await, all(0));
    assert_eq!(told(&p).await, all(i64::MAX), "once told it may have been sent");
    assert_eq!(wish("k3", says("three")).await, written("ada"));
    assert_eq!(told(&p).await[0].2, 2, "only the new one was never sent");
    let held = p.held("c").await;
    let tags: Vec<_> = held.outbox.iter().map(|row| trigger_of_any_pool(&row.tag)).collect();
    let person = Trigger::Person { answers: false, after: liveperson_proto::Sequence(4) };
    assert_eq!(tags, [Some(person); 3], "a new life reads them like any other action");
}

pub async fn what_is_wished_while_taken_over_answers_what_came_before(world: World) {
    let p = world.at_work().await;
    p.take_up("ada", "c", false).await;
    p.store.take_over(&of("c"), "bea", "a complaint").await.unwrap();
    p.store.wish(&of("c"), "k", &says("hello")).await.unwrap();
    let tag = p.held("c").await.outbox[0].tag.clone();
    let person = Trigger::Person { answers: true, after: liveperson_proto::Sequence::START };
    assert_eq!(trigger_of_any_pool(&tag), Some(person), "{tag}");
}

pub async fn a_wish_waits_for_whoever_takes_the_conversation_up_next(world: World) {
    let p = world.at_work().await;
    p.commit([p.turn("waits", 1), p.turn("over", 1)]).await;
    p.release("waits", "ada").await;
    p.release_for_good("over", "ada").await;
    let wish = async |conversation: &str| p.store.wish(&of(conversation), "k", &says("hi")).await.unwrap();
    assert_eq!(wish("waits").await, WishOutcome::Written { bot: None });
    assert_eq!(wish("over").await, WishOutcome::Over);
    assert_eq!(wish("none").await, WishOutcome::Unknown);
    assert_eq!(told(&p).await, []);
    p.take_up("bob", "waits", false).await;
    assert_eq!(told(&p).await, [("bob".to_owned(), vec!["hi".to_owned()], 0)]);
}

pub async fn wishes_of_before_a_process_began_are_in_doubt_and_those_of_others_are_left_alone(world: World) {
    let p = world.at_work().await;
    p.commit([p.turn("c", 1)]).await;
    p.store.wish(&of("c"), "k", &says("before")).await.unwrap();
    let other = world.another_store().await;
    assert_eq!(other.wished().await.unwrap(), [], "it owns nothing");
    world.sql("UPDATE outbox SET wished_at = wished_at - 3600000").await;
    assert_eq!(told(&p).await, [("ada".to_owned(), vec!["before".to_owned()], i64::MAX)]);
}

pub async fn what_was_wished_is_confirmed_and_forgotten_like_any_action(world: World) {
    let p = world.at_work().await;
    p.commit([p.turn("c", 1)]).await;
    p.store.wish(&of("c"), "k", &says("planted words")).await.unwrap();
    let mut done = key(&p.turn("c", 1), 0);
    done.turn_id = p.held("c").await.outbox[0].turn_id.clone();
    p.store.commit(Group { done: vec![done], ..Group::default() }).await.unwrap();
    assert_eq!(told(&p).await, []);
    assert!(!world.everything().await.contains("planted words"), "its text is nowhere any more");
    assert_eq!(p.store.wish(&of("c"), "k", &says("planted words")).await.unwrap(), WishOutcome::Before);
    p.store.take_over(&of("c"), "bea", "a complaint").await.unwrap();
    p.release("c", "ada").await;
    world.sql("UPDATE claim SET released_at = 0").await;
    p.store.prune(std::time::Duration::from_secs(1), 10).await.unwrap();
    let left =
        "SELECT CAST((SELECT count(*) FROM taken_over) + (SELECT count(*) FROM conversation_wish) AS text)";
    assert_eq!(world.text(left).await, "0");
}

pub async fn a_consumer_is_erased_and_nothing_is_answered_twice(world: World) {
    let p = world.at_work().await;
    let mut named = with_actions(p.turn("named", 3), &["planted text"]);
    r#"{"consumer":"cons-1"}"#.clone_into(&mut named.variables);
    let mut other = p.turn("other", 3);
    r#"{"consumer":"cons-2"}"#.clone_into(&mut other.variables);
    let letter = with_actions(p.turn("letter", 1), &["planted letter"]);
    p.commit([named, other, letter.clone()]).await;
    p.store
        .commit(Group { dead: vec![(key(&letter, 0), "400: no".to_owned())], ..Group::default() })
        .await
        .unwrap();
    let (ids, conversations) =
        (["cons-1".to_owned(), String::new()], ["letter".to_owned(), "none".to_owned()]);
    let erased = p.store.erase(&"1".into(), &ids, &conversations).await.unwrap();
    let found: Vec<_> = erased.conversations.iter().map(String::as_str).collect();
    assert_eq!((found, erased.texts), (vec!["letter", "named"], 2));
    let all = world.everything().await;
    for gone in ["cons-1", "planted"] {
        assert!(!all.contains(gone), "{gone} is left");
    }
    assert!(all.contains("cons-2"), "others keep what is theirs");
    // A bot that remembers more commits nothing of it, and takes the conversation up anew.
    let mut late = p.turn("named", 4);
    r#"{"consumer":"cons-1"}"#.clone_into(&mut late.variables);
    let outcome = p.commit([late]).await;
    assert!(matches!(outcome[..], [muster::store::TurnOutcome::Refused(_)]), "{outcome:?}");
    p.take_up("ada", "named", false).await;
    let held = p.held("named").await;
    assert_eq!((held.variables.as_str(), held.outbox.len()), ("{}", 0));
    assert_eq!(held.cursors[0].1.sequence.0, 3, "the cursor stays");
    let letters = p.store.dead_letters(&LetterFilter::default(), 9).await.unwrap();
    assert_eq!(letters, [], "none with a text");
    assert_eq!(
        p.store.erase(&"2".into(), &ids, &conversations).await.unwrap(),
        muster::store::Erased::default()
    );
}

pub async fn wishes_past_the_bound_are_told_of_when_others_are_done(world: World) {
    let p = world.at_work().await;
    p.commit([p.turn("c", 1), by("bob", p.turn("d", 1))]).await;
    p.store.wish(&of("c"), "first", &says("first")).await.unwrap();
    let turn = p.held("c").await.outbox[0].turn_id.clone();
    world
        .sql(
            "INSERT INTO outbox (account_id, pool_id, conversation_id, turn_id, n, turn_no, bot_id, dialog_id, tag, \
               body, state, created_at, wished_at) \
             WITH RECURSIVE many(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < 500) \
             SELECT o.account_id, o.pool_id, o.conversation_id, o.turn_id, many.n, o.turn_no, o.bot_id, o.dialog_id, \
               o.tag, o.body, o.state, o.created_at, o.wished_at FROM outbox o CROSS JOIN many",
        )
        .await;
    let count = async || p.store.wished().await.unwrap().iter().map(|of| of.rows.len()).sum::<usize>();
    assert_eq!(count().await, 500);
    let mut done = key(&p.turn("c", 1), 0);
    done.turn_id = turn;
    p.store.commit(Group { done: vec![done], ..Group::default() }).await.unwrap();
    let wished = p.store.wished().await.unwrap();
    assert_eq!(wished[0].rows.last().map(|row| row.n), Some(500), "the last has its turn");
}
