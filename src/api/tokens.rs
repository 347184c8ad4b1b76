//! `/api/v1/tokens`: what programs show. A token's secret is answered once, when it is made.

use std::collections::BTreeSet;

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, http::StatusCode};
use liveperson_proto::AccountId;
use muster_core::rights::{Grant, Role};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ApiState, Asked, Body, Caller, Govern, May, Page, Problem, reason};
use crate::access::new_token;
use crate::board::rfc3339;
use crate::settings::duration;
use crate::store::TokenRow;

/// A token to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// What people call it; no two live tokens share a name.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What it may do.
    #[schema(value_type = RoleWord)]
    role: Role,
    /// The accounts that it reaches; all where this is left out.
    #[schema(value_type = Option<Vec<String>>)]
    accounts: Option<BTreeSet<AccountId>>,
    /// How long it holds, such as `90d`; for good where this is left out.
    #[schema(example = "90d")]
    expires_in: Option<String>,
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// What somebody may do.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "the schema of muster-core's role")]
pub(super) enum RoleWord {
    /// Looks.
    Viewer,
    /// Acts, and reads what is said.
    Operator,
    /// Declares, and says who may do what.
    Admin,
}

/// A token without its secret.
#[derive(Serialize, ToSchema)]
pub(super) struct Token {
    /// Its id.
    id: String,
    /// What people call it.
    name: String,
    /// What it may do.
    #[schema(value_type = RoleWord)]
    role: Role,
    /// The accounts that it reaches; null for all.
    #[schema(value_type = Option<Vec<String>>)]
    accounts: Option<BTreeSet<AccountId>>,
    /// When it was made, as RFC 3339.
    created_at: String,
    /// Who made it.
    created_by: String,
    /// When it ends by itself.
    expires_at: Option<String>,
    /// Since when it is revoked.
    revoked_at: Option<String>,
}

/// A token that was just made.
#[derive(Serialize, ToSchema)]
pub(super) struct Made {
    /// Its id.
    id: String,
    /// Its secret, which is shown this once.
    token: String,
}

impl From<TokenRow> for Token {
    fn from(row: TokenRow) -> Self {
        let TokenRow { id, name, grant, created_at, created_by, expires_at, revoked_at } = row;
        let (expires_at, revoked_at) = (expires_at.map(rfc3339), revoked_at.map(rfc3339));
        let Grant { role, accounts } = grant;
        Self { id, name, role, accounts, created_at: rfc3339(created_at), created_by, expires_at, revoked_at }
    }
}

#[utoipa::path(get, path = "/api/v1/tokens", tag = "access", operation_id = "list_tokens", params(Asked),
    responses((status = 200, body = Page<Token>)))]
pub(super) async fn list(
    caller: May<Govern>,
    asked: Query<Asked>,
    state: Data<ApiState>,
) -> Result<Json<Page<Token>>, Problem> {
    let (filter, limit, after) =
        (asked.filter(&["name", "role"])?, asked.limit()?, asked.after::<(i64, String)>()?);
    asked.sort(&["created"])?;
    let mut rows = state.store()?.tokens().await.map_err(|error| Problem::of_store(&error))?;
    rows.retain(|row| {
        let is_behind = after.as_ref().is_none_or(|after| (row.created_at, &row.id) > (after.0, &after.1));
        let fits =
            filter.takes(|key| [if key == "name" { row.name.as_str() } else { row.grant.role.word() }]);
        is_behind && fits && caller.grant.covers(&row.grant)
    });
    rows.truncate(limit as usize + 1);
    Ok(Json(Page::of(rows, limit, |row| (row.created_at, row.id.clone())).map(Token::from)))
}

#[utoipa::path(post, path = "/api/v1/tokens", tag = "access", operation_id = "create_token", request_body = Wanted,
    responses((status = 201, body = Made)))]
pub(super) async fn create(
    caller: May<Govern>,
    wanted: Body<Wanted>,
    state: Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let Wanted { name, role, accounts, expires_in, reason: why } = wanted.0;
    let why = reason(&why)?;
    is_name(&name)?;
    let life = expires_in.as_deref().map(|text| {
        duration(text)
            .ok_or_else(|| Problem::invalid("/expires_in", "write a number and a unit, such as 90d or 12h"))
    });
    let life = life.transpose()?;
    let grant = granted(&caller, role, accounts)?;
    let store = state.store()?;
    let (token, secret) = new_token(&name, grant, caller.who(), life);
    let act = caller.act(("", ""), &format!("make the token {name} ({role})"), why);
    let id = store.audit(&act).await.map_err(|error| Problem::of_store(&error))?;
    let made = store.add_token(&token).await.map_err(|error| Problem::of_store(&error))?;
    let words = if made { "made" } else { "a live token has this name" };
    store.audit_outcome(&id, made, words).await.map_err(|error| Problem::of_store(&error))?;
    if !made {
        return Err(Problem::conflict("a live token has this name: revoke it, or choose another"));
    }
    state.gate.forget();
    let made = Made { id: token.id, token: secret.expose_secret().to_owned() };
    Ok(HttpResponse::build(StatusCode::CREATED).json(made))
}

/// Why something is ended.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Why {
    /// Why.
    #[param(min_length = 1, max_length = 500)]
    pub(super) reason: String,
}

#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "access", operation_id = "revoke_token",
    params(("id" = String, Path), Why), responses((status = 204, description = "revoked: it holds for two seconds more at most")))]
pub(super) async fn revoke(
    caller: May<Govern>,
    id: Path<String>,
    why: Query<Why>,
    state: Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let why = reason(&why.reason)?;
    let store = state.store()?;
    let rows = store.tokens().await.map_err(|error| Problem::of_store(&error))?;
    let unknown = || Problem::unknown("there is no live token of this id");
    let live = |row: &TokenRow| row.id == *id && row.revoked_at.is_none() && caller.grant.covers(&row.grant);
    let row = rows.into_iter().find(live).ok_or_else(unknown)?;
    let act = caller.act(("", ""), &format!("revoke the token {}", row.name), why);
    let audited = store.audit(&act).await.map_err(|error| Problem::of_store(&error))?;
    let revoked = store.revoke_token(&id, caller.who()).await.map_err(|error| Problem::of_store(&error))?;
    store.audit_outcome(&audited, revoked, "revoked").await.map_err(|error| Problem::of_store(&error))?;
    state.gate.forget();
    if revoked { Ok(HttpResponse::NoContent().finish()) } else { Err(unknown()) }
}

/// The name of a token or a user.
pub(super) fn is_name(name: &str) -> Result<(), Problem> {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_.@+".contains(letter);
    if (1..=100).contains(&name.chars().count()) && name.chars().all(is_plain) {
        return Ok(());
    }
    Err(Problem::invalid("/name", "a name has 1 to 100 letters, digits or -_.@+"))
}

/// What is granted, if the caller has as much.
pub(super) fn granted(
    caller: &Caller,
    role: Role,
    accounts: Option<BTreeSet<AccountId>>,
) -> Result<Grant, Problem> {
    let grant = Grant { role, accounts };
    if caller.grant.covers(&grant) {
        Ok(grant)
    } else {
        Err(Problem::invalid("/accounts", "nobody gives more than they have: name accounts that you reach"))
    }
}
