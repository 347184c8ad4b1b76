//! HTTP requests and what answers them: CSDS, agentVep, and the ways to the others.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, COOKIE, HeaderValue, RETRY_AFTER, SET_COOKIE};
use hyper::{Method, Request, Response, StatusCode};
use liveperson_proto::AccountId;
use serde_json::{Value, json};

use super::line::Line;
use super::{identity, upgrade};
use crate::faults::Trouble;
use crate::world::Shared;
use crate::world::sessions::{LoginRefused, SessionRefused};

const LARGEST_BODY: usize = 64 * 1024;
/// What the domain API says when it is out of order, and the number of that.
const DOMAINS: (&str, u16) = ("the domain service is out of order", 11);

/// The body of every answer.
pub(super) type Reply = Response<Full<Bytes>>;

/// Answers one request; never fails, for a bad request has an answer too.
pub(super) async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Reply, Infallible> {
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let reply = match (request.method(), parts.as_slice()) {
        (&Method::GET, ["api", "account", account, "service", "baseURI.json"]) => {
            all_services(shared.enter(|world| world.domains_asked(account))).await
        }
        (&Method::GET, ["api", "account", account, "service", service, "baseURI.json"]) => {
            one_service(shared.enter(|world| world.domains_asked(account)), service).await
        }
        (&Method::POST, ["api", "account", account, "login"]) => login(request, account, &shared).await,
        (&Method::POST, ["api", "account", account, "refresh"]) => {
            with_session(request, account, &shared, Renewal::Refresh).await
        }
        (&Method::POST, ["api", "account", account, "logout"]) => {
            with_session(request, account, &shared, Renewal::Logout).await
        }
        (&Method::GET, ["ws_api", "account", account, "messaging", "brand", rest @ ..]) => {
            upgrade::brand(request, account, rest.first().copied(), &shared).await
        }
        (&Method::GET, ["ws_api", "account", account, "messaging", "consumer", rest @ ..]) => {
            upgrade::consumer(request, account, rest.first().copied(), &shared)
        }
        (&Method::POST, ["api", "account", account, rest @ ..]) => {
            identity::answer(request, account, rest, &shared).await
        }
        _ => error(StatusCode::NOT_FOUND, "no such resource", 1),
    };
    Ok(reply)
}

async fn all_services(services: Result<Vec<Value>, Trouble>) -> Reply {
    match services {
        Ok(services) => as_json(StatusCode::OK, &json!({ "baseURIs": services })),
        Err(trouble) => troubled(trouble, DOMAINS).await,
    }
}

async fn one_service(services: Result<Vec<Value>, Trouble>, name: &str) -> Reply {
    let services = match services {
        Ok(services) => services,
        Err(trouble) => return troubled(trouble, DOMAINS).await,
    };
    match services.iter().find(|service| service["service"] == name) {
        Some(service) => as_json(StatusCode::OK, service),
        None => error(StatusCode::BAD_REQUEST, "unknown service", 2),
    }
}

/// What a request gets instead of an answer; silence lasts until the client hangs up.
pub(super) async fn troubled(trouble: Trouble, (words, code): (&str, u16)) -> Reply {
    match trouble {
        Trouble::Silence => std::future::pending().await,
        Trouble::Rubbish => Response::new(Full::from("<html>It works!</html>")),
        Trouble::Status { status, retry_after } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut reply = error(status, words, code);
            if let Some(seconds) = retry_after {
                set(&mut reply, RETRY_AFTER, &seconds.to_string());
            }
            reply
        }
    }
}

async fn login(request: Request<Incoming>, account: &str, shared: &Shared) -> Reply {
    let Some(from) = peer(&request) else { return no_line() };
    let Some(body) = json_body(request).await else {
        return error(StatusCode::BAD_REQUEST, "malformed login request", 3);
    };
    let refused = match shared.enter(|world| world.login(&AccountId::new(account), &body, from)) {
        Ok(granted) => {
            let cookie = format!("Session_id={}; Path=/; Secure; HttpOnly", granted.cookie);
            let mut reply = as_json(StatusCode::OK, &granted.body);
            set(&mut reply, SET_COOKIE, &cookie);
            return reply;
        }
        Err(refused) => refused,
    };
    match refused {
        LoginRefused::Malformed => error(StatusCode::BAD_REQUEST, "malformed login request", 3),
        LoginRefused::BadCredentials => error(StatusCode::UNAUTHORIZED, "bad user or credentials", 4),
        LoginRefused::Troubled(trouble) => troubled(trouble, ("login refused", 5)).await,
    }
}

#[derive(Clone, Copy)]
enum Renewal {
    Refresh,
    Logout,
}

async fn with_session(request: Request<Incoming>, account: &str, shared: &Shared, what: Renewal) -> Reply {
    let Some(from) = peer(&request) else { return no_line() };
    let cookie = session_cookie(&request);
    let Some(body) = json_body(request).await else {
        return error(StatusCode::BAD_REQUEST, "malformed request", 3);
    };
    let csrf = body["csrf"].as_str().unwrap_or_default();
    let account = AccountId::new(account);
    let cookie = cookie.unwrap_or_default();
    let outcome = shared.enter(|world| match what {
        Renewal::Refresh => world.refresh(&account, csrf, &cookie, from),
        Renewal::Logout => world.logout(&account, csrf, &cookie),
    });
    match outcome {
        Ok(()) => Response::new(Full::default()),
        Err(SessionRefused::Invalid) => error(StatusCode::UNAUTHORIZED, "CSRF token is invalid", 10),
        Err(SessionRefused::Troubled(trouble)) => troubled(trouble, ("refresh refused", 12)).await,
    }
}

fn peer(request: &Request<Incoming>) -> Option<IpAddr> {
    request.extensions().get::<Line>().map(Line::peer)
}

/// Every connection has its line; without one it came in some other way.
pub(super) fn no_line() -> Reply {
    error(StatusCode::INTERNAL_SERVER_ERROR, "no line", 13)
}

fn session_cookie(request: &Request<Incoming>) -> Option<String> {
    let cookies = request.headers().get_all(COOKIE);
    cookies
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix("Session_id=").map(str::to_owned))
}

/// The JSON body, where an empty one is as good as an empty object.
pub(super) async fn body_of(request: Request<Incoming>) -> Option<Value> {
    let body = Limited::new(request.into_body(), LARGEST_BODY).collect().await.ok()?.to_bytes();
    if body.is_empty() { Some(json!({})) } else { serde_json::from_slice(&body).ok() }
}

async fn json_body(request: Request<Incoming>) -> Option<Value> {
    let body = Limited::new(request.into_body(), LARGEST_BODY).collect().await.ok()?;
    serde_json::from_slice(&body.to_bytes()).ok()
}

/// The error body of the login service.
pub(super) fn error(status: StatusCode, message: &str, code: u16) -> Reply {
    let word = status.canonical_reason().unwrap_or("error").to_uppercase().replace(' ', "_");
    let time = "Sep 22, 2016 4:10:15 PM"; // Clients must not read it; a fixed text keeps transcripts comparable.
    as_json(
        status,
        &json!({"error": {"time": time, "message": message, "internalCode": code, "responseStatus": word}}),
    )
}

pub(super) fn as_json(status: StatusCode, body: &Value) -> Reply {
    let mut reply = Response::new(Full::from(body.to_string()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

fn set(reply: &mut Reply, name: hyper::header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(name, value);
    }
}
