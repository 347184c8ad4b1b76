//! `/livez` and `/readyz`. An outage of LivePerson fails neither: a restarted fleet would only
//! run into a storm of logins.

use std::fmt::Write as _;

use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::ApiState;
use crate::board::FleetStatus;

/// One check: its name, and what is wrong if it fails.
struct Check(&'static str, Result<(), String>);

impl Check {
    fn new(name: &'static str, passes: bool, wrong: &str) -> Self {
        Self(name, if passes { Ok(()) } else { Err(wrong.to_owned()) })
    }
}

pub(super) async fn livez(request: HttpRequest, state: Data<ApiState>) -> HttpResponse {
    answer(&request, &[Check("progress", state.progress.check())])
}

pub(super) async fn readyz(request: HttpRequest, state: Data<ApiState>) -> HttpResponse {
    answer(&request, &readiness(&state.board.fleet()))
}

fn readiness(fleet: &FleetStatus) -> [Check; 3] {
    [
        Check::new("store", fleet.store_ok, "the store does not answer"),
        Check::new("owner", !fleet.owner.is_empty(), "no node owns the bots yet"),
        Check("fence", fleet.fenced.clone().map_or(Ok(()), Err)),
    ]
}

fn answer(request: &HttpRequest, checks: &[Check]) -> HttpResponse {
    let passes = checks.iter().all(|Check(_, result)| result.is_ok());
    let status = if passes { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let verbose = request.query_string().split('&').any(|part| part.split('=').next() == Some("verbose"));
    let body = if verbose || !passes { listing(checks) } else { "ok\n".to_owned() };
    HttpResponse::build(status).content_type(ContentType::plaintext()).body(body)
}

fn listing(checks: &[Check]) -> String {
    checks.iter().fold(String::new(), |mut text, Check(name, result)| {
        let _ = match result {
            Ok(()) => writeln!(text, "[+] {name} ok"),
            Err(wrong) => writeln!(text, "[-] {name} failed: {wrong}"),
        };
        text
    })
}
