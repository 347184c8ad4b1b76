//! What fleet files declared, and what a removed bot leaves.

use muster::store::{DeclaredTable, Revision, Taken};

use crate::world::{Process, World, process, with_actions};

fn table(account: &str, header: &str, name: &str, body: &str) -> DeclaredTable {
    let [account, header, name, body] = [account, header, name, body].map(ToOwned::to_owned);
    DeclaredTable { account, header, name, body }
}

pub async fn what_is_declared_last_wins_and_nothing_is_pruned(world: World) {
    let store = &world.store;
    store.migrate().await.unwrap();
    assert_eq!(store.declared_tables().await.unwrap(), []);
    let platform = table("", "[platform]", "", "");
    let ada = table("1", "[[accounts.bots]]", "ada", "name = \"ada\"\n");
    let bob = table("1", "[[accounts.bots]]", "bob", "name = \"bob\" # \"quoted\" and \u{20ac}\n");
    store.declare_tables(&[bob.clone(), ada.clone(), platform.clone()], &[]).await.unwrap();
    let changed = DeclaredTable { body: "logic = \"echo\"\n".to_owned(), ..ada.clone() };
    store.declare_tables(std::slice::from_ref(&changed), &[]).await.unwrap();
    store.declare_tables(&[], &[]).await.unwrap();
    assert_eq!(world.another_store().await.declared_tables().await.unwrap(), [platform, changed, bob]);
}

pub async fn a_process_that_lost_the_fleet_declares_nothing(world: World) {
    let first = world.at_work().await;
    Process::start(&world.another_store().await, process("second"), true).await;
    first.store.declare_tables(&[table("", "[platform]", "", "late")], &[]).await.unwrap();
    assert_eq!(first.store.declared_tables().await.unwrap(), []);
}

pub async fn a_forgotten_bot_lets_go_of_all_it_held(world: World) {
    let p = world.at_work().await;
    let bot = |name| table("1", "[[accounts.bots]]", name, "");
    p.store.declare_tables(&[bot("ada"), bot("bob")], &[]).await.unwrap();
    let declared = |name: &str| muster::store::DeclaredBot {
        account: "1".into(),
        bot: name.into(),
        pool: "desk".into(),
        declared_json: "{}".to_owned(),
    };
    p.store.declare(&[declared("ada"), declared("bob")]).await.unwrap();
    p.store.save_session(&"1".into(), &"ada".into(), "token").await.unwrap();
    p.commit([with_actions(p.turn("c", 1), &["unsent"])]).await;
    let header = "[[accounts.bots]]";
    let ada = [("1".to_owned(), "ada".to_owned())];
    p.store.forget_bots(header, &ada).await.unwrap();
    assert_eq!(p.store.declared().await.unwrap().len(), 2, "whoever is declared is not forgotten");
    p.store.declare_tables(&[], &[bot("ada")]).await.unwrap();
    p.store.forget_bots(header, &ada).await.unwrap();

    assert_eq!(p.store.declared_tables().await.unwrap(), [bot("bob")]);
    let left: Vec<_> = p.store.declared().await.unwrap().into_iter().map(|row| row.bot.bot).collect();
    assert_eq!(left, ["bob".into()]);
    assert_eq!(p.store.load_session(&"1".into(), &"ada".into()).await.unwrap(), None);
    assert!(p.store.held(&"1".into(), &"ada".into()).await.unwrap().is_empty());
    assert_eq!(p.letters().await, []);
    let Taken::Held(bobs) = p.take_up("bob", "c", true).await else { panic!("bob takes it up") };
    assert_eq!(bobs.outbox.len(), 1, "what ada did not send is bob's to finish");
}

pub async fn each_declaration_counts_and_its_outcome_is_told(world: World) {
    let p = world.at_work().await;
    let looker = world.another_store().await;
    let seen = async || looker.declared_revision().await.unwrap();
    assert_eq!(seen().await, Revision::default());
    let (one, two) = (table("", "[platform]", "", ""), table("", "[platform]", "", "plain = true\n"));
    assert_eq!(p.store.declare_tables(&[one], &[]).await.unwrap(), 1);
    p.store.hear_revision(1, Ok("nobody moves")).await.unwrap();
    assert_eq!(
        looker.declare_tables(&[two], &[]).await.unwrap(),
        2,
        "a process that runs no fleet may declare"
    );
    let outcome = Some("nobody moves".to_owned());
    assert_eq!(seen().await, Revision { number: 2, heard: 1, refused: false, outcome });
    p.store.hear_revision(2, Err("it is faulty")).await.unwrap();
    p.store.hear_revision(1, Ok("too late")).await.unwrap();
    let outcome = Some("it is faulty".to_owned());
    assert_eq!(seen().await, Revision { number: 2, heard: 2, refused: true, outcome });
}
