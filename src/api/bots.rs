//! `/api/v1/bots`: what the board shows of the bots.

use actix_web::web::{Data, Json, Path, Query};
use liveperson_proto::AccountId;
use muster_core::BotId;

use super::{ApiState, Asked, Caller, Look, May, Page, Problem};
use crate::board::{BOT_KEYS, BOT_ORDERS, BotState, BotStatus, BotsAsked};

#[utoipa::path(get, path = "/api/v1/bots", tag = "bots", operation_id = "list_bots", params(Asked),
    responses((status = 200, body = Page<BotStatus>)))]
pub(super) async fn list(
    caller: May<Look>,
    asked: Query<Asked>,
    state: Data<ApiState>,
) -> Result<Json<Page<BotStatus>>, Problem> {
    let limit = asked.limit()?;
    let (order, descends) = asked.sort(&BOT_ORDERS)?;
    let filter = asked.filter(&BOT_KEYS)?;
    let states: Vec<_> = BotState::ALL.iter().map(|state| state.word()).collect();
    filter.allows("state", &states).map_err(Problem::bad_request)?;
    let bots = BotsAsked {
        filter,
        order,
        descends,
        after: asked.after()?,
        limit: limit as usize,
        grant: caller.grant.clone(),
    };
    Ok(Json(Page::of(state.board.page(&bots), limit, |bot| bots.place(bot))))
}

#[utoipa::path(get, path = "/api/v1/bots/{account}/{bot}", tag = "bots", operation_id = "bot",
    params(("account" = String, Path), ("bot" = String, Path)), responses((status = 200, body = BotStatus)))]
pub(super) async fn one(
    caller: May<Look>,
    bot: Path<(AccountId, BotId)>,
    state: Data<ApiState>,
) -> Result<Json<BotStatus>, Problem> {
    let (account, bot) = bot.into_inner();
    seen(&caller, &account, &bot, &state).map(Json)
}

/// The bot, if the caller sees it.
pub(super) fn seen(
    caller: &Caller,
    account: &AccountId,
    bot: &BotId,
    state: &ApiState,
) -> Result<BotStatus, Problem> {
    let status = state.board.get(account, bot).filter(|_| caller.sees(account));
    status.ok_or_else(Problem::unknown_bot)
}
