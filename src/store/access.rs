//! Who may ask: tokens, users, and the sessions of browsers. What is secret stands here as a hash.

use std::collections::HashMap;
use std::time::Duration;

use liveperson_proto::AccountId;
use muster_core::rights::{Grant, Role};
use serde_json::json;

use super::{Store, StoreError, each_dialect, storable};

/// The most tokens, and the most sessions, that are known at one time.
const MOST: i64 = 10_000;

/// A token that programs show, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// Its id, which is no secret.
    pub id: String,
    /// What people call it; one live token a name.
    pub name: String,
    /// What it may do.
    pub grant: Grant,
    /// When it was made, epoch milliseconds by the database's clock.
    pub created_at: i64,
    /// Who made it.
    pub created_by: String,
    /// When it ends by itself.
    pub expires_at: Option<i64>,
    /// Since when it is revoked.
    pub revoked_at: Option<i64>,
}

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The hash of its secret.
    pub hash: String,
    /// What it may do.
    pub grant: Grant,
    /// Who makes it.
    pub by: String,
    /// For how long it holds; `None` for good.
    pub life: Option<Duration>,
}

/// A person who may log in, without the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// The name.
    pub name: String,
    /// What they may do.
    pub grant: Grant,
    /// When they were made, epoch milliseconds by the database's clock.
    pub created_at: i64,
    /// Who made them.
    pub created_by: String,
    /// Since when they may not log in.
    pub disabled_at: Option<i64>,
}

/// A browser's session to be begun.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The hash of its cookie.
    pub hash: String,
    /// Whose it is.
    pub subject: Subject,
    /// What a page has to show beside the cookie.
    pub csrf: String,
    /// For how long it holds.
    pub life: Duration,
}

/// Who is behind a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A user, by name.
    User(String),
    /// A token, by its id.
    Token(String),
}

impl Subject {
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::User(name) => ("user", name),
            Self::Token(id) => ("token", id),
        }
    }
}

/// Who shows a live credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// Who is behind it.
    pub subject: Subject,
    /// The name that people know.
    pub name: String,
    /// What it may do.
    pub grant: Grant,
    /// When it ends by itself, epoch milliseconds.
    pub expires_at: Option<i64>,
    /// What a page has to show beside its cookie; `None` for what is no cookie.
    pub csrf: Option<String>,
}

/// Every live credential, by its hash.
#[derive(Clone, Debug, Default)]
pub struct Keyring(pub HashMap<String, Bearer>);

const ADD_TOKEN: &str = "INSERT INTO access_token (id, name, hash, role, accounts, created_at, created_by, expires_at) \
     SELECT $1, $2, $3, $4, $5, ms, $6, ms + CAST($7 AS bigint) FROM clock WHERE true ON CONFLICT DO NOTHING";
const FIRST_TOKEN: &str = "INSERT INTO access_token (id, name, hash, role, accounts, created_at, created_by, expires_at) \
     SELECT $1, $2, $3, $4, $5, ms, $6, ms + CAST($7 AS bigint) FROM clock \
     WHERE NOT EXISTS (SELECT 1 FROM access_token) AND NOT EXISTS (SELECT 1 FROM access_user) ON CONFLICT DO NOTHING";
const TOKENS: &str = "SELECT id, name, role, accounts, created_at, created_by, expires_at, revoked_at FROM access_token \
     ORDER BY created_at, id LIMIT $1";
const REVOKE: &str = "UPDATE access_token SET revoked_at = (SELECT ms FROM clock), revoked_by = $2 \
     WHERE id = $1 AND revoked_at IS NULL";
const REPLACE: &str = "UPDATE access_token SET revoked_at = (SELECT ms FROM clock), revoked_by = $3 \
     WHERE name = $1 AND hash <> $2 AND revoked_at IS NULL";

const ADD_USER: &str = "INSERT INTO access_user (name, password, role, accounts, created_at, created_by) \
     SELECT $1, $2, $3, $4, ms, $5 FROM clock WHERE true ON CONFLICT DO NOTHING";
const USERS: &str = "SELECT name, role, accounts, created_at, created_by, disabled_at FROM access_user \
     ORDER BY created_at, name LIMIT $1";
const CHANGE_USER: &str = "UPDATE access_user SET role = $2, accounts = $3, password = COALESCE($4, password), \
       disabled_at = CASE WHEN $5 THEN COALESCE(disabled_at, (SELECT ms FROM clock)) ELSE NULL END WHERE name = $1";
const END_SESSIONS: &str = "DELETE FROM access_session WHERE kind = 'user' AND subject = $1";
const REMOVE_USER: &str = "DELETE FROM access_user WHERE name = $1";
const PASSWORD: &str = "SELECT password FROM access_user WHERE name = $1 AND disabled_at IS NULL";

const ADD_SESSION: &str = "INSERT INTO access_session (hash, kind, subject, csrf, created_at, expires_at) \
     SELECT $1, $2, $3, $4, ms, ms + $5 FROM clock";
