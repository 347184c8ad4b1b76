//! The client: made once, shared by all bots.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::TlsConnector;

use crate::settings::{ClientSettings, ClientSettingsError};
use crate::tls;

/// A client of the platform. Clones share one HTTP client and one TLS configuration.
///
/// HTTP calls must all be awaited on one runtime, for their connections live on it; sockets
/// live on whatever runtime opens them.
#[derive(Clone)]
pub struct Client(Arc<Parts>);

struct Parts {
    settings: Arc<ClientSettings>,
    http: reqwest::Client,
    tls: TlsConnector,
}

impl Client {
    /// Makes the client that all bots share; neither resolves nor connects.
    pub fn new(settings: ClientSettings) -> Result<Self, ClientSettingsError> {
        settings.check()?;
        let tls = tls::config(settings.ca_pem.as_deref())?;
        let http = http_client(&settings, tls.clone()).map_err(ClientSettingsError::Http)?;
        let tls = TlsConnector::from(Arc::new(tls));
        Ok(Self(Arc::new(Parts { settings: Arc::new(settings), http, tls })))
    }

    pub(crate) fn settings(&self) -> &Arc<ClientSettings> {
        &self.0.settings
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    pub(crate) fn tls(&self) -> &TlsConnector {
        &self.0.tls
    }

    pub(crate) fn http_scheme(&self) -> &'static str {
        if self.0.settings.plain { "http" } else { "https" }
    }
}

fn http_client(
    settings: &ClientSettings,
    tls: tokio_rustls::rustls::ClientConfig,
) -> reqwest::Result<reqwest::Client> {
    let builder = reqwest::Client::builder();
    let builder = match &settings.proxy {
        Some(proxy) => builder.proxy(proxy.for_http()?),
        // Nothing of the environment decides where secrets go.
        None => builder.no_proxy(),
    };
    builder
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
        .https_only(!settings.plain)
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .connect_timeout(settings.connect_timeout)
        .timeout(settings.request_timeout)
        // Refreshes come minutes apart: a connection kept longer would be a stale one.
        .pool_idle_timeout(Duration::from_secs(20))
        .pool_max_idle_per_host(8)
        .build()
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("plain", &self.0.settings.plain).finish_non_exhaustive()
    }
}
