//! The server around the routes: small, bounded, on loopback.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::{HttpServiceFactory, Server};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};

use super::{ApiState, configure, guard, problem};

const CONNECTIONS: usize = 256;
const BACKLOG: u32 = 128;
/// No route takes a body; this is for whoever sends one all the same.
const BODY: usize = 64 << 10;
const SLOWEST_REQUEST: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(15);
const SHUTDOWN_SECONDS: u64 = 2;

/// Serves the API and the given pages; the address is the one bound, also for port 0.
///
/// The server ends with its future, or when its handle is told to stop; signals are the caller's.
///
/// # Errors
/// The address cannot be bound.
pub fn serve(
    listen: SocketAddr,
    state: ApiState,
    pages: fn(&mut web::ServiceConfig),
) -> io::Result<(Server, SocketAddr)> {
    let state = web::Data::new(state);
    let server = HttpServer::new(move || App::new().app_data(state.clone()).service(guarded(pages)))
        .workers(1)
        .max_connections(CONNECTIONS)
        .backlog(BACKLOG)
        .client_request_timeout(SLOWEST_REQUEST)
        .keep_alive(IDLE)
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .disable_signals()
        .bind(listen)?;
    let bound = server.addrs().first().copied().unwrap_or(listen);
    Ok((server.run(), bound))
}

/// All routes behind the guard, over `web::Data<ApiState>`.
pub fn guarded(pages: fn(&mut web::ServiceConfig)) -> impl HttpServiceFactory {
    web::scope("")
        .wrap(from_fn(guard::watch))
        .app_data(web::PayloadConfig::new(BODY))
        .configure(configure)
        .configure(pages)
        .default_service(web::to(problem::not_found))
}
