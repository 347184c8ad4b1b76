//! Conversations that are closed, with the bot there or away: one last turn, then the claim ends.

use std::sync::{Arc, Mutex};

use muster::logic::{Logic, LogicError};
use muster_core::bot::Ending;
use muster_core::turn::{Action, Turn, TurnEvent};

use crate::inside::{ACCOUNTS, Cast, World, story_of};
use crate::outside::{SOON, Store};
use crate::wait::until;

const HERE: &str = ACCOUNTS[0];

/// Echoes, and remembers the last turns of closed conversations: conversation and unseen texts.
#[derive(Default)]
struct Remembers(Mutex<Vec<(String, Vec<String>)>>);

impl Logic for Remembers {
    fn decide(&self, turn: &Turn) -> Result<Vec<Action>, LogicError> {
        match &turn.event {
            TurnEvent::Opened => Ok(Vec::new()),
            TurnEvent::Message { text, .. } => Ok(vec![Action::Say { text: text.clone() }]),
            TurnEvent::Closed { unseen, .. } => {
                let texts = unseen.iter().map(|message| message.text.clone()).collect();
                self.0.lock().unwrap().push((turn.conversation.to_string(), texts));
                Ok(vec![Action::Set { name: "closed".to_owned(), value: true.into() }])
            }
        }
    }
}

impl Remembers {
    fn last_turns(&self) -> Vec<(String, Vec<String>)> {
        self.0.lock().unwrap().clone()
    }
}

fn cast(store: Store) -> Cast<'static> {
    Cast { bots: 1, logic: "mine", pool: None, store }
}

async fn nothing_is_held(world: &World) {
    until("every claim is released", SOON, async || {
        let open = world.status(HERE, "bot-1").open_conversations;
        if open == 0 { Ok(()) } else { Err(open.to_string()) }
    })
    .await;
}

fn closed_while_the_bot_was_away(store: Store) {
    story_of(&cast(store), async |mut world| {
        let logic = Arc::new(Remembers::default());
        world.logics.add("mine", logic.clone());
        let fleet = world.launch().await;
        let (ada, bob) = (world.platform.consumer(HERE, "Ada"), world.platform.consumer(HERE, "Bob"));
        let adas = ada.opens_conversation("m-1").await;
        let bobs = bob.opens_conversation("n-1").await;
        ada.hears(1, SOON).await.unwrap();
        bob.hears(1, SOON).await.unwrap();
        world.end(fleet, Ending::Restart).await;
        ada.says("never mind").await;
        ada.closes().await;
        world.platform.human(HERE, "Eve").takes_over(&bobs).await.unwrap();
        let fleet = world.launch().await;
        until("the last turn comes", SOON, async || {
            let last = logic.last_turns();
            if last.is_empty() { Err("no last turn".to_owned()) } else { Ok(()) }
        })
        .await;
        nothing_is_held(&world).await;
        world.end(fleet, Ending::Restart).await;
        // The next life holds nothing of it, and asks for nothing.
        let fleet = world.launch().await;
        nothing_is_held(&world).await;
        world.end(fleet, Ending::Restart).await;
        assert_eq!(logic.last_turns(), [(adas, vec!["never mind".to_owned()])]);
    });
}

#[test]
fn a_conversation_closed_while_the_bot_was_away_gives_one_last_turn_on_sqlite() {
    closed_while_the_bot_was_away(Store::Sqlite);
}

#[test]
fn a_conversation_closed_while_the_bot_was_away_gives_one_last_turn_on_postgres() {
    closed_while_the_bot_was_away(Store::Postgres);
}

#[test]
fn a_conversation_closed_before_the_bots_eyes_gives_one_last_turn() {
    story_of(&cast(Store::Sqlite), async |mut world| {
        let logic = Arc::new(Remembers::default());
        world.logics.add("mine", logic.clone());
        let fleet = world.launch().await;
        let ada = world.platform.consumer(HERE, "Ada");
        let adas = ada.opens_conversation("m-1").await;
        ada.hears(1, SOON).await.unwrap();
        ada.closes().await;
        until("the last turn comes", SOON, async || {
            let last = logic.last_turns();
            if last == [(adas.clone(), Vec::new())] { Ok(()) } else { Err(format!("{last:?}")) }
        })
        .await;
        nothing_is_held(&world).await;
        world.judge().await;
        world.end(fleet, Ending::Restart).await;
        assert_eq!(logic.last_turns().len(), 1);
    });
}
