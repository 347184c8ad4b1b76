//! `/api/v1/operations`: a verb on every bot that a filter matches, and how far it has come.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Json, Path, Query};
use muster_core::operation::RATE_LIMIT;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::verbs::verb_of;
use super::{Act, ApiState, Asked, Body, Caller, Look, May, Page, Problem, reason};
use crate::board::rfc3339;
use crate::steering::bots::Order;
use crate::steering::matching::{filter, matching};
use crate::steering::operations::{Course, begin, cancel as end, is_meant};
use crate::store::{self, DeclaredRow, OperationItem, Store};

/// Bots that a dry run names at most.
const NAMED: usize = 100;

/// An operation to be begun.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// What is done: start, stop, restart, relogin, refresh, agent-state, pause, resume, release or suspend.
    verb: String,
    /// Of `agent-state`: ONLINE, OCCUPIED, AWAY or `BACK_SOON`.
    #[serde(default)]
    state: String,
    /// Which bots, such as `state=quarantined account=12345678`; empty for every one.
    #[schema(max_length = 2000)]
    filter: String,
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
    /// Bots a second; 10 unless said otherwise.
    #[schema(minimum = 1, maximum = 1000)]
    rate: Option<u64>,
    /// The failures after which no further bot is begun; 5 % of them, and at least 5, unless said otherwise.
    #[schema(minimum = 1)]
    stop_after: Option<u64>,
    /// Only say which bots are meant.
    #[serde(default)]
    dry_run: bool,
}

/// Why an operation is ended.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ending {
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Which bots would be meant.
#[derive(Serialize, ToSchema)]
pub(super) struct Meant {
    /// How many.
    count: usize,
    /// The first hundred, as ACCOUNT/BOT.
    first: Vec<String>,
}

/// An operation, and how far it has come.
#[derive(Serialize, ToSchema)]
pub(super) struct Operation {
    id: String,
    /// The account of all its bots; empty where they are of several.
    account: String,
    verb: String,
    filter: String,
    who: String,
    reason: String,
    /// running, cancelling, cancelled, done or failed.
    state: &'static str,
    total: u64,
    done: u64,
    failed: u64,
    /// There was nothing to do, or they were not begun.
    skipped: u64,
    /// Bots a second.
    rate: u64,
    stop_after: u64,
    created_at: String,
    ended_at: Option<String>,
    /// How it ended, in words.
    outcome: Option<String>,
}

/// One bot of an operation.
#[derive(Serialize, ToSchema)]
pub(super) struct Item {
    /// Its place in the order, from 1.
    n: i64,
    account: String,
    bot: String,
    /// waiting, asked, done, failed or skipped.
    state: String,
    outcome: Option<String>,
}

impl From<store::Operation> for Operation {
    fn from(one: store::Operation) -> Self {
        Self {
            id: one.id,
            account: one.order.account,
            verb: one.order.verb.to_string(),
            filter: one.order.filter,
            who: one.order.who,
            reason: one.order.reason,
            state: one.state.word(),
            total: one.total,
            done: one.done,
            failed: one.failed,
            skipped: one.skipped,
            rate: one.order.rate,
            stop_after: one.order.stop_after,
            created_at: rfc3339(one.created_at),
            ended_at: one.ended_at.map(rfc3339),
            outcome: one.outcome,
        }
    }
}

impl From<OperationItem> for Item {
    fn from(OperationItem { n, bot: (account, bot), state, outcome }: OperationItem) -> Self {
        Self { n, account: account.to_string(), bot: bot.to_string(), state, outcome }
    }
}

#[utoipa::path(post, path = "/api/v1/operations", tag = "operations", operation_id = "begin_operation",
    request_body = Wanted,
    responses((status = 200, description = "of a dry run", body = Meant),
        (status = 202, description = "begun: its address tells how far it has come", body = Operation)))]
pub(super) async fn create(
    caller: May<Act>,
    wanted: Body<Wanted>,
    state: Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let Wanted { verb, state: argument, filter: words, reason: why, rate, stop_after, dry_run } = wanted.0;
    let why = reason(&why)?;
    let verb = verb_of(&verb, &argument).map_err(|problem| problem_of_verb(problem, &verb))?;
    let filter = filter(&words).map_err(|words| Problem::invalid("/filter", words))?;
    let course = course(rate, stop_after)?;
    let store = state.store()?;
    let rows = matching(store, &filter).await.map_err(|error| Problem::of_store(&error))?;
    let is_meant = |row: &DeclaredRow| caller.sees(&row.bot.account) && is_meant(verb, row);
    let rows: Vec<_> = rows.into_iter().filter(is_meant).collect();
    if dry_run {
        let name = |row: &DeclaredRow| format!("{}/{}", row.bot.account, row.bot.bot);
        let first = rows.iter().take(NAMED).map(name).collect();
        return Ok(HttpResponse::Ok().json(Meant { count: rows.len(), first }));
    }
    if rows.is_empty() {
        return Err(Problem::invalid("/filter", "no bot is meant: /api/v1/bots lists what there is"));
    }
    let words = if filter.is_empty() { "all".to_owned() } else { filter.to_string() };
    let order = Order { verb, by: caller.who(), reason: why, from: &caller.origin };
    let id = begin(store, order, &words, course, &rows).await.map_err(|error| Problem::of_store(&error))?;
    let begun = found(&caller, store, &id).await?;
    let place = format!("/api/v1/operations/{id}");
    Ok(HttpResponse::Accepted().insert_header((LOCATION, place)).json(Operation::from(begun)))
}

