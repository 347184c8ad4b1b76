//! The control listener: whoever reaches it may do everything, so it belongs on a loopback address.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;
use std::{fmt, io};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::client::Place;
use crate::faults::Order;
use crate::platform::Platform;

const LARGEST_BODY: usize = 256 * 1024;
const PATIENCE: Duration = Duration::from_secs(30);

/// Serves the platform's handle at `listen`; returns where, and goes on in the background.
///
/// # Errors
/// The address cannot be had.
pub async fn serve(platform: Platform, listen: SocketAddr) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    tokio::spawn(accept(listener, platform));
    Ok(address)
}

async fn accept(listener: TcpListener, platform: Platform) {
    while let Ok((stream, _)) = listener.accept().await {
        let platform = platform.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, platform.clone()));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Why a request got nothing: a status and a body that says so.
struct Refused(StatusCode, Value);

type Answer = Result<Value, Refused>;

async fn answer(request: Request<Incoming>, platform: Platform) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, body) = match route(request, &platform).await {
        Ok(body) => (StatusCode::OK, body),
        Err(Refused(status, body)) => (status, body),
    };
    let mut reply = Response::new(Full::from(body.to_string()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(reply)
}

async fn route(request: Request<Incoming>, platform: &Platform) -> Answer {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    if request.method() == Method::GET {
        return look(platform, &path, &query).await;
    }
    if request.method() == Method::DELETE {
        return withdraw(platform, &path);
    }
    let body = Limited::new(request.into_body(), LARGEST_BODY).collect().await.map_err(malformed)?;
    let bytes = body.to_bytes();
    let body =
        if bytes.is_empty() { json!({}) } else { serde_json::from_slice(&bytes).map_err(malformed)? };
    match path.strip_prefix("/fault/") {
        Some(fault) => apply_fault(platform, fault, &Body(body)),
        None => act(platform, &path, &Body(body)).await,
    }
}

fn withdraw(platform: &Platform, path: &str) -> Answer {
    let id = path.strip_prefix("/orders/").map(str::parse);
    match (path, id) {
        ("/orders", _) => platform.withdraw_all(),
        (_, Some(Ok(id))) => platform.withdraw(id),
        _ => return Err(unknown()),
    }
    Ok(json!({}))
}

async fn look(platform: &Platform, path: &str, query: &str) -> Answer {
    match path {
        "/ledger" => to_json(&platform.ledger()),
        "/latencies" => to_json(&platform.latencies()),
        "/counters" => to_json(&platform.counters()),
        "/fault-effects" => to_json(&platform.fault_effects()),
        "/settled" => {
            let within = query.split('&').find_map(|pair| pair.strip_prefix("within_ms="));
            let within = within.and_then(|ms| ms.parse().ok()).map_or(PATIENCE, Duration::from_millis);
            let outcome = platform.settled(within).await;
            outcome.map(|()| json!({})).map_err(|left| Refused(StatusCode::CONFLICT, json!(left)))
        }
        "/place" => to_json(&Place {
            address: platform.address(),
            host: platform.host(),
            ca_pem: platform.ca_pem().to_owned(),
        }),
        _ => Err(unknown()),
    }
}

async fn act(platform: &Platform, path: &str, body: &Body) -> Answer {
    match path {
        "/accounts" => platform.add_account(body.text("account")?),
        "/bots" => platform.add_bot(body.text("account")?, body.parse()?),
        "/consumers" => platform.consumers(body.text("account")?, body.parse()?),
        "/credentials" => {
            let credential = serde_json::from_value(body.0["credential"].clone()).map_err(malformed)?;
            platform.set_credential(body.text("account")?, body.text("login")?, credential);
        }
        "/tokens" => {
            let token = platform.issue_token(body.text("account")?, body.text("login")?);
            return token.map(|token| json!({ "token": token })).ok_or_else(unknown);
        }
        "/orders" => {
            let order: Order = body.parse()?;
            order.check().map_err(malformed)?;
            return Ok(json!({ "id": platform.order(order) }));
        }
        "/stop-consumers" => platform.stop_consumers(),
        "/humans" => platform.humans(body.text("account")?, body.parse()?),
        "/stop-humans" => platform.stop_humans(),
        "/let-watch-all" => {
            platform.let_watch_all(body.text("account")?, body.text("login")?, body.is_on());
        }
        _ if path.starts_with("/human/") => return act_as_human(platform, path, body).await,
        _ => return act_as_consumer(platform, path, body).await,
    }
    Ok(json!({}))
}

async fn act_as_consumer(platform: &Platform, path: &str, body: &Body) -> Answer {
    let Some(what) = path.strip_prefix("/consumer/") else { return Err(unknown()) };
    let consumer = platform.consumer(body.text("account")?, body.text("name")?);
    match what {
        "opens" => {
            let skill = body.0["skill"].as_str().unwrap_or("-1");
            let id = consumer.opens_with_skill(body.text("text")?, skill).await;
            Ok(json!({ "conversation": id }))
        }
        "says" => Ok(json!({ "sequence": consumer.says(body.text("text")?).await })),
        "steps-up" => Ok(json!({ "id": consumer.steps_up().await })),
        "closes" => {
            consumer.closes().await;
            Ok(json!({}))
        }
        "heard" => Ok(json!({"heard": consumer.heard(), "conversation": consumer.conversation()})),
        "hears" => {
            let within = Duration::from_millis(body.number("within_ms")?);
            let heard = consumer.hears(body.number("n")? as usize, within).await;
            heard
                .map(|texts| json!({ "texts": texts }))
                .map_err(|instead| Refused(StatusCode::CONFLICT, json!(instead)))
        }
        _ => Err(unknown()),
    }
}

async fn act_as_human(platform: &Platform, path: &str, body: &Body) -> Answer {
    let Some(what) = path.strip_prefix("/human/") else { return Err(unknown()) };
    let human = platform.human(body.text("account")?, body.text("name")?);
    let id = body.text("conversation")?;
    let outcome = match what {
        "takes-over" => human.takes_over(id).await.map(|()| json!({})),
        "joins" => human.joins(id, body.text("role")?).await.map(|()| json!({})),
        "answers" => human.answers(id, body.text("text")?).await.map(|at| json!({ "sequence": at })),
        "answers-what-is-owed" => human.answers_what_is_owed(id).await.map(|n| json!({ "answered": n })),
        "whispers" => human.whispers(id, body.text("text")?).await.map(|at| json!({ "sequence": at })),
        "gives-back" => human.gives_back(id, body.text("skill")?).await.map(|()| json!({})),
        "leaves" => human.leaves(id).await.map(|()| json!({})),
        "closes" => human.closes(id).await.map(|()| json!({})),
        _ => return Err(unknown()),
    };
    outcome.map_err(|why| Refused(StatusCode::CONFLICT, json!(why)))
}

fn apply_fault(platform: &Platform, fault: &str, body: &Body) -> Answer {
    match fault {
        "duplicate-events" => platform.duplicate_events(body.is_on()),
        "drop-all" => platform.drop_all_sockets(),
        "apply-late" => platform.apply_late(body.0["ms"].as_u64().map(Duration::from_millis)),
        "fail-domains" => platform.fail_domains(body.0["status"].as_u64().map(|status| status as u16)),
        "name-domain" => platform.name_domain(body.text("service")?, body.text("host")?),
        "refuse-logins" => {
            let (n, status) = (body.number("n")? as usize, body.number("status")? as u16);
            platform.refuse_logins(body.text("account")?, n, status, body.0["retry_after"].as_u64());
        }
        "refuse-sockets" => {
            let (n, status) = (body.number("n")? as usize, body.number("status")? as u16);
            platform.refuse_sockets(body.text("account")?, n, status);
        }
        _ => return fault_of_one(platform, fault, body),
    }
    Ok(json!({}))
}

fn fault_of_one(platform: &Platform, fault: &str, body: &Body) -> Answer {
    let (account, login) = (body.text("account")?, body.text("login")?);
    match fault {
        "drop-socket" => platform.drop_socket_of(account, login),
        "close-socket" => platform.close_socket_of(account, login, body.number("code")? as u16),
        "revoke-token" => {
            let how = serde_json::from_value(body.0["how"].clone()).map_err(malformed)?;
            platform.revoke_token_of(account, login, how);
        }
        "hold-answers" => platform.hold_answers_of(account, login, body.is_on()),
        "stall-socket" => platform.stall_socket_of(account, login, body.is_on()),
        _ => return Err(unknown()),
    }
    Ok(json!({}))
}

/// The JSON body of a request.
struct Body(Value);

impl Body {
    fn text(&self, name: &str) -> Result<&str, Refused> {
        self.0[name].as_str().ok_or_else(|| malformed(format!("{name} is missing")))
    }

    fn number(&self, name: &str) -> Result<u64, Refused> {
        self.0[name].as_u64().ok_or_else(|| malformed(format!("{name} is missing")))
    }

    /// Faults are turned on unless the body says otherwise.
    fn is_on(&self) -> bool {
        self.0["on"].as_bool().unwrap_or(true)
    }

    fn parse<T: DeserializeOwned>(&self) -> Result<T, Refused> {
        serde_json::from_value(self.0.clone()).map_err(malformed)
    }
}

fn to_json(value: &impl Serialize) -> Answer {
    serde_json::to_value(value)
        .map_err(|error| Refused(StatusCode::INTERNAL_SERVER_ERROR, json!(error.to_string())))
}

fn malformed(why: impl fmt::Display) -> Refused {
    Refused(StatusCode::BAD_REQUEST, json!(why.to_string()))
}

fn unknown() -> Refused {
    Refused(StatusCode::NOT_FOUND, json!("no such resource"))
}
