//! Opening a consumer's socket: the token goes into a header, so that no address holds it.

use liveperson_proto::login::Domains;
use secrecy::ExposeSecret;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;

use super::ConsumerIdentity;
use crate::client::Client;
use crate::http::address;
use crate::open::{OpenError, not_upgraded};
use crate::socket::ConsumerSocket;

/// The version whose names and shapes consumer sockets speak.
const VERSION: &str = "v=3";

impl Client {
    /// Opens a consumer's socket; subscriptions begin anew with each.
    ///
    /// A token that is no good is refused here, or told by close code 4401 or 4407 right after.
    ///
    /// Cancel safe: dropping the future drops the connection.
    pub async fn open_consumer_socket(
        &self,
        domains: &Domains,
        identity: &ConsumerIdentity,
    ) -> Result<ConsumerSocket, OpenError> {
        // A handshake's future is large, and would otherwise be part of a consumer's for life.
        Box::pin(self.open_as_consumer(domains, identity)).await
    }

    async fn open_as_consumer(
        &self,
        domains: &Domains,
        identity: &ConsumerIdentity,
    ) -> Result<ConsumerSocket, OpenError> {
        let (service, host) = self.socket_host(domains)?;
        let path = ["ws_api", "account", identity.account.as_str(), "messaging", "consumer"];
        let scheme = if self.settings().plain { "ws" } else { "wss" };
        let url = address(scheme, host, &path, VERSION);
        let url = url.ok_or_else(|| OpenError::NoDomain { service: service.to_owned() })?;
        let mut request = url.as_str().into_client_request().map_err(not_upgraded)?;
        // What cannot stand in a header is no token, and the platform is asked without one.
        if let Ok(mut value) = HeaderValue::try_from(format!("jwt {}", identity.token.expose_secret())) {
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let stream = self.upgrade(service, &url, request).await?;
        Ok(ConsumerSocket::new(stream, self.settings().clone()))
    }
}
