//! `/api/v1/declared`: what the fleet is made of, as a fleet file; what another file would change; and the change.

use std::path::Path;

use actix_web::http::header::{ETAG, IF_MATCH};
use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use muster_core::declared::Change;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ApiState, Body, Caller, Govern, Look, May, Page, Problem, reason};
use crate::app::{LaunchError, Plan, apply, plan, step_words, stored_declaration};
use crate::settings::{FleetSettings, ProcessEnvironment};
use crate::store::Store;

/// What is declared.
#[derive(Serialize, ToSchema)]
pub(super) struct Declared {
    /// Counts what was declared; also the `ETag`.
    revision: i64,
    /// The last revision that a running fleet has taken up.
    heard: i64,
    /// Whether it refused that one, and goes on as it was.
    refused: bool,
    /// What it made of it.
    outcome: Option<String>,
    /// All of it as a fleet file, which holds references to secrets and no secret.
    fleet: String,
}

/// A file to be compared.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// A fleet file.
    #[schema(max_length = 4_194_304)]
    fleet: String,
    /// Also forget what it does not declare.
    #[serde(default)]
    prune: bool,
}

/// A file to be declared.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Applied {
    /// A fleet file.
    #[schema(max_length = 4_194_304)]
    fleet: String,
    /// Also forget what it does not declare: such bots hand their conversations back, log out and are gone.
    #[serde(default)]
    prune: bool,
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// What would move.
#[derive(Serialize, ToSchema)]
pub(super) struct Difference {
    /// In words.
    words: String,
    /// Bots that move.
    changes: Vec<Moves>,
    /// What there is to say beside.
    said: Vec<String>,
    /// The revision that was compared with; also the `ETag`.
    revision: i64,
}

/// A bot that moves.
#[derive(Serialize, ToSchema)]
pub(super) struct Moves {
    /// The account.
    account: String,
    /// The bot.
    bot: String,
    /// What becomes of it.
    step: &'static str,
    /// What was changed of it.
    what: Vec<String>,
}

impl From<&Change> for Moves {
    fn from(change: &Change) -> Self {
        let what = change.what.iter().map(ToString::to_string).collect();
        Self {
            account: change.account.to_string(),
            bot: change.bot.to_string(),
            step: step_words(change),
            what,
        }
    }
}

#[utoipa::path(get, path = "/api/v1/declared", tag = "declared", operation_id = "export",
    responses((status = 200, body = Declared, headers(("etag" = String)))))]
pub(super) async fn export(caller: May<Govern>, state: Data<ApiState>) -> Result<HttpResponse, Problem> {
    caller.reaches_all()?;
    let store = state.store()?;
    let declaration = stored_declaration(store).await.map_err(|error| Problem::of_store(&error))?;
    let now = store.declared_revision().await.map_err(|error| Problem::of_store(&error))?;
    let (revision, heard, refused, outcome) = (now.number, now.heard, now.refused, now.outcome);
    let declared = Declared { revision, heard, refused, outcome, fleet: declaration.to_string() };
    Ok(HttpResponse::Ok().insert_header((ETAG, etag(revision))).json(declared))
}

#[utoipa::path(post, path = "/api/v1/declared/plan", tag = "declared", operation_id = "plan", request_body = Wanted,
    responses((status = 200, body = Difference, headers(("etag" = String)))))]
pub(super) async fn compare(
    caller: May<Govern>,
    wanted: Body<Wanted>,
    state: Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let store = state.store()?;
    let (plan, revision) = planned(&caller, &wanted.fleet, wanted.prune, store).await?;
    Ok(HttpResponse::Ok().insert_header((ETAG, etag(revision))).json(difference(&plan, revision)))
}

#[utoipa::path(put, path = "/api/v1/declared", tag = "declared", operation_id = "apply", request_body = Applied,
    params(("if-match" = Option<String>, Header, description = "the ETag of what was read or planned")),
    responses((status = 202, body = Difference, headers(("etag" = String)), description = "declared; a running fleet takes it up within seconds: `GET /api/v1/declared` says what it made of it")))]
