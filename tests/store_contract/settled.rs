//! What becomes of actions and claims after their turn.

use muster::store::{ClaimState, Group, LetterId, Release};

use crate::world::{World, by, committed, key, with_actions};

pub async fn a_confirmed_action_is_gone(world: World) {
    let p = world.at_work().await;
    let turn = with_actions(p.turn("c", 1), &["a", "b", "c"]);
    p.commit([turn.clone()]).await;
    let group = Group { done: vec![key(&turn, 0), key(&turn, 2), key(&turn, 9)], ..Group::default() };
    assert_eq!(p.store.commit(group).await.unwrap(), []);
    let unsent: Vec<_> = p.held("c").await.outbox.into_iter().map(|row| row.body).collect();
    assert_eq!(unsent, ["b"]);
}

pub async fn a_dead_action_is_kept_with_the_platforms_words(world: World) {
    let p = world.at_work().await;
    let turn = with_actions(p.turn("c", 1), &["a", "b"]);
    p.commit([turn.clone()]).await;
    let dead = vec![(key(&turn, 0), "400 BAD_REQUEST".to_owned())];
    p.store.commit(Group { dead, ..Group::default() }).await.unwrap();
    let unsent: Vec<_> = p.held("c").await.outbox.into_iter().map(|row| row.body).collect();
    assert_eq!(unsent, ["b"], "it blocks nothing");
    let letters = p.letters().await;
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!(
        (letter.body.as_str(), letter.reason.as_str(), letter.bot.as_str()),
        ("a", "400 BAD_REQUEST", "ada")
    );
    assert_eq!((&letter.key, &letter.dialog), (&key(&turn, 0), &turn.dialog));
    assert!(letter.died_at >= letter.created_at && letter.dropped.is_none(), "{letter:?}");
}

pub async fn a_release_drops_what_was_not_sent(world: World) {
    let p = world.at_work().await;
    p.commit([with_actions(p.turn("c", 1), &["a", "b"]), with_actions(p.turn("d", 1), &["c"])]).await;
    p.release_for_good("c", "ada").await;
    let held = p.store.held(&"1".into(), &"ada".into()).await.unwrap();
    assert_eq!(held.iter().map(|held| held.conversation.as_str()).collect::<Vec<_>>(), ["d"]);
    assert_eq!(held[0].outbox.len(), 1, "the neighbour keeps its action");
    let letters = p.letters().await;
    let texts: Vec<_> = letters.iter().map(|letter| (letter.body.as_str(), letter.reason.as_str())).collect();
    assert_eq!(texts, [("", "closed"), ("", "closed")], "no consumer's text is kept");
    let claim = p.store.claim(&"1".into(), &"desk".into(), &"c".into()).await.unwrap().unwrap();
    assert_eq!(claim.state, ClaimState::Released { reason: "closed".to_owned() });
}

pub async fn only_the_holder_releases(world: World) {
    let p = world.at_work().await;
    p.commit([with_actions(p.turn("c", 1), &["a"])]).await;
    p.release("c", "bob").await;
    assert_eq!(p.held("c").await.outbox.len(), 1);
    assert_eq!(p.commit([by("bob", p.turn("c", 2))]).await, [crate::world::held_by("ada")]);
}

pub async fn a_turn_and_its_release_share_a_group(world: World) {
    let p = world.at_work().await;
    let release = Release {
        account: "1".into(),
        pool: "desk".into(),
        conversation: "c".into(),
        bot: "ada".into(),
        reason: "closed".to_owned(),
        done: true,
    };
    let turns = vec![with_actions(p.turn("c", 1), &["too late"])];
    let group = Group { turns, releases: vec![release], ..Group::default() };
    assert_eq!(p.store.commit(group).await.unwrap(), [committed(1)]);
    assert!(p.store.held(&"1".into(), &"ada".into()).await.unwrap().is_empty());
    assert_eq!(p.letters().await.len(), 1);
}

pub async fn nothing_that_was_said_is_left_once_it_is_confirmed(world: World) {
    const SAID: &str = "words-of-a-consumer-repeated";
    let p = world.at_work().await;
    let [answered, refused, closed] = ["a", "b", "c"].map(|id| with_actions(p.turn(id, 1), &[SAID, SAID]));
    p.commit([answered.clone(), refused.clone(), closed]).await;
    assert!(world.everything().await.contains(SAID), "the search finds what is there");
    let dead = vec![(key(&refused, 0), "400: no".to_owned()), (key(&refused, 1), "400: no".to_owned())];
    let done = vec![key(&answered, 0), key(&answered, 1)];
    p.store.commit(Group { done, dead, ..Group::default() }).await.unwrap();
    p.release_for_good("c", "ada").await;
    assert!(world.everything().await.contains(SAID), "a dead letter keeps its text until it is resolved");
    let ids: Vec<_> = p.letters().await.iter().map(|letter| LetterId::from(&letter.key)).collect();
    p.store.drop_letters(&ids, "ada@desk", "told by phone").await.unwrap();
    let left = world.everything().await;
    assert!(!left.contains(SAID), "{left}");
    assert!(left.contains("told by phone") && left.contains("ada@desk"), "{left}");
}
