//! From an HTTP request to a socket.

use std::sync::Arc;

use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    AUTHORIZATION, CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE,
};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use liveperson_proto::AccountId;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::line::Line;
use super::routes::{Reply, error, no_line, troubled};
use super::socket::{self, Guest};
use crate::settings::BadToken;
use crate::world::Shared;
use crate::world::consumer_sockets::Visit;
use crate::world::identities::TokenRefused;
use crate::world::sockets::{Admission, Opening};

const LARGEST_FRAME: usize = 1024 * 1024;

/// Checks the token and, if it is good, turns the connection into a socket.
pub(super) async fn brand(
    request: Request<Incoming>,
    account: &str,
    token: Option<&str>,
    shared: &Arc<Shared>,
) -> Reply {
    let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY) else {
        return error(StatusCode::BAD_REQUEST, "not a websocket request", 6);
    };
    let accept = derive_accept_key(key.as_bytes());
    let Some(bearer) = token.map(str::to_owned).or_else(|| header_token(&request)) else {
        return error(StatusCode::UNAUTHORIZED, "no token", 7);
    };
    let Some(line) = request.extensions().get::<Line>().cloned() else { return no_line() };
    let (account, shows_suggested) = (AccountId::new(account), shows_suggested(&request));
    let opening = Opening { account, bearer, shows_suggested, line };
    let admission = shared.enter(|world| world.admit(&opening));
    let welcome = match admission {
        Admission::Welcome => Ok(Guest::Agent(opening)),
        Admission::BadToken if shared.settings().bad_token == BadToken::Close4401 => Err(4401),
        Admission::BadToken => return error(StatusCode::UNAUTHORIZED, "token is invalid", 8),
        Admission::Troubled(trouble) => return troubled(trouble, ("socket refused", 9)).await,
    };
    tokio::spawn(open(request, welcome, Arc::clone(shared)));
    switching(&accept)
}

/// Lets a consumer in: with a token in path or header, or without one, to bring it in the first frame.
pub(super) fn consumer(
    request: Request<Incoming>,
    account: &str,
    token: Option<&str>,
    shared: &Arc<Shared>,
) -> Reply {
    let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY) else {
        return error(StatusCode::BAD_REQUEST, "not a websocket request", 6);
    };
    let accept = derive_accept_key(key.as_bytes());
    let token = token.map(str::to_owned).or_else(|| header_token(&request));
    let Some(line) = request.extensions().get::<Line>().cloned() else { return no_line() };
    let visit = Visit { account: AccountId::new(account), token, line };
    let welcome = match shared.enter(|world| world.admit_consumer(&visit)) {
        Ok(()) => Ok(Guest::Consumer(visit)),
        // An identity that only has to be prolonged is told apart, and only a close code can tell.
        Err(TokenRefused::Expired) => Err(4407),
        Err(_) if shared.settings().bad_token == BadToken::Close4401 => Err(4401),
        Err(_) => return error(StatusCode::UNAUTHORIZED, "token is invalid", 8),
    };
    tokio::spawn(open(request, welcome, Arc::clone(shared)));
    switching(&accept)
}

/// Opens the socket for a guest, or turns it away with a close code.
async fn open(request: Request<Incoming>, welcome: Result<Guest, u16>, shared: Arc<Shared>) {
    let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
    let config =
        WebSocketConfig::default().max_message_size(Some(LARGEST_FRAME)).max_frame_size(Some(LARGEST_FRAME));
    let stream = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    match welcome {
        Ok(guest) => socket::run(stream, guest, shared).await,
        Err(code) => socket::turn_away(stream, code).await,
    }
}

fn header_token(request: &Request<Incoming>) -> Option<String> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    value.split_once(' ').map(|(_, token)| token.trim().to_owned())
}

/// Version 2.0 sockets are not shown who is only suggested.
fn shows_suggested(request: &Request<Incoming>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    !query.split('&').any(|pair| matches!(pair, "v=2" | "v=2.0"))
}

fn switching(accept: &str) -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = reply.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    reply
}
