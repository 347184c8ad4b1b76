//! `/api/v1/fleet`: what the board shows of the fleet as a whole.

use actix_web::web::{Data, Json};

use super::{ApiState, Look, May};
use crate::board::FleetStatus;

#[utoipa::path(get, path = "/api/v1/fleet", tag = "fleet", operation_id = "fleet", responses((status = 200, body = FleetStatus)))]
pub(super) async fn one(caller: May<Look>, state: Data<ApiState>) -> Json<FleetStatus> {
    let mut fleet = state.board.fleet();
    fleet.logins.retain(|account, _| caller.sees(account));
    Json(fleet)
}
