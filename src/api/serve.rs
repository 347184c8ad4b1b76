//! The server around the routes: small and bounded, in the clear or over TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{HttpServiceFactory, Server};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ConfigBuilder, ServerConfig};

use super::{ApiState, configure, guard, problem};
use crate::settings::{ServerSettings, TlsFiles};

const CONNECTIONS: usize = 256;
const BACKLOG: u32 = 128;
/// The largest body, but for a declared fleet.
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
    settings: &ServerSettings,
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
        .disable_signals();
    let server = match &settings.tls {
        Some(files) => server.bind_rustls_0_23(settings.listen, certified(files)?)?,
        None => server.bind(settings.listen)?,
    };
    let bound = server.addrs().first().copied().unwrap_or(settings.listen);
    Ok((server.run(), bound))
}

/// TLS by these files; they are read once.
fn certified(files: &TlsFiles) -> io::Result<ServerConfig> {
    let wrong = |error: &dyn std::fmt::Display, path: &std::path::Path| {
        io::Error::other(format!("{}: {error}", path.display()))
    };
    let certificates = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(&error, &files.certificate))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| wrong(&error, &files.key))?;
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map(ConfigBuilder::<ServerConfig, _>::with_no_client_auth)
        .and_then(|config| config.with_single_cert(certificates, key))
        .map_err(|error| wrong(&error, &files.certificate))
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

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use actix_web::test::{TestRequest, call_service, init_service};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::time::timeout;

    use super::*;
    use crate::api::Progress;
    use crate::board::Board;
    use crate::metrics::Metrics;

    fn state() -> ApiState {
        ApiState::new(Board::default(), Arc::new(Metrics::new("1.2.3").unwrap()), Progress::by(|| Ok(())))
    }

    fn loopback() -> ServerSettings {
        ServerSettings {
            listen: ([127, 0, 0, 1], 0).into(),
            authentication: false,
            ..ServerSettings::default()
        }
    }

    async fn asks(address: SocketAddr) -> TcpStream {
        let mut connection = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /livez HTTP/1.1\r\nhost: {address}\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        connection
    }

    async fn is_answered(connection: &mut TcpStream, within: Duration) -> bool {
        let mut answer = [0; 12];
        match timeout(within, connection.read_exact(&mut answer)).await {
            Ok(read) => {
                read.unwrap();
                assert_eq!(&answer, b"HTTP/1.1 200");
                true
            }
            Err(_) => false,
        }
    }

    #[actix_web::test]
    async fn a_connection_past_the_bound_waits_outside_until_another_ends() {
        let (server, address) = serve(&loopback(), state(), |_| ()).unwrap();
        let (handle, serving) = (server.handle(), actix_web::rt::spawn(server));
        let mut kept = Vec::new();
        for n in 0..CONNECTIONS {
            let mut connection = asks(address).await;
            assert!(is_answered(&mut connection, IDLE).await, "connection {n}");
            kept.push(connection);
        }
        let mut waits = asks(address).await;
        assert!(!is_answered(&mut waits, Duration::from_millis(300)).await, "it waits outside");
        drop(kept.pop());
        assert!(is_answered(&mut waits, IDLE).await, "with room inside it is answered");
        drop((kept, waits));
        handle.stop(false).await;
        serving.await.unwrap().unwrap();
    }

    #[actix_web::test]
    async fn a_body_past_the_bound_is_refused() {
        fn takes_a_body(routes: &mut web::ServiceConfig) {
            routes.route("/body", web::get().to(async |body: web::Bytes| body.len().to_string()));
        }
        let app = App::new().app_data(web::Data::new(state())).service(guarded(takes_a_body));
        let app = init_service(app).await;
        for (bytes, status) in [(BODY, StatusCode::OK), (BODY + 1, StatusCode::PAYLOAD_TOO_LARGE)] {
            let request = TestRequest::get().uri("/body").insert_header(("host", "127.0.0.1:9300"));
            let answer = call_service(&app, request.set_payload(vec![b'x'; bytes]).to_request()).await;
            assert_eq!(answer.status(), status, "{bytes} bytes");
        }
    }
}
