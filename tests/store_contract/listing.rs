//! What people ask of the store, a page at a time.

use muster::store::{
    BotFilter, ClaimKey, ClaimState, ConversationFilter, DeclaredBot, Group, ListedConversation,
};

use crate::world::{Process, World, by, key, process, with_actions};

fn declared(account: &str, bot: &str, pool: &str) -> DeclaredBot {
    let declared_json = r#"{"logic":"echo"}"#.to_owned();
    DeclaredBot { account: account.into(), bot: bot.into(), pool: pool.into(), declared_json }
}

pub async fn bots_are_listed_by_filter_and_page(world: World) {
    let p = world.at_work().await;
    let bots = [("1", "ada", "desk"), ("1", "bob", "desk"), ("1", "Zoe", "night"), ("2", "ada", "desk")];
    p.store.declare(&bots.map(|(account, bot, pool)| declared(account, bot, pool))).await.unwrap();
    p.commit([p.turn("c1", 1), p.turn("c2", 1)]).await;
    p.store.save_session(&"1".into(), &"ada".into(), "token").await.unwrap();
    let store = world.another_store().await;
    let names = async |filter: BotFilter, after: (&str, &str), limit| {
        let after = (after.0.to_owned(), after.1.to_owned());
        let listed = store.list_bots(&filter, &after, limit).await.unwrap();
        listed
            .into_iter()
            .map(|bot| format!("{}/{}", bot.row.bot.account, bot.row.bot.bot))
            .collect::<Vec<_>>()
    };
    let of = |account: &str, pool: &str, bot: &str| {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        BotFilter { account: some(account), pool: some(pool), bot: some(bot) }
    };
    let start = ("", "");
    for (filter, after, limit, expected) in [
        (of("", "", ""), start, 10, &["1/Zoe", "1/ada", "1/bob", "2/ada"][..]),
        (of("", "", ""), start, 2, &["1/Zoe", "1/ada"]),
        (of("", "", ""), ("1", "ada"), 2, &["1/bob", "2/ada"]),
        (of("", "", ""), ("2", "ada"), 2, &[]),
        (of("2", "", ""), start, 10, &["2/ada"]),
        (of("", "night", ""), start, 10, &["1/Zoe"]),
        (of("", "", "ada"), start, 10, &["1/ada", "2/ada"]),
        (of("", "", "ada"), ("1", "ada"), 10, &["2/ada"]),
    ] {
        assert_eq!(names(filter.clone(), after, limit).await, expected, "{filter:?} {after:?} {limit}");
    }
    let listed = store.list_bots(&of("1", "", ""), &Default::default(), 10).await.unwrap();
    let [zoe, ada, bob] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((ada.held, bob.held), (2, 0));
    assert_eq!(ada.owner, Some((p.me.incarnation.clone(), p.epoch)));
    assert_eq!((&zoe.owner, zoe.session_saved_at), (&None, None));
    assert!(ada.session_saved_at > Some(1_600_000_000_000));
}