pub(super) async fn put(
    caller: May<Govern>,
    request: HttpRequest,
    wanted: Body<Applied>,
    state: Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let why = reason(&wanted.reason)?;
    let store = state.store()?;
    let (plan, before) = planned(&caller, &wanted.fleet, wanted.prune, store).await?;
    match request.headers().get(IF_MATCH).map(|value| value.to_str().unwrap_or_default()) {
        None => return Err(Problem::no_etag()),
        Some(seen) if seen != etag(before) => return Err(Problem::stale()),
        Some(_) => {}
    }
    let act = caller.act(("", ""), &format!("apply: {}", plan.words), why);
    let id = store.audit(&act).await.map_err(|error| Problem::of_store(&error))?;
    let revision = apply(store, &plan).await.map_err(|error| Problem::of_store(&error))?;
    let told = store.audit_outcome(&id, true, &format!("declared as revision {revision}")).await;
    told.map_err(|error| Problem::of_store(&error))?;
    Ok(HttpResponse::Accepted().insert_header((ETAG, etag(revision))).json(difference(&plan, revision)))
}

async fn planned(caller: &Caller, fleet: &str, prune: bool, store: &Store) -> Result<(Plan, i64), Problem> {
    caller.reaches_all()?;
    let (settings, _) = FleetSettings::parse(fleet, "fleet", Path::new(""), &ProcessEnvironment)
        .map_err(|faults| Problem::invalid("/fleet", faults.to_string()))?;
    let revision = store.declared_revision().await.map_err(|error| Problem::of_store(&error))?.number;
    let plan = plan(store, &settings, prune).await.map_err(|error| match error {
        LaunchError::Store(error) => Problem::of_store(&error),
        other => Problem::invalid("/fleet", crate::telemetry::Chain(&other).to_string()),
    })?;
    Ok((plan, revision))
}

fn difference(plan: &Plan, revision: i64) -> Difference {
    let changes = plan.changes.iter().map(Moves::from).collect();
    Difference { words: plan.words.clone(), changes, said: plan.said.clone(), revision }
}

fn etag(revision: i64) -> String {
    format!("\"{revision}\"")
}

/// A pool, and how many bots it has.
#[derive(Serialize, ToSchema)]
pub(super) struct ShownPool {
    /// The account.
    account: String,
    /// The pool.
    pool: String,
    /// Bots that are shown.
    bots: usize,
    /// Those of them that are online.
    online: usize,
    /// Conversations that they hold.
    open_conversations: usize,
    /// What decides their replies.
    logics: Vec<String>,
}

/// What decides replies, and for how many bots.
#[derive(Serialize, ToSchema)]
pub(super) struct ShownLogic {
    /// Its name.
    logic: String,
    /// Bots that use it.
    bots: usize,
    /// Turns that they committed since this process started.
    turns: u64,
}

#[utoipa::path(get, path = "/api/v1/pools", tag = "fleet", operation_id = "list_pools", responses((status = 200, body = Page<ShownPool>)))]
pub(super) async fn pools(caller: May<Look>, state: Data<ApiState>) -> Json<Page<ShownPool>> {
    let mut pools = std::collections::BTreeMap::new();
    state.board.each(|bot| {
        if !caller.sees(&bot.account) {
            return;
        }
        let (account, name) = (bot.account.to_string(), bot.pool.to_string());
        let pool = pools.entry((account.clone(), name.clone())).or_insert_with(|| ShownPool {
            account,
            pool: name,
            bots: 0,
            online: 0,
            open_conversations: 0,
            logics: Vec::new(),
        });
        pool.bots += 1;
        pool.online += usize::from(bot.state == crate::board::BotState::Online);
        pool.open_conversations += bot.open_conversations;
        if !pool.logics.contains(&bot.logic) {
            pool.logics.push(bot.logic.clone());
        }
    });
    Json(Page { items: pools.into_values().collect(), next: None })
}

#[utoipa::path(get, path = "/api/v1/logics", tag = "fleet", operation_id = "list_logics", responses((status = 200, body = Page<ShownLogic>)))]
pub(super) async fn logics(caller: May<Look>, state: Data<ApiState>) -> Json<Page<ShownLogic>> {
    let mut logics = std::collections::BTreeMap::new();
    state.board.each(|bot| {
        if caller.sees(&bot.account) {
            let logic = logics.entry(bot.logic.clone());
            let logic = logic.or_insert_with(|| ShownLogic { logic: bot.logic.clone(), bots: 0, turns: 0 });
            logic.bots += 1;
            logic.turns += bot.turns;
        }
    });
    Json(Page { items: logics.into_values().collect(), next: None })
}
