//! Opening a socket: TCP, TLS, upgrade.

use std::io;

use liveperson_proto::login::{ASYNC_MESSAGING, Domains, FACADE};
use reqwest::Url;
use secrecy::ExposeSecret;
use tokio::time::timeout;
use tokio_rustls::rustls;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{Error as WsError, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::client::Client;
use crate::connect::ConnectFault;
use crate::http::address;
use crate::session::Session;
use crate::socket::{BrandSocket, Wire, web_socket_config};

/// Only sockets of this version see whom a conversation is suggested to.
const VERSION: &str = "v=2.1";

/// Why a socket did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The platform answered the upgrade with another status; 401 is a dead token.
    #[error("the platform refused the socket ({status})")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// No connection, or no answer in time.
    #[error("the messaging service did not answer")]
    NoAnswer {
        /// What happened.
        source: io::Error,
    },
    /// The peer could not prove who it is.
    #[error("TLS with the messaging service failed")]
    Tls {
        /// What happened.
        source: rustls::Error,
    },
    /// The proxy did not let us through; 407: it wants another user or password.
    #[error("the proxy refused the connection ({status})")]
    ProxyRefused {
        /// The proxy's HTTP status.
        status: u16,
    },
    /// What answered speaks no WebSocket.
    #[error("what answered is no WebSocket: {words}")]
    NotAWebSocket {
        /// What was wrong with the answer.
        words: String,
    },
    /// The account has no usable host for the service.
    #[error("the account has no usable domain for service {service}")]
    NoDomain {
        /// The service.
        service: String,
    },
}

impl Client {
    /// Opens a brand socket; subscriptions, agent state and rings begin anew with each.
    ///
    /// Cancel safe: dropping the future drops the connection.
    pub async fn open_socket(&self, domains: &Domains, session: &Session) -> Result<BrandSocket, OpenError> {
        // A handshake's future is large, and would otherwise be part of a bot's for life.
        Box::pin(self.open(domains, session)).await
    }

    async fn open(&self, domains: &Domains, session: &Session) -> Result<BrandSocket, OpenError> {
        let settings = self.settings();
        let (service, host) = self.socket_host(domains)?;
        let no_domain = || OpenError::NoDomain { service: service.to_owned() };
        let bearer = session.bearer.expose_secret();
        let path = ["ws_api", "account", session.account.as_str(), "messaging", "brand", bearer];
        let scheme = if settings.plain { "ws" } else { "wss" };
        let url = address(scheme, host, &path, VERSION).ok_or_else(no_domain)?;
        let request = url.as_str().into_client_request().map_err(not_upgraded)?;
        let stream = self.upgrade(service, &url, request).await?;
        Ok(BrandSocket::new(stream, settings.clone()))
    }

    /// Connects to where the address points, and asks there for a socket.
    pub(crate) async fn upgrade(
        &self,
        service: &str,
        url: &Url,
        request: Request,
    ) -> Result<WebSocketStream<Wire>, OpenError> {
        let settings = self.settings();
        let no_domain = || OpenError::NoDomain { service: service.to_owned() };
        let name = url.host_str().ok_or_else(no_domain)?;
        let port = url.port_or_known_default().ok_or_else(no_domain)?;

        let connected = self.connect(name, port).await;
        let wire = Wire::new(connected.map_err(|fault| not_connected(fault, no_domain))?);
        let upgrade = client_async_with_config(request, wire, Some(web_socket_config(settings.frame_limit)));
        let upgraded = timeout(settings.request_timeout, upgrade).await;
        let (stream, _) =
            upgraded.map_err(|_| no_answer(io::ErrorKind::TimedOut.into()))?.map_err(not_upgraded)?;
        Ok(stream)
    }

    /// The preferred service where the account has it, else the one that documentation names,
    /// else the one that newer SDKs use.
    pub(crate) fn socket_host<'a>(&'a self, domains: &'a Domains) -> Result<(&'a str, &'a str), OpenError> {
        let preferred = self.settings().socket_service.as_deref();
        preferred
            .into_iter()
            .chain([ASYNC_MESSAGING, FACADE])
            .find_map(|service| Some((service, domains.host(service)?)))
            .ok_or_else(|| OpenError::NoDomain { service: preferred.unwrap_or(ASYNC_MESSAGING).to_owned() })
    }
}

fn not_connected(fault: ConnectFault, no_domain: impl FnOnce() -> OpenError) -> OpenError {
    match fault {
        ConnectFault::NoAnswer(source) => OpenError::NoAnswer { source },
        ConnectFault::Tls(source) => OpenError::Tls { source },
        ConnectFault::ProxyRefused(status) => OpenError::ProxyRefused { status },
        ConnectFault::BadName => no_domain(),
    }
}

fn no_answer(source: io::Error) -> OpenError {
    OpenError::NoAnswer { source }
}

// The library's errors hold the answer's headers, and some hold addresses: only words leave here.
pub(crate) fn not_upgraded(error: WsError) -> OpenError {
    match error {
        WsError::Http(answer) => OpenError::Refused { status: answer.status().as_u16() },
        WsError::Io(source) => {
            not_connected(source.into(), || OpenError::NotAWebSocket { words: "no host".to_owned() })
        }
        WsError::Protocol(ProtocolError::HandshakeIncomplete) => {
            no_answer(io::ErrorKind::UnexpectedEof.into())
        }
        WsError::Protocol(fault) => OpenError::NotAWebSocket { words: fault.to_string() },
        _ => OpenError::NotAWebSocket { words: "an unreadable answer".to_owned() },
    }
}
