//! What people want of a fleet: pauses, wishes, and the audit of what they did.

use std::time::Duration;

use liveperson_proto::request::Availability;
use muster::store::{Act, ActFilter, BotKey, DeclaredBot};
use muster_core::pause::Scope;
use muster_core::wish::{Verb, Verdict};

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

/// The process at work, and the bots `ada` and `bob` declared.
pub async fn declared(world: &World) -> crate::world::Process {
    let p = world.at_work().await;
    let bot = |name: &str| DeclaredBot {
        account: "1".into(),
        bot: name.into(),
        pool: "desk".into(),
        declared_json: "{}".to_owned(),
    };
    p.store.declare(&[bot("ada"), bot("bob")]).await.unwrap();
    p
}

pub async fn a_wish_is_asked_once_and_waits_for_its_first_answer(world: World) {
    let p = declared(&world).await;
    let person = world.another_store().await;
    let [ada, bob]: [BotKey; 2] = [("1".into(), "ada".into()), ("1".into(), "bob".into())];
    let both = [ada.clone(), bob.clone()];
    person.ask("w1", Verb::Refresh, &both, ("bea", "an audit\0")).await.unwrap();
    person.ask("w1", Verb::Refresh, &both, ("eve", "again")).await.unwrap();
    let away = Verb::AgentState(Availability::Away);
    person.ask("w2", away, &both[..1], ("bea", "lunch")).await.unwrap();
    let open = async || -> Vec<(String, String, Verb, bool)> {
        let rows = p.store.open_wishes(&p.me).await.unwrap();
        rows.into_iter().map(|row| (row.id, row.bot.to_string(), row.verb, row.begun)).collect()
    };
    let wish = |id: &str, bot: &str, verb, begun| (id.to_owned(), bot.to_owned(), verb, begun);
    let (refresh, state) = (wish("w1", "ada", Verb::Refresh, false), wish("w2", "ada", away, false));
    assert_eq!(open().await, [refresh.clone(), wish("w1", "bob", Verb::Refresh, false), state.clone()]);
    let first = &p.store.open_wishes(&p.me).await.unwrap()[0];
    assert_eq!((&*first.by, &*first.reason, first.older), ("bea", "an audit\u{fffd}", false));
    let next = crate::world::process("next");
    p.store.acquire(&next, true).await.unwrap();
    assert!(p.store.open_wishes(&next).await.unwrap()[0].older, "it is older than the next process");

    p.store.begin_wish(&bob, "w1", false).await.unwrap();
    assert_eq!(open().await[1], wish("w1", "bob", Verb::Refresh, true));
    let done = Verdict::Done("refreshed".to_owned());
    p.store.answer_wish(&bob, "w1", &done).await.unwrap();
    p.store.answer_wish(&bob, "w1", &Verdict::Failed("late".to_owned())).await.unwrap();
    assert_eq!(open().await, [refresh, state]);
    let outcomes = person.wish_outcomes("w1", &both).await.unwrap();
    let told: Vec<_> = outcomes.into_iter().map(|one| (one.bot, one.verdict)).collect();
    assert_eq!(told, [(ada, None), (bob.clone(), Some(done))], "the first answer stays");
    assert_eq!(person.wish_outcomes("w3", &[bob]).await.unwrap(), []);
}

pub async fn a_start_and_a_stop_say_whether_a_bot_should_run(world: World) {
    let p = declared(&world).await;
    let [ada, bob]: [BotKey; 2] = [("1".into(), "ada".into()), ("1".into(), "bob".into())];
    p.store.ask("w1", Verb::Stop, &[ada.clone(), bob.clone()], ("bea", "")).await.unwrap();
    assert_eq!(p.store.parked().await.unwrap(), [ada.clone(), bob.clone()].into());
    p.store.ask("w2", Verb::Start, std::slice::from_ref(&ada), ("bea", "")).await.unwrap();
    p.store.ask("w3", Verb::Restart, std::slice::from_ref(&bob), ("bea", "")).await.unwrap();
    assert_eq!(p.store.parked().await.unwrap(), [bob.clone()].into());
    p.store.ask("w1", Verb::Stop, std::slice::from_ref(&ada), ("bea", "")).await.unwrap();
    assert_eq!(
        p.store.parked().await.unwrap(),
        [bob].into(),
        "what was asked before is asked no second time"
    );
}

pub async fn a_login_anew_takes_the_session_along_and_answered_wishes_are_forgotten(world: World) {
    let p = declared(&world).await;
    let ada: BotKey = ("1".into(), "ada".into());
    p.store.save_session(&ada.0, &ada.1, "a session").await.unwrap();
    p.store.ask("w1", Verb::Relogin, std::slice::from_ref(&ada), ("bea", "")).await.unwrap();
    p.store.begin_wish(&ada, "w1", true).await.unwrap();
    assert!(p.store.load_session(&ada.0, &ada.1).await.unwrap().is_none());
    assert!(p.store.open_wishes(&p.me).await.unwrap()[0].begun);
    assert_eq!(p.store.prune_wishes(Duration::ZERO, 10).await.unwrap(), 0, "one that is open is kept");
    p.store.answer_wish(&ada, "w1", &Verdict::Done(String::new())).await.unwrap();
    assert_eq!(p.store.prune_wishes(Duration::from_hours(1), 10).await.unwrap(), 0);
    world.sql("UPDATE bot_wish SET answered_at = 1").await;
    assert_eq!(p.store.prune_wishes(Duration::from_hours(1), 10).await.unwrap(), 1);
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
