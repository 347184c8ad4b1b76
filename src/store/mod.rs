//! The store: all SQL of muster. SQLite for one machine, Postgres in production.
//!
//! - [`commit`](Store::commit): a group of turns, each of which wins or is refused by itself
//! - [`take_up`](Store::take_up): a bot claims a conversation and learns what its pool remembers
//! - [`backup`](Store::backup): a copy of SQLite, while a fleet runs on it
//! - [`acquire`](Store::acquire): one process owns the fleet; a late owner changes nothing
//! - [`login_slot`](Store::login_slot): a place in an account's login budget, which all processes share
//! - [`held`](Store::held): what a bot takes up again when it starts
//!
//! SQL connections belong to the runtime that opened them, and callers live on actors' arbiters:
//! every method runs its statements on the I/O runtime. Dropping a method's future does not undo
//! or stop its statement, which runs to its end.
//!
//! The statements are one text for both dialects wherever both understand it; the migrations give
//! Postgres SQLite's `json_each`, and each dialect its own `clock` and `live_node`.

mod access;
mod audit;
mod backup;
mod bots;
mod claims;
mod commit;
mod declared;
mod erase;
mod error;
mod event_filter;
mod events;
mod group;
mod holder;
mod letters;
mod listing;
mod logins;
mod migrate;
mod outbox;
mod owner;
mod pauses;
mod postgres;
mod prune;
mod quarantine;
mod refreshes;
mod seal;
mod session;
mod sqlite;
mod starts;
mod taken_over;
mod taking;
mod timeline;
mod url;
mod wishes;

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;

pub use access::{Bearer, Keyring, NewSession, NewToken, Subject, TokenRow, UserRow};
pub use audit::{Act, ActFilter, ListedAct};
pub use backup::Backup;
pub use bots::{DeclaredBot, DeclaredRow, Wanted};
pub use claims::{ClaimRow, ClaimState, HeldConversation};
pub use declared::{DeclaredTable, Revision};
pub use erase::Erased;
pub use error::StoreError;
pub use event_filter::EventFilter;
pub use events::{EVENTS_KEPT, NewEvent, STREAM_PAGE, StreamBounds, StreamEvent, StreamPage};
pub use group::{Group, NewAction, OutboxKey, Refusal, Release, TurnCommit, TurnOutcome};
pub use holder::Holder;
pub use letters::{DeadLetter, Dropped, LetterFilter, LetterId, Resolution, RevivedRow};
pub use listing::{
    BotFilter, ClaimKey, ConversationDetails, ConversationFilter, ListedAction, ListedBot,
    ListedConversation, PAGE_LIMIT,
};
pub use logins::LoginSlot;
pub use outbox::OutboxRow;
pub use owner::{AcquireError, NodeIdentity, OwnerRecord, Renewal};
pub use pauses::PauseRow;
pub use prune::Pruned;
pub use quarantine::{BotKey, HeldOff};
pub use refreshes::{RefreshOutcome, RefreshRequest};
pub use seal::KeySource;
pub use taken_over::{Handed, TakenOverRow};
pub use taking::{NewClaim, Taken};
pub use timeline::{BotEvent, EVENT_PAGE};
pub use url::StoreUrl;
pub use wishes::{WishOutcome, WishedRows};

use postgres::Postgres;
use seal::Seal;
use sqlite::Sqlite;

/// Runs one piece of code with `$db` as the pool of whichever engine is open.
macro_rules! each_dialect {
    ($engine:expr, $access:ident, $db:ident => $body:expr) => {
        match &$engine {
            $crate::store::Engine::Sqlite(engine) => {
                let $db = engine.$access();
                $body
            }
            $crate::store::Engine::Postgres(engine) => {
                let $db = engine.$access();
                $body
            }
        }
    };
}
use each_dialect;

/// A statement that takes longer counts as lost.
const PATIENCE: Duration = Duration::from_secs(15);

/// How to open a store.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Where it lives.
    pub url: StoreUrl,
    /// Where the key that seals sessions comes from.
    pub key: Option<KeySource>,
    /// How long the fleet stays ours without a renewal (Postgres).
    pub node_lease: Duration,
}

impl StoreOptions {
    /// Options with the defaults: no key of its own, a lease of 15 seconds.
    pub fn new(url: StoreUrl) -> Self {
        Self { url, key: None, node_lease: Duration::from_secs(15) }
    }
}

enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Engine {
    fn drop_lock(&self) {
        if let Self::Sqlite(sqlite) = self {
            sqlite.drop_lock();
        }
    }
}

struct Inner {
    engine: Engine,
    seal: Option<Seal>,
    key_source: String,
    node_lease: Duration,
    /// Who this process is, since it acquired the fleet.
    me: Mutex<Option<String>>,
}

impl Inner {
    /// The incarnation that owns the fleet through this store; empty before it acquired it.
    fn incarnation(&self) -> String {
        self.me.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
    }

    fn is_now(&self, incarnation: Option<String>) {
        *self.me.lock().unwrap_or_else(PoisonError::into_inner) = incarnation;
    }
}