fn problem_of_verb(problem: Problem, word: &str) -> Problem {
    match muster_core::wish::Verb::of_words(word, "") {
        Err(words) if words.starts_with("there is no verb") => Problem::invalid("/verb", words),
        _ => problem,
    }
}

fn course(rate: Option<u64>, stop_after: Option<u64>) -> Result<Course, Problem> {
    if rate.is_some_and(|rate| !(1..=RATE_LIMIT).contains(&rate)) {
        return Err(Problem::invalid("/rate", format!("a rate goes from 1 to {RATE_LIMIT}")));
    }
    if stop_after.is_some_and(|count| !(1..=1_000_000).contains(&count)) {
        return Err(Problem::invalid("/stop_after", "stop_after goes from 1 to 1000000"));
    }
    Ok(Course { rate, stop_after })
}

#[utoipa::path(get, path = "/api/v1/operations", tag = "operations", operation_id = "list_operations", params(Asked),
    responses((status = 200, body = Page<Operation>)))]
pub(super) async fn list(
    caller: May<Look>,
    asked: Query<Asked>,
    state: Data<ApiState>,
) -> Result<Json<Page<Operation>>, Problem> {
    let limit = asked.limit()?;
    asked.sort(&["created"])?;
    let filter = asked.filter(&["account", "state", "verb", "who"])?;
    let (store, mut after) = (state.store()?, asked.after::<(i64, String)>()?);
    let mut shown = Vec::new();
    loop {
        let page = store.operations(("", ""), after.clone(), limit + 1).await;
        let page = page.map_err(|error| Problem::of_store(&error))?;
        let Some(last) = page.last() else { break };
        after = Some((last.created_at, last.id.clone()));
        let fits = |one: &store::Operation| {
            let values = BTreeMap::from([
                ("account", one.order.account.as_str()),
                ("state", one.state.word()),
                ("verb", one.order.verb.word()),
                ("who", one.order.who.as_str()),
            ]);
            filter.takes(|key| values.get(key).copied())
        };
        for one in page.into_iter().filter(fits) {
            if sees(&caller, store, &one).await? {
                shown.push(one);
            }
        }
        if shown.len() > limit as usize {
            break;
        }
    }
    Ok(Json(Page::of(shown, limit, |one| (one.created_at, one.id.clone())).map(Operation::from)))
}

#[utoipa::path(get, path = "/api/v1/operations/{id}", tag = "operations", operation_id = "operation",
    params(("id" = String, Path)), responses((status = 200, body = Operation)))]
pub(super) async fn one(
    caller: May<Look>,
    id: Path<String>,
    state: Data<ApiState>,
) -> Result<Json<Operation>, Problem> {
    found(&caller, state.store()?, &id).await.map(|found| Json(found.into()))
}

#[utoipa::path(get, path = "/api/v1/operations/{id}/items", tag = "operations", operation_id = "operation_items",
    params(("id" = String, Path), Asked), responses((status = 200, body = Page<Item>)))]
pub(super) async fn items(
    caller: May<Look>,
    id: Path<String>,
    asked: Query<Asked>,
    state: Data<ApiState>,
) -> Result<Json<Page<Item>>, Problem> {
    let limit = asked.limit()?;
    asked.sort(&["order"])?;
    let filter = asked.filter(&["state"])?;
    let states = ["waiting", "asked", "done", "failed", "skipped"];
    filter.allows("state", &states).map_err(Problem::bad_request)?;
    let one_state = filter.exactly("state").unwrap_or_default();
    if filter.has("state") && one_state.is_empty() {
        return Err(Problem::bad_request("items are filtered by one state, as in state=failed"));
    }
    let after: i64 = asked.after()?.unwrap_or_default();
    let store = state.store()?;
    found(&caller, store, &id).await?;
    let items = store.operation_items(&id, one_state, after, limit + 1).await;
    let items = items.map_err(|error| Problem::of_store(&error))?;
    Ok(Json(Page::of(items, limit, |item| item.n).map(Item::from)))
}

#[utoipa::path(post, path = "/api/v1/operations/{id}/cancel", tag = "operations", operation_id = "cancel_operation",
    params(("id" = String, Path)), request_body = Ending,
    responses((status = 200, description = "nothing more is begun", body = Operation)))]
pub(super) async fn cancel(
    caller: May<Act>,
    id: Path<String>,
    ending: Body<Ending>,
    state: Data<ApiState>,
) -> Result<Json<Operation>, Problem> {
    let why = reason(&ending.reason)?;
    let store = state.store()?;
    let operation = found(&caller, store, &id).await?;
    let cancelled = end(store, &operation, (caller.who(), &caller.origin), why).await;
    if !cancelled.map_err(|error| Problem::of_store(&error))? {
        return Err(Problem::conflict(format!("it is {} already", operation.state.word())));
    }
    found(&caller, store, &id).await.map(|found| Json(found.into()))
}

/// The operation, if the caller sees all that it is about.
async fn found(caller: &Caller, store: &Store, id: &str) -> Result<store::Operation, Problem> {
    let found = store.operation(id).await.map_err(|error| Problem::of_store(&error))?;
    let unknown = || Problem::unknown("there is no such operation");
    let found = found.ok_or_else(unknown)?;
    if sees(caller, store, &found).await? { Ok(found) } else { Err(unknown()) }
}

/// One over several accounts is for those who reach them all.
async fn sees(caller: &Caller, store: &Store, one: &store::Operation) -> Result<bool, Problem> {
    if caller.only().is_none() {
        return Ok(true);
    }
    let accounts = store.operation_accounts(&one.id).await.map_err(|error| Problem::of_store(&error))?;
    Ok(!accounts.is_empty() && accounts.iter().all(|account| caller.sees(account)))
}