pub async fn conversations_are_listed_by_filter_and_page(world: World) {
    let p = world.at_work().await;
    p.commit([with_actions(p.turn("c1", 5), &["a", "b"]), by("bob", p.turn("c2", 1)), p.turn("c3", 1)]).await;
    let dead = vec![(key(&p.turn("c1", 5), 1), "refused".to_owned())];
    p.store.commit(Group { dead, ..Group::default() }).await.unwrap();
    p.release("c3", "ada").await;
    let store = world.another_store().await;
    let list = async |filter: &ConversationFilter, after: &ClaimKey, limit| {
        store.list_conversations(filter, after, limit).await.unwrap()
    };
    let ids =
        |listed: &[ListedConversation]| listed.iter().map(|c| c.conversation.to_string()).collect::<Vec<_>>();
    let all = ConversationFilter::default();
    let bot = |name: &str| ConversationFilter { bot: Some(name.to_owned()), ..all.clone() };
    let state = |name: &str| ConversationFilter { state: Some(name.to_owned()), ..all.clone() };
    let account = |name: &str| ConversationFilter { account: Some(name.to_owned()), ..all.clone() };
    for (filter, expected) in [
        (all.clone(), &["c1", "c2", "c3"][..]),
        (bot("bob"), &["c2"]),
        (state("held"), &["c1", "c2"]),
        (state("released"), &["c3"]),
        (account("1"), &["c1", "c2", "c3"]),
        (account("2"), &[]),
        (ConversationFilter { conversation: Some("c2".to_owned()), ..all.clone() }, &["c2"]),
        (ConversationFilter { pool: Some("night".to_owned()), ..all.clone() }, &[]),
    ] {
        assert_eq!(ids(&list(&filter, &ClaimKey::default(), 10).await), expected, "{filter:?}");
    }
    let first = list(&all, &ClaimKey::default(), 2).await;
    assert_eq!(ids(&first), ["c1", "c2"]);
    assert_eq!(ids(&list(&all, &first[1].key(), 2).await), ["c3"]);

    let c1 = &first[0];
    assert_eq!((c1.outbox, c1.dead_letters, c1.turns, c1.cursor.unwrap().0), (1, 1, 1, 5));
    assert_eq!((&c1.state, c1.bot.as_str()), (&ClaimState::Held, "ada"));
    let c3 = &list(&state("released"), &ClaimKey::default(), 1).await[0];
    assert_eq!(c3.state, ClaimState::Released { reason: "closed".to_owned() });

    let details = store.conversation_details(&c1.key()).await.unwrap();
    assert_eq!((details.cursors.len(), details.cursors[0].1.0), (1, 5));
    let actions: Vec<_> = details.actions.iter().map(|action| (action.n, action.dead.as_deref())).collect();
    assert_eq!(actions, [(0, None), (1, Some("refused"))]);
    assert!(!format!("{details:?}").contains("\"a\""), "what is said is not read");
}

pub async fn the_holder_is_the_live_owner_and_its_bots(world: World) {
    let first = world.at_work().await;
    let looking = world.another_store().await;
    let holder = looking.holder().await.unwrap().unwrap();
    assert_eq!(holder.owner.node, first.me);
    assert!(holder.owner.words().starts_with("process 7 on first since 20"), "{}", holder.owner.words());
    assert!(holder.runs(&"1".into(), &"ada".into()) && !holder.runs(&"1".into(), &"eve".into()));
    assert!(looking.holder().await.unwrap().is_some(), "to look takes no lock");
    first.store.renew(&first.me).await.unwrap();

    first.store.release(&first.me).await.unwrap();
    assert_eq!(looking.holder().await.unwrap(), None);
    let second = Process::start(&world.store, process("second"), false).await;
    assert_eq!(looking.holder().await.unwrap().unwrap().owner.node, second.me);
}

pub async fn to_look_at_a_store_makes_nothing(world: World) {
    world.store.migrate().await.unwrap();
    let url = world.options().url;
    let looking = muster::store::Store::open_to_look(&url, tokio::runtime::Handle::current()).await.unwrap();
    assert_eq!(looking.holder().await.unwrap(), None);
    assert!(!world.file("muster.db.key").exists());
    let nowhere = muster::store::StoreUrl::Sqlite(world.file("none.db"));
    let refused = muster::store::Store::open_to_look(&nowhere, tokio::runtime::Handle::current()).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("there is no store at")));
    assert!(!world.file("none.db").exists());
}

/// A process that ended without a word, as after kill -9.
pub async fn a_dead_owner_holds_nothing(world: World) {
    let dead = world.another_store().await;
    dead.migrate().await.unwrap();
    dead.acquire(&process("dead"), false).await.unwrap();
    dead.close().await;
    drop(dead);
    assert!(world.store.owner().await.unwrap().is_some());
    assert_eq!(world.store.holder().await.unwrap(), None);
}