/// The open store; clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
    io: Handle,
}

impl Store {
    /// Opens the store; its connections live on `io`, which needs I/O and time enabled.
    ///
    /// Does not touch the tables: see [`Store::migrate`].
    pub async fn open(options: &StoreOptions, io: Handle) -> Result<Self, StoreError> {
        let StoreOptions { url, key, node_lease } = options.clone();
        let opening = io.spawn(async move {
            let engine = match &url {
                StoreUrl::Sqlite(path) => Engine::Sqlite(Sqlite::open(path).await?),
                StoreUrl::Postgres(address) => Engine::Postgres(Postgres::open(address).await?),
            };
            let (seal, key_source) = key_of(&engine, key.as_ref())?;
            Ok::<_, StoreError>(Inner { engine, seal, key_source, node_lease, me: Mutex::default() })
        });
        Ok(Self { inner: Arc::new(joined(opening).await?), io })
    }

    /// Opens the store only to look: it needs no key, and makes no key file.
    ///
    /// # Errors
    /// [`StoreError::Rule`] if there is no SQLite file, which is not made either.
    pub async fn open_to_look(url: &StoreUrl, io: Handle) -> Result<Self, StoreError> {
        if let StoreUrl::Sqlite(path) = url
            && !path.exists()
        {
            return Err(StoreError::Rule(format!("there is no store at {}", path.display())));
        }
        let (url, node_lease) = (url.clone(), Duration::ZERO);
        let opening = io.spawn(async move {
            let engine = match &url {
                StoreUrl::Sqlite(path) => Engine::Sqlite(Sqlite::open_to_look(path).await?),
                StoreUrl::Postgres(address) => Engine::Postgres(Postgres::open(address).await?),
            };
            Ok(Inner { engine, seal: None, key_source: "none".to_owned(), node_lease, me: Mutex::default() })
        });
        Ok(Self { inner: Arc::new(joined(opening).await?), io })
    }

    /// The store in the words of the start banner; no password.
    pub fn describe(&self) -> String {
        match &self.inner.engine {
            Engine::Sqlite(sqlite) => sqlite.describe(),
            Engine::Postgres(postgres) => postgres.describe(),
        }
    }

    /// Where the key that seals sessions came from.
    pub fn key_source(&self) -> String {
        self.inner.key_source.clone()
    }

    /// Asks the database whether it is there.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.on_io(|inner| async move {
            each_dialect!(inner.engine, reader, db => { sqlx::query("SELECT 1").execute(db).await?; });
            Ok(())
        })
        .await
    }

    /// The settings that make a commit durable, read back from the database.
    pub async fn durability(&self) -> Result<Vec<(&'static str, String)>, StoreError> {
        self.on_io(|inner| async move {
            match &inner.engine {
                Engine::Sqlite(sqlite) => sqlite.durability().await,
                Engine::Postgres(postgres) => postgres.durability().await,
            }
        })
        .await
    }

    /// Closes the connections; what is under way finishes first.
    pub async fn close(&self) {
        let closing = self.on_io_unhurried(|inner| async move {
            each_dialect!(inner.engine, reader, db => db.close().await);
            each_dialect!(inner.engine, writer, db => db.close().await);
            Ok(())
        });
        if let Err(error) = closing.await {
            tracing::debug!(%error, "the store was gone before it was closed");
        }
    }

    async fn on_io<T, W, F>(&self, work: W) -> Result<T, StoreError>
    where
        W: FnOnce(Arc<Inner>) -> F,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
        T: Send + 'static,
    {
        self.on_io_unhurried(|inner| {
            let work = work(inner);
            async move {
                tokio::time::timeout(PATIENCE, work).await.unwrap_or(Err(StoreError::Unavailable {
                    what: "the database did not answer in time",
                    source: None,
                }))
            }
        })
        .await
    }

    async fn on_io_unhurried<T, W, F>(&self, work: W) -> Result<T, StoreError>
    where
        W: FnOnce(Arc<Inner>) -> F,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
        T: Send + 'static,
    {
        joined(self.io.spawn(work(Arc::clone(&self.inner)))).await
    }
}

async fn joined<T>(task: tokio::task::JoinHandle<Result<T, StoreError>>) -> Result<T, StoreError> {
    match task.await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => Err(StoreError::Unavailable { what: "the I/O runtime has stopped", source: None }),
        },
    }
}

fn key_of(engine: &Engine, key: Option<&KeySource>) -> Result<(Option<Seal>, String), StoreError> {
    if let Some(source) = key {
        return Ok((Some(Seal::load(source)?), format!("key {source}")));
    }
    let Engine::Sqlite(sqlite) = engine else {
        return Ok((None, "none: sessions are not stored".to_owned()));
    };
    let path = sqlite.beside(".key");
    let (seal, made) = Seal::load_or_make(&path)?;
    let note = if made { " (made now)" } else { "" };
    Ok((Some(seal), format!("key file {}{note}", path.display())))
}

/// Text that both databases can hold: Postgres knows no NUL.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
