//! Who may ask: tokens, users and sessions, and what the keyring holds of them.

use std::time::Duration;

use muster::store::{NewSession, NewToken, Subject};
use muster_core::rights::{Grant, Role};

use crate::world::World;

fn token(name: &str, hash: &str, life: Option<Duration>) -> NewToken {
    let grant = Grant { role: Role::Operator, accounts: Some(["1".into()].into()) };
    NewToken { id: format!("id-{hash}"), name: name.into(), hash: hash.into(), grant, by: "bea".into(), life }
}

pub async fn a_token_holds_until_it_is_revoked_or_over_and_has_its_name_alone(world: World) {
    let p = world.at_work().await;
    let (ci, other) = (token("ci", "h1", None), token("ci", "h2", None));
    assert!(p.store.add_first_token(&ci).await.unwrap());
    assert!(!p.store.add_first_token(&other).await.unwrap(), "there is one already");
    assert!(!p.store.add_token(&other).await.unwrap(), "the name is taken");
    assert!(p.store.add_token(&token("short", "h3", Some(Duration::ZERO))).await.unwrap());
    let keyring = p.store.keyring().await.unwrap().0;
    assert_eq!(keyring.keys().collect::<Vec<_>>(), ["h1"], "what is over opens nothing");
    let bearer = &keyring["h1"];
    assert_eq!((&bearer.grant, bearer.name.as_str(), &bearer.csrf), (&ci.grant, "ci", &None));
    assert!(p.store.revoke_token("id-h1", "bob").await.unwrap());
    assert!(!p.store.revoke_token("id-h1", "bob").await.unwrap());
    assert!(p.store.add_token(&other).await.unwrap(), "the name is free again");
    p.store.replace_token(&token("ci", "h4", None)).await.unwrap();
    p.store.replace_token(&token("ci", "h4", None)).await.unwrap();
    assert_eq!(p.store.keyring().await.unwrap().0.into_keys().collect::<Vec<_>>(), ["h4"]);
    let all = p.store.tokens().await.unwrap();
    assert_eq!((all.len(), all.iter().filter(|row| row.revoked_at.is_none()).count()), (4, 2));
}

pub async fn a_session_ends_with_its_time_its_user_and_its_token(world: World) {
    let p = world.at_work().await;
    let grant = Grant::everywhere(Role::Viewer);
    for name in ["ada", "eve"] {
        assert!(p.store.add_user(name, "$argon2id$", &grant, "bea").await.unwrap());
    }
    assert!(!p.store.add_user("ada", "$argon2id$", &grant, "bea").await.unwrap());
    assert!(p.store.add_token(&token("ci", "h1", None)).await.unwrap());
    let day = Duration::from_hours(24);
    for (hash, subject, life) in [
        ("s-ada", Subject::User("ada".into()), day),
        ("s-eve", Subject::User("eve".into()), day),
        ("s-ci", Subject::Token("id-h1".into()), day),
        ("s-over", Subject::User("ada".into()), Duration::ZERO),
        ("s-nobody", Subject::User("nobody".into()), day),
    ] {
        let session = NewSession { hash: hash.into(), subject, csrf: format!("c-{hash}"), life };
        p.store.begin_session(&session).await.unwrap();
    }
    let open = async || {
        let keyring = p.store.keyring().await.unwrap().0;
        let mut open: Vec<_> =
            keyring.into_iter().filter(|(_, bearer)| bearer.csrf.is_some()).map(|(hash, _)| hash).collect();
        open.sort_unstable();
        open
    };
    assert_eq!(open().await, ["s-ada", "s-ci", "s-eve"]);
    assert_eq!(
        p.store.keyring().await.unwrap().0["s-ci"].grant.role,
        Role::Operator,
        "no more than its token"
    );
    assert!(p.store.change_user("ada", &Grant::everywhere(Role::Admin), None, false).await.unwrap());
    assert_eq!(open().await, ["s-ci", "s-eve"], "a changed user logs in again");
    assert!(p.store.password_hash("ada").await.unwrap().is_some());
    assert!(p.store.change_user("ada", &grant, Some("$other"), true).await.unwrap());
    assert_eq!(p.store.password_hash("ada").await.unwrap(), None, "a disabled user has no password");
    assert!(p.store.revoke_token("id-h1", "bea").await.unwrap());
    assert_eq!(open().await, ["s-eve"]);
    assert!(p.store.remove_user("eve").await.unwrap() && !p.store.remove_user("eve").await.unwrap());
    assert_eq!(open().await, [""; 0]);
    assert!(!p.store.change_user("eve", &grant, None, false).await.unwrap());
    assert_eq!(p.store.users().await.unwrap().len(), 1);
}

pub async fn an_act_gets_its_outcome_once_and_is_seen_by_who_reaches_it(world: World) {
    use muster::store::{Act, ActFilter};
    let p = world.at_work().await;
    let act =
        |account: &str, who: &str| Act::new((account, ""), who, "pause", "a test").from("api 127.0.0.1");
    let id = p.store.audit(&act("1", "bea")).await.unwrap();
    p.store.audit(&act("2", "bob")).await.unwrap();
    p.store.audit(&act("", "bob")).await.unwrap();
    p.store.audit_outcome(&id, true, "paused").await.unwrap();
    p.store.audit_outcome(&id, false, "again").await.unwrap();
    let seen = async |filter: ActFilter| {
        let acts = p.store.acts(&filter, 10).await.unwrap();
        acts.into_iter().map(|act| (act.act.account, act.outcome)).collect::<Vec<_>>()
    };
    let only = Some(vec!["1".into()]);
    let mine = seen(ActFilter { only, ..ActFilter::default() }).await;
    assert_eq!(mine, [("1".to_owned(), Some((true, "paused".to_owned())))], "nothing that was done to all");
    assert_eq!(seen(ActFilter { only: Some(Vec::new()), ..ActFilter::default() }).await.len(), 0);
    assert_eq!(seen(ActFilter { who: "bob".into(), ..ActFilter::default() }).await.len(), 2);
    let (mut pages, mut before) = (Vec::new(), None);
    while let [act] = &p.store.acts(&ActFilter { before, ..ActFilter::default() }, 1).await.unwrap()[..] {
        before = Some((act.at, act.id.clone()));
        pages.push(act.id.clone());
    }
    pages.sort_unstable();
    pages.dedup();
    assert_eq!(pages.len(), 3);
}
