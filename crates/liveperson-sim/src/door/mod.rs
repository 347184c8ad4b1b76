//! The one port: domain API, agent login, consumer identity and sockets of both sides, over TLS or plain.
//!
//! - [`certificates`]: our own authority
//! - [`line`]: the bytes under a connection
//! - [`routes`]: HTTP requests and what answers them
//! - [`identity`]: what the identity service answers consumers
//! - [`upgrade`]: from an HTTP request to a socket
//! - [`socket`]: one socket, reading and writing

pub(crate) mod certificates;
mod identity;
pub(crate) mod line;
mod routes;
mod socket;
mod upgrade;

use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use self::line::{Connection, Line};
use crate::world::Shared;

/// Accepts connections until the platform is gone.
pub(crate) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let _ = stream.set_nodelay(true);
                let connection = Connection::new(stream, peer.ip());
                tokio::spawn(welcome(connection, tls.clone(), Arc::clone(&shared)));
            }
            // Out of descriptors is the likely cause: give the others a chance to close.
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::task::yield_now().await;
            }
        }
    }
}

async fn welcome(stream: Connection, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let line = stream.line();
    match tls {
        None => speak_http(stream, line, shared).await,
        Some(acceptor) => match acceptor.accept(stream).await {
            Ok(stream) => speak_http(stream, line, shared).await,
            Err(error) => tracing::debug!(%error, "tls handshake failed"),
        },
    }
}

async fn speak_http<S>(stream: S, line: Line, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let served = Arc::clone(&shared);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(line.clone());
        routes::answer(request, Arc::clone(&served))
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        outcome = connection.with_upgrades() => if let Err(error) = outcome {
            tracing::debug!(%error, "connection ended");
        },
        () = shared.ended() => {}
    }
}
