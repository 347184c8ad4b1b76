//! Who is let in at all, and what every answer carries.

use std::net::IpAddr;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage as _, HttpResponse, ResponseError as _};

use super::{ApiState, Problem};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Nothing is loaded but our own style; no page of ours is framed, and forms go to us alone.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const ALWAYS: [(HeaderName, &str); 5] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
];

/// What answers without asking who is there: nothing of the fleet is in it.
const OPEN: [&str; 5] = ["/livez", "/readyz", "/login", "/style.css", "/api/v1/session"];

/// Lets in who is known, refuses foreign hosts, and puts the request's id and the security headers on every
/// answer.
pub(super) async fn watch(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let id = request_id(request.headers());
    let mut response = match admit(&request).await {
        Ok(()) => next.call(request).await?.map_into_boxed_body(),
        Err(problem) if is_page(&request, &problem) => {
            let login = HttpResponse::SeeOther().insert_header((LOCATION, "/login")).finish();
            request.into_response(login)
        }
        Err(problem) => request.into_response(problem.error_response()),
    };
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    for (name, value) in ALWAYS {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    Ok(response)
}

/// Lets the request in, with its caller, or says why not.
async fn admit(request: &ServiceRequest) -> Result<(), Problem> {
    let Some(state) = request.app_data::<Data<ApiState>>() else { return Err(Problem::internal()) };
    if !state.gate.asks() && !is_ours(request.headers()) {
        return Err(Problem::foreign_host());
    }
    let path = request.path();
    let logs_out = path == "/api/v1/session" && request.method() == Method::DELETE;
    if !logs_out && (OPEN.contains(&path) || path.starts_with("/api/problems/")) {
        return Ok(());
    }
    // Whoever scrapes from this machine need not say who it is: the figures name accounts, and nothing more.
    let is_here = request.peer_addr().is_some_and(|address| address.ip().is_loopback());
    if path == "/metrics" && is_here {
        return Ok(());
    }
    let caller = state.gate.caller(request.request()).await?;
    request.extensions_mut().insert(caller);
    Ok(())
}

/// Whether a person's browser asks for a page and has to log in first.
fn is_page(request: &ServiceRequest, problem: &Problem) -> bool {
    let accepts = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    problem.status_code() == 401
        && request.method() == Method::GET
        && accepts.contains("text/html")
        && !request.path().starts_with("/api/")
}

/// Whether the browser meant this machine: a foreign name that was made to point at loopback
/// (DNS rebinding) would let any web page read the fleet.
fn is_ours(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST);
    let host = hosts.next().and_then(|host| host.to_str().ok());
    hosts.next().is_none() && host.is_some_and(is_loopback)
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() => name,
        _ => host,
    };
    let address = match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(bracketed) => bracketed.parse::<IpAddr>().ok(),
        None => name.parse::<IpAddr>().ok().filter(IpAddr::is_ipv4),
    };
    name.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback())
}

/// The client's id if it is a plain short word, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let is_plain = |id: &&HeaderValue| {
        let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        (1..=64).contains(&id.len()) && id.as_bytes().iter().all(is_letter)
    };
    let given = headers.get(REQUEST_ID).filter(is_plain).cloned();
    given.unwrap_or_else(|| {
        let new = uuid::Uuid::new_v4().to_string();
        HeaderValue::try_from(new).unwrap_or(HeaderValue::from_static("none"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_ours() {
        for (host, ours) in [
            ("localhost", true),
            ("LOCALHOST:9300", true),
            ("127.0.0.1:9300", true),
            ("127.1.2.3", true),
            ("[::1]:9300", true),
            ("[::1]", true),
            ("evil.example", false),
            ("evil.example:9300", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("192.168.1.1:9300", false),
            ("[::2]", false),
            ("::1", false),
            ("localhost:x", false),
            ("user@localhost", false),
            (":9300", false),
            ("", false),
        ] {
            assert_eq!(is_loopback(host), ours, "{host}");
        }
    }
}
