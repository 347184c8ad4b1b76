//! `/api/v1/users`: people who log in with a password.

use std::collections::BTreeSet;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Path, Query};
use liveperson_proto::AccountId;
use muster_core::rights::{Grant, Role};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tokens::{RoleWord, Why, granted, is_name};
use super::{ApiState, Asked, Body, Caller, Govern, May, Page, Problem, reason};
use crate::access::hash_password;
use crate::board::rfc3339;
use crate::store::{Store, UserRow};

/// A user to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// The name to log in with.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// The password, of 12 to 256 characters.
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 256)]
    password: SecretString,
    /// What they may do.
    #[schema(value_type = RoleWord)]
    role: Role,
    /// The accounts that they reach; all where this is left out.
    #[schema(value_type = Option<Vec<String>>)]
    accounts: Option<BTreeSet<AccountId>>,
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// What a user becomes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    /// What they may do.
    #[schema(value_type = RoleWord)]
    role: Role,
    /// The accounts that they reach; all where this is left out.
    #[schema(value_type = Option<Vec<String>>)]
    accounts: Option<BTreeSet<AccountId>>,
    /// Another password, of 12 to 256 characters; it stays where this is left out.
    #[schema(value_type = Option<String>, format = Password, min_length = 12, max_length = 256)]
    password: Option<SecretString>,
    /// Whether they may not log in.
    #[serde(default)]
    disabled: bool,
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// A person who may log in.
#[derive(Serialize, ToSchema)]
pub(super) struct User {
    /// The name.
    name: String,
    /// What they may do.
    #[schema(value_type = RoleWord)]
    role: Role,
    /// The accounts that they reach; null for all.
    #[schema(value_type = Option<Vec<String>>)]
    accounts: Option<BTreeSet<AccountId>>,
    /// When they were made, as RFC 3339.
    created_at: String,
    /// Who made them.
    created_by: String,
    /// Since when they may not log in.
    disabled_at: Option<String>,
}

impl From<UserRow> for User {
    fn from(UserRow { name, grant, created_at, created_by, disabled_at }: UserRow) -> Self {
        let Grant { role, accounts } = grant;
        let disabled_at = disabled_at.map(rfc3339);
        Self { name, role, accounts, created_at: rfc3339(created_at), created_by, disabled_at }
    }
}

#[utoipa::path(get, path = "/api/v1/users", tag = "access", operation_id = "list_users", params(Asked),
    responses((status = 200, body = Page<User>)))]
pub(super) async fn list(
    caller: May<Govern>,
    asked: Query<Asked>,
    state: Data<ApiState>,
) -> Result<Json<Page<User>>, Problem> {
    let (filter, limit, after) =
        (asked.filter(&["name", "role"])?, asked.limit()?, asked.after::<(i64, String)>()?);
    asked.sort(&["created"])?;
    let mut rows = state.store()?.users().await.map_err(|error| Problem::of_store(&error))?;
    rows.retain(|row| {
        let is_behind = after.as_ref().is_none_or(|after| (row.created_at, &row.name) > (after.0, &after.1));
        let fits =
            filter.takes(|key| [if key == "name" { row.name.as_str() } else { row.grant.role.word() }]);
        is_behind && fits && caller.grant.covers(&row.grant)
    });
    rows.truncate(limit as usize + 1);
    Ok(Json(Page::of(rows, limit, |row| (row.created_at, row.name.clone())).map(User::from)))
}

#[utoipa::path(post, path = "/api/v1/users", tag = "access", operation_id = "create_user", request_body = Wanted,
    responses((status = 201, description = "made")))]
pub(super) async fn create(
    caller: May<Govern>,
    wanted: Body<Wanted>,
    state: Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let Wanted { name, password, role, accounts, reason: why } = wanted.0;
    let why = reason(&why)?;
    is_name(&name)?;
    let grant = granted(&caller, role, accounts)?;
    let hash = hashed(password).await?;
    let store = state.store()?;
    let act = caller.act(("", ""), &format!("make the user {name} ({role})"), why);
    let id = store.audit(&act).await.map_err(|error| Problem::of_store(&error))?;
    let made = store.add_user(&name, &hash, &grant, caller.who()).await;
    let made = made.map_err(|error| Problem::of_store(&error))?;
    let words = if made { "made" } else { "there is one" };
    store.audit_outcome(&id, made, words).await.map_err(|error| Problem::of_store(&error))?;
    if made {
        Ok(HttpResponse::build(StatusCode::CREATED).finish())
    } else {
        Err(Problem::conflict("there is a user of this name: change that one, or choose another name"))
    }
}

#[utoipa::path(put, path = "/api/v1/users/{name}", tag = "access", operation_id = "change_user",
    params(("name" = String, Path)), request_body = Change,
    responses((status = 204, description = "changed: their sessions are over")))]
pub(super) async fn change(
    caller: May<Govern>,
    name: Path<String>,
    change: Body<Change>,
    state: Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let Change { role, accounts, password, disabled, reason: why } = change.0;
    let why = reason(&why)?;
    let store = state.store()?;
    within_reach(&caller, &name, store).await?;
    let grant = granted(&caller, role, accounts)?;
    let hash = match password {
        Some(password) => Some(hashed(password).await?),
        None => None,
    };
    let act = caller.act(("", ""), &format!("change the user {name} ({role})"), why);
    let id = store.audit(&act).await.map_err(|error| Problem::of_store(&error))?;
    let changed = store.change_user(&name, &grant, hash.as_deref(), disabled).await;
    finish(changed.map_err(|error| Problem::of_store(&error))?, &id, "changed", &state).await
}

#[utoipa::path(delete, path = "/api/v1/users/{name}", tag = "access", operation_id = "remove_user",
    params(("name" = String, Path), Why), responses((status = 204, description = "removed: their sessions are over")))]
pub(super) async fn remove(
    caller: May<Govern>,
    name: Path<String>,
    why: Query<Why>,
    state: Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let why = reason(&why.reason)?;
    let store = state.store()?;
    within_reach(&caller, &name, store).await?;
    let act = caller.act(("", ""), &format!("remove the user {name}"), why);
    let id = store.audit(&act).await.map_err(|error| Problem::of_store(&error))?;
    let removed = store.remove_user(&name).await.map_err(|error| Problem::of_store(&error))?;
    finish(removed, &id, "removed", &state).await
}

async fn finish(found: bool, audited: &str, words: &str, state: &ApiState) -> Result<HttpResponse, Problem> {
    let words = if found { words } else { "there is no such user" };
    let told = state.store()?.audit_outcome(audited, found, words).await;
    told.map_err(|error| Problem::of_store(&error))?;
    state.gate.forget();
    if found { Ok(HttpResponse::NoContent().finish()) } else { Err(unknown()) }
}

fn unknown() -> Problem {
    Problem::unknown("there is no such user")
}

async fn within_reach(caller: &Caller, name: &str, store: &Store) -> Result<(), Problem> {
    let users = store.users().await.map_err(|error| Problem::of_store(&error))?;
    let found = users.iter().any(|user| user.name == name && caller.grant.covers(&user.grant));
    if found { Ok(()) } else { Err(unknown()) }
}

async fn hashed(password: SecretString) -> Result<String, Problem> {
    let hashing = actix_web::web::block(move || hash_password(&password)).await;
    hashing.map_err(|_| Problem::internal())?.map_err(|wrong| Problem::invalid("/password", wrong))
}
