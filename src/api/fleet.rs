//! `/api/v1/fleet`: what the board shows of the fleet as a whole.

use actix_web::web::{Data, Json};

use super::ApiState;
use crate::board::FleetStatus;

pub(super) async fn one(state: Data<ApiState>) -> Json<FleetStatus> {
    Json(state.board.fleet())
}
