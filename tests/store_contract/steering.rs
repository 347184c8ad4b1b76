//! What people want of a fleet: pauses, fresh tokens, and the audit of what they did.

use muster::store::{Act, ActFilter, RefreshOutcome};
use muster_core::pause::Scope;

use crate::world::World;

pub async fn a_pause_holds_until_it_is_lifted_as_it_was_made(world: World) {
    let p = world.at_work().await;
    let person = world.another_store().await;
    let (all, bot) = (Scope::All, Scope::of("1", "ada"));
    let scopes = async || -> Vec<(Scope, String)> {
        let rows = p.store.pauses().await.unwrap();
        rows.into_iter().map(|row| (row.pause.scope, row.pause.reason)).collect()
    };
    person.pause(&[all.clone(), bot.clone()], "a rollout", "bea").await.unwrap();
    let since = p.store.pauses().await.unwrap()[0].since;
    person.pause(std::slice::from_ref(&bot), "another", "bob").await.unwrap();
    assert_eq!(scopes().await, [(all.clone(), "a rollout".to_owned()), (bot.clone(), "another".to_owned())]);
    assert_eq!(p.store.pauses().await.unwrap()[0].since, since);
    assert_eq!(person.resume(&[Scope::of("1", ""), all.clone()]).await.unwrap(), [all]);
    assert_eq!(scopes().await, [(bot.clone(), "another".to_owned())], "a narrower one is another");
    let own = [bot];
    assert_eq!(person.resume(&own).await.unwrap(), own);
    assert_eq!(person.resume(&own).await.unwrap(), []);
}

pub async fn a_wish_for_a_fresh_token_waits_until_it_is_answered(world: World) {
    let p = world.at_work().await;
    let person = world.another_store().await;
    let bots = [("1".to_owned(), "ada".to_owned()), ("1".to_owned(), "bob".to_owned())];
    person.ask_for_refresh(&bots, "bea").await.unwrap();
    person.ask_for_refresh(&bots[..1], "bea").await.unwrap();
    let open: Vec<_> = p.store.refresh_requests().await.unwrap().into_iter().map(|one| one.number).collect();
    assert_eq!(open, [2, 1]);
    p.store.answer_refresh(&"1".into(), &"ada".into(), "refreshed").await.unwrap();
    let outcomes = person.refresh_outcomes(&bots).await.unwrap();
    let words: Vec<_> = outcomes.iter().map(|RefreshOutcome { words, .. }| words.as_deref()).collect();
    assert_eq!(words, [Some("refreshed"), None]);
    assert_eq!(p.store.refresh_requests().await.unwrap().len(), 1);
    person.ask_for_refresh(&bots[..1], "bea").await.unwrap();
    assert_eq!(person.refresh_outcomes(&bots[..1]).await.unwrap()[0].words, None, "an old answer is none");
}

pub async fn the_audit_is_only_added_to(world: World) {
    let p = world.at_work().await;
    for (account, bot, what) in [("1", "ada", "read the token"), ("", "", "pause"), ("2", "eve", "pause")] {
        p.store.audit(&Act::new((account, bot), "bea", what, "a support case\0")).await.unwrap();
    }
    let acts = async |account: &str, bot: &str| -> Vec<String> {
        let filter = ActFilter { account: account.to_owned(), bot: bot.to_owned(), ..ActFilter::default() };
        let acts = p.store.acts(&filter, 10).await.unwrap();
        assert!(acts.iter().all(|act| act.at > 0 && act.act.who == "bea"), "{acts:?}");
        let mut told: Vec<_> =
            acts.into_iter().map(|act| format!("{}/{}", act.act.account, act.act.bot)).collect();
        told.sort_unstable();
        told
    };
    assert_eq!(acts("", "").await, ["/", "1/ada", "2/eve"]);
    assert_eq!(acts("1", "").await, ["/", "1/ada"], "what was done to all was done to it too");
    assert_eq!(acts("1", "eve").await, ["/"]);
    assert_eq!(p.store.acts(&ActFilter::default(), 1).await.unwrap().len(), 1);
    for statement in ["UPDATE audit SET who = 'eve'", "DELETE FROM audit"] {
        assert!(world.execute(statement).await.is_err(), "{statement}");
    }
    assert_eq!(acts("", "").await.len(), 3);
}
