//! The whole life of a claim, from its taking to its forgetting.

use std::time::Duration;

use muster::store::{ClaimState, Group, Release, Taken};

use crate::world::{Process, World, by, committed, held_by, with_actions};

/// What a claim says: `bot epoch`, and why it was released if it was.
async fn shown(p: &Process, conversation: &str) -> String {
    let claim = p.store.claim(&"1".into(), &"desk".into(), &conversation.into()).await.unwrap();
    match claim {
        None => "none".to_owned(),
        Some(claim) => match claim.state {
            ClaimState::Held => format!("{} {} held", claim.bot, claim.epoch),
            ClaimState::Released { reason } => format!("{} {} released: {reason}", claim.bot, claim.epoch),
        },
    }
}

pub async fn a_claim_lives_from_its_taking_to_its_forgetting(world: World) {
    let p = world.at_work().await;
    assert_eq!(shown(&p, "c").await, "none");
    // Taken, and again by the same bot: the same claim.
    for _ in 0..2 {
        assert!(matches!(p.take_up("ada", "c", false).await, Taken::Held(held) if held.claim_epoch == 1));
    }
    p.commit([with_actions(p.turn("c", 4), &["unsent"])]).await;
    assert_eq!(shown(&p, "c").await, "ada 1 held");
    // Moved: the pool's memory goes along, and the former holder commits nothing more.
    let Taken::Held(moved) = p.take_up("bob", "c", false).await else { panic!("bob takes it") };
    assert_eq!((moved.claim_epoch, moved.cursors[0].1.sequence.0, moved.outbox.len()), (2, 4, 1));
    assert_eq!(p.commit([p.turn("c", 5)]).await, [held_by("bob")]);
    assert_eq!(p.commit([by("bob", p.turn("c", 5))]).await, [committed(2)]);
    // Released, by its holder alone; kept with its cursor and what was not sent.
    p.release("c", "ada").await;
    assert_eq!(shown(&p, "c").await, "bob 2 held");
    p.release("c", "bob").await;
    assert_eq!(shown(&p, "c").await, "bob 2 released: closed");
    assert_eq!(p.commit([by("bob", p.turn("c", 6))]).await, [held_by("bob")], "not on a released claim");
    // Taken up again: under a higher epoch, with all that was kept.
    let Taken::Held(again) = p.take_up("ada", "c", false).await else { panic!("ada takes it") };
    assert_eq!((again.claim_epoch, again.cursors[0].1.sequence.0, again.outbox.len()), (3, 5, 1));
    assert_eq!(again.variables, r#"{"at":5}"#);
    // Released and forgotten: whoever comes next knows nothing of it.
    p.release("c", "ada").await;
    world.sql("UPDATE claim SET released_at = released_at - 10000000").await;
    assert_eq!(p.store.prune(Duration::from_hours(1), 10).await.unwrap().claims, 1);
    assert_eq!((shown(&p, "c").await.as_str(), world.rows().await.as_str()), ("none", "0 0 0"));
    let Taken::Held(fresh) = p.take_up("bob", "c", true).await else { panic!("bob takes it") };
    assert_eq!((fresh.claim_epoch, fresh.cursors.len(), fresh.outbox.len()), (1, 0, 0));
    assert_eq!(fresh.variables, "{}");
}

pub async fn every_ending_releases_and_keeps_what_comes_next(world: World) {
    let p = world.at_work().await;
    // Why it ended, whether the pool has done with it, how much is left of what was not sent.
    for (conversation, reason, done, left) in [
        ("closed", "the conversation was closed", true, 0),
        ("transferred", "the bot transferred or closed the conversation", true, 0),
        ("taken", "the conversation is no longer this bot's", false, 1),
        ("retired", "the bot retired", false, 1),
    ] {
        p.commit([with_actions(p.turn(conversation, 3), &["unsent"])]).await;
        let release = Release {
            account: "1".into(),
            pool: "desk".into(),
            conversation: conversation.into(),
            bot: "ada".into(),
            reason: reason.to_owned(),
            done,
        };
        p.store.commit(Group { releases: vec![release], ..Group::default() }).await.unwrap();
        assert_eq!(shown(&p, conversation).await, format!("ada 1 released: {reason}"));
        let joins = p.take_up("bob", conversation, true).await;
        assert_eq!(matches!(joins, Taken::Done), done, "{reason}: nobody joins again what is done");
        let Taken::Held(again) = p.take_up("bob", conversation, false).await else { panic!("{reason}") };
        assert_eq!(
            (again.claim_epoch, again.cursors[0].1.sequence.0, again.outbox.len()),
            (2, 3, left),
            "{reason}"
        );
    }
}
