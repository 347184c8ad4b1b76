//! Postgres: the fleet's store in production.

use std::time::Duration;

use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgPool};

use super::{StoreError, url};

const CONNECTIONS: u32 = 4;
const CONNECT: Duration = Duration::from_secs(5);
/// A connection that lay unused for longer is tested before it is used.
const FRESH: Duration = Duration::from_secs(1);

// A process that is stopped in mid-group keeps its connection: the database ends the transaction for it,
// or its locks would hold up the next owner of the fleet for as long as it sleeps.
//
// Every statement of the store looks rows up by key. The planner is held to that: a plan made
// while the tables were empty would otherwise scan them once they are full.
const SESSION: &str = "SELECT \
     set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') = 'remote_apply' \
       THEN 'remote_apply' ELSE 'on' END, false), \
     set_config('statement_timeout', '10s', false), \
     set_config('idle_in_transaction_session_timeout', '5s', false), \
     set_config('plan_cache_mode', 'force_generic_plan', false), \
     set_config('jit', 'off', false), \
     set_config('enable_seqscan', 'off', false)";

/// The open pool.
pub(super) struct Postgres {
    pool: PgPool,
    name: String,
}

impl Postgres {
    pub(super) async fn open(address: &str) -> Result<Self, StoreError> {
        let options = url::postgres(address)?;
        let name = format!("{} at {}", url::database(&options), url::host(&options));
        let pool = pool().connect_with(options.application_name("muster")).await?;
        let opened = Self { pool, name };
        opened.insist_on_durability().await?;
        Ok(opened)
    }

    pub(super) fn writer(&self) -> &PgPool {
        &self.pool
    }

    pub(super) fn reader(&self) -> &PgPool {
        &self.pool
    }

    /// Reads back what makes a commit durable.
    pub(super) async fn durability(&self) -> Result<Vec<(&'static str, String)>, StoreError> {
        let (commit, fsync): (String, String) =
            sqlx::query_as("SELECT current_setting('synchronous_commit'), current_setting('fsync')")
                .fetch_one(&self.pool)
                .await?;
        Ok(vec![("synchronous_commit", commit), ("fsync", fsync)])
    }

    async fn insist_on_durability(&self) -> Result<(), StoreError> {
        for (setting, value) in self.durability().await? {
            match (setting, value.as_str()) {
                ("synchronous_commit", "on" | "remote_apply") | ("fsync", "on") => {}
                ("fsync", _) => tracing::warn!("the database runs with fsync off: a power cut loses commits"),
                _ => {
                    return Err(StoreError::Rule(format!(
                        "the database keeps {setting}={value}, which may lose commits: connect directly, \
                         not through a pooler, or set it to on"
                    )));
                }
            }
        }
        Ok(())
    }

    pub(super) fn describe(&self) -> String {
        format!("Postgres {} (synchronous_commit=on)", self.name)
    }
}

fn pool() -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(CONNECT)
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move { sqlx::query(SESSION).execute(connection).await.map(drop) })
        })
        .before_acquire(|connection, life| {
            Box::pin(async move { Ok(life.idle_for < FRESH || connection.ping().await.is_ok()) })
        })
}
