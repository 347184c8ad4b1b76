//! `/metrics`: what Prometheus asks for.

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::{ApiState, Problem};
use crate::telemetry::Chain;

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn metrics(state: Data<ApiState>) -> Result<HttpResponse, Problem> {
    let text = state.metrics.scrape(&state.board).map_err(|error| {
        tracing::error!(error = %Chain(&error), "could not write the metrics");
        Problem::internal()
    })?;
    Ok(HttpResponse::Ok().content_type(TEXT_FORMAT).body(text))
}
