//! `/api/v1/nodes`: which process owns the fleet; `/api/v1/sessions` and `/api/v1/login-budgets`: what lets bots in.

use actix_web::web::{Data, Json, Query};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ApiState, Asked, Look, May, Page, Problem};
use crate::board::rfc3339;
use crate::store::{BotFilter, ListedBot};

/// A process that owns the fleet.
#[derive(Serialize, ToSchema)]
pub(super) struct Node {
    /// Its host.
    name: String,
    /// Its random name, another at each start.
    incarnation: String,
    /// The version of muster.
    version: String,
    /// Its process id on that host.
    pid: u32,
    /// Since when it owns the fleet, as RFC 3339.
    since: String,
    /// What is left of its lease, in seconds; null where a lock file counts.
    lease_seconds: Option<f64>,
}

/// The stored session of a bot, without what is in it.
#[derive(Serialize, ToSchema)]
pub(super) struct Session {
    /// The account.
    account: String,
    /// The bot.
    bot: String,
    /// When it was stored, as RFC 3339; null where none is kept.
    saved_at: Option<String>,
    /// The process that owned the bot last.
    owner: Option<String>,
    /// Under which epoch.
    epoch: Option<i64>,
}

/// What waits to log in to an account.
#[derive(Serialize, ToSchema)]
pub(super) struct LoginBudget {
    /// The account.
    account: String,
    /// Bots that wait.
    waiting: usize,
    /// How long they take at the least.
    expected_seconds: u64,
    /// Why nobody goes, if that is so.
    trouble: Option<String>,
}

#[utoipa::path(get, path = "/api/v1/nodes", tag = "fleet", operation_id = "list_nodes", responses((status = 200, body = Page<Node>)))]
pub(super) async fn nodes(_caller: May<Look>, state: Data<ApiState>) -> Result<Json<Page<Node>>, Problem> {
    let owner = state.store()?.owner().await.map_err(|error| Problem::of_store(&error))?;
    let node = |record: crate::store::OwnerRecord| Node {
        name: record.node.name,
        incarnation: record.node.incarnation,
        version: record.node.version,
        pid: record.node.pid,
        since: rfc3339(record.since_ms),
        lease_seconds: record.remaining.map(|left| left.as_secs_f64()),
    };
    Ok(Json(Page { items: owner.map(node).into_iter().collect(), next: None }))
}

#[utoipa::path(get, path = "/api/v1/sessions", tag = "bots", operation_id = "list_sessions", params(Asked),
    responses((status = 200, body = Page<Session>)))]
pub(super) async fn sessions(
    caller: May<Look>,
    asked: Query<Asked>,
    state: Data<ApiState>,
) -> Result<Json<Page<Session>>, Problem> {
    let (filter, limit) = (asked.filter(&["account", "bot", "pool"])?, asked.limit()?);
    asked.sort(&["key"])?;
    let exactly = |key| filter.exactly(key).map(str::to_owned);
    let narrowed = BotFilter { account: exactly("account"), bot: exactly("bot"), pool: exactly("pool") };
    let after = asked.after()?.unwrap_or_default();
    let rows = state.store()?.list_bots(&narrowed, &after, limit + 1).await;
    let rows = rows.map_err(|error| Problem::of_store(&error))?;
    let mut page =
        Page::of(rows, limit, |row| (row.row.bot.account.to_string(), row.row.bot.bot.to_string()));
    page.items.retain(|ListedBot { row, .. }| {
        let fits = filter.takes(|key| {
            [match key {
                "account" => row.bot.account.as_str(),
                "pool" => row.bot.pool.as_str(),
                _ => row.bot.bot.as_str(),
            }]
        });
        fits && caller.sees(&row.bot.account)
    });
    Ok(Json(page.map(|ListedBot { row, owner, session_saved_at, .. }| {
        let (owner, epoch) = owner.unzip();
        let saved_at = session_saved_at.map(rfc3339);
        Session { account: row.bot.account.to_string(), bot: row.bot.bot.to_string(), saved_at, owner, epoch }
    })))
}

#[utoipa::path(get, path = "/api/v1/login-budgets", tag = "fleet", operation_id = "list_login_budgets",
    responses((status = 200, body = Page<LoginBudget>)))]
pub(super) async fn budgets(caller: May<Look>, state: Data<ApiState>) -> Json<Page<LoginBudget>> {
    let queues = state.board.fleet().logins.into_iter().filter(|(account, _)| caller.sees(account));
    let shown = queues.map(|(account, queue)| LoginBudget {
        account: account.to_string(),
        waiting: queue.waiting,
        expected_seconds: queue.expected_seconds,
        trouble: queue.trouble,
    });
    Json(Page { items: shown.collect(), next: None })
}
