//! The admin API: what the board shows, over HTTP, for this machine alone.
//!
//! - [`configure`]: the routes; [`serve`]: the server around them
//! - `health`, `fleet`, `accounts`, `bots`, `events`, `scrape`: one file a resource
//! - `guard`: who may ask, and what every answer carries
//! - `problem`: the one place that knows how an error looks in HTTP

mod accounts;
mod bots;
mod events;
mod fleet;
mod guard;
mod health;
mod problem;
mod scrape;
mod serve;
mod stream;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use actix_web::dev::Handler;
use actix_web::{FromRequest, Resource, Responder, web};

use crate::board::Board;
use crate::metrics::Metrics;
use crate::store::Store;

pub use events::Event;
pub use problem::Problem;
pub use serve::{guarded, serve};
pub use stream::{FleetEvent, Hub, HubRules};

/// What every handler may look at.
#[derive(Clone)]
pub struct ApiState {
    /// The fleet's visible state.
    pub board: Board,
    /// The metrics to scrape.
    pub metrics: Arc<Metrics>,
    /// Where the bots' time lines are read.
    pub store: Option<Store>,
    /// Whether this process makes progress.
    pub progress: Progress,
}

/// Asks whether the process makes progress; else what is stuck, in words. Called on the API's own thread.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn() -> Result<(), String> + Send + Sync>);

impl Progress {
    /// By this question.
    pub fn by(ask: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    fn check(&self) -> Result<(), String> {
        (self.0)()
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Progress").field(&self.check()).finish()
    }
}

impl ApiState {
    /// What there is to look at.
    pub fn new(board: Board, metrics: Arc<Metrics>, progress: Progress) -> Self {
        Self { board, metrics, store: None, progress }
    }

    /// The same with a store to read from.
    #[must_use]
    pub fn with_store(self, store: Store) -> Self {
        Self { store: Some(store), ..self }
    }
}

/// The routes, over `web::Data<ApiState>`.
pub fn configure(routes: &mut web::ServiceConfig) {
    routes
        .app_data(problem::of_queries())
        .service(read_only("/livez", health::livez))
        .service(read_only("/readyz", health::readyz))
        .service(read_only("/metrics", scrape::metrics))
        .service(read_only("/api/v1/fleet", fleet::one))
        .service(read_only("/api/v1/accounts", accounts::list))
        .service(read_only("/api/v1/bots", bots::list))
        .service(read_only("/api/v1/bots/{account}/{bot}/events", events::list))
        .service(read_only("/api/v1/bots/{account}/{bot}", bots::one));
}

/// A resource that can only be looked at; any other method is a problem that says so.
pub fn read_only<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
        .default_service(web::to(problem::method_not_allowed))
}
