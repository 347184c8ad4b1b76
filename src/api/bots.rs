//! `/api/v1/bots`: what the board shows of the bots.

use actix_web::web::{Data, Json, Path, Query};
use liveperson_proto::AccountId;
use muster_core::BotId;
use serde::Serialize;

use super::{ApiState, Problem};
use crate::board::{BotStatus, Selection};

/// A list of bots, by account and name.
#[derive(Debug, Serialize)]
pub(super) struct Bots {
    items: Vec<BotStatus>,
}

pub(super) async fn list(selection: Query<Selection>, state: Data<ApiState>) -> Json<Bots> {
    Json(Bots { items: state.board.select(&selection) })
}

pub(super) async fn one(
    bot: Path<(AccountId, BotId)>,
    state: Data<ApiState>,
) -> Result<Json<BotStatus>, Problem> {
    let (account, bot) = bot.into_inner();
    let status = state.board.get(&account, &bot);
    status.map(Json).ok_or_else(Problem::unknown_bot)
}