const END_SESSION: &str = "DELETE FROM access_session WHERE hash = $1";
const FORGET: &str = "DELETE FROM access_session WHERE expires_at < (SELECT ms FROM clock)";

const LIVE_TOKENS: &str = "SELECT hash, id, name, role, accounts, expires_at FROM access_token \
     WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > (SELECT ms FROM clock)) LIMIT $1";
const LIVE_SESSIONS: &str = "SELECT s.hash, s.kind, s.subject, s.csrf, s.expires_at, \
       COALESCE(u.name, t.name), COALESCE(u.role, t.role), CASE WHEN u.name IS NULL THEN t.accounts ELSE u.accounts END \
     FROM access_session s \
       LEFT JOIN access_user u ON s.kind = 'user' AND u.name = s.subject AND u.disabled_at IS NULL \
       LEFT JOIN access_token t ON s.kind = 'token' AND t.id = s.subject AND t.revoked_at IS NULL \
         AND (t.expires_at IS NULL OR t.expires_at > (SELECT ms FROM clock)) \
     WHERE s.expires_at > (SELECT ms FROM clock) AND (u.name IS NOT NULL OR t.id IS NOT NULL) LIMIT $1";

type Token = (String, String, String, Option<String>, i64, String, Option<i64>, Option<i64>);
type User = (String, String, Option<String>, i64, String, Option<i64>);
type LiveToken = (String, String, String, String, Option<String>, Option<i64>);
type LiveSession = (String, String, String, String, i64, String, String, Option<String>);

/// What a row grants. A role that this muster does not know grants nothing.
fn grant(role: &str, accounts: Option<&str>) -> Option<Grant> {
    let accounts = match accounts {
        None => None,
        Some(text) => {
            let ids: Vec<String> = serde_json::from_str(text).ok()?;
            Some(ids.into_iter().map(AccountId::from).collect())
        }
    };
    Some(Grant { role: role.parse::<Role>().ok()?, accounts })
}

fn columns(grant: &Grant) -> (String, Option<String>) {
    (grant.role.to_string(), grant.accounts.as_ref().map(|accounts| json!(accounts).to_string()))
}

fn millis(life: Duration) -> i64 {
    i64::try_from(life.as_millis()).unwrap_or(i64::MAX / 4)
}

impl Store {
    /// Makes a token; `false` if a live one has its name.
    pub async fn add_token(&self, token: &NewToken) -> Result<bool, StoreError> {
        self.insert_token(ADD_TOKEN, token).await
    }

    /// Makes a token if there is neither a token nor a user yet.
    pub async fn add_first_token(&self, token: &NewToken) -> Result<bool, StoreError> {
        self.insert_token(FIRST_TOKEN, token).await
    }

