//! One database, one store on it, and short words for what the stories do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use liveperson_proto::Sequence;
use muster::store::{
    DeadLetter, Group, HeldConversation, KeySource, LetterFilter, NewAction, NewClaim, NodeIdentity,
    OutboxKey, Refusal, Release, Store, StoreOptions, StoreUrl, Taken, TurnCommit, TurnOutcome,
};
use muster_core::dialog::Cursor;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tokio::runtime::Handle;

use crate::server::Database;

/// A database of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(non_camel_case_types, reason = "the contract's macro names modules and variants alike")]
pub enum Kind {
    sqlite,
    postgres,
}

/// A key file's content that is no secret.
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// What a story plays in.
pub struct World {
    pub kind: Kind,
    pub store: Store,
    pub folder: tempfile::TempDir,
    database: Option<Database>,
}

/// Plays `story` in a fresh world.
pub fn run<F: Future<Output = ()>>(kind: Kind, story: impl FnOnce(World) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let database = match kind {
            Kind::sqlite => None,
            Kind::postgres => Some(Database::empty().await),
        };
        std::fs::write(folder.path().join("key"), KEY).unwrap();
        let options = options(database.as_ref(), folder.path());
        let opened = Store::open(&options, Handle::current()).await.unwrap();
        story(World { kind, store: opened, folder, database }).await;
    });
}

fn options(database: Option<&Database>, folder: &Path) -> StoreOptions {
    let url = match database {
        None => StoreUrl::Sqlite(folder.join("muster.db")),
        Some(database) => database.url().parse().unwrap(),
    };
    StoreOptions { url, key: Some(KeySource::File(folder.join("key"))), node_lease: Duration::from_secs(15) }
}

/// A process: each has its own incarnation.
pub fn process(name: &str) -> NodeIdentity {
    let incarnation = uuid::Uuid::new_v4().to_string();
    NodeIdentity { incarnation, name: name.to_owned(), version: "0.1.0".to_owned(), pid: 7 }
}

impl World {
    pub fn options(&self) -> StoreOptions {
        options(self.database.as_ref(), self.folder.path())
    }

    /// Another process's view of the same database.
    pub async fn another_store(&self) -> Store {
        Store::open(&self.options(), Handle::current()).await.unwrap()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A migrated store whose fleet is this process's, with the bots `ada` and `bob` of account `1`.
    pub async fn at_work(&self) -> Process {
        self.store.migrate().await.unwrap();
        Process::start(&self.store, process("first"), false).await
    }

    /// Changes the database behind the store's back.
    pub async fn sql(&self, statement: &str) {
        self.execute(statement).await.unwrap();
    }

    /// The same, which the database may refuse.
    pub async fn execute(&self, statement: &str) -> Result<(), sqlx::Error> {
        let statement = sqlx::raw_sql(AssertSqlSafe(statement));
        match &self.database {
            None => statement.execute(&mut self.sqlite().await).await.map(drop),
            Some(_) => statement.execute(&mut self.postgres().await).await.map(drop),
        }
    }

    /// One text out of the database.
    pub async fn text(&self, query: &str) -> String {
        match &self.database {
            None => {
                sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&mut self.sqlite().await).await.unwrap()
            }
            Some(_) => {
                sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&mut self.postgres().await).await.unwrap()
            }
        }
    }

    /// Every row of every table but the list of migrations, as one text.
    pub async fn everything(&self) -> String {
        let tables = match self.kind {
            Kind::sqlite => "SELECT group_concat(name) FROM sqlite_master WHERE type = 'table'",
            Kind::postgres => {
                "SELECT string_agg(tablename::text, ',') FROM pg_tables WHERE schemaname = 'public'"
            }
        };
        let tables = self.text(tables).await;
        let tables: Vec<_> = tables.split(',').filter(|table| !table.starts_with("_sqlx")).collect();
        assert!(tables.len() > 6, "{tables:?}");
        let mut all = String::new();
        for table in tables {
            all += &self.text(&self.rows_of(table).await).await;
        }
        all
    }

    /// The query for all rows of a table as one text.
    async fn rows_of(&self, table: &str) -> String {
        if self.kind == Kind::postgres {
            return format!("SELECT coalesce(string_agg(t::text, ';'), '') FROM \"{table}\" t");
        }
        let columns =
            format!("SELECT group_concat('\"' || name || '\"', ', ') FROM pragma_table_info('{table}')");
        let columns = self.text(&columns).await;
        format!("SELECT coalesce(group_concat(json_array({columns})), '') FROM \"{table}\"")
    }

    /// From now on the database's clock stands at this moment, epoch milliseconds.
    pub async fn clock_stands_at(&self, ms: i64) {
        let view = format!("VIEW clock AS SELECT CAST({ms} AS bigint) AS ms");
        match self.kind {
            Kind::sqlite => self.sql(&format!("DROP VIEW clock; CREATE {view}")).await,
            Kind::postgres => self.sql(&format!("CREATE OR REPLACE {view}")).await,
        }
    }

    /// How many rows each table of the hot path holds: cursors, claims, actions.
    pub async fn rows(&self) -> String {
        self.text(
            "SELECT CAST((SELECT count(*) FROM cursor) AS text) || ' ' || \
             CAST((SELECT count(*) FROM claim) AS text) || ' ' || CAST((SELECT count(*) FROM outbox) AS text)",
        )
        .await
    }

    async fn sqlite(&self) -> SqliteConnection {
        let path = self.file("muster.db");
        SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap()
    }

    pub async fn postgres(&self) -> PgConnection {
        PgConnection::connect(self.database.as_ref().unwrap().url()).await.unwrap()
    }
}

