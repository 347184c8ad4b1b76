//! `/api/v1/accounts`: what the bots of each account come to.

use actix_web::web::{Data, Json, Path, Query};
use liveperson_proto::AccountId;

use super::{ApiState, Asked, Look, May, Page, Problem};
use crate::board::AccountStatus;

const KEYS: [&str; 2] = ["account", "degraded"];

#[utoipa::path(get, path = "/api/v1/accounts", tag = "fleet", operation_id = "list_accounts", params(Asked),
    responses((status = 200, body = Page<AccountStatus>)))]
pub(super) async fn list(
    caller: May<Look>,
    asked: Query<Asked>,
    state: Data<ApiState>,
) -> Result<Json<Page<AccountStatus>>, Problem> {
    let (filter, limit, after) = (asked.filter(&KEYS)?, asked.limit()?, asked.after::<AccountId>()?);
    let (_, descends) = asked.sort(&["account"])?;
    let mut accounts = state.board.accounts();
    if descends {
        accounts.reverse();
    }
    let is_behind = |account: &AccountId| {
        after.as_ref().is_none_or(|after| if descends { account < after } else { account > after })
    };
    accounts
        .retain(|shown| caller.sees(&shown.account) && is_behind(&shown.account) && takes(&filter, shown));
    accounts.truncate(limit as usize + 1);
    Ok(Json(Page::of(accounts, limit, |shown| shown.account.clone())))
}

fn takes(filter: &crate::filter::Filter, shown: &AccountStatus) -> bool {
    filter.takes(|key| match key {
        "account" => vec![shown.account.as_str()],
        _ => shown.degraded.keys().map(|what| what.word()).collect(),
    })
}

#[utoipa::path(get, path = "/api/v1/accounts/{account}", tag = "fleet", operation_id = "account",
    params(("account" = String, Path)), responses((status = 200, body = AccountStatus)))]
pub(super) async fn one(
    caller: May<Look>,
    account: Path<AccountId>,
    state: Data<ApiState>,
) -> Result<Json<AccountStatus>, Problem> {
    let accounts = state.board.accounts();
    let found = accounts.into_iter().find(|shown| shown.account == *account && caller.sees(&account));
    found.map(Json).ok_or_else(|| Problem::unknown("no bot of this account runs here"))
}