    async fn insert_token(&self, statement: &'static str, token: &NewToken) -> Result<bool, StoreError> {
        let NewToken { id, name, hash, grant, by, life } = token.clone();
        let (role, accounts) = columns(&grant);
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                let statement = sqlx::query(statement).bind(id).bind(storable(&name)).bind(hash).bind(role);
                let statement = statement.bind(accounts).bind(storable(&by)).bind(life.map(millis));
                Ok(statement.execute(db).await?.rows_affected() > 0)
            })
        })
        .await
    }

    /// Makes this the one live token of its name.
    pub async fn replace_token(&self, token: &NewToken) -> Result<(), StoreError> {
        let NewToken { name, hash, by, .. } = token.clone();
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                sqlx::query(REPLACE).bind(storable(&name)).bind(hash).bind(storable(&by)).execute(db).await?;
            });
            Ok(())
        })
        .await?;
        self.add_token(token).await.map(drop)
    }

    /// Every token there ever was, the oldest first, at most 10,000.
    pub async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        self.on_io(|inner| async move {
            let rows: Vec<Token> =
                each_dialect!(inner.engine, reader, db => sqlx::query_as(TOKENS).bind(MOST).fetch_all(db).await?);
            Ok(rows.into_iter().filter_map(token_row).collect())
        })
        .await
    }

    /// Ends a token for good; `false` if it is not live.
    pub async fn revoke_token(&self, id: &str, by: &str) -> Result<bool, StoreError> {
        let (id, by) = (id.to_owned(), storable(by));
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                Ok(sqlx::query(REVOKE).bind(id).bind(by).execute(db).await?.rows_affected() > 0)
            })
        })
        .await
    }

    /// Makes a user; `false` if there is one of this name.
    pub async fn add_user(
        &self,
        name: &str,
        password_hash: &str,
        grant: &Grant,
        by: &str,
    ) -> Result<bool, StoreError> {
        let (name, hash, by) = (storable(name), password_hash.to_owned(), storable(by));
        let (role, accounts) = columns(grant);
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                let statement = sqlx::query(ADD_USER).bind(name).bind(hash).bind(role).bind(accounts).bind(by);
                Ok(statement.execute(db).await?.rows_affected() > 0)
            })
        })
        .await
    }

    /// Every user, the oldest first, at most 10,000.
    pub async fn users(&self) -> Result<Vec<UserRow>, StoreError> {
        self.on_io(|inner| async move {
            let rows: Vec<User> =
                each_dialect!(inner.engine, reader, db => sqlx::query_as(USERS).bind(MOST).fetch_all(db).await?);
            Ok(rows.into_iter().filter_map(user_row).collect())
        })
        .await
    }

    /// Changes what a user may do, and the password if one is given, and ends their sessions; `false` if there
    /// is no such user.
    pub async fn change_user(
        &self,
        name: &str,
        grant: &Grant,
        password_hash: Option<&str>,
        disabled: bool,
    ) -> Result<bool, StoreError> {
        let (name, hash) = (name.to_owned(), password_hash.map(str::to_owned));
        let (role, accounts) = columns(grant);
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                let mut tx = db.begin().await?;
                let statement = sqlx::query(CHANGE_USER).bind(&name).bind(role).bind(accounts).bind(hash);
                let found = statement.bind(disabled).execute(&mut *tx).await?.rows_affected() > 0;
                sqlx::query(END_SESSIONS).bind(&name).execute(&mut *tx).await?;
                tx.commit().await?;
                Ok(found)
            })
        })
        .await
    }

    /// Forgets a user and their sessions; `false` if there is no such user.
    pub async fn remove_user(&self, name: &str) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                let mut tx = db.begin().await?;
                sqlx::query(END_SESSIONS).bind(&name).execute(&mut *tx).await?;
                let found = sqlx::query(REMOVE_USER).bind(&name).execute(&mut *tx).await?.rows_affected() > 0;
                tx.commit().await?;
                Ok(found)
            })
        })
        .await
    }

    /// The hash of a user's password; `None` if nobody of this name may log in.
    pub async fn password_hash(&self, name: &str) -> Result<Option<String>, StoreError> {
        let name = name.to_owned();
        self.on_io(move |inner| async move {
            let found: Option<(String,)> = each_dialect!(inner.engine, reader, db => {
                sqlx::query_as(PASSWORD).bind(name).fetch_optional(db).await?
            });
            Ok(found.map(|(hash,)| hash))
        })
        .await
    }

    /// Begins a browser's session, and forgets those that are over.
    pub async fn begin_session(&self, session: &NewSession) -> Result<(), StoreError> {
        let NewSession { hash, subject, csrf, life } = session.clone();
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                sqlx::query(FORGET).execute(db).await?;
                let (kind, subject) = subject.parts();
                let statement = sqlx::query(ADD_SESSION).bind(hash).bind(kind).bind(subject).bind(csrf);
                statement.bind(millis(life)).execute(db).await?;
            });
            Ok(())
        })
        .await
    }

    /// Ends a browser's session.
    pub async fn end_session(&self, hash: &str) -> Result<(), StoreError> {
        let hash = hash.to_owned();
        self.on_io(move |inner| async move {
            each_dialect!(inner.engine, writer, db => {
                sqlx::query(END_SESSION).bind(hash).execute(db).await?;
            });
            Ok(())
        })
        .await
    }

    /// Every credential that holds now.
    pub async fn keyring(&self) -> Result<Keyring, StoreError> {
        self.on_io(|inner| async move {
            let (tokens, sessions): (Vec<LiveToken>, Vec<LiveSession>) = each_dialect!(inner.engine, reader, db => {
                let tokens = sqlx::query_as(LIVE_TOKENS).bind(MOST).fetch_all(db).await?;
                (tokens, sqlx::query_as(LIVE_SESSIONS).bind(MOST).fetch_all(db).await?)
            });
            let tokens = tokens.into_iter().filter_map(live_token);
            Ok(Keyring(tokens.chain(sessions.into_iter().filter_map(live_session)).collect()))
        })
        .await
    }
}

fn token_row(
    (id, name, role, accounts, created_at, created_by, expires_at, revoked_at): Token,
) -> Option<TokenRow> {
    let grant = grant(&role, accounts.as_deref())?;
    Some(TokenRow { id, name, grant, created_at, created_by, expires_at, revoked_at })
}

fn user_row((name, role, accounts, created_at, created_by, disabled_at): User) -> Option<UserRow> {
    let grant = grant(&role, accounts.as_deref())?;
    Some(UserRow { name, grant, created_at, created_by, disabled_at })
}

fn live_token((hash, id, name, role, accounts, expires_at): LiveToken) -> Option<(String, Bearer)> {
    let grant = grant(&role, accounts.as_deref())?;
    Some((hash, Bearer { subject: Subject::Token(id), name, grant, expires_at, csrf: None }))
}

fn live_session(
    (hash, kind, subject, csrf, expires_at, name, role, accounts): LiveSession,
) -> Option<(String, Bearer)> {
    let grant = grant(&role, accounts.as_deref())?;
    let subject = if kind == "user" { Subject::User(subject) } else { Subject::Token(subject) };
    Some((hash, Bearer { subject, name, grant, expires_at: Some(expires_at), csrf: Some(csrf) }))
}