/// A process that owns the fleet and its bots.
pub struct Process {
    pub store: Store,
    pub me: NodeIdentity,
    pub epoch: i64,
}

impl Process {
    pub async fn start(store: &Store, me: NodeIdentity, take_over: bool) -> Self {
        store.acquire(&me, take_over).await.unwrap();
        let bots = [("1".into(), "ada".into()), ("1".into(), "bob".into())];
        let epochs = store.own_bots(&me, &bots).await.unwrap();
        Self { store: store.clone(), epoch: epochs[&bots[0]], me }
    }

    /// A turn of `ada` in the main dialog of `conversation` without actions.
    pub fn turn(&self, conversation: &str, sequence: i64) -> TurnCommit {
        TurnCommit {
            account: "1".into(),
            pool: "desk".into(),
            bot: "ada".into(),
            incarnation: self.me.incarnation.clone(),
            owner_epoch: self.epoch,
            conversation: conversation.into(),
            dialog: conversation.into(),
            turn_id: format!("{conversation}-{sequence}").as_str().into(),
            cursor: Cursor::at(Sequence(sequence)),
            variables: format!(r#"{{"at":{sequence}}}"#),
            actions: Vec::new(),
        }
    }

    pub async fn commit(&self, turns: impl Into<Vec<TurnCommit>>) -> Vec<TurnOutcome> {
        self.store.commit(Group { turns: turns.into(), ..Group::default() }).await.unwrap()
    }

    /// Every dead letter, resolved or not.
    pub async fn letters(&self) -> Vec<DeadLetter> {
        let filter = LetterFilter { resolved: true, ..LetterFilter::default() };
        self.store.dead_letters(&filter, 100).await.unwrap()
    }

    /// What `ada` holds of one conversation.
    pub async fn held(&self, conversation: &str) -> HeldConversation {
        let held = self.store.held(&"1".into(), &"ada".into()).await.unwrap();
        held.into_iter().find(|held| held.conversation.as_str() == conversation).expect("ada holds it")
    }

    /// The claim on a conversation as `bot epoch variables`.
    pub async fn claim(&self, conversation: &str) -> String {
        let claim = self.store.claim(&"1".into(), &"desk".into(), &conversation.into()).await.unwrap();
        claim.map_or("none".to_owned(), |claim| format!("{} {} {}", claim.bot, claim.epoch, claim.variables))
    }

    /// `bot` takes up a conversation, by a ring or, if it `joins`, by itself.
    pub async fn take_up(&self, bot: &str, conversation: &str, joins: bool) -> Taken {
        let claim = NewClaim {
            account: "1".into(),
            pool: "desk".into(),
            bot: bot.into(),
            incarnation: self.me.incarnation.clone(),
            owner_epoch: self.epoch,
            conversation: conversation.into(),
            joins,
        };
        self.store.take_up(vec![claim]).await.unwrap().remove(0)
    }

    pub async fn release(&self, conversation: &str, bot: &str) {
        self.end(conversation, bot, false).await;
    }

    /// The pool has done with the conversation.
    pub async fn release_for_good(&self, conversation: &str, bot: &str) {
        self.end(conversation, bot, true).await;
    }

    async fn end(&self, conversation: &str, bot: &str, done: bool) {
        let release = Release {
            account: "1".into(),
            pool: "desk".into(),
            conversation: conversation.into(),
            bot: bot.into(),
            reason: "closed".to_owned(),
            done,
        };
        self.store.commit(Group { releases: vec![release], ..Group::default() }).await.unwrap();
    }
}

/// The turn with actions whose bodies are `bodies`.
pub fn with_actions(mut turn: TurnCommit, bodies: &[&str]) -> TurnCommit {
    let action = |(n, body): (usize, &&str)| NewAction {
        n: n as i64,
        tag: format!("tag{n}"),
        body: (*body).to_owned(),
    };
    turn.actions = bodies.iter().enumerate().map(action).collect();
    turn
}

pub fn by(bot: &str, mut turn: TurnCommit) -> TurnCommit {
    turn.bot = bot.into();
    turn
}

pub fn key(turn: &TurnCommit, n: i64) -> OutboxKey {
    let TurnCommit { account, pool, conversation, turn_id, .. } = turn.clone();
    OutboxKey { account, pool, conversation, turn_id, n }
}

pub fn committed(claim_epoch: i64) -> TurnOutcome {
    TurnOutcome::Committed { claim_epoch }
}

pub fn stale(at: i64) -> TurnOutcome {
    TurnOutcome::Refused(Refusal::StaleCursor { at: Cursor::at(Sequence(at)) })
}

pub fn held_by(bot: &str) -> TurnOutcome {
    TurnOutcome::Refused(Refusal::ClaimHeldBy { bot: bot.into() })
}

pub fn is_fenced(outcome: &TurnOutcome) -> bool {
    matches!(outcome, TurnOutcome::Refused(Refusal::Fenced { .. }))
}
