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

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::dev::Handler;
use actix_web::{FromRequest, Resource, Responder, web};

use crate::board::Board;
use crate::metrics::Metrics;
use crate::store::Store;

pub use events::Event;
pub use problem::Problem;
pub use serve::{guarded, serve};

/// What every handler may look at.
#[derive(Clone)]
pub struct ApiState {
    /// The fleet's visible state.
    pub board: Board,
    /// The metrics to scrape.
    pub metrics: Arc<Metrics>,
    /// Where the bots' time lines are read.
    pub store: Option<Store>,
    /// Whether this process makes progress; a watchdog takes it away.
    pub alive: Arc<AtomicBool>,
}

impl ApiState {
    /// The state of a process that is alive until someone says otherwise.
    pub fn new(board: Board, metrics: Arc<Metrics>) -> Self {
        Self { board, metrics, store: None, alive: Arc::new(AtomicBool::new(true)) }
    }

    /// The same with a store to read from.
    #[must_use]
    pub fn with_store(self, store: Store) -> Self {
        Self { store: Some(store), ..self }
    }

    fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
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
