//! The web console: read-only pages made from the same values as the API.
//!
//! - [`configure`]: the routes
//! - `page`: the status page; `words`: ages and symbols

mod page;
mod words;

use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use actix_web::web::{Data, Query, ServiceConfig};

use crate::api::{ApiState, read_only};
use crate::board::Selection;

const STYLE: &str = include_str!("style.css");

/// The routes, over `web::Data<ApiState>`.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(read_only("/", status)).service(read_only("/style.css", style));
}

async fn status(selection: Query<Selection>, state: Data<ApiState>) -> HttpResponse {
    let page = page::status(&state.board, &selection, now_ms());
    HttpResponse::Ok().content_type(ContentType::html()).body(page.into_string())
}

async fn style() -> HttpResponse {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(STYLE)
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
