//! The web console: read-only pages made from the same values as the API.
//!
//! - [`configure`]: the routes
//! - `login`: how a person gets a session; `page`: the status page; `words`: ages and symbols

mod login;
mod page;
mod words;

use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use actix_web::web::{Data, Query, ServiceConfig, get, post, resource};

use crate::api::{ApiState, Look, May, read_only};
use crate::board::Selection;

const STYLE: &str = include_str!("style.css");

/// The routes, over `web::Data<ApiState>`.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(read_only("/", status))
        .service(read_only("/style.css", style))
        .service(resource("/login").route(get().to(login::form)).route(post().to(login::sent)));
}

async fn status(caller: May<Look>, selection: Query<Selection>, state: Data<ApiState>) -> HttpResponse {
    let page = page::status(&state.board.within(&caller.grant), &selection, now_ms());
    HttpResponse::Ok().content_type(ContentType::html()).body(page.into_string())
}

async fn style() -> HttpResponse {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(STYLE)
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
