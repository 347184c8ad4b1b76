//! `/api/v1/accounts`: what the bots of each account come to.

use actix_web::web::{Data, Json};
use serde::Serialize;

use super::ApiState;
use crate::board::AccountStatus;

/// Every account, by number.
#[derive(Debug, Serialize)]
pub(super) struct Accounts {
    items: Vec<AccountStatus>,
}

pub(super) async fn list(state: Data<ApiState>) -> Json<Accounts> {
    Json(Accounts { items: state.board.accounts() })
}
