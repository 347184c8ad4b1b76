//! The tables, brought to what this muster knows.

use sqlx::migrate::{MigrateError, Migration, Migrator};

use super::{Engine, Store, StoreError, each_dialect};

static COMMON: Migrator = sqlx::migrate!("./migrations");
static SQLITE: Migrator = sqlx::migrate!("./migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("./migrations/postgres");

const APPLIED: &str = "SELECT version FROM _sqlx_migrations WHERE success";

impl Store {
    /// Brings the tables up to date; says which migrations it applied.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        let pending = self.pending_migrations().await?;
        self.on_io_unhurried(|inner| async move {
            let migrator = migrator(&inner.engine);
            match &inner.engine {
                Engine::Sqlite(sqlite) => migrator.run(sqlite.writer()).await?,
                Engine::Postgres(postgres) => {
                    let mut connection = postgres.writer().acquire().await?.detach();
                    sqlx::query("SET statement_timeout = 0").execute(&mut connection).await?;
                    migrator.run_direct(None, &mut connection, false).await?;
                }
            }
            Ok(pending)
        })
        .await
    }

    /// The migrations that [`Store::migrate`] would apply, oldest first. Changes nothing.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        self.on_io(|inner| async move {
            let applied = applied(&inner.engine).await?;
            let known = migrator(&inner.engine);
            if let Some(newer) = applied.iter().find(|version| !known.version_exists(**version)) {
                return Err(MigrateError::VersionMissing(*newer).into());
            }
            Ok(known.iter().filter(|known| !applied.contains(&known.version)).map(name).collect())
        })
        .await
    }
}

async fn applied(engine: &Engine) -> Result<Vec<i64>, StoreError> {
    let rows: Result<Vec<(i64,)>, sqlx::Error> = each_dialect!(engine, reader, db => {
        sqlx::query_as(APPLIED).fetch_all(db).await
    });
    match rows.map_err(StoreError::from) {
        Ok(rows) => Ok(rows.into_iter().map(|(version,)| version).collect()),
        // No table yet: nothing was ever applied.
        Err(StoreError::Migration { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn migrator(engine: &Engine) -> Migrator {
    let own = match engine {
        Engine::Sqlite(_) => &SQLITE,
        Engine::Postgres(_) => &POSTGRES,
    };
    Migrator::with_migrations(COMMON.iter().chain(own.iter()).cloned().collect())
}

fn name(migration: &Migration) -> String {
    format!("{:04} {}", migration.version, migration.description)
}
