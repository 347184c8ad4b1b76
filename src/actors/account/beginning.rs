//! What a bot's life begins with: its session, and what the store holds for it.

use std::sync::Arc;

use liveperson::{Credentials, Session};
use liveperson_proto::AccountId;
use muster_core::BotId;
use muster_core::bot::{Identity, Sealed, TokenSource};
use muster_core::dialog::Restored;
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};
use tracing::warn;

use super::super::house::House;
use super::super::recorder::Flush;
use super::recalling::restored;
use crate::protection::Protection;
use crate::store::{HeldOff, StoreError};
use crate::telemetry::Chain;

/// What the core is told of a sealed session.
pub(super) fn sealed(session: &Session) -> Sealed {
    let identity = Identity { agent: session.agent.clone(), persistent: session.persistent.clone() };
    Sealed { identity, logged_in: session.logged_in, refreshed: session.refreshed }
}

/// Where the bot's tokens come from, and the session that it begins with. A token that was handed in
/// comes before a stored session: it may be the cure for that one.
pub(super) fn tokens(
    account: &AccountId,
    credentials: &Credentials,
    stored: Option<Session>,
) -> (TokenSource, Option<Session>) {
    match credentials {
        Credentials::Token { user, token } => {
            (TokenSource::HandedIn, Some(Session::of_token(account, user, token)))
        }
        Credentials::Password { .. }
        | Credentials::Key { .. }
        | Credentials::Client { .. }
        | Credentials::Assertion { .. } => {
            (TokenSource::Login, stored.filter(|session| session.is_of(credentials)))
        }
    }
}

/// What the store says to a bot that is to start.
pub(super) enum Loaded {
    HeldOff(HeldOff),
    Life(Box<Beginning>),
}

/// What a life begins with.
pub(super) struct Beginning {
    pub(super) bench: OwnedMutexGuard<()>,
    pub(super) held: Vec<Restored>,
    pub(super) session: Option<Session>,
}

/// Waits for the bench and for the records of the life before, then reads what the store holds.
pub(super) async fn load(
    house: Arc<House>,
    account: AccountId,
    bot: BotId,
    bench: Arc<Mutex<()>>,
) -> Result<Loaded, StoreError> {
    if let Some(held) = house.store.is_held_off(&account, &bot).await? {
        return Ok(Loaded::HeldOff(held));
    }
    let bench = bench.lock_owned().await;
    if let Some(desk) = house.recorder.find() {
        let (done, flushed) = oneshot::channel();
        if desk.recorder.send(Flush(done)).await.is_ok() {
            // A recorder that fails meanwhile tells nobody: what it had is handed to its successor.
            let _ = flushed.await;
        }
    }
    let held = house.store.held(&account, &bot).await?;
    let held = if Protection::Claims.is_on() { held } else { Vec::new() };
    let held = held.into_iter().map(restored).collect();
    let sealed = house.store.load_session(&account, &bot).await?;
    let session = sealed.and_then(|sealed| match Session::unseal(&sealed) {
        Ok(session) => Some(session),
        Err(error) => {
            warn!(account.id = %account, bot.id = %bot, error = %Chain(&error), "the stored session is of no use");
            None
        }
    });
    Ok(Loaded::Life(Box::new(Beginning { bench, held, session })))
}
