//! `webhook`: logic in any language, asked over HTTP.
//!
//! - [`Webhook`]: one, with its connections
//! - `contract`: the turn as JSON, and what may come back
//! - `signature`: how a webhook knows that muster asks
//! - `names`: which addresses its name may lead to
//! - `answer`: status, type and size of what came back
//! - `fault`: what went wrong, in words for the bot's author
//!
//! `docs/reference/webhook.md` says the same to whoever writes one.

mod answer;
mod contract;
mod fault;
mod names;
mod signature;

use std::sync::Arc;
use std::time::Duration;

use muster_core::turn::{Action, Turn};
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::settings::{SigningSecret, WebhookSettings, WebhookUrl};

pub use fault::{Fault, WebhookError};
pub use names::Names;

/// Servers close an idle connection after five seconds or more: ours go before, so none is found closed.
const IDLE: Duration = Duration::from_secs(4);

/// What every webhook is lent.
#[derive(Clone)]
pub struct Means {
    /// For the time stamp in the signature.
    pub clock: Clock,
    /// Where names lead.
    pub names: Names,
    /// How long a webhook may take that declares nothing else.
    pub patience: Duration,
}

/// Why a webhook cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Its file of certificates cannot be read.
    #[error("its ca_file cannot be read")]
    CaFile(#[source] std::io::Error),
    /// Its file of certificates is of no use.
    #[error("its ca_file cannot be used")]
    Trust(#[source] liveperson::ClientSettingsError),
    /// The HTTP client cannot be made.
    #[error("its HTTP client cannot be made")]
    Http(#[source] reqwest::Error),
}

/// Logic behind a URL.
pub struct Webhook {
    url: WebhookUrl,
    secrets: Vec<SigningSecret>,
    patience: Duration,
    clock: Clock,
    http: reqwest::Client,
    places: Semaphore,
}

impl Webhook {
    /// Neither resolves nor connects.
    ///
    /// # Errors
    /// Its certificates cannot be used.
    pub fn new(settings: &WebhookSettings, means: &Means) -> Result<Self, SetupError> {
        let ca = settings.ca_file.as_ref().map(std::fs::read).transpose().map_err(SetupError::CaFile)?;
        let tls = liveperson::tls_config(ca.as_deref()).map_err(SetupError::Trust)?;
        let places = settings.in_flight as usize;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
            // Another host would be told what consumers write, and could be one inside this network.
            .redirect(reqwest::redirect::Policy::none())
            // A proxy would resolve the name itself, unseen.
            .no_proxy()
            .dns_resolver(Arc::new(means.names.held_to(settings.reach)))
            .tcp_nodelay(true)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(places)
            .build()
            .map_err(SetupError::Http)?;
        Ok(Self {
            url: settings.url.clone(),
            secrets: settings.secrets.clone(),
            patience: settings.timeout.unwrap_or(means.patience),
            clock: means.clock,
            http,
            places: Semaphore::new(places),
        })
    }

    /// Asks for one turn. The wait for a place is not the webhook's fault and has no limit.
    ///
    /// Must be polled on the I/O runtime, where the connections live. Cancel safe: the request is given up.
    ///
    /// # Errors
    /// Whatever came back is not an answer; the words are for the bot's author.
    pub async fn ask(&self, turn: &Turn) -> Result<Vec<Action>, WebhookError> {
        let _place = self.places.acquire().await;
        let answer = timeout(self.patience, self.exchange(turn)).await;
        answer
            .unwrap_or(Err(Fault::Late { patience: self.patience }))
            .map_err(|fault| WebhookError { url: self.url.clone(), fault })
    }

    async fn exchange(&self, turn: &Turn) -> Result<Vec<Action>, Fault> {
        let url = Url::parse(self.url.expose()).map_err(|_| Fault::Unsendable)?;
        let body = contract::body(turn).map_err(|_| Fault::Unsendable)?;
        let headers = self.headers(turn, &body).ok_or(Fault::Unsendable)?;
        let response = self.http.post(url.clone()).headers(headers).body(body).send().await;
        let body = answer::read(&url, response.map_err(|error| Fault::of(&error))?).await?;
        contract::actions(&body)
    }

    fn headers(&self, turn: &Turn, body: &[u8]) -> Option<HeaderMap> {
        let seconds = self.clock.now().wall / 1_000;
        let signature = signature::sign(&self.secrets, turn.id.as_str(), seconds, body);
        Some(HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (signature::ID, HeaderValue::from_str(turn.id.as_str()).ok()?),
            (signature::TIMESTAMP, HeaderValue::from(seconds)),
            (signature::SIGNATURE, HeaderValue::from_str(&signature).ok()?),
        ]))
    }
}

#[cfg(test)]
mod tests;
